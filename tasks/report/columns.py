"""The table of discoveries: which columns tell rows apart, and what all rows have in common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tasks.report import filters
from tasks.report.findings import Row

NOT_KNOWN = "–"
_OF_GROUPS = ("more_in", "mean_a", "mean_b")
"""Columns that say nothing where there are no two groups."""
_BITS = {
    "validity": "bits per text that it adds to all others",
    "p": "chance of a gain this large if it added nothing",
    "n": "texts with a verdict",
}
MEASURED_BY = "embedded"
"""Begins `rated_by` where nobody read the sentences: relevance and novelty are cosines then, which order
nothing (docs/claims.md), and are not shown."""


@dataclass(frozen=True)
class Column:
    """One figure of every discovery."""

    name: str
    head: str
    title: str
    sorts_by: Callable[[Row], Any]
    written: Callable[[Row], str]


def are_rated(rated_by: str) -> bool:
    """Whether somebody who read the sentences rated them."""
    return bool(rated_by) and not rated_by.startswith(MEASURED_BY)


def table(
    found: Sequence[Row],
    names: Mapping[str, str],
    level: str,
    decimals: int,
    share_is: str = "share",
    scale: str = "share",
) -> Row:
    """The table as the template shows it.

    A column that says the same in every row tells no rows apart: it is told once above the table. One in
    which nothing is known is left out.

    Args:
        found: findings with their members.
        names: what groups A and B are called.
        level: of the intervals, in words.
        decimals: digits that effects can claim.
        share_is: what mean_a and mean_b are.
        scale: what effects are measured in, as `Kind.scale`.
    """
    lines = [line for row in found for line in (row, *row["members"])]
    columns = _columns(names, level, decimals, share_is, are_rated(found[0]["rated_by"]))
    if scale == "bits":
        columns = [_in_bits(column) for column in columns if column.name not in _OF_GROUPS]
    written = {column.name: [column.written(line) for line in lines] for column in columns}
    known = [column for column in columns if set(written[column.name]) != {NOT_KNOWN}]
    same = [column for column in known if len(lines) > 1 and len(set(written[column.name])) == 1]
    shown = [column for column in known if column not in same]
    return {
        "columns": shown,
        "same": [(column.head, written[column.name][0]) for column in same],
        "lines": [
            {
                "row": line,
                "fold": "members" not in line,
                "cells": [(column, column.sorts_by(line), written[column.name][i]) for column in shown],
            }
            for i, line in enumerate(lines)
        ],
    }


def _columns(
    names: Mapping[str, str], level: str, decimals: int, share_is: str, are_rated: bool
) -> list[Column]:
    effect, end, share = (
        partial(write, decimals=decimals) for write in (filters.effect, filters.end, filters.share)
    )
    a, b = (filters.short(names[group], 24) for group in ("A", "B"))
    rated = [
        _plain("relevance", "0-2: how directly it answers the goal", _rating),
        _plain("novelty", "0-2: how hard to guess without the data", _rating),
        _plain("significance", "0-2: how useful to the reader", _rating),
    ]
    return [
        Column("more_in", "more in", "direction", _side, lambda row: a if _side(row) == "A" else b),
        Column("mean_a", f"in {a}", f"{share_is} in A", _of("mean_a"), lambda row: share(row["mean_a"])),
        Column("mean_b", f"in {b}", f"{share_is} in B", _of("mean_b"), lambda row: share(row["mean_b"])),
        Column(
            "validity", "V", f"validity: {share_is} in A minus {share_is} in B", _of("validity"),
            lambda row: effect(row["validity"]),
        ),
        Column(
            "interval", f"{level} interval", "of V", _of("lo"),
            lambda row: f"[{end(row['lo'])}, {end(row['hi'])}]",
        ),
        _plain("p", "chance of a difference this large if there were none", filters.pvalue),
        _plain("q", "p corrected for all tested hypotheses", filters.pvalue),
        *(rated if are_rated else []),
        Column("n", "judged", "verdicts of both groups", _n, lambda row: filters.count(_n(row))),
        Column("cost", "cost", "of judging it", _of("cost_usd"), lambda row: filters.cost(row["cost_usd"])),
        Column("grade", "grade", "what the verdicts stand for", _of("grade"), _of("grade")),
    ]  # fmt: skip


def _in_bits(column: Column) -> Column:
    """The column as it is headed where effects are bits per text."""
    return replace(column, title=_BITS[column.name]) if column.name in _BITS else column


def _plain(name: str, title: str, write: Callable[[Any], str]) -> Column:
    return Column(name, name, title, _of(name), lambda row: write(row[name]))


def _of(name: str) -> Callable[[Row], Any]:
    return lambda row: row[name]


def _rating(value: float | None) -> str:
    return NOT_KNOWN if value is None else f"{value:.1f}"


def _side(row: Row) -> str:
    return "A" if row["validity"] > 0 or (row["validity"] == 0 and row["direction"] == "A") else "B"


def _n(row: Row) -> int:
    return int(row["n_a"] + row["n_b"])
