"""What a better judge's sample makes of the judge's effects: corrected differences.

Not here:   reading verdicts (verdicts/matrices.py), walks that stop early (corrected_walk.py), what follows
            for a discovery (discoveries.py)
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from tasks.stats.prediction_powered import PredictionPowered, difference_ppi, difference_sampled
from tasks.verdicts.bets import documents_enough
from tasks.verdicts.judged import Judged
from tasks.verdicts.matrices import GoldVerdicts, Matrix


@dataclass(frozen=True)
class Corrected(PredictionPowered):
    """The gold judge's differences; one entry per predicate, means as shares.

    Gold verdicts on rows without a verdict of the judge are of no use, and ignored. Where a walk stopped
    early there is no ratio of variances (NaN).
    """

    log_e: Float[np.ndarray, " predicate"] | None = None
    """Sequential plan: evidence against no effect in the frozen direction; natural logarithm."""


def corrected_fixed(judged: Judged, level: float, gold: GoldVerdicts | None = None) -> Corrected:
    """Gives the corrected difference of each predicate, where all rows were judged.

    Chances that are equal within each group need no weights: what is left of them cancels.

    Args:
        judged: with gold verdicts.
        level: coverage of the intervals.
        gold: others than those, with the same threshold behind them.
    """
    gold = gold or judged.verdict_gold
    cheap, texts = judged.verdict, (judged.in_a, judged.document)
    assert gold is not None  # noqa: S101 - there are no corrected effects without
    even = _is_even(gold, judged.in_a)
    parts = []
    for at, is_even in ((np.flatnonzero(even), True), (np.flatnonzero(~even), False)):
        if not at.size:
            continue
        f, y, chance = cheap[:, at], gold.score[:, at], gold.chance[:, at]
        found = (
            difference_ppi(f, y, *texts, level, judged.is_binary)
            if is_even
            else difference_sampled(f, y, *texts, chance, level, judged.is_binary)
        )
        parts.append((at, found))
    return _clip_to_shares(_join_parts(parts, cheap.shape[1]), ~is_known(judged, gold))


def corrected_estimates(judged: Judged, estimates: pl.DataFrame, corrected: Corrected) -> pl.DataFrame:
    """The judge's estimates with the corrected figures in their place, where gold decides.

    The bounds say what all rows of which the judge, or of gold rows the gold judge, was asked in vain could
    change.

    Args:
        judged: all verdicts.
        estimates: of the judge alone, rows of frames.ESTIMATES; their counts stay.
        corrected: what takes the place.
    """
    refused = shares_refused(judged)
    means = np.stack([corrected.mean_a, corrected.mean_b])
    least = np.where(np.isnan(means), 0.0, means * (1 - refused))
    most = np.where(np.isnan(means), 1.0, least + refused)
    figures = {name: getattr(corrected, name) for name in ("mean_a", "mean_b", "validity", "lo", "hi", "p")}
    bounds = {"missing_lo": least[0] - most[1], "missing_hi": most[0] - least[1]}
    return estimates.with_columns(
        *[pl.Series(name, values) for name, values in (figures | bounds).items()],
        pl.Series("method", corrected.method),
    )


def shares_refused(judged: Judged) -> Float[np.ndarray, "group predicate"]:
    """The share of rows of A and of B that one of both judges would have refused, for each predicate.

    Of gold verdicts those that the judge refused do not count twice.
    """
    gold, in_vain = judged.verdict_gold, judged.in_vain
    assert gold is not None  # noqa: S101 - asked for corrected effects
    usable = ~np.isnan(judged.verdict)
    lost = gold.asked & np.isnan(gold.score) & usable
    found = []
    for side in (judged.in_a, ~judged.in_a):
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


def is_known(judged: Judged, gold: GoldVerdicts) -> Bool[np.ndarray, " predicate"]:
    """Whether both groups have gold documents enough."""
    said = np.where(np.isnan(judged.verdict), np.nan, gold.score)
    return documents_enough(said, judged.in_a, judged.document)


def _join_parts(
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


def _clip_to_shares(found: Corrected, unknown: Bool[np.ndarray, " predicate"]) -> Corrected:
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
