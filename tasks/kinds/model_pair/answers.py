"""An answer as the page shows it: its beginning, the rest folded, what the trait rests on marked."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

HEAD_CHARS, HEAD_LINES = 600, 12
"""Of an answer before it is folded."""
MOST_CHARS = 2_000
"""Kept of an answer."""
_NEAR = 120
"""Characters before the fold among which a blank is looked for."""
Piece = tuple[str, bool]
"""A part of a text, and whether it is marked."""


@dataclass(frozen=True)
class Answer:
    """A text in two parts, its line breaks kept: they are part of how a model writes."""

    head: tuple[Piece, ...]
    rest: tuple[Piece, ...]
    n_rest: int
    """Characters of the rest."""
    n_marks: int
    """Marks in the rest."""
    n_left: int
    """Characters that are not shown at all."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to be read."""
        return not self.head


def folded(text: str, spans: str, chars: int = HEAD_CHARS, lines: int = HEAD_LINES) -> Answer:
    """The text cut where it is folded.

    Args:
        text: whole.
        spans: JSON [[start, end], ...] of what is marked.
        chars: of the beginning, at most.
        lines: of the beginning, at most.
    """
    marks = _marks(spans, len(text))
    fold = _fold(text, chars, lines)
    end = min(len(text), max(MOST_CHARS, fold))
    # A fold after an empty line leaves no empty line.
    shown = len(text[:fold].rstrip()) if fold < len(text) else fold
    return Answer(
        head=tuple(_pieces(text, marks, 0, shown)),
        rest=tuple(_pieces(text, marks, fold, end)),
        n_rest=end - fold,
        n_marks=sum(fold <= start < end for start, _ in marks),
        n_left=len(text) - end,
    )


def _fold(text: str, chars: int, lines: int) -> int:
    """Where the beginning ends: at a line's end or a blank if one is near; a short rest is no rest."""
    at = chars
    for n, line_end in enumerate(_line_ends(text), 1):
        if n == lines:
            at = min(at, line_end)
            break
    if len(text) - at < _NEAR:
        return len(text)
    for sign in ("\n", " "):
        near = text.rfind(sign, max(0, at - _NEAR), at + 1)
        if near > 0:
            return near + 1
    return at


def _line_ends(text: str) -> Iterator[int]:
    at = text.find("\n")
    while at >= 0:
        yield at
        at = text.find("\n", at + 1)


def _marks(spans: str, length: int) -> list[tuple[int, int]]:
    """Spans inside the text, in order and without overlap."""
    found: list[tuple[int, int]] = []
    for start, end in sorted((max(0, s), min(e, length)) for s, e in json.loads(spans)):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif start < end:
            found.append((start, end))
    return found


def _pieces(text: str, marks: Sequence[tuple[int, int]], start: int, end: int) -> Iterator[Piece]:
    at = start
    for first, last in marks:
        if last <= start or first >= end:
            continue
        if first > at:
            yield text[at:first], False
        yield text[max(first, start) : min(last, end)], True
        at = min(last, end)
    if at < end:
        yield text[at:end], False
