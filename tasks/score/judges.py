"""How well judges judge: against a gold sample, and a panel's members against each other.

Not here:   what follows for the effects (corrected.py)
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import polars as pl
from jaxtyping import Float
from numpy.typing import NDArray

from tasks.records import Predicate
from tasks.score.corrected import Corrected, is_representative
from tasks.stats.differences import difference
from tasks.stats.judge_error import JudgeError, judge_error
from tasks.stats.reliability import Agreement, judges_alpha_krippendorff, judges_kappa_cohen
from tasks.store import frames
from tasks.verdicts.judged import Judged
from tasks.verdicts.matrices import at_threshold

POSITION_BIAS_LEVEL = 0.95
"""Coverage of the interval of the position bias."""
_HALF = 0.5
"""From where on a graded verdict counts as yes, where sensitivity and agreement need a yes or no."""


def judges_frame(
    predicates: Sequence[Predicate],
    corrected: Corrected,
    q: Float[np.ndarray, " predicate"],
    bearing: Sequence[str],
    error: JudgeError,
    kappa: Agreement,
) -> pl.DataFrame:
    """Rows of store/frames.JUDGES, in frozen order; what is not known is NULL."""
    rates = {"sensitivity": error.sensitivity, "specificity": error.specificity}
    columns: dict[str, Any] = {
        "predicate_id": [p.predicate_id for p in predicates],
        "q": q,
        "bearing": bearing,
        **{name: getattr(corrected, name) for name in _CORRECTED},
        **{name: rate.estimate for name, rate in rates.items()},
        **{f"{name}_{end}": getattr(rate, end) for name, rate in rates.items() for end in ("lo", "hi")},
        **{f"{name}_difference": rate.difference for name, rate in rates.items()},
        **{
            f"{name}_difference_{end}": getattr(rate, f"{end}_difference")
            for name, rate in rates.items()
            for end in ("lo", "hi")
        },
        "bias": error.bias,
        "bias_lo": error.bias_lo,
        "bias_hi": error.bias_hi,
        "kappa": kappa.estimate,
        "kappa_lo": kappa.lo,
        "kappa_hi": kappa.hi,
    }
    return frames.conform(pl.DataFrame(columns).fill_nan(None), frames.JUDGES)


_CORRECTED = (
    "n_gold_a",
    "n_gold_b",
    "validity",
    "lo",
    "hi",
    "p",
    "lo_gold",
    "hi_gold",
    "weight",
    "variance_ratio",
    "method",
)


def error_of_judge(judged: Judged) -> tuple[JudgeError, Agreement]:
    """Sensitivity, specificity and bias of the judge about each predicate, and its kappa with the gold judge.

    Kappa has no weights, so there is none where some texts had a better chance to be asked about than others.
    Where a walk stopped early the intervals are those of the texts up to there, as if it had been planned so.
    Graded verdicts count as yes from a half on.
    """
    gold, verdict, level = judged.verdict_gold, judged.verdict, judged.study.score.level
    assert gold is not None  # noqa: S101 - there is nothing to compare with otherwise
    in_a, document = judged.in_a, judged.document
    # Verdicts that were thresholded are 0 and 1: a half tells them apart.
    error = judge_error(verdict, gold.score, in_a, document, level, _HALF, gold.chance)
    half = None if judged.is_binary else _HALF
    kappa = judges_kappa_cohen(at_threshold(verdict, half), at_threshold(gold.score, half), document, level)
    fair = is_representative(gold)
    estimate, lo, hi = (np.where(fair, of, np.nan) for of in (kappa.estimate, kappa.lo, kappa.hi))
    kappa = Agreement(estimate, lo, hi, kappa.n)
    return error, kappa


def error_pooled(judged: Judged) -> dict[str, float | None]:
    """Sensitivity and specificity over all pairs of text and predicate, with intervals by document."""
    gold, verdict, level = judged.verdict_gold, judged.verdict, judged.study.score.level
    assert gold is not None  # noqa: S101 - there is nothing to compare with otherwise
    in_a, document = judged.in_a, judged.document
    row, column = np.nonzero(~np.isnan(verdict) & ~np.isnan(gold.score))
    stacked = [of[row, column][:, None] for of in (verdict, gold.score, gold.chance)]
    found = judge_error(stacked[0], stacked[1], in_a[row], document[row], level, _HALF, stacked[2])
    return {
        f"{name}{suffix}": _first_or_none(getattr(rate, of))
        for name, rate in (("sensitivity", found.sensitivity), ("specificity", found.specificity))
        for suffix, of in (("", "estimate"), ("_lo", "lo"), ("_hi", "hi"))
    }


def agreement_frame(judged: Judged, each: Float[np.ndarray, "text predicate judge"]) -> pl.DataFrame:
    """Rows of store/frames.AGREEMENT: alpha of the panel, and kappa where it has two judges."""
    document, level, binary = judged.document, judged.study.score.level, judged.is_binary
    said = at_threshold(each, judged.threshold)
    measures = {
        "alpha": judges_alpha_krippendorff(said, document, level, "nominal" if binary else "interval")
    }
    if each.shape[2] == 2:
        yes = at_threshold(said, None if binary else _HALF)
        measures["kappa"] = judges_kappa_cohen(yes[..., 0], yes[..., 1], document, level)
    parts = [
        pl.DataFrame(
            {
                "predicate_id": [p.predicate_id for p in judged.predicates],
                "measure": [name] * len(judged.predicates),
                "estimate": found.estimate,
                "lo": found.lo,
                "hi": found.hi,
                "n": found.n,
            }
        )
        for name, found in measures.items()
    ]
    return frames.conform(pl.concat(parts).fill_nan(None), frames.AGREEMENT)


def agreement_pooled(judged: Judged, each: Float[np.ndarray, "text predicate judge"]) -> dict[str, Any]:
    """Alpha over all pairs that two judges or more gave a verdict on, with its interval by document."""
    row, column = np.nonzero((~np.isnan(each)).sum(axis=2) > 1)
    said = at_threshold(each[row, column], judged.threshold)[:, None]
    metric: Literal["nominal", "interval"] = "nominal" if judged.is_binary else "interval"
    found = judges_alpha_krippendorff(said, judged.document[row], judged.study.score.level, metric)
    ends = {
        f"alpha{suffix}": _first_or_none(of)
        for suffix, of in (("", found.estimate), ("_lo", found.lo), ("_hi", found.hi))
    }
    return {**ends, "n_pairs": int(found.n[0])}


def position_bias(orders: pl.DataFrame, held_out: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """How much more a text scores when it is shown first, of each judge: over all pairs and predicates."""
    rows = held_out.select("text_id", "pair", document=pl.col("document_id").rank("dense"))
    known = orders.join(rows, on="text_id")
    return {str(name): _position_bias(known.filter(judge=name)) for name in sorted(known["judge"].unique())}


def _position_bias(orders: pl.DataFrame) -> dict[str, Any]:
    """Of one judge, with its interval by document."""
    score = np.concatenate([orders["first"].to_numpy(), orders["second"].to_numpy()])
    is_first = np.repeat([True, False], orders.height)
    document = np.tile(orders["document"].to_numpy().astype(np.int64), 2)
    found = difference(score[:, None], is_first, document, POSITION_BIAS_LEVEL, binary=False)
    ends = {"bias": found.validity, "lo": found.lo, "hi": found.hi}
    return {**{name: _first_or_none(end) for name, end in ends.items()}, "n_pairs": orders["pair"].n_unique()}


def _first_or_none(value: NDArray[np.float64]) -> float | None:
    return None if np.isnan(value[0]) else float(value[0])
