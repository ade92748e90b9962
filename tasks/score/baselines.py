"""What this very data gives where there is nothing to find: shuffled groups.

A shuffle draws from a generator of its own, so that any part of them may be done anywhere, in any order.
"""

import numpy as np
from jaxtyping import Bool
from scipy import stats

from tasks import kinds
from tasks.score.discoveries import holds, q_of
from tasks.score.tests import fixed_estimates
from tasks.verdicts.judged import Judged

NULL_SHUFFLES = 100
_CHANCE = 0.01
"""How often more shuffles than `null_most` have a discovery although the test keeps its level, at most."""


def n_shuffles(judged: Judged) -> int:
    """How often labels are shuffled."""
    return min(NULL_SHUFFLES, kinds.load(judged.study.kind).most_shuffles(judged))


def shuffles_with_discovery(judged: Judged, some: range) -> Bool[np.ndarray, " shuffle"]:
    """Whether these verdicts give any discovery when group labels mean nothing, for some of the shuffles.

    Either direction counts: which one was frozen has to do with the labels that were shuffled away.
    """
    wanted, kind = judged.study.score, kinds.load(judged.study.kind)
    found = np.zeros(len(some), dtype=np.bool_)
    for at, number in enumerate(some):
        rng = np.random.default_rng([judged.study.seed, 2, number])
        estimates = fixed_estimates(kind.shuffled(judged, rng))
        size = np.abs(estimates["validity"].to_numpy())
        q = q_of(estimates["p"].to_numpy(), size, wanted, judged.weight)
        found[at] = holds(q, size, wanted).any()
    return found


def null_rate(judged: Judged, found: Bool[np.ndarray, " shuffle"] | None = None) -> dict[str, int]:
    """How often that is of all shuffles, and how often it may be.

    Args:
        judged: all verdicts.
        found: of `shuffles_with_discovery` for all of them, where it is known.
    """
    if found is None:
        found = shuffles_with_discovery(judged, range(n_shuffles(judged)))
    return {
        "null_shuffles": len(found),
        "null_runs_with_discovery": int(found.sum()),
        "null_most": int(stats.binom.ppf(1 - _CHANCE, len(found), judged.study.score.alpha)),
    }
