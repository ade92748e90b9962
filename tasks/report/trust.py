"""How far the judge can be trusted: what gold verdicts and other judges say of it, for the template."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

Row = dict[str, Any]

SUPPORTED, OPEN, CONTRADICTED = "supported", "open", "contradicted"
"""What the gold verdicts say of a discovery, as in `6_scores/judges.parquet`."""
MOST = 25
"""Discoveries whose corrected effects are drawn."""


def with_gold(row: Row, judges: Mapping[str, Sequence[Row]]) -> Row:
    """The predicate's row with its corrected effect under `gold`, and its bearing; None without either."""
    gold = next(iter(judges.get(row["predicate_id"], ())), None)
    bearing = gold["bearing"] if gold else None
    # Of what the judge itself does not claim there is nothing to contradict or support.
    claimed = row["is_discovery"] or bearing == CONTRADICTED
    return {**row, "gold": gold, "bearing": bearing if claimed else None}


def trust_section(
    rows: Sequence[Row], scored: Row, agreement: Mapping[str, Sequence[Row]], measured: Row | None = None
) -> Row:
    """What the section says.

    Args:
        rows: all tested predicates, as `judged` gives them.
        scored: manifest of score.
        agreement: predicate_id -> how a panel's judges agree about it.
        measured: what propose's manifest says of a language model as judge; None where it was not asked.
    """
    claimed = [row for row in rows if row["bearing"] or (row["is_discovery"] and agreement)]
    return {
        "gold": scored.get("gold"),
        "panel": scored.get("panel"),
        "measured": measured,
        "lines": [_line(row, agreement.get(row["predicate_id"], ())) for row in claimed[:MOST]],
        "n_more": max(len(claimed) - MOST, 0),
        "n_claimed": len(claimed),
        **{f"n_{bearing}": _count(rows, bearing) for bearing in (SUPPORTED, OPEN, CONTRADICTED)},
    }


def _line(row: Row, agreement: Sequence[Row]) -> Row:
    gold = row["gold"] or {}
    rates = [_with_ends(gold, name) for name in ("sensitivity", "specificity", "kappa")]
    differences = [
        _with_ends(gold, name) for name in ("sensitivity_difference", "specificity_difference", "bias")
    ]
    known = [of for of in agreement if _is_known(of["estimate"])]
    return {
        "row": row,
        "corrected": gold if _is_known(gold.get("validity")) else None,
        "rates": [of for of in rates if _is_known(of["estimate"])],
        "differences": [of for of in differences if leaves_out_zero(of["lo"], of["hi"])],
        "agreement": known,
    }


def _with_ends(gold: Row, name: str) -> Row:
    ends = {end: gold.get(f"{name}_{end}") for end in ("lo", "hi")}
    return {"name": name, "estimate": gold.get(name), **ends}


def corrected_rows(rows: Sequence[Row]) -> list[Row]:
    """The corrected effects that are drawn, as rows with an interval."""
    drawn = [row["gold"] for row in rows if row["bearing"]][:MOST]
    return [row for row in drawn if _is_known(row["validity"])]


def figures(rows: Sequence[Row], scored: Row) -> Row:
    """The figures `dvc metrics show` compares; none without gold verdicts."""
    gold = scored.get("gold")
    if not gold:
        return {}
    rates = {name: gold.get(name) for name in ("sensitivity", "specificity")}
    known = {name: round(of, 6) if _is_known(of) else None for name, of in rates.items()}
    return {**known, **{f"n_{of}": _count(rows, of) for of in (SUPPORTED, OPEN, CONTRADICTED)}}


def is_dependent(row: Row) -> bool:
    """Whether nothing clear is left of a discovery at equal length and equal other findings."""
    lo, hi = row["adjusted_lo"], row["adjusted_hi"]
    return _is_known(row["adjusted_validity"]) and not leaves_out_zero(lo, hi)


def leaves_out_zero(lo: float | None, hi: float | None) -> bool:
    """Whether an interval is clear of zero."""
    return lo is not None and hi is not None and (lo > 0 or hi < 0)


def _count(rows: Sequence[Row], bearing: str) -> int:
    return sum(row["bearing"] == bearing for row in rows)


def _is_known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
