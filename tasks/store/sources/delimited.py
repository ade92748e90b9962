"""CSV: fields parted by a mark, in quotes where they hold it. Lines that do not fit are told by number.

Cells are text; what is empty is null. A line with fewer fields than the header ends in empty ones.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import polars as pl

from tasks.errors import SourceError
from tasks.store import canonical
from tasks.study.corpus import Csv

_MARKS = (",", ";", "\t", "|")
_TRIED_RECORDS, _TRIED_CHARS = 50, 1_000_000
_CHUNK = 50_000
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
_MEND = "Mend the line: none is left out where the table is written back"
_OF_QUOTES = ', or `csv: {quote: ""}` where quotes are characters like others'


def read(content: str, options: Csv, label: str, advice: str = "") -> Table:
    """The rows of a table.

    Args:
        advice: What to do about a line that does not fit; without it, what can be set under collect.

    Raises:
        SourceError: there is no header, or a line does not fit and may not be skipped.
    """
    csv.field_size_limit(2**31 - 1)
    announced = _ANNOUNCED.match(content)
    start = announced.end() if announced else 0
    mark = options.delimiter or (announced[1] if announced else _mark_of(content, options.quote))
    records = _records(content, mark, options.quote, start)
    first = next(records, None)
    if first is None:
        raise SourceError(f"{label}: wanted rows of fields parted by {mark!r}, the file is empty.")
    number, fields = first
    if isinstance(fields, str):
        raise _bad_line(label, number, fields, advice)
    names = _names(fields) if options.header else [f"column_{i + 1}" for i in range(len(fields))]
    bad: list[int] = []
    parts: list[pl.DataFrame] = []
    chunk = [] if options.header else [fields]
    for number, fields in records:
        wrong = fields if isinstance(fields, str) else _surplus(fields, len(names), mark)
        if wrong:
            if not options.skip_bad_lines:
                raise _bad_line(label, number, wrong, advice)
            bad.append(number)
            continue
        chunk.append(fields)  # type: ignore[arg-type]
        if len(chunk) == _CHUNK:
            parts.append(_frame(names, chunk))
            chunk = []
    return Table(pl.concat([*parts, _frame(names, chunk)]), bad)


def batches(lines: Iterator[str], options: Csv, label: str, size: int) -> Iterator[pl.DataFrame]:
    """The same of lines as they are read, so many rows at a time; a line that does not fit is an error.

    Raises:
        SourceError: there is no header, or a line does not fit.
    """
    csv.field_size_limit(2**31 - 1)
    first = list(islice(lines, _TRIED_RECORDS))
    announced = _ANNOUNCED.match(first[0]) if first else None
    start = 1 if announced else 0
    mark = options.delimiter or (announced[1] if announced else _mark_of("".join(first), options.quote))
    quoted: dict[str, Any] = {"quotechar": options.quote} if options.quote else {"quoting": csv.QUOTE_NONE}
    reader = csv.reader(chain(first[start:], lines), delimiter=mark, strict=True, **quoted)
    names: list[str] = []
    rows: list[list[str]] = []
    number = start + 1
    try:
        for fields in filter(None, reader):
            if not names:
                names = _names(fields) if options.header else [f"column_{i + 1}" for i in range(len(fields))]
                rows += [] if options.header else [fields]
            elif wrong := _surplus(fields, len(names), mark):
                raise _bad_line(label, number, wrong, f"{_MEND}.")
            else:
                rows.append(fields)
            number = start + reader.line_num + 1
            if len(rows) == size:
                yield _frame(names, rows)
                rows = []
    except csv.Error as error:
        advice = f"{_MEND}, or write under collect {_OF_QUOTES.removeprefix(', or ')}."
        raise _bad_line(label, number, str(error), advice) from None
    if not names:
        raise SourceError(f"{label}: wanted rows of fields parted by {mark!r}, the file is empty.")
    if rows:
        yield _frame(names, rows)


def _frame(names: list[str], records: list[list[str]]) -> pl.DataFrame:
    n = len(names)
    whole = [fields[:n] + [""] * (n - len(fields)) for fields in records]
    columns = zip(*whole, strict=True) if whole else [()] * n
    frame = pl.DataFrame(dict(zip(names, columns, strict=True)), schema=dict.fromkeys(names, pl.String))
    return frame.with_columns(pl.when(pl.all() != "").then(pl.all()))


def _records(content: str, mark: str, quote: str, start: int) -> Iterator[tuple[int, list[str] | str]]:
    """Line number and fields of each record, or what is wrong with the line; blank lines are none."""
    lines = _Lines(content, start)
    quoted = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    while True:
        reader = csv.reader(lines, delimiter=mark, strict=True, **quoted)
        try:
            while True:
                number, place = lines.number + 1, lines.place
                if fields := next(reader):
                    yield number, fields
        except StopIteration:
            return
        except csv.Error as error:
            ends = "is not closed" if "end of data" in str(error) else "closes before the field ends"
            # Only the line in which the quote opens is bad: what follows may be whole again.
            lines.number, lines.place = number - 1, place
            next(lines)
            yield number, f"got a field in quotes that {ends}"


class _Lines:
    """The lines of a text, from any place on."""

    def __init__(self, content: str, place: int) -> None:
        self._content, self.place, self.number = content, place, content.count("\n", 0, place)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        found = _LINE.match(self._content, self.place)
        if found is None:
            raise StopIteration
        self.place, self.number = found.end(), self.number + 1
        return found[0]


def _mark_of(content: str, quote: str) -> str:
    """What parts the fields: the mark by which most lines have as many fields as the header."""
    csv.field_size_limit(2**31 - 1)
    return max(_MARKS, key=lambda mark: _fit(content[:_TRIED_CHARS], mark, quote))


def _fit(content: str, mark: str, quote: str) -> tuple[bool, float, int]:
    sizes: list[int] = []
    for _, fields in _records(content, mark, quote, 0):
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
