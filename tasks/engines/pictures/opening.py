"""Bytes of a file -> a small picture on white, with its facts; or an error that says what is wrong.

The content tells the format, whatever a name says. A header that promises too many pixels is refused before
anything is decoded, so that no file can fill the memory.
"""

import io
import re
import struct
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from tasks.errors import EngineError

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 256
"""Pixels of the longer side to which a larger picture is made smaller."""
MOST_MEGAPIXELS = 80
"""A picture of more is not decoded."""
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "DIB", "TIFF", "AVIF", "JPEG2000", "PPM", "ICO")
"""What is read, by Pillow's names: formats whose decoders start no other program."""
_DEEP = 257
"""A 16-bit level over the 8-bit level that looks the same: 65,535 / 255."""
_ORIENTATION = 0x0112
_TURNED = range(5, 9)
"""EXIF orientations that exchange width and height."""
_BROKEN = (OSError, SyntaxError, ValueError, IndexError, KeyError, TypeError, EOFError, struct.error)
"""What Pillow's decoders raise for bytes that are no whole picture."""


class PictureError(Exception):
    """What is wrong with a picture, in words that follow its name: `is cut off or damaged`."""


@dataclass(frozen=True)
class Picture:
    """A picture as it is seen: its first frame, upright, on white."""

    rgb: UInt8[np.ndarray, "h w 3"]
    """At most SIDE pixels a side, where no other number was wanted; 0-255."""
    alpha: UInt8[np.ndarray, "h w"] | None
    """How opaque each pixel was, 0-255; None where all are."""
    format: str
    """How it is stored, in lower case: `jpeg`, `png`."""
    n_bytes: int
    width: int
    """Pixels of the whole picture, upright."""
    height: int
    n_frames: int


def opened(data: bytes, side: int = SIDE) -> Picture:
    """The picture that these bytes are.

    Args:
        data: a whole file.
        side: pixels of the longer side to which a larger picture is made smaller.

    Raises:
        PictureError: they are none, or a damaged one, or one with too many pixels.
        EngineError: Pillow is not installed.
    """
    if not data:
        raise PictureError("is empty")
    with warnings.catch_warnings():
        # What Pillow warns of is either refused below or changes no pixel.
        warnings.simplefilter("ignore")
        with _header(data) as image:
            _check_size(*image.size)
            return _picture(image, len(data), side)


def _header(data: bytes) -> "Image":
    """The image with its header read, and nothing decoded."""
    images = library()
    images.init()
    # Pillow may be built without one, and takes a name that it does not know for an error.
    formats = [name for name in FORMATS if name in images.OPEN]
    try:
        return images.open(io.BytesIO(data), formats=formats)  # type: ignore[no-any-return]
    except images.DecompressionBombError as error:
        n_pixels = int(next(iter(re.findall(r"\d+", str(error))), 0))
        raise PictureError(f"has {n_pixels / 1e6:,.0f} megapixels") from None
    except (*_BROKEN, MemoryError, OverflowError):
        raise PictureError("is no picture that can be read") from None


def library() -> Any:
    """Pillow's module Image.

    Raises:
        EngineError: it is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise EngineError(
            "pictures: wanted Pillow, which reads them.", hint="Install natstat[images]."
        ) from None
    return Image


def _check_size(width: int, height: int) -> None:
    megapixels = width * height / 1e6
    if megapixels > MOST_MEGAPIXELS:
        raise PictureError(f"has {megapixels:,.0f} megapixels")
    if min(width, height) < 1:
        raise PictureError("is no picture that can be read")


def _picture(image: "Image", n_bytes: int, side: int) -> Picture:
    name, size = str(image.format).lower(), image.size
    try:
        n_frames = int(getattr(image, "n_frames", 1))
        turn = _orientation(image)
        # A JPEG is decoded no larger than is needed.
        image.draft(None, (2 * side, 2 * side))
        image.load()
        pixels = np.asarray(_upright(_small(_plain(image), side), turn), dtype=np.uint8)
    except MemoryError:
        raise PictureError("needs more memory than there is") from None
    except (*_BROKEN, OverflowError):
        raise PictureError("is cut off or damaged") from None
    alpha = pixels[..., 3] if pixels.shape[2] == 4 else None
    width, height = reversed(size) if turn in _TURNED else size
    if alpha is None or (alpha == 255).all():
        return Picture(pixels[..., :3], None, name, n_bytes, width, height, n_frames)
    return Picture(_on_white(pixels), alpha, name, n_bytes, width, height, n_frames)


def _orientation(image: "Image") -> int:
    """How the camera was held, by EXIF; 1, upright, where that cannot be read."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except (*_BROKEN, AttributeError):
        return 1


def _plain(image: "Image") -> "Image":
    """RGB, or RGBA where something may be seen through, of 8 bits."""
    if image.mode in {"F", "I"} or image.mode.startswith("I;16"):
        return library().fromarray(_eight_bits(np.asarray(image))).convert("RGB")  # type: ignore[no-any-return]
    sees_through = image.mode in {"RGBA", "RGBa", "LA", "La", "PA"} or "transparency" in image.info
    return image.convert("RGBA" if sees_through else "RGB")


def _eight_bits(levels: np.ndarray) -> UInt8[np.ndarray, "h w"]:
    """Levels of more than eight bits, or fractions, as 0-255."""
    levels = np.nan_to_num(np.asarray(levels, dtype=np.float32))
    top = float(levels.max(initial=0.0))
    scale = 255.0 if 0 < top <= 1 else 1.0 if top <= 255 else 1 / _DEEP if top <= 65_535 else 255 / top
    return np.clip(np.rint(levels * scale), 0, 255).astype(np.uint8)


def _small(image: "Image", longest: int) -> "Image":
    ratio = longest / max(image.size)
    if ratio >= 1:
        return image
    size = max(1, round(image.width * ratio)), max(1, round(image.height * ratio))
    return image.resize(size, library().Resampling.BICUBIC, reducing_gap=3.0)


def _upright(image: "Image", turn: int) -> "Image":
    ways = library().Transpose
    how = {
        2: ways.FLIP_LEFT_RIGHT,
        3: ways.ROTATE_180,
        4: ways.FLIP_TOP_BOTTOM,
        5: ways.TRANSPOSE,
        6: ways.ROTATE_270,
        7: ways.TRANSVERSE,
        8: ways.ROTATE_90,
    }.get(turn)
    return image if how is None else image.transpose(how)


def _on_white(pixels: UInt8[np.ndarray, "h w 4"]) -> UInt8[np.ndarray, "h w 3"]:
    share = pixels[..., 3:].astype(np.float32) / 255
    return np.rint(pixels[..., :3] * share + 255 * (1 - share)).astype(np.uint8)
