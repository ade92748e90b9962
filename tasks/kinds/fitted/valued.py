"""The values of a column as a kind reads them, and what was left out of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from tasks.errors import SourceError

MOST_UNREADABLE = 0.05
"""Share of the values that may be unreadable: these rows are left out, counted and told.

A word among a thousand dates is a slip of whoever typed it, and no reason to stop; where it is every
twentieth the column is written in another way than it was read in, and what is left would be a selection.
"""
_SHOWN_CHARS = 60


@dataclass(frozen=True)
class At:
    """How errors call a column of values."""

    column: str
    label: str
    """The file or files."""
    where: str
    """Where params.yaml names the column."""

    @property
    def said(self) -> str:
        """The column, in a sentence."""
        return f"column {self.column!r} of {self.label}"

    @property
    def block(self) -> str:
        """The kind's block in params.yaml."""
        return self.where.split(".")[-2]


@dataclass(frozen=True)
class Valued:
    """Row by row with what was read; both are null where a row is left out."""

    said: pl.Series
    """In one written form."""
    number: pl.Series
    """As a number; of labels null."""
    noted: dict[str, Any]
    """For the manifest: `is` (what values are), `n_unreadable`, and whatever a kind tells beside."""
    warnings: list[str] = field(default_factory=list)


def noted(kind: str, values: pl.Series, is_read: pl.Series, told: Sequence[str] = ()) -> dict[str, Any]:
    """What the manifest says of values: what they are, and how many were left out.

    Args:
        kind: date, year, number, version, score or label.
        values: those that are there, null where there is none.
        is_read: whether each could be read.
        told: what a user should know of how they were read.
    """
    n_unreadable = int((values.is_not_null() & ~is_read).sum())
    return {
        "is": kind,
        "told": list(told),
        "n_missing": values.null_count(),
        "n_unreadable": n_unreadable,
    }


def looked_up(values: pl.Series, distinct: pl.Series, **found: Sequence[Any] | pl.Series) -> pl.DataFrame:
    """For each value what was found of it among the distinct ones; null where it is none of them."""
    table = pl.DataFrame({"value": distinct.alias("value"), **found})
    return values.alias("value").to_frame().join(table, on="value", how="left", maintain_order="left")


def row_of(values: pl.Series, one: str) -> str:
    """A value with the first row that has it, counted from 1 among the rows that are read."""
    place = values.index_of(one)
    return shown(one) if place is None else f"{shown(one)} (row {place + 1:,})"


def shown(one: str) -> str:
    """The beginning of a value in quotes, with what would steer a terminal escaped."""
    return repr(one if len(one) <= _SHOWN_CHARS else f"{one[: _SHOWN_CHARS - 1]}…")


def unreadable(values: pl.Series, is_read: pl.Series, at: At, wanted: str, advice: str) -> list[str]:
    """A warning where a few values cannot be read.

    Args:
        values: those that are there, null where there is none.
        is_read: whether each could be read.
        at: where they are.
        wanted: what they should be.
        advice: what to do about them.

    Raises:
        SourceError: more than MOST_UNREADABLE of them cannot.
    """
    wrong = values.filter(values.is_not_null() & ~is_read)
    n = len(values) - values.null_count()
    if not len(wrong):
        return []
    told = f"{len(wrong):,} of {n:,} values cannot be read, such as {row_of(values, wrong[0])}"
    if len(wrong) > MOST_UNREADABLE * n:
        raise SourceError(f"{at.where}: wanted {wanted} in {at.said}; {told}. {advice}")
    return [f"{at.said}: {told}; their rows are left out"]
