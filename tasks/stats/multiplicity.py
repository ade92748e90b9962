"""p-values of many predicates made comparable to one level."""

import numpy as np
from jaxtyping import Float


def pvalues_adjusted_bh(p: Float[np.ndarray, " predicate"]) -> Float[np.ndarray, " predicate"]:
    """Gives Benjamini-Hochberg q-values, in the order of p.

    Calling q <= alpha a discovery keeps the expected share of false ones at or under alpha. Prefer it for a
    list of discoveries; prefer Holm where a single false one is one too many. If nothing is true, the chance
    of any discovery is alpha too.

    Args:
        p: all p-values of the study, not just the small ones; in [0, 1].

    Raises:
        ValueError: p is not one-dimensional, or a value is NaN or outside [0, 1].

    Assumes:
        p-values independent or positively dependent (Benjamini & Yekutieli 2001).

    Source:
        Benjamini & Hochberg (1995), J. R. Stat. Soc. B 57:289-300, eq. 1. Checked against
        `scipy.stats.false_discovery_control`; their section 4.1 example (15 p-values) gives 4 discoveries at
        0.05.
    """
    p = _checked(p)
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


def _checked(p: Float[np.ndarray, " predicate"]) -> Float[np.ndarray, " predicate"]:
    p = np.asarray(p, dtype=float)
    if p.ndim != 1:
        raise ValueError(f"wanted a list of p-values, got shape {p.shape}")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("wanted p-values in [0, 1], got NaN or one outside")
    return p
