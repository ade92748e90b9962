"""Whether a table seems to be texts with times, and nothing that would part them in groups."""

from typing import Any

import polars as pl

from tasks.errors import SourceError
from tasks.kinds.fitted.valued import At
from tasks.kinds.timeline import times
from tasks.kinds.timeline.params import Timeline

TEXT = "text"
NAMES = (
    "time",
    "date",
    "datetime",
    "timestamp",
    "created_at",
    "created",
    "published_at",
    "published",
    "year",
)
"""What columns of times are called."""
LONGEST_TIME = 40
"""Characters of a time, however it is written: longer strings are texts."""
MOST_OF_GROUP = 20
"""Values of a column that may tell groups: then two of them are compared."""


def block(rows: pl.DataFrame) -> dict[str, Any] | None:
    """The keys of the block for such a table; None where it seems to be another.

    A column that is called otherwise than NAMES holds times if it is of dates, or of strings that are
    read as dates: whole numbers may be anything.
    """
    if any(map(_tells_groups, rows)):
        return None
    short = [column for column in rows if not _is_long(column)]
    if len(short) == rows.width and TEXT not in rows.columns:
        return None
    lower = {column.name.lower(): column for column in short}
    named = (lower[name] for name in NAMES if name in lower)
    written = (column for column in short if column.name != TEXT and _may_be_dates(column))
    found = next((column for column in (*named, *written) if _are_times(column)), None)
    return None if found is None else {"value": found.name}


def _is_long(column: pl.Series) -> bool:
    length = column.str.len_chars().mean() if column.dtype == pl.String else None
    return isinstance(length, float) and length > LONGEST_TIME


def _may_be_dates(column: pl.Series) -> bool:
    if column.dtype != pl.String:
        return column.dtype.is_temporal()
    return bool(column.drop_nulls().str.contains(r"\d\D").mean())


def _tells_groups(column: pl.Series) -> bool:
    return not column.dtype.is_nested() and 2 <= column.drop_nulls().n_unique() <= MOST_OF_GROUP


def _are_times(column: pl.Series) -> bool:
    if column.dtype.is_nested():
        return False
    if column.dtype.is_temporal():
        return column.dtype != pl.Time
    try:
        spelt = column.cast(pl.String).str.strip_chars()
        found = times.read(
            spelt.to_frame("value"), At(column.name, "", "studies..timeline.value"), Timeline()
        )
    except SourceError:
        return False
    return found.noted["is"] in {"date", "year"} and found.said.n_unique() > MOST_OF_GROUP
