"""From estimates to discoveries: q over all frozen predicates, the minimum effect, the frozen direction.

Not here:   estimates and intervals (a kind's estimand, gold.py)
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from tasks.kinds import Estimate
from tasks.records import Predicate
from tasks.score.corrected import Corrected
from tasks.stats.decisions import evalues_adjusted
from tasks.stats.multiplicity import pvalues_adjusted_bh
from tasks.study.params import ScoreParams
from tasks.verdicts.walk import Walk

SUPPORTED, OPEN, CONTRADICTED = BEARINGS = ("supported", "open", "contradicted")
"""What the gold verdicts say of the judge's effect."""
_LARGEST_LOG = 700.0


@dataclass(frozen=True)
class Decided:
    """What the plan says of one predicate."""

    estimate: Estimate
    q: float
    e_value: float | None
    decision: str
    fragile: bool
    is_discovery: bool

    @property
    def strength(self) -> float:
        """Distance of the interval from zero, which picks a group's leader; negative if it spans zero."""
        distance = max(self.estimate.lo, -self.estimate.hi)
        # What a walk confirmed may span zero: it still leads what it did not.
        return distance + 2 * (self.decision == "confirmed")


def decided_fixed(
    wanted: ScoreParams, estimates: Sequence[Estimate], predicates: Sequence[Predicate]
) -> list[Decided]:
    """What is decided where every predicate was judged on every text."""
    q = pvalues_adjusted_bh(np.array([e.p for e in estimates]))
    found = [
        is_discovery(e, float(q[i]), p, wanted)
        for i, (e, p) in enumerate(zip(estimates, predicates, strict=True))
    ]
    return [
        Decided(e, float(q[i]), None, "fixed", found[i] and is_fragile(e, p, wanted), found[i])
        for i, (e, p) in enumerate(zip(estimates, predicates, strict=True))
    ]


def decided_sequential(walk: Walk, estimates: Sequence[Estimate]) -> list[Decided]:
    """What the walk decided.

    Args:
        walk: at its stop.
        estimates: the fixed-sample ones at level (1 + level) / 2; corrected ones where gold decides.
    """
    look = walk.looks[-1]
    lo, hi = walk.interval(np.array([e.lo for e in estimates]), np.array([e.hi for e in estimates]))
    e_value = np.exp(np.clip(look.log_e, -_LARGEST_LOG, _LARGEST_LOG))
    return [
        Decided(
            replace(
                estimate,
                validity=float(np.clip(look.estimate[i], lo[i], hi[i])),
                lo=float(lo[i]),
                hi=float(hi[i]),
                p=min(1.0, 1 / float(e_value[i])),
                method=f"betting+{estimate.method}" if walk.ended[i] else "betting",
            ),
            q=float(look.q[i]),
            e_value=float(e_value[i]),
            decision=decision,
            fragile=bool(look.fragile[i]),
            is_discovery=decision == "confirmed",
        )
        for i, (estimate, decision) in enumerate(zip(estimates, walk.decisions, strict=True))
    ]


def is_discovery(estimate: Estimate, q: float, predicate: Predicate, wanted: ScoreParams) -> bool:
    """Significant over all frozen predicates, large enough, and in the frozen direction."""
    towards = estimate.validity if predicate.direction == "A" else -estimate.validity
    return q <= wanted.alpha and towards >= wanted.min_effect


def is_fragile(estimate: Estimate, predicate: Predicate, wanted: ScoreParams) -> bool:
    """Whether the effect would be too small had every missing verdict gone against it."""
    if estimate.missing_lo == estimate.missing_hi:
        return False
    worst = estimate.missing_lo if predicate.direction == "A" else -estimate.missing_hi
    return worst <= 0 or worst < wanted.min_effect


def corrected_q(
    corrected: Corrected, predicates: Sequence[Predicate], wanted: ScoreParams, control: str = "fdr"
) -> Float[np.ndarray, " predicate"]:
    """q of the corrected effects over all frozen predicates.

    Args:
        corrected: of `gold.py`.
        predicates: the frozen ones.
        wanted: the minimum effect, under which a predicate's evidence counts as none in a sequential plan.
        control: fdr or fwer, of a sequential plan.
    """
    if corrected.log_e is None:
        return pvalues_adjusted_bh(corrected.p)
    named = _towards(corrected, predicates) >= wanted.min_effect
    return evalues_adjusted(corrected.log_e, named, control)


def bearings(
    corrected: Corrected,
    q: Float[np.ndarray, " predicate"],
    predicates: Sequence[Predicate],
    judged: Float[np.ndarray, " predicate"],
    claimed: Bool[np.ndarray, " predicate"],
    wanted: ScoreParams,
) -> list[str]:
    """What the gold verdicts say of each predicate, one of BEARINGS.

    Args:
        corrected: of `gold.py`.
        q: of `corrected_q`.
        predicates: the frozen ones.
        judged: the judge's own estimate.
        claimed: True where the judge's own test says discovery; only that can be contradicted.
        wanted: what counts as a discovery.
    """
    supported = (q <= wanted.alpha) & (_towards(corrected, predicates) >= wanted.min_effect)
    # Ends and estimates are rounded apart.
    outside = (judged < corrected.lo - 1e-9) | (judged > corrected.hi + 1e-9)
    against = claimed & outside & ~supported
    return [SUPPORTED if s else CONTRADICTED if c else OPEN for s, c in zip(supported, against, strict=True)]


def _towards(corrected: Corrected, predicates: Sequence[Predicate]) -> Float[np.ndarray, " predicate"]:
    """The corrected effect in the frozen direction; NaN where there is none."""
    sign = np.array([1.0 if p.direction == "A" else -1.0 for p in predicates])
    return np.asarray(sign * corrected.validity)
