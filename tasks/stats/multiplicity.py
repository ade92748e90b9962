"""p-values and e-values of many predicates made comparable to one level."""

import numpy as np
from jaxtyping import Float


def pvalues_adjusted_bh(
    p: Float[np.ndarray, " predicate"], weight: Float[np.ndarray, " predicate"] | None = None
) -> Float[np.ndarray, " predicate"]:
    """Gives Benjamini-Hochberg q-values, in the order of p.

    Calling q <= alpha a discovery keeps the expected share of false ones at or under alpha. Prefer it for a
    list of discoveries; prefer Holm where a single false one is one too many. If nothing is true, the chance
    of any discovery is alpha too.

    With weights a p counts as p / weight, weights having a mean of 1: who was more likely to hold before the
    test needs less. But p itself may not exceed the level, however large its weight and however much else is
    found: q is never under p.

    Args:
        p: all p-values of the study, not just the small ones; in [0, 1].
        weight: over 0, from other data than p is; only ratios count. All alike if None.

    Raises:
        ValueError: p is not one-dimensional, or a value is NaN or outside [0, 1]; as many weights were
            wanted, and over 0.

    Assumes:
        p-values independent or positively dependent (Benjamini & Yekutieli 2001).

    Source:
        Benjamini & Hochberg (1995), J. R. Stat. Soc. B 57:289-300, eq. 1. Checked against
        `scipy.stats.false_discovery_control`; their section 4.1 example (15 p-values) gives 4 discoveries at
        0.05. Weights: Genovese, Roeder & Wasserman (2006), Biometrika 93:509-524, section 3; capped
        thresholds are self-consistent and rise with the number of discoveries, so Blanchard & Roquain (2008),
        Electron. J. Stat. 2:963-992, section 2.2, applies.
    """
    p = _checked(p)
    if weight is not None:
        return _weighted(p, weight)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * (p.size / np.arange(1, p.size + 1))
    q = np.empty_like(p)
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q


def pvalues_adjusted_holm(p: Float[np.ndarray, " predicate"]) -> Float[np.ndarray, " predicate"]:
    """Gives Holm's step-down adjusted p-values, in the order of p.

    Calling those <= alpha discoveries keeps the chance of any false one at or under alpha, whatever the
    dependence. Prefer it to Bonferroni always, to Benjamini-Hochberg where each single claim must hold.

    Args:
        p: all p-values of the study; in [0, 1].

    Raises:
        ValueError: p is not one-dimensional, or a value is NaN or outside [0, 1].

    Assumes:
        Nothing beyond valid p-values.

    Source:
        Holm (1979), Scand. J. Statistics 6:65-70. Checked against statsmodels
        `multipletests(method="holm")`; the same 15 p-values as above give 3 discoveries at 0.05.
    """
    p = _checked(p)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * np.arange(p.size, 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted


def evalues_adjusted_ebh(
    e: Float[np.ndarray, " predicate"], weight: Float[np.ndarray, " predicate"] | None = None
) -> Float[np.ndarray, " predicate"]:
    """Gives e-BH q-values, in the order of e.

    Calling q <= alpha a discovery keeps the expected share of false ones at or under alpha, whatever the
    dependence and whenever the walk was stopped. Prefer it to Benjamini-Hochberg where the numbers come from
    betting, or where nothing is known about dependence.

    Args:
        e: all e-values of the study, 0 or more (infinity allowed); 0 for a predicate that may not be named.
        weight: as of `pvalues_adjusted_bh`, by which e is multiplied; no e under 1 / level is a discovery.

    Raises:
        ValueError: e is not one-dimensional, or a value is NaN or negative; as many weights were wanted, and
            over 0.

    Assumes:
        Nothing beyond valid e-values (a mean of at most 1 where the predicate's null is true).

    Source:
        Wang & Ramdas (2022), J. R. Stat. Soc. B 84:822-852, e-BH (section 4): with e sorted down, q is the
        least K / (j e_(j)) over j >= k. The discoveries are those of Benjamini-Hochberg on 1/e, checked
        against `scipy.stats.false_discovery_control`; also against the definition itself. Weights of mean 1
        leave a mean of e-values one: ibid., section 5.
    """
    e = _checked_evalues(e)
    if weight is not None:
        with np.errstate(divide="ignore"):
            return _weighted(np.minimum(1 / e, 1.0), weight)
    order = np.argsort(-e, kind="stable")
    with np.errstate(divide="ignore"):
        scaled = e.size / (np.arange(1, e.size + 1) * e[order])
    q = np.empty_like(e)
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q


def evalues_adjusted_holm(e: Float[np.ndarray, " predicate"]) -> Float[np.ndarray, " predicate"]:
    """Gives family-wise adjusted p-like values (1/e after closed testing), in the order of e.

    Calling those <= alpha discoveries keeps the chance of any false one at or under alpha, whatever the
    dependence, and for e-processes over the whole walk. Prefer it to Bonferroni (K/e) always.

    Args:
        e: all e-values of the study, 0 or more.

    Raises:
        ValueError: as `evalues_adjusted_ebh`.

    Assumes:
        Nothing beyond valid e-values.

    Source:
        Vovk & Wang (2021), Annals of Statistics 49:1736-1754, section 6, algorithm 1: the least mean of e
        over all sets that hold the predicate; that is attained with the j smallest others. Checked against
        all 2^(K-1) sets.
    """
    # Capped: beyond, sums of a few would be infinite and say nothing.
    e = np.minimum(_checked_evalues(e), 1e200)
    order = np.argsort(e, kind="stable")
    sums, sizes = np.cumsum(e[order]), np.arange(2, e.size + 2)
    least = e[order].copy()
    for rank in range(1, e.size):
        least[rank] = min(least[rank], ((least[rank] + sums[:rank]) / sizes[:rank]).min())
    adjusted = np.empty_like(e)
    with np.errstate(divide="ignore"):
        adjusted[order] = np.minimum(1 / least, 1.0)
    return adjusted


def _weighted(
    p: Float[np.ndarray, " predicate"], weight: Float[np.ndarray, " predicate"]
) -> Float[np.ndarray, " predicate"]:
    """The least level at which each is among r with p <= level * min(1, r * weight / size), for any r."""
    weight = np.asarray(weight, dtype=float)
    if weight.shape != p.shape or not (np.isfinite(weight) & (weight > 0)).all():
        raise ValueError(f"wanted {p.size} weights over 0, got {weight}")
    if not p.size:
        return p
    rank = np.arange(1, p.size + 1)
    # Of each predicate among r, a row for each r.
    level = p * np.maximum(1.0, weight.mean() * p.size / (weight * rank[:, None]))
    enough = np.sort(level, axis=1)[rank - 1, rank - 1]
    return np.asarray(np.minimum(np.maximum(level, enough[:, None]).min(axis=0), 1.0))


def _checked_evalues(e: Float[np.ndarray, " predicate"]) -> Float[np.ndarray, " predicate"]:
    e = np.asarray(e, dtype=float)
    if e.ndim != 1:
        raise ValueError(f"wanted a list of e-values, got shape {e.shape}")
    if not (e >= 0).all():
        raise ValueError("wanted e-values of 0 or more, got NaN or a negative one")
    return e


def _checked(p: Float[np.ndarray, " predicate"]) -> Float[np.ndarray, " predicate"]:
    p = np.asarray(p, dtype=float)
    if p.ndim != 1:
        raise ValueError(f"wanted a list of p-values, got shape {p.shape}")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("wanted p-values in [0, 1], got NaN or one outside")
    return p
