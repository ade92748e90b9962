"""What this very data gives where there is nothing to find: shuffled groups."""

import numpy as np
import polars as pl

from tasks.score.discoveries import holds, q_of
from tasks.score.tests import fixed_estimates
from tasks.verdicts.judged import Judged

NULL_SHUFFLES = 100


def null_rate(judged: Judged) -> dict[str, int]:
    """How often these verdicts give any discovery when group labels are shuffled between documents.

    Either direction counts: which one was frozen has to do with the labels that were shuffled away.
    """
    rng = np.random.default_rng([judged.study.seed, 2])
    found = 0
    for _ in range(NULL_SHUFFLES):
        estimates = fixed_estimates(judged.regrouped(shuffle_groups(judged.rows, rng)))
        size = np.abs(estimates["validity"].to_numpy())
        q = q_of(estimates["p"].to_numpy(), size, judged.study.score)
        found += bool(holds(q, size, judged.study.score).any())
    return {"null_shuffles": NULL_SHUFFLES, "null_runs_with_discovery": found}


def shuffle_groups(held_out: pl.DataFrame, rng: np.random.Generator) -> pl.Series:
    """Group labels as if they meant nothing: swapped between whole documents.

    Documents with rows in one group trade labels with each other; one with rows in both keeps or
    swaps its two labels as by a coin. So dependence within documents stays as it is.
    """
    in_a = (held_out["group"] == "A").to_numpy()
    document = held_out["document_id"].rank("dense").to_numpy().astype(np.int64) - 1
    rows = np.bincount(document)
    rows_a = np.bincount(document, weights=in_a)
    pure = (rows_a == 0) | (rows_a == rows)
    label = rows_a > 0
    label[pure] = rng.permutation(label[pure])
    swap = rng.random(len(rows)) < 0.5
    shuffled = np.where(pure[document], label[document], in_a ^ swap[document])
    return pl.Series("group", np.where(shuffled, "A", "B"))
