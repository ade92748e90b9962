"""What shares a call: parts that are as even as can be."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

CHARS_PER_CALL = 60_000
"""Texts that share a call have at most this many characters together."""


def chunks(items: Sequence[T], most: int) -> list[Sequence[T]]:
    """Parts of at most so many, as even as can be: a call about two of 152 would be a call for little."""
    size = _even(len(items), most)
    return [items[start : start + size] for start in range(0, len(items), size)]


def _even(n: int, most: int) -> int:
    """The largest of as few parts as n in parts of at most `most` come to."""
    n_parts = max(1, -(-n // most))
    return max(1, -(-n // n_parts))


def sharing(contents: Sequence[str], most: int) -> list[range]:
    """Neighbouring rows, as many as may share a call and as even as can be."""
    most = _even(len(contents), most)
    parts: list[range] = []
    start = n_chars = 0
    for row, text in enumerate(contents):
        if row > start and (row - start == most or n_chars + len(text) > CHARS_PER_CALL):
            parts.append(range(start, row))
            start, n_chars = row, 0
        n_chars += len(text)
    return [*parts, range(start, len(contents))] if contents else []
