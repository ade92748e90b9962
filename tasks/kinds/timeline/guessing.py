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
MOST_OF_GROUP = 20
"""Values of a column that may tell groups: then two of them are compared."""


def block(rows: pl.DataFrame) -> dict[str, Any] | None:
    """The keys of the block for such a table; None where it seems to be another."""
    if TEXT not in rows.columns or any(map(_tells_groups, rows.drop(TEXT))):
        return None
    lower = {name.lower(): name for name in rows.columns}
    found = (lower[name] for name in NAMES if name in lower and _are_times(rows[lower[name]]))
    column = next(found, None)
    return None if column is None else {"value": column}


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
