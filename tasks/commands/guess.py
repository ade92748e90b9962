"""What the columns of a file seem to be: the text, the group, the document."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from tasks.errors import CorpusError, ParamsError, SourceError, nearest
from tasks.store import canonical
from tasks.store.sources import columns, nested, values
from tasks.store.sources.pictures import PATH, PICTURE
from tasks.store.sources.wording import listed
from tasks.study.corpus import REST

MOST_GROUPS = 20
"""Values of a column that still is taken for one of groups."""
LEAST_DOCUMENTS = 10
MOST_DISTINCT = 0.8
"""Share of distinct values up to which a column repeats itself enough to name documents."""


@dataclass(frozen=True)
class Guess:
    """Columns and values; `a` and `b` are the two most frequent values of `group`."""

    text: str | None
    """Of pictures the captions, which they may lack."""
    group: str
    a: Any
    b: Any
    document: str | None

    @property
    def collect(self) -> dict[str, Any]:
        """As the block of a study says it."""
        named = {"text": self.text, "document": self.document, "group": self.group, "a": self.a, "b": self.b}
        # True and false tell a reader nothing.
        if {str(value).lower() for value in (self.a, self.b)} == {"true", "false"}:
            named |= {"a_name": self._as_said(self.a), "b_name": self._as_said(self.b)}
        return {key: value for key, value in named.items() if value is not None}

    def _as_said(self, value: Any) -> str:
        return self.group if str(value).lower() == "true" else f"not {self.group}"


def guess(rows: pl.DataFrame, label: str, asked: Mapping[str, str | None]) -> Guess:
    """What a study of these rows would be; what is asked for (text, group, document, a, b) is taken.

    What is nested in a column is looked through as columns are, and called by its path.

    Raises:
        ParamsError: a column that is asked for is not there.
        SourceError: no column holds texts, the group's no plain values, or a path leads to nothing.
        CorpusError: no column falls into groups, or the one that is asked for has a single value.
    """
    asked = {name: canonical.nfc(said) for name, said in asked.items() if isinstance(said, str)}
    are_pictures = PICTURE in rows.columns
    rows = rows.drop(PICTURE, PATH, strict=False)
    whole, rows = rows, nested.opened(rows)
    for name in ("text", "group", "document"):
        column = asked.get(name)
        if not column or column in {*rows.columns, *_NO_COLUMN[name]}:
            continue
        if not nested.reaches(whole.columns, column):
            raise ParamsError(
                f"--{name} {column}: wanted a column of {label}{nearest(column, rows.columns)}. "
                f"Its columns: {listed(rows.columns)}."
            )
        found = nested.reached(whole, column, label, f"--{name}")
        if name == "text" and nested.is_nested(found):
            raise nested.no_text(found, column, label, f"--{name}")
        rows = rows.with_columns(found.alias(column))
    left = rows.drop(asked.get("group") or [], strict=False)
    text = asked.get("text") or (_caption(left) if are_pictures else _text(left, label))
    group = asked.get("group") or _group(rows, text, label)
    # Pictures of one name in two folders need not belong together.
    are_files = are_pictures and "folder" in rows.columns
    document = asked.get("document") or (None if are_files else _document(rows, text, group))
    a, b = None, None
    if group != "random":
        held = columns.column_named(rows, group, label, f"--group {group}")
        a, b = _values(held, label, asked.get("a"), asked.get("b"))
    return Guess(text, group, a, b, None if document in _NO_COLUMN["document"] else document)


_NO_COLUMN: Mapping[str, tuple[str, ...]] = {"text": (), "group": ("random",), "document": ("none",)}
"""Words that stand for no column."""


def _text(rows: pl.DataFrame, label: str) -> str:
    """The column of strings that are longest on average and no numbers."""
    found = _longest(rows)
    if found is None:
        raise SourceError(
            f"{label}: wanted a column of texts, there is none. Its columns: {listed(rows.columns)}."
        )
    return found


def _caption(rows: pl.DataFrame) -> str | None:
    """The same of pictures: a label that many share, a name or a path is no caption."""
    said = [
        column.name
        for column in rows.select(pl.col(pl.String))
        if column.n_unique() > MOST_GROUPS
        and column.drop_nulls().str.contains(r"\S\s+\S").sum() > column.count() / 2
    ]
    return _longest(rows.select(said))


def _longest(rows: pl.DataFrame) -> str | None:
    lengths = {}
    for column in rows.select(pl.col(pl.String)):
        filled = column.drop_nulls().str.strip_chars()
        filled = filled.filter(filled != "")
        if filled.len() and filled.cast(pl.Float64, strict=False).null_count():
            lengths[column.name] = float(filled.str.len_chars().mean() or 0)  # type: ignore[arg-type]
    return max(lengths, key=lambda name: lengths[name], default=None)


def _group(rows: pl.DataFrame, text: str | None, label: str) -> str:
    """The column with the fewest values, two at least, that nearly all rows have."""
    found = {}
    for column in _plain(rows, text):
        n, filled = column.drop_nulls().n_unique(), column.len() - column.null_count()
        is_chance = column.name in _NO_COLUMN["group"]
        if not is_chance and 2 <= n <= min(MOST_GROUPS, filled / 2) and filled >= rows.height / 2:
            found[column.name] = n
    if not found:
        raise CorpusError(
            f"{label}: wanted a column with 2 to {MOST_GROUPS} values, each in several rows, to tell groups "
            f"apart; there is none. Its columns: {listed(rows.columns)}. Name one with --group, write "
            "--group random for random halves, or write --kind clusters for the themes of all texts."
        )
    return min(found, key=lambda name: found[name])


def _document(rows: pl.DataFrame, text: str | None, group: str) -> str | None:
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


def _plain(rows: pl.DataFrame, text: str | None) -> list[pl.Series]:
    kinds = (pl.String, pl.Boolean, pl.Date, pl.Categorical, pl.Enum)
    kept = (c for c in rows if c.name != text and (c.dtype in kinds or c.dtype.is_numeric()))
    return [column.fill_nan(None) if column.dtype.is_float() else column for column in kept]


def _values(column: pl.Series, label: str, a: str | None, b: str | None) -> tuple[Any, Any]:
    """Those that are asked for, else the most frequent ones, as the group's labels are read."""
    labels = values.written(column, "values", label, f"--group {column.name}")
    counted = labels.drop_nulls().alias("value").value_counts(sort=True, name="n")
    words = counted.sort("n", "value", descending=[True, False])["value"].to_list()
    known = {}
    for name, said in (("a", a), ("b", b)):
        known[name] = next((form for form in values.forms(said) if form in words), None) if said else None
        if said and known[name] is None:
            raise ParamsError(
                f"--{name} {said}: wanted a value of column {column.name!r} of {label}"
                f"{nearest(said, words)}. Its values: {listed(words)}."
            )
    left = [word for word in words if word not in known.values()]
    first, second = (known[name] or (left.pop(0) if left else None) for name in ("a", "b"))
    if first is None or second is None or first == second:
        raise CorpusError(
            f"{label}: wanted two values of column {column.name!r}, got {listed(words)}. Name another with "
            "--group, or write --group random for random halves."
        )
    return _as_written(first, column.dtype), _as_written(second, column.dtype)


def _as_written(word: str, dtype: pl.DataType) -> Any:
    """As params.yaml writes it: 5.0 is 5, and a date is text."""
    if dtype == pl.Boolean:
        return word == "true"
    if dtype.is_integer():
        return int(word)
    if dtype.is_float():
        return int(word) if word.lstrip("-").isdecimal() else float(word)
    # The bare word means all others.
    return [REST] if word == REST else word
