"""Pictures in a request: their bytes are only in what is sent; what is kept names them by their hash.

A picture is decoded, made smaller, turned upright and encoded anew, so that no metadata of its file (a place,
a camera, a comment) leaves the machine.
"""

import base64
import io
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tasks.engines.pictures import opening

SIDE = 768
"""Pixels of the longer side of a picture as it is sent."""
_QUALITY = 90
_PIXELS_PER_TOKEN = 28 * 28
"""Models that see cut a picture into patches; 28 x 28 pixels a token are those of Qwen2-VL."""


@dataclass(frozen=True)
class Shown:
    """A picture that a model is shown; its file is read when the request is sent."""

    media: str
    """Hex SHA-256 of the file."""
    read: Callable[[], bytes] = field(repr=False, compare=False)
    """Gives the file."""

    @property
    def name(self) -> str:
        """What an answer about it is kept under: the file, and how it is sent."""
        return f"picture sha256:{self.media} as JPEG of at most {SIDE} px"

    @property
    def part(self) -> dict[str, Any]:
        """The part of a message that shows it, as chat completions take it."""
        return {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{self._base64}"}}

    @property
    def n_tokens(self) -> int:
        """Estimated, by the pixels that are sent."""
        height, width = self._pixels.shape[:2]
        return tokens(width, height)

    @cached_property
    def _pixels(self) -> Any:
        return opening.opened(self.read(), SIDE).rgb

    @cached_property
    def _base64(self) -> str:
        written = io.BytesIO()
        opening.library().fromarray(self._pixels).save(written, "JPEG", quality=_QUALITY)
        return base64.b64encode(written.getvalue()).decode("ascii")


def tokens(width: int, height: int) -> int:
    """Tokens that a picture of so many pixels takes, estimated, after it was made smaller."""
    ratio = min(1.0, SIDE / max(width, height))
    return math.ceil(width * ratio * height * ratio / _PIXELS_PER_TOKEN)
