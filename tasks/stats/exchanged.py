"""Differences of means were whole documents to change places, however skewed they are: a permutation test.

A sandwich variance rests on the documents seen in each group. Where a group has few of them, and nearly all
agree, it may see no variance at all. Here the documents of both groups tell how much they vary.
"""

import numpy as np
from jaxtyping import Float
from scipy import stats

from tasks.stats.documents import DocumentSums

_ROUNDING = 1e-12
_LEAST_DOCUMENTS = 3
"""With fewer there is no third moment."""


def mean_difference_permutation_pearson3(
    sums: DocumentSums, level: float
) -> tuple[Float[np.ndarray, " predicate"], Float[np.ndarray, " predicate"], Float[np.ndarray, " predicate"]]:
    """Gives interval and two-sided p of mean A minus mean B, were documents dealt out anew.

    Prefer it beside a cluster-robust test where a group has few documents or their means are skewed. Each
    document keeps how many rows it has in A and in B; means of documents trade places, and what a document
    has more in A than in B changes its sign by a coin.

    Args:
        sums: rows summed by document, scores in [0, 1].
        level: coverage, in (0, 1).

    Returns:
        Lower and upper ends, cut to [-1, 1], and p. An end is 0 where p is 1 - level. With fewer than three
        documents, or none in a group, [-1, 1] and 1; where all documents have the same mean, the mean
        difference itself and 1.

    Assumes:
        Documents are independent. Where there is no difference their means are exchangeable, and within one
        A and B are alike; in the interval also that a difference moves them and changes nothing else.

    Source:
        The first three moments of a linear permutation statistic and Pearson's type III curve with these:
        Mielke & Berry (2007), Permutation Methods, section 2.3. Checked against all permutations of six
        documents (tests/unit/test_stats_exchanged.py). The interval is test-based (Miettinen 1976, American
        Journal of Epidemiology 103:226-235), and no narrower than that of the normal distribution.
    """
    rows = sums.rows_a + sums.rows_b
    seen = rows > 0
    n = seen.sum(axis=0)
    mean = np.divide(sums.sum_a + sums.sum_b, rows, out=np.zeros_like(rows), where=seen)
    pull = sums.rows_a / np.maximum(sums.n_a, 1) - sums.rows_b / np.maximum(sums.n_b, 1)
    within = sums.sum_a / np.maximum(sums.n_a, 1) - sums.sum_b / np.maximum(sums.n_b, 1) - pull * mean
    mean, pull = _centred(mean, seen), _centred(pull, seen)
    testable = (n >= _LEAST_DOCUMENTS) & (sums.n_a > 0) & (sums.n_b > 0)
    n = np.maximum(n, _LEAST_DOCUMENTS)
    var = (pull**2).sum(axis=0) * (mean**2).sum(axis=0) / (n - 1) + (within**2).sum(axis=0)
    third = (pull**3).sum(axis=0) * (mean**3).sum(axis=0) * n / ((n - 1) * (n - 2))
    varies = testable & (var > _ROUNDING**2)
    error = np.sqrt(np.where(varies, var, 1.0))
    value = np.where(testable, sums.mean_a - sums.mean_b, 0.0)
    skew, far = np.where(varies, third, 0.0) / error**3, np.abs(value) / error
    p = np.where(varies, stats.pearson3.sf(far, skew) + stats.pearson3.cdf(-far, skew), 1.0)
    reach = stats.norm.isf((1 - level) / 2) * _error(value, np.minimum(p, 1.0), np.where(varies, error, 0.0))
    lo, hi = np.maximum(value - reach, -1), np.minimum(value + reach, 1)
    return np.where(testable, lo, -1.0), np.where(testable, hi, 1.0), np.minimum(p, 1.0)


def _centred(
    values: Float[np.ndarray, "document predicate"], seen: Float[np.ndarray, "document predicate"]
) -> Float[np.ndarray, "document predicate"]:
    """Less their mean over documents that are seen; 0 elsewhere."""
    mean = np.where(seen, values, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    return np.where(seen, values - mean, 0.0)


def _error(
    value: Float[np.ndarray, " predicate"],
    p: Float[np.ndarray, " predicate"],
    error: Float[np.ndarray, " predicate"],
) -> Float[np.ndarray, " predicate"]:
    """The standard error with which the normal distribution would give this p, or the larger one."""
    far = stats.norm.isf(p / 2)
    return np.asarray(
        np.maximum(error, np.divide(np.abs(value), far, out=np.zeros_like(value), where=far > 0))
    )
