"""Whether judges mean the same by a trait: both orders of one judge, or several judges."""

from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from tasks.kinds.model_pair import tables
from tasks.kinds.model_pair.compared import Compared, compared
from tasks.stats.orders import agreement_sufficient, orders_kappa_cohen, position_bias
from tasks.stats.reliability import Agreement, judges_alpha_krippendorff
from tasks.store import frames
from tasks.verdicts.judged import Judged
from tasks.verdicts.matrices import panel_tensor

PANEL = "panel"
"""Stands for a judge where several agree with each other."""


def orders(judged: Judged, verified: Path, least: float) -> pl.DataFrame | None:
    """Rows of tables.ORDERS: each judge's in frozen order, the panel's last; None of judges without orders.

    Args:
        judged: all verdicts.
        verified: the folder 5_verdicts.
        least: what the lower end of an agreement must reach for a trait to be well-defined.
    """
    said = [pl.read_parquet(file, glob=False) for file in sorted(verified.glob("orders-*.parquet"))]
    if not said:
        return None
    of, rows = compared(judged), pl.concat(said)
    parts = [
        _of_judge(judged, of, rows.filter(judge=name), name, least) for name in rows["judge"].unique().sort()
    ]
    if (whole := _of_panel(judged, verified, least)) is not None:
        parts.append(whole)
    return frames.conform(pl.concat(parts).fill_nan(None), tables.ORDERS)


def agreed(judged: Judged, verified: Path, least: float) -> Bool[np.ndarray, " predicate"] | None:
    """Which traits are well-defined: by a panel where there is one, else by both orders of the judge."""
    found = orders(judged, verified, least)
    if found is None:
        return None
    judges = found["judge"].unique(maintain_order=True).to_list()
    return found.filter(judge=judges[-1])["is_defined"].to_numpy()


def _of_judge(judged: Judged, of: Compared, rows: pl.DataFrame, name: str, least: float) -> pl.DataFrame:
    first, second = _matrices(judged, of, rows)
    level = judged.study.score.level
    kappa = orders_kappa_cohen(first, second, of.document, level)
    bias = [position_bias(first[:, [j]], second[:, [j]], of.document, level) for j in range(first.shape[1])]
    ends = {
        f"bias{suffix}": [getattr(one, figure) for one in bias]
        for suffix, figure in (("", "estimate"), ("_lo", "lo"), ("_hi", "hi"))
    }
    return _frame(judged, name, kappa, least, ends)


def _of_panel(judged: Judged, verified: Path, least: float) -> pl.DataFrame | None:
    """How judges agree with each other, each pair counted from both sides; None of one judge alone."""
    files = sorted(verified.glob("panel-*.parquet"))
    if not files:
        return None
    _, each = panel_tensor(judged.rows, judged.predicates, pl.scan_parquet(files, glob=False))
    alpha = judges_alpha_krippendorff(each, judged.document, judged.study.score.level, "interval")
    pairs = Agreement(alpha.estimate, alpha.lo, alpha.hi, alpha.n // 2)
    none = dict.fromkeys(("bias", "bias_lo", "bias_hi"), [None] * len(judged.predicates))
    return _frame(judged, PANEL, pairs, least, none)


def _frame(
    judged: Judged, name: str, found: Agreement, least: float, bias: dict[str, list[float | None]]
) -> pl.DataFrame:
    columns = {
        "predicate_id": [one.predicate_id for one in judged.predicates],
        "judge": [name] * len(judged.predicates),
        "kappa": found.estimate,
        "kappa_lo": found.lo,
        "kappa_hi": found.hi,
        "n": found.n,
        **bias,
        "is_defined": agreement_sufficient(found, least),
    }
    return frames.conform(pl.DataFrame(columns), tables.ORDERS)


def _matrices(
    judged: Judged, of: Compared, rows: pl.DataFrame
) -> tuple[Float[np.ndarray, "pair predicate"], Float[np.ndarray, "pair predicate"]]:
    """What model 1's answer got when it was shown first, and when second; NaN where either is not there."""
    ids = judged.rows["text_id"].gather(of.rows[:, 0]).to_frame().with_row_index("row")
    columns = pl.DataFrame({"predicate_id": [one.predicate_id for one in judged.predicates]})
    placed = rows.join(ids, on="text_id").join(columns.with_row_index("column"), on="predicate_id")
    at = placed["row"].to_numpy(), placed["column"].to_numpy()
    found = []
    for shown in ("first", "second"):
        matrix = np.full(of.d.shape, np.nan)
        matrix[at] = placed[shown].to_numpy()
        found.append(matrix)
    return found[0], found[1]
