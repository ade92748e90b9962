"""What the columns of a file seem to be: the text, the group, the document."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from tasks.errors import CorpusError, ParamsError, SourceError, nearest
from tasks.store.sources import nested
from tasks.store.sources.wording import listed

MOST_GROUPS = 20
"""Values of a column that still is taken for one of groups."""
LEAST_DOCUMENTS = 10
MOST_DISTINCT = 0.8
"""Share of distinct values up to which a column repeats itself enough to name documents."""


@dataclass(frozen=True)
class Guess:
    """Columns and values; `a` and `b` are the two most frequent values of `group`."""

    text: str
    group: str
    a: Any
    b: Any
    document: str | None

    @property
    def collect(self) -> dict[str, Any]:
        """As the block of a study says it."""
        named = {"text": self.text, "document": self.document, "group": self.group, "a": self.a, "b": self.b}
        if self._is_truth:
            named |= {"a_name": self._called(self.a), "b_name": self._called(self.b)}
        return {key: value for key, value in named.items() if value is not None}

    @property
    def _is_truth(self) -> bool:
        """Whether A and B are true and false, which tell a reader nothing."""
        return {_word(self.a).lower(), _word(self.b).lower()} == {"true", "false"}

    def _called(self, value: Any) -> str:
        word = _word(value)
        if not self._is_truth:
            return word
        return self.group if word.lower() == "true" else f"not {self.group}"

    @property
    def what(self) -> str:
        """Both groups, as a sentence names them."""
        if self.group == "random":
            return "two random halves"
        return f"{self._called(self.a)} and {self._called(self.b)}"


def guess(rows: pl.DataFrame, label: str, asked: Mapping[str, str | None]) -> Guess:
    """What a study of these rows would be; what is asked for (text, group, document, a, b) is taken.

    What is nested in a column is looked through as columns are, and called by its path.

    Raises:
        ParamsError: a column that is asked for is not there.
        SourceError: no column holds texts, the group's no plain values, or a path leads to nothing.
        CorpusError: no column falls into groups, or the one that is asked for has a single value.
    """
    whole, rows = rows, nested.opened(rows)
    for name in ("text", "group", "document"):
        column = asked.get(name)
        if column is None or column in {*rows.columns, *_NO_COLUMN[name]}:
            continue
        if not nested.reaches(whole.columns, column):
            raise ParamsError(
                f"--{name} {column}: wanted a column of {label}{nearest(column, rows.columns)}. "
                f"Its columns: {listed(rows.columns)}."
            )
        found = nested.reached(whole, column, label, f"--{name}")
        if name == "text" and nested.is_nested(found):
            raise nested.no_text(found, column, label, f"--{name}")
        rows = rows.with_columns(found)
    text = asked.get("text") or _text(rows, label)
    group = asked.get("group") or _group(rows, text, label)
    document = asked.get("document") or _document(rows, text, group)
    a, b = (None, None) if group == "random" else _values(rows[group], label, asked.get("a"), asked.get("b"))
    return Guess(text, group, a, b, None if document in _NO_COLUMN["document"] else document)


_NO_COLUMN: Mapping[str, tuple[str, ...]] = {"text": (), "group": ("random",), "document": ("none",)}
"""Words that stand for no column."""


def _text(rows: pl.DataFrame, label: str) -> str:
    """The column of strings that are longest on average and no numbers."""
    lengths = {}
    for column in rows.select(pl.col(pl.String)):
        filled = column.drop_nulls().str.strip_chars()
        filled = filled.filter(filled != "")
        if filled.len() and filled.cast(pl.Float64, strict=False).null_count():
            lengths[column.name] = float(filled.str.len_chars().mean() or 0)  # type: ignore[arg-type]
    if not lengths:
        raise SourceError(
            f"{label}: wanted a column of texts, there is none. Its columns: {listed(rows.columns)}."
        )
    return max(lengths, key=lambda name: lengths[name])


def _group(rows: pl.DataFrame, text: str, label: str) -> str:
    """The column with the fewest values, two at least, that nearly all rows have."""
    found = {}
    for column in _plain(rows, text):
        n, filled = column.drop_nulls().n_unique(), column.len() - column.null_count()
        if 2 <= n <= min(MOST_GROUPS, filled / 2) and filled >= rows.height / 2:
            found[column.name] = n
    if not found:
        raise CorpusError(
            f"{label}: wanted a column with 2 to {MOST_GROUPS} values, each in several rows, to tell groups "
            f"apart; there is none. Its columns: {listed(rows.columns)}. Name one with --group, or write "
            "--group random for random halves."
        )
    return min(found, key=lambda name: found[name])


def _document(rows: pl.DataFrame, text: str, group: str) -> str | None:
    """The column with most values of those that repeat; of numbers only one that is called an id."""
    found = {}
    for column in _plain(rows, text):
        is_id = column.dtype == pl.String or (
            column.dtype.is_integer() and column.name.lower().endswith("id")
        )
        n = column.drop_nulls().n_unique()
        if column.name != group and is_id and LEAST_DOCUMENTS <= n <= MOST_DISTINCT * rows.height:
            found[column.name] = n
    return max(found, key=lambda name: found[name], default=None)


def _plain(rows: pl.DataFrame, text: str) -> list[pl.Series]:
    kinds = (pl.String, pl.Boolean, pl.Date, pl.Categorical, pl.Enum)
    kept = (c for c in rows if c.name != text and (c.dtype in kinds or c.dtype.is_numeric()))
    return [column.fill_nan(None) if column.dtype.is_float() else column for column in kept]


def _values(column: pl.Series, label: str, a: str | None, b: str | None) -> tuple[Any, Any]:
    """Those that are asked for, else the most frequent ones."""
    if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object):
        raise SourceError(
            f"--group {column.name}: wanted plain values in that column of {label}, got {column.dtype}."
        )
    column = column.fill_nan(None) if column.dtype.is_float() else column
    filled = column.drop_nulls().alias("value")
    counted = filled.value_counts(sort=True, name="n").sort("n", "value", descending=[True, False])
    values = [_as_written(value) for value in counted["value"].to_list()]
    by_word = {_word(value): value for value in values}
    for name, word in (("a", a), ("b", b)):
        if word is not None and word not in by_word:
            raise ParamsError(
                f"--{name} {word}: wanted a value of column {column.name!r} of {label}"
                f"{nearest(word, by_word)}. Its values: {listed(by_word)}."
            )
    left = [word for word in by_word if word not in {a, b}]
    first = a if a is not None else (left.pop(0) if left else None)
    second = b if b is not None else (left.pop(0) if left else None)
    if first is None or second is None or first == second:
        raise CorpusError(
            f"{label}: wanted two values of column {column.name!r}, got {listed(by_word)}. Name another with "
            "--group, or write --group random for random halves."
        )
    return by_word[first], by_word[second]


def _as_written(value: Any) -> str | int | float | bool:
    """As params.yaml writes it: 5.0 is 5, and a date is text."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    return value if isinstance(value, str | int) else str(value)


def _word(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
