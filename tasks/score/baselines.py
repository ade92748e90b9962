"""What this very data gives where there is nothing to find: shuffled groups."""

import numpy as np
from scipy import stats

from tasks import kinds
from tasks.score.discoveries import holds, q_of
from tasks.score.tests import fixed_estimates
from tasks.verdicts.judged import Judged

NULL_SHUFFLES = 100
_CHANCE = 0.01
"""How often more shuffles than `null_most` have a discovery although the test keeps its level, at most."""


def null_rate(judged: Judged) -> dict[str, int]:
    """How often these verdicts give any discovery when group labels mean nothing, and how often they may.

    Either direction counts: which one was frozen has to do with the labels that were shuffled away.
    """
    rng, wanted = np.random.default_rng([judged.study.seed, 2]), judged.study.score
    kind, found = kinds.load(judged.study.kind), 0
    shuffles = min(NULL_SHUFFLES, kind.most_shuffles(judged))
    for _ in range(shuffles):
        estimates = fixed_estimates(kind.shuffled(judged, rng))
        size = np.abs(estimates["validity"].to_numpy())
        q = q_of(estimates["p"].to_numpy(), size, wanted, judged.weight)
        found += bool(holds(q, size, wanted).any())
    return {
        "null_shuffles": shuffles,
        "null_runs_with_discovery": found,
        "null_most": int(stats.binom.ppf(1 - _CHANCE, shuffles, wanted.alpha)),
    }
