"""Which confirmation texts go to the gold judge: by chance alone, with a chance that is known.

Each text, or each text and predicate, is drawn by a hash of its own: so the draw is the same whatever the
order of the rows, the shard, or how far a walk has come, and no verdict has a part in it.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from tasks.stats.sampling import sampling_probabilities, verdict_uncertainty
from tasks.store.sources import uniform

_SALT = "gold"


def chances(held_out: pl.DataFrame, n_texts: int) -> Float[np.ndarray, " text"]:
    """The chance of each text, alike within a group: 1 of a whole number, so that about n_texts are drawn.

    Whole numbers, because a sequential plan bets on multiples of 1 / chance; at least n_texts are expected,
    less than twice as many, and all texts where there are no more.
    """
    sizes = held_out.select(pl.len().over("group")).to_series().to_numpy()
    return np.asarray(1 / np.maximum(sizes // n_texts, 1))


def chances_uncertain(
    held_out: pl.DataFrame, n_texts: int, score: Float[np.ndarray, "text predicate"]
) -> Float[np.ndarray, "text predicate"]:
    """The chance of each pair: higher where the judge is unsure, about n_texts a group and predicate.

    Args:
        held_out: texts with their group.
        n_texts: expected number for each group and predicate.
        score: the judge's, as chances; NaN where there is none, and such a pair is never drawn: chance 0.
    """
    found = np.zeros(score.shape)
    in_a = (held_out["group"] == "A").to_numpy()
    for side in (in_a, ~in_a):
        for column in range(score.shape[1]):
            at = np.flatnonzero(side & ~np.isnan(score[:, column]))
            if at.size:
                unsure = verdict_uncertainty(score[at, column])
                found[at, column] = sampling_probabilities(unsure, n_texts)
    return found


def are_drawn(
    held_out: pl.DataFrame, chance: Float[np.ndarray, " text"], seed: int
) -> Bool[np.ndarray, " text"]:
    """Which texts are drawn, for all predicates."""
    return np.asarray(uniform(held_out["text_id"], _SALT, str(seed)).to_numpy() < chance)


def are_pairs_drawn(
    held_out: pl.DataFrame,
    chance: Float[np.ndarray, "text predicate"],
    seed: int,
    predicate_ids: Sequence[str],
) -> Bool[np.ndarray, "text predicate"]:
    """Which pairs are drawn, each by itself."""
    by_predicate = [
        uniform(held_out["text_id"], _SALT, str(seed), predicate_id).to_numpy()
        for predicate_id in predicate_ids
    ]
    return np.asarray(np.stack(by_predicate, axis=1) < chance)


def largest_weight(held_out: pl.DataFrame, n_texts: int) -> float:
    """The largest 1 / chance: what a corrected score can be at most."""
    return float(round(1 / chances(held_out, n_texts).min()))
