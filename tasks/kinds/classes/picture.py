"""Coefficients with classes as columns, in words and as dots with intervals."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.kinds.fitted.axis import Axis, is_known, shape

Row = dict[str, Any]
MOST_COLUMNS = 8
"""Classes that are drawn: the most frequent."""
_FAR = 6.0
"""A coefficient beyond it, as odds 400 to 1, is an estimate that ran away: told as that much."""


def coefficients(
    found: Sequence[Mapping[str, Any]],
    weights: Mapping[tuple[str, str], Mapping[str, Any]],
    columns: Sequence[Mapping[str, Any]],
    is_score: bool,
) -> Row | None:
    """Findings down, classes across, all on one axis; None where no weight is known.

    Args:
        found: findings, numbered.
        weights: (predicate_id, slot) -> row of fitted.tables.WEIGHTS.
        columns: classes with their `slot` and `share`, most frequent first; of a score the one slot.
        is_score: whether a score is predicted.
    """
    shown, factor = list(columns[:MOST_COLUMNS]), 1.0
    if len(columns) == 2 and not is_score:
        # Of two classes one says all: against the other, of which the weight is its negative.
        shown, factor = [columns[1]], 2.0
    slots = [column["slot"] for column in shown]
    cells = [[_times(weights.get((row["predicate_id"], slot)), factor) for slot in slots] for row in found]
    known = [cell for line in cells for cell in line if cell]
    if not known:
        return None
    axis = Axis.over(known, "weight", n_ticks=4)
    return {
        "columns": shown,
        "n_more": len(columns) - len(shown) if len(columns) > 2 else 0,
        "other": columns[0] if factor == 2 else None,
        "lines": [
            {"row": row, "cells": [_drawn(cell, axis) for cell in line]}
            for row, line in zip(found, cells, strict=True)
        ],
        "ticks": axis.ticks(),
        "zero": axis.at(0.0),
        "is_score": is_score,
    }


def _times(weight: Mapping[str, Any] | None, factor: float) -> Row | None:
    if weight is None or not is_known(weight["weight"]):
        return None
    names = ("weight", "lo", "hi", "frozen")
    return {name: factor * weight[name] if is_known(weight[name]) else None for name in names}


def _drawn(cell: Row | None, axis: Axis) -> Row | None:
    if cell is None:
        return None
    frozen = axis.at(cell["frozen"]) if is_known(cell["frozen"]) else None
    return {
        **axis.placed(cell, "weight"),
        "shape": shape(cell),
        "frozen_at": frozen,
        "odds": odds(cell["weight"]),
    }


def odds(weight: float | None) -> str:
    """How many times the odds are, of a coefficient in log-odds."""
    if weight is None or not math.isfinite(weight):
        return "–"
    times = math.exp(min(max(weight, -_FAR), _FAR))
    return f"{times:.0f}" if times >= 10 else f"{times:.1f}" if times >= 1 else f"{times:.2f}"


def told(line: Mapping[str, Any], plot: Mapping[str, Any], name: str) -> str:
    """What a finding says of classes, or of the score, as far as an interval leaves zero out.

    Args:
        line: of `coefficients`.
        plot: what `coefficients` gave.
        name: of the column with the score.
    """
    pairs = [
        (column, cell)
        for column, cell in zip(plot["columns"], line["cells"], strict=True)
        if cell and cell["shape"] != "flat"
    ]
    pairs.sort(key=lambda pair: -abs(pair[1]["weight"]))
    if plot["is_score"]:
        return "; ".join(_score_words(cell, name) for _, cell in pairs) or f"no clear change of {name}"
    words = [
        f"odds of {column['slot']} × {cell['odds']} [{odds(cell['lo'])}, {odds(cell['hi'])}]"
        for column, cell in pairs[:2]
    ]
    return ", ".join(words) or "no class alone is clearly more or less likely with it"


def _score_words(cell: Mapping[str, Any], name: str) -> str:
    lo, hi = sorted(abs(cell[end]) for end in ("lo", "hi"))
    way = "higher" if cell["weight"] > 0 else "lower"
    return f"{name} {way} by {_figure(abs(cell['weight']))} [{_figure(lo)}, {_figure(hi)}]"


def _figure(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:.3g}"
