"""Differences of two means of graded scores in [0, 1], independent rows: Welch; published D5 rules."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from scipy import stats

from tasks.stats.shares import share_difference_ci_mn


@dataclass(frozen=True)
class Moments:
    """What a mean difference needs of the rows, one figure per predicate."""

    n_a: NDArray[np.float64]
    n_b: NDArray[np.float64]
    mean_a: NDArray[np.float64]
    mean_b: NDArray[np.float64]
    var_a: NDArray[np.float64]
    var_b: NDArray[np.float64]
    """Sample variances (n - 1); exactly 0 for a group that is constant or has a single row."""
    var: NDArray[np.float64]
    """Sample variance of both groups together, as if there were no difference."""


def mean_difference_moments(
    score: Float[np.ndarray, "text predicate"], in_a: Bool[np.ndarray, " text"]
) -> Moments:
    """Gives counts, means and variances of both groups; NaN scores are left out per predicate.

    Args:
        score: any finite number, or NaN for a missing verdict.
        in_a: True for rows of A, False for rows of B.

    Assumes:
        Nothing.

    Source:
        Two-pass sample variance; checked against `numpy.nanvar(ddof=1)`.
    """
    n_a, mean_a, var_a = _moments(score[in_a])
    n_b, mean_b, var_b = _moments(score[~in_a])
    return Moments(n_a, n_b, mean_a, mean_b, var_a, var_b, _moments(score)[2])


def mean_difference_ci_welch(
    moments: Moments, level: float
) -> tuple[Float[np.ndarray, " predicate"], Float[np.ndarray, " predicate"]]:
    """Gives Welch's interval of mean A minus mean B, cut to [-1, 1].

    Prefer it for graded scores of independent rows: it does not assume equal variances. For 0/1 verdicts
    the score interval is better at small counts; with repeated documents see `clustered.py`.

    A constant group is silent about its own variance, so it is given that of both groups together, the
    estimate under no difference. Where every score is the same, the interval is that of 0 of n against
    0 of n: what values not yet seen could still bring.

    Args:
        moments: of scores in [0, 1], one figure per predicate.
        level: coverage, in (0, 1).

    Returns:
        Lower and upper ends; [-1, 1] with an empty group or fewer than three rows.

    Assumes:
        Independent rows; means near normal (some ten rows a group, more for rare non-zero scores).

    Source:
        Welch (1947), Biometrika 34:28-35, with Satterthwaite degrees of freedom; checked against
        `scipy.stats.ttest_ind(equal_var=False).confidence_interval` (`tests/reference/test_stats_scipy.py`).
    """
    error, df = _welch(moments)
    return bounded_ci(moments.mean_a - moments.mean_b, error, df, level, moments.n_a, moments.n_b)


def mean_difference_pvalue_welch(moments: Moments) -> Float[np.ndarray, " predicate"]:
    """Gives Welch's two-sided p of equal means.

    Prefer it and avoid it where `mean_difference_ci_welch` says; both agree on whether 0 is inside.

    Args:
        moments: of scores in [0, 1], one figure per predicate.

    Returns:
        p; 1 with an empty group, fewer than three rows, or no variance anywhere.

    Assumes:
        As `mean_difference_ci_welch`.

    Source:
        Welch (1947); checked against `scipy.stats.ttest_ind(equal_var=False)`.
    """
    error, df = _welch(moments)
    return t_pvalue(moments.mean_a - moments.mean_b, error, df)


def mean_difference_ci_normal(
    moments: Moments, level: float
) -> tuple[Float[np.ndarray, " predicate"], Float[np.ndarray, " predicate"]]:
    """Gives the published D5 interval: mean difference with a normal width from population variances.

    Only for reproducing published figures; for new ones prefer Welch or the score interval.

    Args:
        moments: one figure per predicate, at least one row a group.
        level: coverage, in (0, 1); D5 uses 1 - 1e-5.

    Returns:
        Lower and upper ends, not cut to [-1, 1]; NaN with an empty group.

    Assumes:
        Independent rows, large groups.

    Source:
        Zhong et al. (2023), Goal driven discovery of distributional differences via language descriptions:
        V +/- z sqrt(var_a/n_a + var_b/n_b), variances over n. Checked against all 30 recorded
        hypotheses: number 59 gives 0.259, 0.196874 to 0.321126.
    """
    v = moments.mean_a - moments.mean_b
    squared_a = moments.var_a * (moments.n_a - 1) / np.maximum(moments.n_a, 1) ** 2
    squared_b = moments.var_b * (moments.n_b - 1) / np.maximum(moments.n_b, 1) ** 2
    half = stats.norm.ppf((1 + level) / 2) * np.sqrt(squared_a + squared_b)
    return v - half, v + half


def mean_difference_pvalue_pooled_t(moments: Moments) -> Float[np.ndarray, " predicate"]:
    """Gives the published D5 p: one-sided pooled t-test of mean A over mean B.

    Only for reproducing published figures: one-sided, it is not valid for a direction chosen afterwards.

    Args:
        moments: one figure per predicate, at least three rows in all.

    Returns:
        p in [0, 1]; without any variance 0, 1/2 or 1 by the sign of the difference; NaN with an empty group.

    Assumes:
        Independent rows, equal variances.

    Source:
        Zhong et al. (2023); Student's t on n_a + n_b - 2 degrees of freedom, upper tail. Checked against all
        30 recorded hypotheses (number 59 gives 2.6065e-70) and `scipy.stats.ttest_ind`.
    """
    n_a, n_b = np.maximum(moments.n_a, 1), np.maximum(moments.n_b, 1)
    v = moments.mean_a - moments.mean_b
    df = np.maximum(n_a + n_b - 2, 1)
    error = np.sqrt((moments.var_a * (n_a - 1) + moments.var_b * (n_b - 1)) / df * (1 / n_a + 1 / n_b))
    statistic = np.divide(v, error, out=np.where(v > 0, np.inf, -np.inf), where=error > 0)
    p = np.where(v == 0, 0.5, stats.t.sf(statistic, df))
    return np.where(np.isnan(v), np.nan, p)


def bounded_ci(
    estimate: NDArray[np.float64],
    error: NDArray[np.float64],
    df: NDArray[np.float64],
    level: float,
    units_a: NDArray[np.float64],
    units_b: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gives Student's interval cut to [-1, 1]: whole where the error is infinite, that of 0/n where it is 0.

    Args:
        estimate: of a difference, in [-1, 1]; NaN only where the error is infinite.
        error: its standard error, 0 or more.
        df: degrees of freedom, over 0.
        level: coverage, in (0, 1).
        units_a: independent units (rows or documents) of A that an error of 0 rests on.
        units_b: the same of B.

    Assumes:
        The estimate over its error follows Student's t.

    Source:
        Student (1908); at an error of 0 Miettinen & Nurminen (1985). Checked against
        `scipy.stats.t.interval`.
    """
    known = np.isfinite(error)
    half = np.where(known, error, 0.0) * stats.t.ppf((1 + level) / 2, df)
    unseen_lo, unseen_hi = share_difference_ci_mn(0, units_a, 0, units_b, level)
    centre = np.nan_to_num(estimate)
    lo = centre + np.where(error == 0, unseen_lo, -half)
    hi = centre + np.where(error == 0, unseen_hi, half)
    # The outer pair keeps the estimate inside where a judge's rounding puts a score a hair over 1.
    lo = np.minimum(np.maximum(lo, -1.0), np.where(known, centre, 0.0))
    hi = np.maximum(np.minimum(hi, 1.0), np.where(known, centre, 0.0))
    return np.where(known, lo, -1.0), np.where(known, hi, 1.0)


def t_pvalue(
    estimate: NDArray[np.float64], error: NDArray[np.float64], df: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Gives Student's two-sided p; 1 where the error is 0 or infinite.

    Args:
        estimate: any; NaN counts as 0.
        error: its standard error, 0 or more.
        df: degrees of freedom, over 0.

    Assumes:
        As `bounded_ci`.

    Source:
        Student (1908); checked against `scipy.stats.ttest_1samp`.
    """
    usable = np.isfinite(error) & (error > 0)
    statistic = np.divide(np.abs(np.nan_to_num(estimate)), error, out=np.zeros_like(error), where=usable)
    p: NDArray[np.float64] = np.where(usable, np.minimum(1.0, 2 * stats.t.sf(statistic, df)), 1.0)
    return p


def _moments(
    score: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Count, mean (NaN without rows) and sample variance of each column, NaN left out."""
    observed = ~np.isnan(score)
    n = observed.sum(axis=0).astype(float)
    total = np.where(observed, score, 0.0).sum(axis=0)
    mean = np.divide(total, n, out=np.full_like(n, np.nan), where=n > 0)
    squares = (np.where(observed, score - mean, 0.0) ** 2).sum(axis=0)
    # By rounding the squares of a constant column are not exactly 0.
    least = np.where(observed, score, np.inf).min(axis=0, initial=np.inf)
    most = np.where(observed, score, -np.inf).max(axis=0, initial=-np.inf)
    return n, mean, np.where(most > least, squares / np.maximum(n - 1, 1), 0.0)


def _welch(m: Moments) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Standard error and degrees of freedom; infinite and 1 where nothing can be said."""
    testable = (m.n_a > 0) & (m.n_b > 0) & (m.n_a + m.n_b > 2)
    n_a, n_b = np.maximum(m.n_a, 1), np.maximum(m.n_b, 1)
    rest = np.maximum(n_a + n_b - 2, 1)
    own_a, own_b = m.var_a > 0, m.var_b > 0
    share_a = np.where(own_a, m.var_a, m.var) / n_a
    share_b = np.where(own_b, m.var_b, m.var) / n_b
    df_a = np.where(own_a, np.maximum(n_a - 1, 1), rest)
    df_b = np.where(own_b, np.maximum(n_b - 1, 1), rest)
    total = share_a + share_b
    spread = share_a**2 / df_a + share_b**2 / df_b
    df = np.divide(total**2, spread, out=np.ones_like(total), where=spread > 0)
    return np.where(testable, np.sqrt(total), np.inf), df
