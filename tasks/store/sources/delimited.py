"""CSV: fields parted by a mark, in quotes where they hold it. Lines that do not fit are told by number.

Cells are text; what is empty is null. A line with fewer fields than the header ends in empty ones.
"""

import csv
import itertools
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from tasks.errors import SourceError
from tasks.store import canonical
from tasks.study.corpus import Csv

_MARKS = (",", ";", "\t", "|")
_TRIED_RECORDS, _TRIED_CHARS = 50, 1_000_000
BLOCK = 50_000
"""Rows that are held at a time where a file is read block by block."""
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
_ANNOUNCED = re.compile(r"sep=(.)\r?\n")
"""First line of a sheet that says what parts its fields, as one program writes and reads it."""
_WHOLE = r"^-?(?:0|[1-9]\d*)(?:\.0)?$"
_NUMBER = r"(?i)^-?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$|^(?:nan|-?inf)$"


@dataclass(frozen=True)
class Table:
    """Rows of one file."""

    rows: pl.DataFrame
    """All cells as text."""
    bad_lines: list[int]
    """Numbers of the lines that were skipped."""


_ADVICE = (
    "Mend the line, or write under collect `csv: {skip_bad_lines: true}`, which leaves such lines out and "
    "counts them"
)
_OF_QUOTES = ', or `csv: {quote: ""}` where quotes are characters like others'


def read(content: str, options: Csv, label: str, advice: str = "") -> Table:
    """The rows of a table.

    Args:
        content: Its text.
        options: How it is written.
        label: What errors call it.
        advice: What to do about a line that does not fit; without it, what can be set under collect.

    Raises:
        SourceError: there is no header, or a line does not fit and may not be skipped.
    """
    found = list(blocks([content], options, label, advice))
    return Table(pl.concat(block.rows for block in found), [n for block in found for n in block.bad_lines])


def blocks(pieces: Iterable[str], options: Csv, label: str, advice: str = "") -> Iterator[Table]:
    """The same block by block, one at least, of a text that comes in pieces."""
    csv.field_size_limit(2**31 - 1)
    head, pieces = _begun(pieces)
    announced = _ANNOUNCED.match(head)
    mark = options.delimiter or (announced[1] if announced else _mark_of(head, options.quote))
    lines = _Lines(pieces)
    if announced:
        next(lines)
    records = _records(lines, mark, options.quote)
    first = next(records, None)
    if first is None:
        raise SourceError(f"{label}: wanted rows of fields parted by {mark!r}, the file is empty.")
    number, fields = first
    if isinstance(fields, str):
        raise _bad_line(label, number, fields, advice)
    names = _names(fields) if options.header else [f"column_{i + 1}" for i in range(len(fields))]
    bad: list[int] = []
    block = [] if options.header else [fields]
    for number, fields in records:
        wrong = fields if isinstance(fields, str) else _surplus(fields, len(names), mark)
        if wrong:
            if not options.skip_bad_lines:
                raise _bad_line(label, number, wrong, advice)
            bad.append(number)
            continue
        block.append(fields)  # type: ignore[arg-type]
        if len(block) == BLOCK:
            yield Table(_frame(names, block), bad)
            block, bad = [], []
    yield Table(_frame(names, block), bad)


def _begun(pieces: Iterable[str]) -> tuple[str, Iterator[str]]:
    """The beginning, by which the mark is told, and all pieces."""
    pieces, head, size = iter(pieces), list[str](), 0
    for piece in pieces:
        head.append(piece)
        size += len(piece)
        if size >= _TRIED_CHARS:
            break
    return "".join(head)[:_TRIED_CHARS], itertools.chain(head, pieces)


def _frame(names: list[str], records: list[list[str]]) -> pl.DataFrame:
    n = len(names)
    whole = [fields[:n] + [""] * (n - len(fields)) for fields in records]
    columns = zip(*whole, strict=True) if whole else [()] * n
    frame = pl.DataFrame(dict(zip(names, columns, strict=True)), schema=dict.fromkeys(names, pl.String))
    return frame.with_columns(pl.when(pl.all() != "").then(pl.all()))


def _records(lines: "_Lines", mark: str, quote: str) -> Iterator[tuple[int, list[str] | str]]:
    """Line number and fields of each record, or what is wrong with the line; blank lines are none."""
    quoted = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    while True:
        reader = csv.reader(lines, delimiter=mark, strict=True, **quoted)
        try:
            while True:
                number = lines.begin()
                if fields := next(reader):
                    yield number, fields
        except StopIteration:
            return
        except csv.Error as error:
            ends = "is not closed" if "end of data" in str(error) else "closes before the field ends"
            # Only the line in which the quote opens is bad: what follows may be whole again.
            lines.return_to_second()
            yield number, f"got a field in quotes that {ends}"


class _Lines:
    """The lines of a text that comes in pieces; those of the last record can be had again."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self._coming, self._again = _split(pieces), deque[str]()
        self._record: list[str] = []
        self._number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._coming)
        self._record.append(line)
        self._number += 1
        return line

    def begin(self) -> int:
        """Begins a record, and gives the number of its first line."""
        self._record.clear()
        return self._number + 1

    def return_to_second(self) -> None:
        """Makes the second line of the record the next one."""
        again = self._record[1:]
        self._again.extendleft(reversed(again))
        self._number -= len(again)


def _split(pieces: Iterable[str]) -> Iterator[str]:
    """Lines with their ends, as written by any system."""
    begun: list[str] = []
    for piece in pieces:
        begun.append(piece)
        if "\n" in piece or "\r" in piece:
            *lines, last = _LINE.findall("".join(begun))
            yield from lines
            # It may go on in the next piece, as \r\n may.
            begun = [last]
    yield from _LINE.findall("".join(begun))


def _mark_of(content: str, quote: str) -> str:
    """What parts the fields: the mark by which most lines have as many fields as the header."""
    csv.field_size_limit(2**31 - 1)
    return max(_MARKS, key=lambda mark: _fit(content, mark, quote))


def _fit(content: str, mark: str, quote: str) -> tuple[bool, float, int]:
    sizes: list[int] = []
    for _, fields in _records(_Lines([content]), mark, quote):
        if not sizes and isinstance(fields, str):
            return False, 0.0, 0
        sizes.append(len(fields) if isinstance(fields, list) else 0)
        if len(sizes) == _TRIED_RECORDS:
            break
    n = sizes[0] if sizes else 0
    return n > 1, sizes.count(n) / max(len(sizes), 1), n


def _names(fields: list[str]) -> list[str]:
    """Names of columns, without blanks around; one that stands twice is marked, so that its user is told."""
    names: dict[str, None] = {}
    for name in (canonical.nfc(field.strip()) for field in fields):
        marked = (f"{name}_duplicated_{n}" for n in range(len(fields)))
        names[name if name not in names else next(one for one in marked if one not in names)] = None
    return list(names)


def _surplus(fields: list[str], n: int, mark: str) -> str:
    return f"wanted {n} fields parted by {mark!r}, got {len(fields)}" if any(fields[n:]) else ""


def _bad_line(label: str, number: int, wrong: str, advice: str) -> SourceError:
    advice = advice or (_ADVICE + _OF_QUOTES * ("quotes" in wrong) + ".")
    return SourceError(f"{label}, line {number}: {wrong}. {advice}")


def typed(frame: pl.DataFrame, as_text: set[str]) -> pl.DataFrame:
    """The rows with numbers and booleans where a column holds nothing else, but for those in `as_text`."""
    return frame.with_columns(_typed(column) for column in frame if column.name not in as_text)


def _typed(column: pl.Series) -> pl.Series:
    filled = column.drop_nulls()
    if not len(filled):
        return column
    if filled.str.contains(_WHOLE).all():
        digits = column.str.strip_suffix(".0")
        for dtype in (pl.Int64, pl.Int128):
            numbers = digits.cast(dtype, strict=False)
            if numbers.null_count() == column.null_count():
                return numbers
        return column
    if filled.str.contains(_NUMBER).all():
        floats = column.cast(pl.Float64, strict=False)
        return floats if floats.null_count() == column.null_count() else column
    if filled.is_in(["true", "false"]).all():
        return column == "true"
    return column
