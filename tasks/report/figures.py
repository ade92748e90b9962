"""The figures of a report that `dvc metrics` and `dvc plots` show, and what missing verdicts could change."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

from tasks.report import filters, trust
from tasks.report.findings import Row, findings
from tasks.report.inputs import Inputs
from tasks.store import frames

_ANGLES = str.maketrans("<>", "\u2039\u203a")


def metrics(inputs: Inputs) -> dict[str, Any]:
    """The figures `dvc metrics show` compares between runs."""
    rows, found = inputs.rows, findings(inputs.rows)
    gaps = {name: sum(row[f"n_{name}"] for row in rows) for name in ("refused", "unparsable", "absent")}
    asked = sum(row["n_a"] + row["n_b"] for row in rows) + gaps["refused"] + gaps["unparsable"]
    widths = [row["hi"] - row["lo"] for row in rows if math.isfinite(row["hi"] - row["lo"])]
    baselines = [row for row in inputs.baselines if row["baseline"] != frames.TOGETHER]
    surface = [abs(row["validity"]) for row in baselines if math.isfinite(row["validity"])]
    shuffles = inputs.scored.get("null_shuffles")
    walked = (
        {name: inputs.scored[name] for name in ("n_grid", "share_judged")} if inputs.is_sequential else {}
    )
    return {
        "n_texts": sum(part["n_texts"] for part in inputs.split),
        "n_texts_confirm": sum(part["n_texts"] for part in inputs.split if part["half"] == "confirm"),
        "n_tested": len(rows),
        "n_discoveries": sum(row["is_discovery"] for row in rows),
        "n_findings": len(found),
        "strongest_validity": _rounded(found[0]["validity"]) if found else None,
        "median_interval_width": _rounded(statistics.median(widths)) if widths else None,
        "baseline_max_abs_validity": _rounded(max(surface)) if surface else None,
        "null_rate": _rounded(inputs.scored["null_runs_with_discovery"] / shuffles) if shuffles else None,
        "share_refused": _rounded(gaps["refused"] / asked) if asked else None,
        "share_unparsable": _rounded(gaps["unparsable"] / asked) if asked else None,
        "n_absent": gaps["absent"],
        "n_judgements": inputs.recorded["n_judgements"],
        "cost_usd": inputs.recorded["cost_usd"],
        **walked,
        **trust.figures(inputs.rows, inputs.scored),
    }


def missing(inputs: Inputs) -> dict[str, Any]:
    """How far the refused and unparsable verdicts could move the estimates."""
    asked = [row for row in inputs.rows if row["n_refused"] or row["n_unparsable"]]
    worst = max(asked, key=_shift, default=None)
    return {
        "n_refused": sum(row["n_refused"] for row in asked),
        "n_unparsable": sum(row["n_unparsable"] for row in asked),
        "largest_shift": _shift(worst) if worst else 0.0,
        "predicate": worst["predicate"] if worst else "",
        "n_fallen": sum(row["is_discovery"] and row["fragile"] for row in asked),
    }


def _shift(row: Row) -> float:
    if math.isnan(row["at_stop"]):
        return 0.0
    return float(max(row["at_stop"] - row["missing_lo"], row["missing_hi"] - row["at_stop"]))


def forest(rows: Sequence[Row]) -> list[Row]:
    """Every tested predicate with its interval, for `dvc plots`.

    DVC pastes them into the script of a page of its own: a `<` of a corpus could end that script there,
    whatever JSON does about it, so it is another sign.
    """
    return [
        {
            "predicate": filters.neutral(row["predicate"]).translate(_ANGLES),
            **{name: _rounded(row[name]) for name in ("validity", "lo", "hi", "q")},
            "is_discovery": row["is_discovery"],
        }
        for row in rows
    ]


def _rounded(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
