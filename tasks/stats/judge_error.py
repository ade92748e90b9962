"""How the cheap judge errs, seen on the texts that the gold judge read too."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, stats

from tasks.stats.clustered import mean_difference_variance_cr2
from tasks.stats.documents import document_sums
from tasks.stats.means import bounded_ci
from tasks.stats.rectifier import (
    RectifiedGroup,
    group_rectified,
    members,
    share_effective_size,
    shares_effective_sizes,
)
from tasks.stats.shares import share_difference_ci_mn


@dataclass(frozen=True)
class Rate:
    """A share with its interval, in both groups together, in each, and A less B; one entry per predicate."""

    estimate: Float[np.ndarray, " predicate"]
    """NaN where no gold verdict speaks of it; the interval is then [0, 1], of a difference [-1, 1]."""
    lo: Float[np.ndarray, " predicate"]
    hi: Float[np.ndarray, " predicate"]
    estimate_a: Float[np.ndarray, " predicate"]
    lo_a: Float[np.ndarray, " predicate"]
    hi_a: Float[np.ndarray, " predicate"]
    estimate_b: Float[np.ndarray, " predicate"]
    lo_b: Float[np.ndarray, " predicate"]
    hi_b: Float[np.ndarray, " predicate"]
    difference: Float[np.ndarray, " predicate"]
    lo_difference: Float[np.ndarray, " predicate"]
    hi_difference: Float[np.ndarray, " predicate"]
    n_gold: Int[np.ndarray, " predicate"]
    """Gold texts that it is a share of."""


@dataclass(frozen=True)
class JudgeError:
    """The cheap judge against the gold one; one entry per predicate."""

    sensitivity: Rate
    """Share of texts with gold verdict 1 that the cheap judge calls 1."""
    specificity: Rate
    """Share of texts with gold verdict 0 that the cheap judge calls 0."""
    bias: Float[np.ndarray, " predicate"]
    """Cheap less gold validity: by how much the cheap verdicts alone are wrong about A and B."""
    bias_lo: Float[np.ndarray, " predicate"]
    bias_hi: Float[np.ndarray, " predicate"]


def judge_error(
    cheap: Float[np.ndarray, "text predicate"],
    gold: Float[np.ndarray, "text predicate"],
    in_a: Bool[np.ndarray, " text"],
    document: Int[np.ndarray, " text"],
    level: float,
    threshold: float = 0.5,
    probability: Float[np.ndarray, "..."] | None = None,
) -> JudgeError:
    """Gives sensitivity and specificity of the cheap judge, their difference between A and B, and its bias.

    A judge that errs alike in A and B shrinks every difference by sensitivity + specificity - 1. One that
    errs differently can make a difference out of nothing: `bias` is how large that is, in the units of
    validity.

    Args:
        cheap: verdicts in [0, 1]; NaN where there is none.
        gold: verdicts in [0, 1] of those asked, else NaN.
        in_a: True for rows of A, False for rows of B.
        document: any integer per row; equal ones are one document.
        level: coverage of the intervals, in (0, 1).
        threshold: both judges' verdicts from here on are 1; the bias takes them as they are.
        probability: chance of each text, or of each text and predicate, to be asked, in (0, 1]; without it
            the chances were equal.

    Assumes:
        The gold judge is right, gold texts were drawn at random with these chances, documents are
        independent.

    Source:
        Wilson (1927) for a share and Miettinen & Nurminen (1985) for a difference, at Rao & Scott's (1992)
        effective sizes; Rogan & Gladen (1978), American Journal of Epidemiology 107:71-76, for what error
        does to a share. 45 of 50 gives 0.7864 to 0.9565, checked against statsmodels; the bias against
        Welch's test of the errors (SciPy).
    """
    cheap, gold, in_a = np.asarray(cheap, float), np.asarray(gold, float), np.asarray(in_a, bool)
    gold = np.where(np.isnan(cheap), np.nan, gold)
    weight = np.ones(len(in_a)) if probability is None else 1 / np.asarray(probability, float)
    weight = weight[:, None] if weight.ndim == 1 else weight
    called, member = (cheap >= threshold) * 1.0, members(document)
    true, false = gold >= threshold, gold < threshold
    sensitivity = _rate(np.where(true, called, np.nan), weight, in_a, document, member, level)
    specificity = _rate(np.where(false, 1 - called, np.nan), weight, in_a, document, member, level)
    return JudgeError(sensitivity, specificity, *_bias(cheap - gold, weight, in_a, document, member, level))


def share_ci_wilson(
    k: ArrayLike, n: ArrayLike, level: float, df: ArrayLike = np.inf
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """Gives the Wilson score interval of one share.

    Prefer it to the normal (Wald) interval always: it keeps its level near 0 and 1 and has a width at 0 of n.

    Args:
        k: rows for which it holds, 0 <= k <= n; fractions allowed.
        n: rows; 0 gives [0, 1].
        level: coverage, in (0, 1).
        df: degrees of freedom of Student's t for the critical value; infinite means normal.

    Assumes:
        Rows are independent, or the counts are effective ones.

    Source:
        Wilson (1927), JASA 22:209-212; checked against statsmodels `proportion_confint(method="wilson")`.
    """
    k, n, df = np.broadcast_arrays(*(np.asarray(x, float) for x in (k, n, df)))
    z2 = np.asarray(stats.t.ppf((1 + level) / 2, df)) ** 2
    size = np.maximum(n, 1e-9)
    share = k / size
    half = np.sqrt(z2 * (share * (1 - share) / size + z2 / (4 * size**2)))
    lo, hi = (np.asarray((share + z2 / (2 * size) + sign * half) / (1 + z2 / size)) for sign in (-1, 1))
    lo, hi = np.where(k <= 0, 0.0, np.maximum(lo, 0)), np.where(k >= n, 1.0, np.minimum(hi, 1))
    return np.where(n > 0, lo, 0.0), np.where(n > 0, hi, 1.0)


def _rate(
    score: NDArray[np.float64],
    weight: NDArray[np.float64],
    in_a: NDArray[np.bool_],
    document: NDArray[np.int64],
    member: sparse.csr_array,
    level: float,
) -> Rate:
    everyone = np.ones(len(in_a), dtype=bool)
    a, b, both = (group_rectified(score, score, weight, side, member) for side in (in_a, ~in_a, everyone))
    clustered = member.shape[0] < len(in_a)
    df = mean_difference_variance_cr2(document_sums(score, in_a, document)).df if clustered else np.inf
    sizes = shares_effective_sizes(a, b)
    tables = [np.nan_to_num(a.gold) * sizes[0], sizes[0], np.nan_to_num(b.gold) * sizes[1], sizes[1]]
    lo, hi = share_difference_ci_mn(tables[0], tables[1], tables[2], tables[3], level, df)
    testable = (a.documents_gold > clustered) & (b.documents_gold > clustered)
    ends = [_share_ci(side, level, clustered) for side in (both, a, b)]
    return Rate(
        estimate=both.gold,
        lo=ends[0][0],
        hi=ends[0][1],
        estimate_a=a.gold,
        lo_a=ends[1][0],
        hi_a=ends[1][1],
        estimate_b=b.gold,
        lo_b=ends[2][0],
        hi_b=ends[2][1],
        difference=a.gold - b.gold,
        lo_difference=np.where(testable, lo, -1.0),
        hi_difference=np.where(testable, hi, 1.0),
        n_gold=both.n_gold.astype(np.int64),
    )


def _share_ci(
    side: RectifiedGroup, level: float, clustered: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    ones = np.ones_like(side.n_gold)
    size = share_effective_size(side, ones, ones, 0 * ones)
    df = np.maximum(side.documents_gold - 1, 1) if clustered else np.inf
    lo, hi = share_ci_wilson(np.nan_to_num(side.gold) * size, size, level, df)
    known = side.documents_gold > clustered
    return np.where(known, lo, 0.0), np.where(known, hi, 1.0)


def _bias(
    error: NDArray[np.float64],
    weight: NDArray[np.float64],
    in_a: NDArray[np.bool_],
    document: NDArray[np.int64],
    member: sparse.csr_array,
    level: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    half = (error + 1) / 2
    a, b = (group_rectified(half, half, weight, side, member) for side in (in_a, ~in_a))
    sums = document_sums(half, in_a, document)
    together = [np.where(s.gold_variance > 0, 0, sums.variance_together * s.concentration) for s in (a, b)]
    variance = ((a.gold_pull - b.gold_pull) ** 2).sum(axis=0) + together[0] + together[1]
    known = (a.documents_gold > 1) & (b.documents_gold > 1)
    units = (1 / np.maximum(s.concentration, 1e-9) for s in (a, b))
    df = mean_difference_variance_cr2(sums).df
    lo, hi = bounded_ci(a.gold - b.gold, np.where(known, np.sqrt(variance), np.inf), df, level, *units)
    return 2 * (a.gold - b.gold), 2 * lo, 2 * hi
