"""Pictures drawn for tests: unlike one another, and stored as a test wants."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def drawn(number: int, side: int = 64) -> Image.Image:
    """A picture of coarse spots, another for each number."""
    spots = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(spots).resize((side, side), Image.Resampling.BICUBIC)


def stored(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    """The bytes of a file."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def folder_of(folder: Path, n: int, first: int = 0) -> None:
    """Fills a folder with pictures of these numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + n):
        (folder / f"{number:04}.png").write_bytes(stored(drawn(number)))
