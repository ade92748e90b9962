"""The fixed plan, with every verdict there is: what other plans are held against."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

from tasks.stats.decisions import Rule
from tasks.stats.differences import difference
from tasks.stats.multiplicity import pvalues_adjusted_bh, pvalues_adjusted_holm

ADJUSTED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "fdr": pvalues_adjusted_bh,
    "fwer": pvalues_adjusted_holm,
}


def exhaustive(
    score: Float[np.ndarray, "text predicate"], in_a: Bool[np.ndarray, " text"], rule: Rule
) -> Bool[np.ndarray, " predicate"]:
    """What the fixed-sample test confirms with every verdict: p counts as 1 under the minimum effect."""
    binary = bool((np.isnan(score) | (score == 0) | (score == 1)).all())
    full = difference(score, in_a, np.arange(len(in_a)), rule.level, binary)
    is_large = full.validity >= rule.min_effect
    return is_large & (ADJUSTED[rule.control](np.where(is_large, full.p, 1.0)) <= rule.alpha)
