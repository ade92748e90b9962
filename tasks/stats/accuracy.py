"""How often answers are right: a share over items with several answers; two models on the same items."""

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

from tasks.stats.judge_error import share_ci_wilson


def share_ci_wilson_clustered(
    right: Float[np.ndarray, " row"],
    item: Int[np.ndarray, " row"],
    level: float,
    rows: Int[np.ndarray, " row"] | None = None,
) -> tuple[float, float]:
    """Gives the score interval of a share whose rows of one item may resemble each other.

    Wilson's at the number of independent rows that the items are worth, at most all, with Student's t.
    Prefer it to one over rows where an item has several: ten samples of a question are no ten questions.

    Args:
        right: 0 or 1 of each row; at least one row.
        item: any integer; equal ones are one item.
        level: coverage, in (0, 1).
        rows: how many rows each entry stands for, `right` then being how many of these are 1; without it one.

    Returns:
        Lower and upper end; [0, 1] where there is one item alone, answered several times.

    Assumes:
        Items are independent; within one, any dependence.

    Source:
        Effective size as in Korn and Graubard (1998), Survey Methodology 24:193-201, here in Wilson's
        interval; cluster-robust variance with G / (G - 1). Checked against statsmodels: `proportion_confint`
        where items go singly, and OLS on a constant with `cov_type="cluster"`.
    """
    _, place = np.unique(item, return_inverse=True)
    counts = np.ones(len(right)) if rows is None else rows
    n, n_items = int(counts.sum()), int(place.max()) + 1
    share = float(right.sum()) / n
    if n_items == n:
        lo, hi = share_ci_wilson(right.sum(), n, level)
        return float(lo), float(hi)
    if n_items == 1:
        return 0.0, 1.0
    off = np.bincount(place, weights=right - share * counts)
    variance = n_items / (n_items - 1) * float(off @ off) / n**2
    # Of a share of 0 or 1 nothing is known but how many items there are.
    size = min(share * (1 - share) / variance, n) if variance > 0 and 0 < share < 1 else n_items
    lo, hi = share_ci_wilson(share * size, size, level, n_items - 1)
    return float(lo), float(hi)


def discordance_pvalue_mcnemar(n_first: int, n_second: int) -> float:
    """Gives the exact two-sided p of two models being right equally often.

    Prefer it to a test of two shares wherever both answered the same items: what both get right, or both
    wrong, says nothing of which is better.

    Args:
        n_first: items that only the first got right.
        n_second: items that only the second got right.

    Returns:
        1 where there is no such item.

    Assumes:
        Items are independent, one pair of outcomes each.

    Source:
        McNemar (1947), Psychometrika 12:153-157, in its exact form; checked against statsmodels
        `mcnemar(exact=True)`.
    """
    if n_first + n_second == 0:
        return 1.0
    return float(stats.binomtest(n_first, n_first + n_second, 0.5).pvalue)
