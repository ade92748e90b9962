"""Corrected differences where a walk stopped: by a confidence sequence on rectified scores.

The judge's verdicts stopped the walk, and only an interval that holds at all times together holds there.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from tasks.score.corrected import Corrected, corrected_fixed, is_known
from tasks.stats.betting import mean_logevalue_betting
from tasks.stats.decisions import Rule
from tasks.stats.sampling import scores_rectified
from tasks.stats.sequential import Sequential, difference_ci_last_look
from tasks.verdicts.bets import with_refusals, worst_verdicts
from tasks.verdicts.judged import Judged
from tasks.verdicts.matrices import GoldVerdicts, Matrix
from tasks.verdicts.walk import Walk

_LEAST_RESOLUTION = 20


def corrected_at_stop(
    fixed: Corrected, judged: Judged, walk: Walk, level: float, steadier: bool = True
) -> Corrected:
    """Gives the corrected difference of each predicate where its walk stopped, whatever made it stop.

    Each text counts as f + [asked] (y - f) / chance, which is the gold verdict on average over who is asked.
    Where the gold judge refused y is the worst there may be for the predicate, and for the interval's other
    end the best. The range of these scores is that of the smallest chance, and so is the width.

    Args:
        fixed: of `corrected_whatever_refused` at level (1 + level) / 2; decides where all texts were judged.
        judged: verdicts, NaN where the walk did not come to; gold ones with chances that do not depend on the
            walk, the same for all texts of a group.
        walk: at its stop.
        level: coverage of the intervals, half of what is missing to 1 for the walk and half for its end.
        steadier: False keeps the walk's own estimate where it ended, by which it decided.
    """
    gold = judged.verdict_gold
    assert gold is not None  # noqa: S101 - asked for corrected effects
    known, ended = is_known(judged, gold), walk.ended
    mean_a, mean_b, lo, hi, log_e = _walked_either(judged, walk, level, weight=1.0)
    alone = _walked_either(judged, walk, level, weight=0.0)[2:4]
    cut = difference_ci_last_look(lo, hi, fixed.lo, fixed.hi)
    cut_alone = difference_ci_last_look(alone[0], alone[1], fixed.lo_gold, fixed.hi_gold)
    lo, hi = (np.where(ended, at_end, so_far) for at_end, so_far in zip(cut, (lo, hi), strict=True))
    lo_gold, hi_gold = (np.where(ended, e, s) for e, s in zip(cut_alone, alone, strict=True))
    if steadier:
        # Where both estimates are there, the interval is around the fixed one.
        mean_a, mean_b = np.where(ended, fixed.mean_a, mean_a), np.where(ended, fixed.mean_b, mean_b)
    log_e = np.where(known, log_e, -np.inf)
    return replace(
        fixed,
        mean_a=np.clip(mean_a, 0, 1),
        mean_b=np.clip(mean_b, 0, 1),
        validity=np.where(known, np.clip(mean_a - mean_b, lo, hi), np.nan),
        lo=np.where(known, lo, -1.0),
        hi=np.where(known, hi, 1.0),
        p=np.exp(-np.maximum(log_e, 0.0)),
        lo_gold=np.where(known, lo_gold, -1.0),
        hi_gold=np.where(known, hi_gold, 1.0),
        weight=np.ones(ended.shape),
        variance_ratio=np.where(ended, fixed.variance_ratio, np.nan),
        method=[f"betting+{name}" if e else "betting" for name, e in zip(fixed.method, ended, strict=True)],
        log_e=log_e,
    )


def corrected_whatever_refused(fixed: Corrected, judged: Judged, level: float) -> Corrected:
    """Gives the intervals of `corrected_fixed` wide enough for anything the gold judge may have refused.

    Args:
        fixed: of `corrected_fixed`, by the same arguments; its estimates stay.
        judged: with gold verdicts, some refused.
        level: coverage of the intervals.
    """
    gold = judged.verdict_gold
    if gold is None or not gold.n_refused.any():
        return fixed
    least = worst_verdicts(judged.in_a, np.ones(judged.verdict.shape[1], dtype=bool))
    low, high = (
        corrected_fixed(judged, level, replace(gold, score=with_refusals(gold, of)))
        for of in (least, 1 - least)
    )
    return replace(
        fixed,
        lo=np.fmin(fixed.lo, low.lo),
        hi=np.fmax(fixed.hi, high.hi),
        lo_gold=np.fmin(fixed.lo_gold, low.lo_gold),
        hi_gold=np.fmax(fixed.hi_gold, high.hi_gold),
    )


def _walked_either(
    judged: Judged, walk: Walk, level: float, weight: float
) -> Float[np.ndarray, "figure predicate"]:
    """As `_walked` with all that gold refused against the predicate; the other end with all of it for it."""
    gold, towards_a = judged.verdict_gold, judged.towards_a
    assert gold is not None  # noqa: S101 - asked for corrected effects
    least = worst_verdicts(judged.in_a, towards_a)
    worst, best = (replace(gold, score=with_refusals(gold, of)) for of in (least, 1 - least))
    found = _walked(judged, worst, walk, level, weight)
    if not gold.n_refused.any():
        return found
    hoped = _walked(judged, best, walk, level, weight)
    found[2] = np.where(towards_a, found[2], np.fmin(found[2], hoped[2]))
    found[3] = np.where(towards_a, np.fmax(found[3], hoped[3]), found[3])
    return found


def _walked(
    judged: Judged, gold: GoldVerdicts, walk: Walk, level: float, weight: float
) -> Float[np.ndarray, "figure predicate"]:
    """Means of A and B, both ends, and evidence, by betting on rectified scores."""
    cheap, in_a, block, towards_a = judged.verdict, judged.in_a, walk.block, judged.towards_a
    least = gold.chance.min(axis=0, initial=1.0)
    found = np.empty((5, least.size))
    for smallest in np.unique(least):
        # The smallest chance makes the range, and with it the width: no predicate pays for another's.
        at = np.flatnonzero(least == smallest)
        psi = scores_rectified(cheap[:, at], gold.score[:, at], gold.chance[:, at], weight)
        width = psi.highest - psi.lowest
        seen = Sequential(towards_a[at], int(block.max()) + 1, Rule(level=level), _resolution(width))
        seen.update(np.clip(psi.score, 0, 1), in_a, block)  # rounded apart from its range
        value = psi.lowest + width * psi.score
        ends = [np.clip(end * width, -1, 1) for end in seen.interval()]
        log_e = mean_logevalue_betting(seen.counts, 0.0)
        found[:, at] = np.stack([*(_mean(value[side]) for side in (in_a, ~in_a)), *ends, log_e])
    return found


def _resolution(width: float) -> int:
    """Atoms on which differences of two 0/1 verdicts fall exactly, and fine enough for any others."""
    steps = max(int(np.ceil(width - 1e-9)), 1)
    return steps * -(-_LEAST_RESOLUTION // steps)


def _mean(value: Matrix) -> Float[np.ndarray, " predicate"]:
    seen = ~np.isnan(value)
    n = seen.sum(axis=0).astype(float)
    total = np.where(seen, value, 0.0).sum(axis=0)
    return np.asarray(np.divide(total, n, out=np.full(n.shape, np.nan), where=n > 0))
