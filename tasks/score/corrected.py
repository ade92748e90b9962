"""What a better judge's sample makes of the judge's effects: corrected differences, by matrices alone.

Not here:   reading verdicts (matrices.py), walks that stop early (gold_walk.py), what follows for a discovery
            (deciding.py)
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from tasks.kinds import Estimate
from tasks.stats.prediction_powered import PredictionPowered, difference_ppi
from tasks.stats.sampling import difference_sampled
from tasks.verdicts.bets import documents_enough
from tasks.verdicts.matrices import GoldVerdicts, Matrix


@dataclass(frozen=True)
class Corrected:
    """The gold judge's differences; one entry per predicate."""

    n_gold_a: Int[np.ndarray, " predicate"]
    """Gold verdicts on texts of A with a verdict of the judge; others are of no use, and ignored."""
    n_gold_b: Int[np.ndarray, " predicate"]
    mean_a: Float[np.ndarray, " predicate"]
    """NaN without a gold verdict."""
    mean_b: Float[np.ndarray, " predicate"]
    validity: Float[np.ndarray, " predicate"]
    lo: Float[np.ndarray, " predicate"]
    hi: Float[np.ndarray, " predicate"]
    p: Float[np.ndarray, " predicate"]
    lo_gold: Float[np.ndarray, " predicate"]
    """Of the gold verdicts alone."""
    hi_gold: Float[np.ndarray, " predicate"]
    weight: Float[np.ndarray, " predicate"]
    """Of the judge's verdicts."""
    variance_ratio: Float[np.ndarray, " predicate"]
    """Over the gold verdicts alone; NaN where the walk stopped early."""
    method: list[str]
    log_e: Float[np.ndarray, " predicate"] | None = None
    """Sequential plan: evidence against no effect in the frozen direction; natural logarithm."""


def corrected_fixed(
    cheap: Matrix,
    gold: GoldVerdicts,
    in_a: Bool[np.ndarray, " text"],
    document: Int[np.ndarray, " text"],
    level: float,
    binary: bool,
) -> Corrected:
    """Gives the corrected difference of each predicate, where all texts were judged.

    Chances that are equal within each group need no weights: what is left of them cancels.

    Args:
        cheap: the judge's verdicts in [0, 1], thresholded if gold is; NaN where there is none.
        gold: verdicts in [0, 1], with the chances they were asked by.
        in_a: True for rows of A.
        document: any integer per row; equal ones are one document.
        level: coverage of the intervals.
        binary: verdicts are 0/1.
    """
    even = _is_even(gold, in_a)
    parts = []
    for at, is_even in ((np.flatnonzero(even), True), (np.flatnonzero(~even), False)):
        if not at.size:
            continue
        f, y, chance = cheap[:, at], gold.score[:, at], gold.chance[:, at]
        found = (
            difference_ppi(f, y, in_a, document, level, binary)
            if is_even
            else difference_sampled(f, y, in_a, document, chance, level, binary)
        )
        parts.append((at, found))
    both = _joined(parts, cheap.shape[1])
    return _in_range(both, ~is_known(cheap, gold, in_a, document))


def corrected_estimates(
    estimates: Sequence[Estimate], corrected: Corrected, refused: Float[np.ndarray, "group predicate"]
) -> list[Estimate]:
    """The judge's estimates with the corrected figures in their place, where gold decides.

    Args:
        estimates: of the judge alone; their counts stay.
        corrected: what takes the place.
        refused: share of texts of A and of B of which the judge, or of gold texts the gold judge, was asked
            in vain; the bounds say what all of them could change.
    """
    means = np.stack([corrected.mean_a, corrected.mean_b])
    least = np.where(np.isnan(means), 0.0, means * (1 - refused))
    most = np.where(np.isnan(means), 1.0, least + refused)
    return [
        replace(
            estimate,
            mean_a=float(corrected.mean_a[i]),
            mean_b=float(corrected.mean_b[i]),
            validity=float(corrected.validity[i]),
            lo=float(corrected.lo[i]),
            hi=float(corrected.hi[i]),
            p=float(corrected.p[i]),
            missing_lo=float(least[0, i] - most[1, i]),
            missing_hi=float(most[0, i] - least[1, i]),
            method=corrected.method[i],
        )
        for i, estimate in enumerate(estimates)
    ]


def shares_refused(
    in_vain: Bool[np.ndarray, "text predicate"],
    cheap: Matrix,
    gold: GoldVerdicts,
    in_a: Bool[np.ndarray, " text"],
) -> Float[np.ndarray, "group predicate"]:
    """The share of texts of A and of B that one of both judges would have refused, for each predicate.

    Args:
        in_vain: pairs on which the judge was asked in vain.
        cheap: the judge's verdicts.
        gold: the gold ones; those that the judge refused do not count twice.
        in_a: True for rows of A.
    """
    usable = ~np.isnan(cheap)
    lost = gold.asked & np.isnan(gold.score) & usable
    found = []
    for side in (in_a, ~in_a):
        own = _share(in_vain[side], (in_vain | usable)[side])
        weighed = np.where(gold.asked & usable, 1 / gold.chance, 0.0)[side]
        found.append(1 - (1 - own) * (1 - _share(weighed * lost[side], weighed)))
    return np.stack(found)


def _share(part: Matrix | Bool[np.ndarray, "..."], whole: Matrix | Bool[np.ndarray, "..."]) -> Matrix:
    total = whole.sum(axis=0).astype(float)
    return np.asarray(np.divide(part.sum(axis=0), total, out=np.zeros(total.shape), where=total > 0))


def _is_even(gold: GoldVerdicts, in_a: Bool[np.ndarray, " text"]) -> Bool[np.ndarray, " predicate"]:
    """Whether all that were asked about, in each group, had one chance."""
    even = np.ones(gold.score.shape[1], dtype=bool)
    for side in (in_a, ~in_a):
        chance, asked = gold.chance[side], gold.asked[side]
        least = np.where(asked, chance, np.inf).min(axis=0, initial=np.inf)
        most = np.where(asked, chance, 0.0).max(axis=0, initial=0.0)
        even &= most <= least * (1 + 1e-9)
    return even


def is_representative(gold: GoldVerdicts) -> Bool[np.ndarray, " predicate"]:
    """Whether all pairs that were asked about had one chance, in both groups: no weights are needed."""
    return _is_even(gold, np.ones(gold.score.shape[0], dtype=bool))


def is_known(
    cheap: Matrix, gold: GoldVerdicts, in_a: Bool[np.ndarray, " text"], document: Int[np.ndarray, " text"]
) -> Bool[np.ndarray, " predicate"]:
    """Whether both groups have gold documents enough."""
    return documents_enough(np.where(np.isnan(cheap), np.nan, gold.score), in_a, document)


def _joined(
    parts: Sequence[tuple[Int[np.ndarray, " part"], PredictionPowered]], n_predicates: int
) -> Corrected:
    """The parts' columns in their places."""
    method = [""] * n_predicates
    columns = {}
    for field in fields(Corrected):
        if field.name in ("method", "log_e"):
            continue
        columns[field.name] = np.empty(n_predicates, dtype=getattr(parts[0][1], field.name).dtype)
        for at, found in parts:
            columns[field.name][at] = getattr(found, field.name)
    for at, found in parts:
        for column, name in zip(at, found.method, strict=True):
            method[column] = name
    return Corrected(**columns, method=method)


def _in_range(found: Corrected, unknown: Bool[np.ndarray, " predicate"]) -> Corrected:
    """Means as shares, which sampling error may have taken out of 0 to 1; nothing of what is not known."""
    mean_a, mean_b = np.clip(found.mean_a, 0, 1), np.clip(found.mean_b, 0, 1)
    validity = np.where(unknown, np.nan, mean_a - mean_b)
    return replace(
        found,
        mean_a=mean_a,
        mean_b=mean_b,
        validity=validity,
        lo=np.where(unknown, -1.0, np.fmin(found.lo, validity)),
        hi=np.where(unknown, 1.0, np.fmax(found.hi, validity)),
        p=np.where(unknown, 1.0, found.p),
        lo_gold=np.where(unknown, -1.0, found.lo_gold),
        hi_gold=np.where(unknown, 1.0, found.hi_gold),
    )
