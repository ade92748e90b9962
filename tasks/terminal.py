r"""What is printed: text of a corpus or a model neither steers a terminal nor stops at what it cannot show.

Signs that move a cursor, colour, or turn the direction of writing are shown as `\u001b`, which JSON reads
back. So are those that the terminal's encoding lacks.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def plain(text: str, encoding: str = "utf-8") -> str:
    """The text as it may be printed there."""
    safe = UNSAFE.sub(lambda found: _escaped(found[0]), text)
    try:
        safe.encode(encoding)
    except UnicodeEncodeError:
        safe = "".join(sign if _is_known(sign, encoding) else _escaped(sign) for sign in safe)
    return safe


def _is_known(sign: str, encoding: str) -> bool:
    try:
        sign.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _escaped(sign: str) -> str:
    """As JSON writes it: two halves where one would not do."""
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


class _Plain:
    """Stands for a stream of text: what is written to it is made plain."""

    def __init__(self, stream: TextIO) -> None:
        self.unfiltered = stream

    def write(self, text: str) -> int:
        """Writes it."""
        self.unfiltered.write(plain(text, self.unfiltered.encoding or "utf-8"))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Writes them."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unfiltered, name)


@contextmanager
def guarded() -> Iterator[None]:
    """Makes plain what is printed meanwhile, on standard output and standard error."""
    before = sys.stdout, sys.stderr
    for name, stream in zip(("stdout", "stderr"), before, strict=True):
        if stream is not None and not isinstance(stream, _Plain):
            setattr(sys, name, cast(TextIO, _Plain(stream)))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def unfiltered(stream: TextIO) -> TextIO:
    """The stream itself: for signs of our own that move a cursor."""
    return cast(TextIO, getattr(stream, "unfiltered", stream))


def give_up_output() -> None:
    """Standard output is closed (`| head`) or full: the end of Python, which writes the rest, is silent."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, sys.stdout.fileno())
    except (OSError, ValueError):
        return
    finally:
        os.close(nowhere)
