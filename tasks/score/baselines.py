"""What this very data gives where there is nothing to find: shuffled groups."""

import numpy as np
import polars as pl
from scipy import stats

from tasks.score.discoveries import holds, q_of
from tasks.score.tests import fixed_estimates
from tasks.verdicts.judged import Judged
from tasks.verdicts.matrices import groups_and_documents

NULL_SHUFFLES = 100
_CHANCE = 0.01
"""How often more shuffles than `null_most` have a discovery although the test keeps its level, at most."""


def null_rate(judged: Judged) -> dict[str, int]:
    """How often these verdicts give any discovery when group labels mean nothing, and how often they may.

    Either direction counts: which one was frozen has to do with the labels that were shuffled away.
    """
    rng, wanted = np.random.default_rng([judged.study.seed, 2]), judged.study.score
    found = 0
    for _ in range(NULL_SHUFFLES):
        estimates = fixed_estimates(judged.regrouped(shuffle_groups(judged.rows, rng)))
        size = np.abs(estimates["validity"].to_numpy())
        found += bool(holds(q_of(estimates["p"].to_numpy(), size, wanted), size, wanted).any())
    return {
        "null_shuffles": NULL_SHUFFLES,
        "null_runs_with_discovery": found,
        "null_most": int(stats.binom.ppf(1 - _CHANCE, NULL_SHUFFLES, wanted.alpha)),
    }


def shuffle_groups(held_out: pl.DataFrame, rng: np.random.Generator) -> pl.Series:
    """Group labels as if they meant nothing, with dependence within documents as it is.

    Documents trade how much of them is A, whatever their sizes; then the rows of each draw who is. So a
    document that lay whole in a group stays whole, pairs swap as by a coin, and no group keeps the larger
    documents, or those with more of anything: the null hypothesis of the planned test is true. A share that
    does not come out even is rounded by chance: groups keep their sizes where documents have equal ones,
    else nearly, unless documents of A and B differ in size.
    """
    in_a, document = groups_and_documents(held_out)
    _, document, rows = np.unique(document, return_inverse=True, return_counts=True)
    share = rng.permutation(np.bincount(document, weights=in_a) / rows)
    n_a = np.floor(share * rows + rng.random(rows.size))
    order = np.lexsort((rng.random(document.size), document))
    place = np.arange(document.size) - np.repeat(np.cumsum(rows) - rows, rows)
    shuffled = np.empty_like(in_a)
    shuffled[order] = place < np.repeat(n_a, rows)
    return pl.Series("group", np.where(shuffled, "A", "B"))
