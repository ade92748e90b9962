"""Predicates that say the same: correlation, paraphrase groups, what one adds to another."""

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from tasks.stats.stratified import mean_difference_estimate_mh

_ROUNDING = 1e-12
_DISTINCT_AT_MOST = 10


def verdicts_phi(score: Float[np.ndarray, "text predicate"]) -> Float[np.ndarray, "predicate predicate"]:
    """Gives the correlation of every two predicates' verdicts, on the texts where both have one.

    For 0/1 verdicts this is phi, for graded ones Pearson's r. Prefer it to the share of equal verdicts, which
    is high for any two rare predicates.

    Args:
        score: verdicts; NaN where there is none.

    Returns:
        Symmetric matrix in [-1, 1]; 0 for a predicate that is constant on the shared texts, with itself too.

    Assumes:
        Nothing; missing verdicts are taken as they fall.

    Source:
        Yule (1912), J. R. Stat. Soc. 75:579-652; Pearson's product moment, pairwise complete. Checked against
        `numpy.corrcoef` on each pair.
    """
    observed = ~np.isnan(score)
    present = observed.astype(float)
    n = present.sum(axis=0)
    mean = np.divide(np.where(observed, score, 0.0).sum(axis=0), n, out=np.zeros(n.shape), where=n > 0)
    # Centred first: the sums below then lose no digits for a predicate that nearly always holds.
    value = np.where(observed, score - mean, 0.0)
    shared = present.T @ present
    total, squares = value.T @ present, (value**2).T @ present
    covariance = shared * (value.T @ value) - total * total.T
    variance = shared * squares - total**2
    variance = np.where(
        variance > _ROUNDING * np.maximum(shared * squares, shared**2 * _ROUNDING), variance, 0
    )
    scale = np.sqrt(variance * variance.T)
    phi = np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0)
    return np.asarray(np.clip((phi + phi.T) / 2, -1.0, 1.0))


def paraphrase_groups(
    phi: Float[np.ndarray, "predicate predicate"],
    threshold: float,
    strength: Float[np.ndarray, " predicate"],
) -> Int[np.ndarray, " predicate"]:
    """Gives, for every predicate, the index of its group's leader: the strongest of those that agree.

    Complete linkage on 1 - |phi|: any two of a group agree at least at the threshold. Average and single
    linkage chain, so that "mentions covid" would end up with "mentions Victoria" by way of "mentions a
    lockdown", and one finding would hide another.
    Opposites agree, too, by |phi|; clip phi at 0 where they are two findings.

    Args:
        phi: correlation of the verdicts, symmetric.
        threshold: least |phi| inside a group, in [0, 1]; over 1 keeps all apart.
        strength: the larger the stronger; of equal ones the first leads. NaN is weakest.

    Returns:
        Index of the leader; a predicate alone leads itself.

    Raises:
        ValueError: the shapes disagree.

    Assumes:
        Nothing.

    Source:
        Sorensen (1948), complete linkage, by `scipy.cluster.hierarchy`, predicates in order of strength so
        that their given order decides nothing. Checked on a chain of three, where single linkage makes one
        group, and against scikit-learn's `AgglomerativeClustering`.
    """
    n = strength.shape[0]
    if phi.shape != (n, n):
        raise ValueError(f"wanted phi of shape ({n}, {n}) for {n} strengths, got {phi.shape}")
    order = np.argsort(-np.nan_to_num(strength, nan=-np.inf), kind="stable")
    if n < 2:
        return order.astype(np.int64)
    group = _complete_linkage(1 - np.abs(phi[np.ix_(order, order)]), 1 - threshold + _ROUNDING)
    leader = np.empty(n, dtype=np.int64)
    # In order of strength, so the first of a group is its leader.
    _, first, which = np.unique(group, return_index=True, return_inverse=True)
    leader[order] = order[first[which]]
    return leader


def conditional_difference(
    score: Float[np.ndarray, " text"], leader: Float[np.ndarray, " text"], in_a: Bool[np.ndarray, " text"]
) -> float:
    """Gives what a predicate still differs by between A and B among texts on which its leader says the same.

    Near 0: it says what the leader says. Prefer it to the plain difference for every member of a group.

    Args:
        score: verdicts of the predicate in [0, 1]; NaN where there is none.
        leader: verdicts of the leader. Each value is a stratum; of more than ten, ten equally filled ones.
        in_a: True for rows of A, False for rows of B.

    Returns:
        Weighted difference in [-1, 1]; NaN where no stratum has rows of both groups.

    Assumes:
        The difference is much the same in all strata, else it is their weighted mean.

    Source:
        Mantel & Haenszel weights as in Greenland & Robins (1985), Biometrics 41:55-68; see `stratified.py`.
        Checked against least squares with a level for every stratum (statsmodels).
    """
    observed = ~np.isnan(leader)
    stratum = np.full(leader.shape, -1, dtype=np.int64)
    values, position = np.unique(leader[observed], return_inverse=True)
    if values.size > _DISTINCT_AT_MOST:
        cuts = np.quantile(leader[observed], np.arange(1, _DISTINCT_AT_MOST) / _DISTINCT_AT_MOST)
        position = np.searchsorted(cuts, leader[observed], side="right")
    stratum[observed] = position
    return float(mean_difference_estimate_mh(score[:, None], in_a, stratum)[0])


def _complete_linkage(distance: NDArray[np.float64], cut: float) -> NDArray[np.int64]:
    """Group number of every row; within a group no two are farther apart than the cut."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    distance = np.maximum(distance, 0)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), method="complete")
    return np.asarray(fcluster(tree, t=cut, criterion="distance"), dtype=np.int64)
