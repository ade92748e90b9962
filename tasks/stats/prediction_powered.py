"""Mean A minus mean B when a cheap judge read every text and a gold judge only some (PPI++).

The cheap judge brings the precision of many texts, the gold judge corrects its error. Nothing is assumed of
the cheap judge: a useless one is given no weight, and the interval is then that of the gold verdicts alone.
"""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from tasks.stats.clustered import mean_difference_variance_cr2
from tasks.stats.differences import difference
from tasks.stats.documents import document_sums
from tasks.stats.means import bounded_ci, t_pvalue
from tasks.stats.rectifier import (
    RectifiedGroup,
    group_rectified,
    members,
    ratio_or_one,
    shares_effective_sizes,
)
from tasks.stats.sampling import _check_chances
from tasks.stats.shares import share_difference_ci_mn, share_difference_pvalue_mn

_COLUMNS_AT_ONCE = 32
_ROUNDING = 1e-9
_UNSEEN_ERRORS = 2.0
"""Documents a group on which the judges are taken to disagree beyond those seen; see docs/judge-error.md."""


@dataclass(frozen=True)
class PredictionPowered:
    """One entry per predicate; the gold-only interval is there to compare."""

    n_a: Int[np.ndarray, " predicate"]
    """Texts of A with a cheap verdict."""
    n_b: Int[np.ndarray, " predicate"]
    n_gold_a: Int[np.ndarray, " predicate"]
    """Those of them with a gold verdict."""
    n_gold_b: Int[np.ndarray, " predicate"]
    mean_a: Float[np.ndarray, " predicate"]
    """Corrected mean of A; NaN without a gold verdict in A. May leave [0, 1] by sampling error."""
    mean_b: Float[np.ndarray, " predicate"]
    validity: Float[np.ndarray, " predicate"]
    """mean_a - mean_b."""
    lo: Float[np.ndarray, " predicate"]
    hi: Float[np.ndarray, " predicate"]
    p: Float[np.ndarray, " predicate"]
    """Two-sided; agrees with the interval on 0 unless the method is fisher_mn."""
    weight: Float[np.ndarray, " predicate"]
    """Weight of the cheap verdicts (lambda), 0 or more; 0 where the gold verdicts stand alone."""
    variance_ratio: Float[np.ndarray, " predicate"]
    """Variance over that of the gold verdicts alone, in (0, 1]."""
    validity_cheap: Float[np.ndarray, " predicate"]
    """What the cheap judge alone says."""
    lo_gold: Float[np.ndarray, " predicate"]
    """Interval of the gold verdicts alone."""
    hi_gold: Float[np.ndarray, " predicate"]
    method: list[str]
    """ppi_score or ppi_t; where the gold verdicts stand alone, the name of their test."""


@dataclass(frozen=True)
class _Interval:
    mean_a: NDArray[np.float64]
    mean_b: NDArray[np.float64]
    lo: NDArray[np.float64]
    hi: NDArray[np.float64]
    p: NDArray[np.float64]
    ratio: NDArray[np.float64]


@dataclass(frozen=True)
class _Setting:
    together: NDArray[np.float64]
    """Variance of the gold verdicts of both groups together."""
    df: NDArray[np.float64]
    reach: NDArray[np.float64]
    """How far two gold verdicts can lie apart."""
    level: float
    binary: bool


def difference_ppi(
    cheap: Float[np.ndarray, "text predicate"],
    gold: Float[np.ndarray, "text predicate"],
    in_a: Bool[np.ndarray, " text"],
    document: Int[np.ndarray, " text"],
    level: float,
    binary: bool,
    weight: Float[np.ndarray, "..."] | None = None,
) -> PredictionPowered:
    """Gives the difference of gold means, its precision raised by cheap verdicts on all texts.

    Prefer it wherever the cheap judge errs, that is, to `difference` on the cheap verdicts, whose interval is
    around the wrong value by the judge's error. It is never wider than that of the gold verdicts alone: where
    the cheap judge does not help, it is that interval.

    Per group the mean is mean(w f) over all texts plus mean(y - w f) over the gold ones, with the weight w
    (one per predicate) that makes the variance least. Its variance over that of the gold mean alone, R, is
    summed over documents and enters as an effective size: 0/1 gold verdicts give the score interval of n/R
    gold texts, graded ones Student's interval with R times the variance.

    Args:
        cheap: f, the cheap judge's verdicts in [0, 1], 0/1 or graded; NaN where there is none, and such a
            text is left out for that predicate.
        gold: y, the gold judge's verdicts in [0, 1]; NaN where it was not asked.
        in_a: True for rows of A, False for rows of B.
        document: any integer per row; equal ones are one document.
        level: coverage of the intervals, in (0, 1).
        binary: gold verdicts are 0/1.
        weight: inverse chances of the gold texts to have been asked, up to a factor, over 0, (text,) or
            (text, predicate); without it the chances were equal. `sampling.py` makes them.

    Returns:
        One entry per predicate; p 1 and [-1, 1] where a group has no gold verdict.

    Raises:
        ValueError: as `difference`; cheap and gold differ in shape or leave [0, 1]; a weight is not over 0.

    Assumes:
        Gold texts were drawn at random with the chances given, documents are independent, and gold verdicts
        that were asked for and did not come are missing at random.

    Source:
        Angelopoulos, Duchi & Zrnic (2023), PPI++, arXiv:2311.01453 (power tuning). The sum over
        documents, the score interval at effective size and the unseen disagreements in R are ours. Checked
        against their formula (`tests/reference/test_stats_ppi_reference.py`); coverage and widths are in
        docs/judge-error.md.
    """
    cheap, gold = np.asarray(cheap, float), np.asarray(gold, float)
    weights = np.ones(len(in_a)) if weight is None else np.asarray(weight, float)
    weights = weights[:, None] if weights.ndim == 1 else weights
    _check(cheap, gold, weights, np.asarray(in_a), np.asarray(document), level, binary)
    in_a, gold = np.asarray(in_a, bool), np.where(np.isnan(cheap), np.nan, gold)
    uneven = bool(np.ptp(weights) > 0) if weights.size else False
    blocks = []
    for start in range(0, max(cheap.shape[1], 1), _COLUMNS_AT_ONCE):
        at = slice(start, start + _COLUMNS_AT_ONCE)
        own = weights if weights.shape[1] == 1 else weights[:, at]
        blocks.append(_block(cheap[:, at], gold[:, at], in_a, document, level, binary, own, uneven))
    arrays = {
        field.name: np.concatenate([getattr(block, field.name) for block in blocks])
        for field in fields(PredictionPowered)
        if field.name != "method"
    }
    return PredictionPowered(**arrays, method=[name for block in blocks for name in block.method])


def _block(
    cheap: NDArray[np.float64],
    gold: NDArray[np.float64],
    in_a: NDArray[np.bool_],
    document: NDArray[np.int64],
    level: float,
    binary: bool,
    weight: NDArray[np.float64],
    uneven: bool,
) -> PredictionPowered:
    member = members(document)
    a, b = (group_rectified(cheap, gold, weight, side, member) for side in (in_a, ~in_a))
    sums = document_sums(gold, in_a, document)
    df = mean_difference_variance_cr2(sums).df
    if binary and member.shape[0] == len(in_a):
        rows = 1 / np.maximum(a.concentration_rows, 1e-9) + 1 / np.maximum(b.concentration_rows, 1e-9)
        df = np.maximum(rows - 2, 1) if uneven else np.full(df.shape, np.inf)
    reach = np.ones(df.shape) if binary else _range(gold)
    of = _Setting(sums.variance_together, df, reach, level, binary)
    tuned = _power_tuned(a, b)
    found = _interval(a, b, tuned, of)
    names = ["weighted_score" if binary else "weighted_t"] * df.size
    if uneven:
        alone = _interval(a, b, np.zeros_like(tuned), of)
    else:
        only = difference(gold, in_a, document, level, binary)
        alone = _Interval(only.mean_a, only.mean_b, only.lo, only.hi, only.p, np.ones_like(tuned))
        names = only.method
    return _chosen(a, b, tuned, found, alone, ["ppi_score" if binary else "ppi_t"] * df.size, names)


def _chosen(
    a: RectifiedGroup,
    b: RectifiedGroup,
    tuned: NDArray[np.float64],
    found: _Interval,
    alone: _Interval,
    method: list[str],
    method_alone: list[str],
) -> PredictionPowered:
    """The corrected interval where the cheap judge makes it shorter, else that of the gold verdicts alone."""
    # Not by rounding alone: else the order of the rows would decide.
    helps = (tuned > 0) & (found.hi - found.lo < (1 - _ROUNDING) * (alone.hi - alone.lo))
    mean_a = np.where(helps, found.mean_a, alone.mean_a)
    mean_b = np.where(helps, found.mean_b, alone.mean_b)
    return PredictionPowered(
        n_a=a.n.astype(np.int64),
        n_b=b.n.astype(np.int64),
        n_gold_a=a.n_gold.astype(np.int64),
        n_gold_b=b.n_gold.astype(np.int64),
        mean_a=mean_a,
        mean_b=mean_b,
        validity=mean_a - mean_b,
        lo=np.where(helps, found.lo, alone.lo),
        hi=np.where(helps, found.hi, alone.hi),
        p=np.where(helps, found.p, alone.p),
        weight=np.where(helps, tuned, 0.0),
        variance_ratio=np.where(helps, found.ratio, 1.0),
        validity_cheap=a.cheap - b.cheap,
        lo_gold=alone.lo,
        hi_gold=alone.hi,
        method=[one if h else other for h, one, other in zip(helps, method, method_alone, strict=True)],
    )


def _power_tuned(a: RectifiedGroup, b: RectifiedGroup) -> NDArray[np.float64]:
    """The weight of the cheap verdicts that makes the variance least, rows taken as independent."""
    product, square = a.product + b.product, a.square + b.square
    return np.asarray(
        np.maximum(np.divide(product, square, out=np.zeros_like(square), where=square > 0), 0.0)
    )


def _interval(a: RectifiedGroup, b: RectifiedGroup, w: NDArray[np.float64], of: _Setting) -> _Interval:
    known = (a.documents_gold > 1) & (b.documents_gold > 1)
    mean_a, mean_b = a.mean(w), b.mean(w)
    unseen = [_UNSEEN_ERRORS * (of.reach * side.concentration) ** 2 for side in (a, b)]
    total = ((a.pull(w) - b.pull(w)) ** 2).sum(axis=0)
    total_gold = ((a.gold_pull - b.gold_pull) ** 2).sum(axis=0)
    ratio = np.minimum(ratio_or_one(total + sum(unseen), total_gold + sum(unseen)), 1)
    if not of.binary:
        stand_in = [np.where(s.gold_variance > 0, 0.0, of.together * s.concentration) for s in (a, b)]
        error = np.where(known, np.sqrt((total_gold + stand_in[0] + stand_in[1]) * ratio), np.inf)
        units = (1 / np.maximum(s.concentration, 1e-9) for s in (a, b))
        lo, hi = bounded_ci(mean_a - mean_b, error, of.df, of.level, *units)
        return _Interval(mean_a, mean_b, lo, hi, t_pvalue(mean_a - mean_b, error, of.df), ratio)
    shared = ratio_or_one(total, (a.pull(w) ** 2).sum(axis=0) + (b.pull(w) ** 2).sum(axis=0))
    shared = np.maximum(ratio_or_one(shared, ratio_or_one(total_gold, a.gold_variance + b.gold_variance)), 1)
    table = []
    for side, beyond, size in zip((a, b), unseen, shares_effective_sizes(a, b), strict=True):
        own = ratio_or_one((side.pull(w) ** 2).sum(axis=0) + beyond, side.gold_variance + beyond)
        effective = size / np.minimum(own * shared, 1)
        table += [np.clip(np.nan_to_num(side.mean(w)), 0, 1) * effective, effective]
    lo, hi = share_difference_ci_mn(table[0], table[1], table[2], table[3], of.level, of.df)
    p = share_difference_pvalue_mn(table[0], table[1], table[2], table[3], of.df)
    lo, hi, p = np.where(known, lo, -1.0), np.where(known, hi, 1.0), np.where(known, p, 1.0)
    return _Interval(mean_a, mean_b, lo, hi, p, ratio)


def _range(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest less smallest of each column; 0 without any."""
    seen = ~np.isnan(score)
    least, most = np.where(seen, score, np.inf), np.where(seen, score, -np.inf)
    found = most.max(axis=0, initial=-np.inf) - least.min(axis=0, initial=np.inf)
    return np.asarray(np.maximum(found, 0.0))


def _check(
    cheap: NDArray[np.float64],
    gold: NDArray[np.float64],
    weight: NDArray[np.float64],
    in_a: NDArray[np.bool_],
    document: NDArray[np.int64],
    level: float,
    binary: bool,
) -> None:
    if cheap.ndim != 2 or gold.shape != cheap.shape:
        raise ValueError(f"wanted cheap and gold (text, predicate) alike, got {cheap.shape} and {gold.shape}")
    if in_a.shape != cheap.shape[:1] or document.shape != cheap.shape[:1]:
        raise ValueError(
            f"wanted in_a and document ({cheap.shape[0]},), got {in_a.shape} and {document.shape}"
        )
    if weight.shape not in ((cheap.shape[0], 1), cheap.shape):
        raise ValueError(f"wanted weights (text,) or (text, predicate), got {weight.shape}")
    if not 0 < level < 1:
        raise ValueError(f"wanted a level in (0, 1), got {level}")
    for name, score in (("cheap", cheap), ("gold", gold)):
        if not (np.isnan(score) | ((score >= 0) & (score <= 1))).all():
            raise ValueError(f"wanted {name} verdicts in [0, 1] or NaN, got another one")
    if binary and not (np.isnan(gold) | (gold == 0) | (gold == 1)).all():
        raise ValueError(
            "wanted 0/1 gold verdicts or NaN, got another one: threshold it, or pass binary=False"
        )
    if not (weight > 0).all():
        raise ValueError("wanted weights over 0")


def difference_sampled(
    cheap: Float[np.ndarray, "text predicate"],
    gold: Float[np.ndarray, "text predicate"],
    in_a: Bool[np.ndarray, " text"],
    document: Int[np.ndarray, " text"],
    probability: Float[np.ndarray, "..."],
    level: float,
    binary: bool,
) -> PredictionPowered:
    """Gives the difference of gold means when the gold texts were drawn with known, unequal chances.

    Prefer it to `difference_ppi` exactly then. Its estimate divides by the summed weights, which costs a bias
    of the order of one over the gold texts and saves much variance; `mean_difference_estimate_aipw` has no
    bias.

    Args:
        cheap: verdicts of every text in [0, 1]; NaN where there is none.
        gold: verdicts in [0, 1] of those asked, else NaN.
        in_a: True for rows of A, False for rows of B.
        document: any integer per row; equal ones are one document.
        probability: chance of each text (text,), or of each text and predicate, to be asked, in (0, 1].
        level: coverage of the intervals, in (0, 1).
        binary: gold verdicts are 0/1.

    Returns:
        As `difference_ppi`; lo_gold and hi_gold are of the weighted gold mean.

    Raises:
        ValueError: as `difference_ppi`, or a probability is outside (0, 1].

    Assumes:
        Chances are those that the texts were drawn with, and every text asked gave a verdict.

    Source:
        Zrnic & Candes (2024), arXiv:2403.03208, with the power tuning and the interval of `difference_ppi`;
        coverage in docs/judge-error.md. The gold part is checked against statsmodels' weighted least squares
        with a sandwich over documents.
    """
    _check_chances(probability)
    return difference_ppi(cheap, gold, in_a, document, level, binary, weight=1 / np.asarray(probability))
