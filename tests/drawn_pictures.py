"""Pictures drawn for tests: unlike one another, and stored as a test wants."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw


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


KINDS = ("ball", "grid", "sea")


def scene(kind: str, number: int, side: int = 64, light: int = 0) -> Image.Image:
    """A ball, a grid or the sea on a pale ground, another for each number; `light` is added to the ground."""
    rng = np.random.default_rng(number)
    ground = tuple(int(level) for level in np.clip(rng.integers(150, 205, 3) + light, 0, 255))
    image = Image.new("RGB", (side, side), ground)
    pen, third = ImageDraw.Draw(image), side // 3
    x, y = (int(at) for at in rng.integers(third, 2 * third, 2))
    if kind == "ball":
        radius = int(rng.integers(third // 2, third))
        pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=(230, 130, 20))
        pen.line([x - radius, y, x + radius, y], fill=(0, 0, 0), width=2)
    elif kind == "grid":
        for at in range(0, side, int(rng.integers(5, 8))):
            pen.line([at, 0, at, side], fill=(20, 20, 20))
            pen.line([0, at, side, at], fill=(20, 20, 20))
    else:
        pen.rectangle([0, y, side, side], fill=(20, 60, 180))
        for _ in range(6):
            left, top = (int(at) for at in rng.integers(0, side - 12, 2))
            pen.line([left, max(top, y), left + 12, max(top, y)], fill=(200, 220, 255))
    return image
