"""Differences when rows of one document resemble each other: sandwich variance, Rao-Scott score test.

The unit is the document. A document may have rows in both groups; what its rows share then cancels, and the
sandwich sees that.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from tasks.stats.design_effect import difference_variance_kept, share_design_effect_unseen
from tasks.stats.documents import DocumentSums
from tasks.stats.means import bounded_ci, t_pvalue
from tasks.stats.shares import share_difference_ci_mn, share_difference_pvalue_mn

_ROUNDING = 1e-12
# At 1 documents with as many rows in A as in B would have no variance left to count degrees of freedom in.
_LARGEST_RHO = 0.99


@dataclass(frozen=True)
class ClusterVariance:
    """Sampling variance of a difference of means over documents, one figure per predicate."""

    var_a: Float[np.ndarray, " predicate"]
    """Of mean A alone; exactly 0 where all documents of A have the same mean."""
    var_b: Float[np.ndarray, " predicate"]
    var: Float[np.ndarray, " predicate"]
    """Of the difference: var_a + var_b less twice the covariance that shared documents bring."""
    df: Float[np.ndarray, " predicate"]
    """Degrees of freedom of `var`, at least 1."""
    kept: Float[np.ndarray, " predicate"]
    """What documents in both groups leave of var_a + var_b: `difference_variance_kept`."""
    testable: NDArray[np.bool_]
    """Both groups have rows of two or more documents."""


def mean_difference_variance_cr2(sums: DocumentSums) -> ClusterVariance:
    """Gives the bias-reduced cluster-robust variance of mean A minus mean B, with degrees of freedom.

    Prefer it to the plain sandwich (CR0, CR1) always: that one is too small with few documents, and its
    G - 1 degrees of freedom are far too many when one group has few of them. With one row per document it
    is Welch's variance exactly.

    Args:
        sums: rows summed by document.

    Assumes:
        Documents are independent; within one, any dependence. The degrees of freedom take rows of a document
        to be equally correlated, with the correlation estimated from the residuals.

    Source:
        Bell & McCaffrey (2002), Survey Methodology 28:169-181 (CR2, Satterthwaite df); working correlation
        as in Imbens & Kolesar (2016), Review of Economics and Statistics 98:701-712, section IV. The matrix
        root is in closed form here: the two indicator columns are orthogonal inside each document, so
        (I - H)^(-1/2) multiplies a document's residual sum in A by (1 - rows/n_a)^(-1/2). Checked against the
        same by dense matrices, and CR0 against statsmodels `cov_type="cluster"`.
    """
    n_a, n_b = np.maximum(sums.n_a, 1), np.maximum(sums.n_b, 1)
    alpha, beta = _weights(sums.rows_a, n_a), _weights(sums.rows_b, n_b)
    # Per row of the document; 0 where it has none.
    root_a = np.divide(alpha, sums.rows_a, out=np.zeros_like(alpha), where=sums.rows_a > 0)
    root_b = np.divide(beta, sums.rows_b, out=np.zeros_like(beta), where=sums.rows_b > 0)
    pull_a = root_a * _residual(sums.sum_a, sums.rows_a, sums.mean_a)
    pull_b = root_b * _residual(sums.sum_b, sums.rows_b, sums.mean_b)
    var_a, var_b = (pull_a**2).sum(axis=0), (pull_b**2).sum(axis=0)
    var = ((pull_a - pull_b) ** 2).sum(axis=0)
    return ClusterVariance(
        var_a=var_a,
        var_b=var_b,
        var=np.where(var > _ROUNDING**2 * (var_a + var_b), var, 0.0),
        df=_degrees_of_freedom(sums, alpha, beta, _correlation(sums, n_a * pull_a, n_b * pull_b)),
        kept=difference_variance_kept(pull_a, pull_b),
        testable=(sums.documents_a > 1) & (sums.documents_b > 1),
    )


def mean_difference_ci_cluster_robust(
    sums: DocumentSums, variance: ClusterVariance, level: float
) -> tuple[Float[np.ndarray, " predicate"], Float[np.ndarray, " predicate"]]:
    """Gives Student's interval of mean A minus mean B over documents, cut to [-1, 1].

    Prefer it for graded scores when documents have several rows; for 0/1 verdicts the clustered score
    interval is better at shares near 0 or 1.

    A constant group is given the variance of both groups together with its rows of a document counted as
    one. Where every score is the same the interval is that of 0 against 0 over the documents.

    Args:
        sums: rows summed by document, scores in [0, 1].
        variance: of the same sums.
        level: coverage, in (0, 1).

    Returns:
        Lower and upper ends; [-1, 1] where a group has rows of fewer than two documents.

    Assumes:
        As `mean_difference_variance_cr2`, and document sums near normal or many.

    Source:
        Bell & McCaffrey (2002), as above; coverage measured in docs/statistics.md.
    """
    estimate = sums.mean_a - sums.mean_b
    error = _standard_error(sums, variance)
    return bounded_ci(estimate, error, variance.df, level, sums.documents_a, sums.documents_b)


def mean_difference_pvalue_cluster_robust(
    sums: DocumentSums, variance: ClusterVariance
) -> Float[np.ndarray, " predicate"]:
    """Gives the two-sided p of equal means over documents.

    Prefer it where `mean_difference_ci_cluster_robust` is preferred; both agree on whether 0 is inside.

    Args:
        sums: rows summed by document, scores in [0, 1].
        variance: of the same sums.

    Returns:
        p; 1 where a group has rows of fewer than two documents, or where nothing varies.

    Assumes:
        As `mean_difference_ci_cluster_robust`.

    Source:
        As `mean_difference_ci_cluster_robust`; size measured in docs/statistics.md.
    """
    return t_pvalue(sums.mean_a - sums.mean_b, _standard_error(sums, variance), variance.df)


def share_effective_sizes_rao_scott(
    sums: DocumentSums, variance: ClusterVariance
) -> tuple[Float[np.ndarray, " predicate"], Float[np.ndarray, " predicate"]]:
    """Gives how many independent rows each group is worth: rows over design effect.

    A design effect is a cluster-robust variance over that of independent rows. Each group is given the
    largest of three: its own, times what shared documents add to or take from the variance of the
    difference; that of the difference as a whole; and 1. Its own alone is too small whenever the few
    documents in which a rare predicate holds happen to be small ones; that of the whole alone misses that
    one group is more clustered than the other; and clustering may not make a result look better than
    independent rows would. A constant group has no variance to compare: its rows of a document then
    count as one (Kish's size). Towards that the design effect is raised where few documents hold the rarer
    verdict: they cannot show how alike a document's rows are.

    Where documents have rows in both groups, what they share cancels, and a group may be worth more than its
    rows, as in a paired test: the design effect is then at most that of groups without shared documents times
    what those leave of the variance (`difference_variance_kept`).

    Args:
        sums: rows summed by document, scores 0 or 1.
        variance: of the same sums.

    Assumes:
        As `mean_difference_variance_cr2`.

    Source:
        Rao & Scott (1992), Biometrics 48:577-585: effective counts k/deff of n/deff; Kish (1965), Survey
        Sampling, for (sum of sizes)^2 / (sum of squared sizes). With one row per document deff is
        n/(n-1), checked; the largest of three is ours, as are `share_design_effect_unseen` and
        `difference_variance_kept`; size and coverage are in docs/statistics.md.
    """
    apart = variance.var_a + variance.var_b
    shared = np.divide(variance.var, apart, out=np.ones_like(apart), where=apart > 0)
    independent_a = _independent_variance(sums.mean_a, sums.n_a)
    independent_b = _independent_variance(sums.mean_b, sums.n_b)
    both = independent_a + independent_b
    whole = np.divide(apart, both, out=np.ones_like(both), where=both > 0)
    rarer_a, rarer_b = _rarer(sums.rows_a, sums.sum_a), _rarer(sums.rows_b, sums.sum_b)
    sizes = []
    for rows, independent, own, rarer, other in (
        (sums.rows_a, independent_a, variance.var_a, rarer_a, rarer_b),
        (sums.rows_b, independent_b, variance.var_b, rarer_b, rarer_a),
    ):
        n = np.maximum(rows.sum(axis=0), 1)
        kish = np.maximum((rows**2).sum(axis=0), 1) / n
        alone = np.divide(own, independent, out=kish.copy(), where=independent > 0)
        least = (whole * shared, np.where(independent > 0, alone * shared, alone))
        seen = (np.ones_like(n), kish, *rarer, other[1], (rows > 0).sum(axis=0).astype(float))
        of_difference, of_groups = (
            share_design_effect_unseen(np.maximum(np.maximum(*pair), 1), *seen)
            for pair in (least, (whole, alone))
        )
        sizes.append(n / np.minimum(of_difference, of_groups * variance.kept))
    return sizes[0], sizes[1]


def share_difference_ci_cluster_score(
    sums: DocumentSums, variance: ClusterVariance, level: float
) -> tuple[Float[np.ndarray, " predicate"], Float[np.ndarray, " predicate"]]:
    """Gives the score interval of share A minus share B at effective sizes, with Student's critical value.

    Prefer it for 0/1 verdicts when documents have several rows: unlike estimate +/- error it stays in
    [-1, 1] and has a width at 0 of n.

    Args:
        sums: rows summed by document, scores 0 or 1.
        variance: of the same sums.
        level: coverage, in (0, 1).

    Returns:
        Lower and upper ends; [-1, 1] where a group has rows of fewer than two documents.

    Assumes:
        As `mean_difference_variance_cr2`.

    Source:
        Rao & Scott (1992) sizes in the interval of Miettinen & Nurminen (1985). Checked against statsmodels'
        sandwich over documents, where there are many; coverage measured in docs/statistics.md.
    """
    k_a, n_a, k_b, n_b = _effective_table(sums, variance)
    lo, hi = share_difference_ci_mn(k_a, n_a, k_b, n_b, level, variance.df)
    return np.where(variance.testable, lo, -1.0), np.where(variance.testable, hi, 1.0)


def share_difference_pvalue_cluster_score(
    sums: DocumentSums, variance: ClusterVariance
) -> Float[np.ndarray, " predicate"]:
    """Gives the two-sided p of equal shares: the score statistic at effective sizes against Student's t.

    Prefer it where `share_difference_ci_cluster_score` is preferred; both agree on whether 0 is inside.

    Args:
        sums: rows summed by document, scores 0 or 1.
        variance: of the same sums.

    Returns:
        p; 1 where a group has rows of fewer than two documents.

    Assumes:
        As `mean_difference_variance_cr2`.

    Source:
        As `share_difference_ci_cluster_score`. Checked against the score test of statsmodels' GEE with many
        documents; size measured in docs/statistics.md.
    """
    p = share_difference_pvalue_mn(*_effective_table(sums, variance), variance.df)
    return np.where(variance.testable, p, 1.0)


def _weights(rows: NDArray[np.float64], n: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each document's share of the group, with the leverage correction; 0 for a group's only document."""
    share = rows / n
    root = np.sqrt(np.maximum(1 - share, 0))
    return np.divide(share, root, out=np.zeros_like(share), where=root > 0)


def _residual(
    total: NDArray[np.float64], rows: NDArray[np.float64], mean: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Each document's sum of deviations from the group's mean; exactly 0 where rounding alone is left."""
    residual = total - rows * np.nan_to_num(mean)
    return np.where(np.abs(residual) > _ROUNDING * rows, residual, 0.0)


def _correlation(
    sums: DocumentSums, pull_a: NDArray[np.float64], pull_b: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Correlation of two rows of one document, in [0, _LARGEST_RHO], by moments; largest where unknown."""
    rows = sums.rows_a + sums.rows_b
    pairs = (rows * (rows - 1)).sum(axis=0)
    within = sums.squares_within
    products = ((pull_a + pull_b) ** 2).sum(axis=0) - within
    unit = within / np.maximum(rows.sum(axis=0), 1) * pairs
    found = np.divide(products, unit, out=np.ones_like(unit), where=unit > 0)
    return np.asarray(np.clip(found, 0.0, _LARGEST_RHO))


def _degrees_of_freedom(
    sums: DocumentSums, alpha: NDArray[np.float64], beta: NDArray[np.float64], rho: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Satterthwaite: tr(M)^2 / tr(M^2), where var is a quadratic form with matrix M over documents.

    M is diagonal plus low rank, diag(d) + W C W', both for independent rows and for rows that are one, so the
    traces cost one pass over the documents.
    """
    n_a, n_b = np.maximum(sums.n_a, 1), np.maximum(sums.n_b, 1)
    gamma = alpha - beta
    per_row_a = np.divide(alpha**2, sums.rows_a, out=np.zeros_like(alpha), where=sums.rows_a > 0)
    per_row_b = np.divide(beta**2, sums.rows_b, out=np.zeros_like(beta), where=sums.rows_b > 0)
    diagonal = (1 - rho) * (per_row_a + per_row_b) + rho * gamma**2
    share_a, share_b = sums.rows_a / n_a, sums.rows_b / n_b
    wide = np.stack([alpha, beta, gamma * share_a, gamma * share_b])
    core = np.zeros((rho.size, 4, 4))
    core[:, 0, 0] = -(1 - rho) / n_a + rho * (share_a**2).sum(axis=0)
    core[:, 1, 1] = -(1 - rho) / n_b + rho * (share_b**2).sum(axis=0)
    core[:, 0, 1] = core[:, 1, 0] = -rho * (share_a * share_b).sum(axis=0)
    core[:, 0, 2] = core[:, 2, 0] = -rho
    core[:, 1, 3] = core[:, 3, 1] = rho
    inner = core @ np.einsum("wgp,vgp->pwv", wide, wide)
    outer = core @ np.einsum("wgp,gp,vgp->pwv", wide, diagonal, wide)
    trace = diagonal.sum(axis=0) + np.einsum("pww->p", inner)
    square = (diagonal**2).sum(axis=0) + 2 * np.einsum("pww->p", outer)
    square += np.einsum("pwv,pvw->p", inner, inner)
    # Rounding alone is left where documents cancel exactly; one degree is then the careful answer.
    usable = (square > 1e-300) & (trace > 1e-12 * diagonal.sum(axis=0))
    df = np.divide(trace**2, square, out=np.ones_like(trace), where=usable)
    most = np.maximum((sums.rows_a + sums.rows_b > 0).sum(axis=0) - 1.0, 1.0)
    return np.asarray(np.clip(df, 1.0, most))


def _rarer(
    rows: NDArray[np.float64], positive: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Texts with the rarer verdict, and documents with one."""
    texts = np.minimum(positive.sum(axis=0), (rows - positive).sum(axis=0))
    holding = np.minimum((positive > 0).sum(axis=0), (rows > positive).sum(axis=0))
    return texts, holding.astype(float)


def _independent_variance(mean: NDArray[np.float64], n: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.nan_to_num(mean * (1 - mean)) / np.maximum(n, 1))


def _standard_error(sums: DocumentSums, variance: ClusterVariance) -> NDArray[np.float64]:
    """Of the difference of means; infinite where nothing can be said, 0 where nothing varies at all."""
    together = sums.variance_together
    stand_in = []
    for rows, own in ((sums.rows_a, variance.var_a), (sums.rows_b, variance.var_b)):
        kish = (rows**2).sum(axis=0) / np.maximum(rows.sum(axis=0), 1) ** 2
        stand_in.append(np.where(own > 0, 0.0, together * kish))
    # Shared documents may cancel to nothing by chance: then they are taken as if they were not shared.
    own = np.where(variance.var > 0, variance.var, variance.var_a + variance.var_b)
    return np.where(variance.testable, np.sqrt(own + stand_in[0] + stand_in[1]), np.inf)


def _effective_table(
    sums: DocumentSums, variance: ClusterVariance
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    size_a, size_b = share_effective_sizes_rao_scott(sums, variance)
    k_a, k_b = np.nan_to_num(sums.mean_a) * size_a, np.nan_to_num(sums.mean_b) * size_b
    return k_a, size_a, k_b, size_b
