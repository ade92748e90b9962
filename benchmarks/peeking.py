"""Plans that look at fixed-sample figures again and again: D5's rule, and a t-test until it says yes."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import stats

D5_TOP = 5
D5_Z = float(stats.norm.ppf(1 - 1e-5 / 2))


@dataclass(frozen=True)
class Peeks:
    """Sums at every peek, for each order (or shuffle) and hypothesis."""

    n: Float[np.ndarray, "group peek order predicate"]
    total: Float[np.ndarray, "group peek order predicate"]
    squares: Float[np.ndarray, "group peek order predicate"]

    @property
    def last(self) -> "Peeks":
        """The last peek alone."""
        return Peeks(self.n[:, -1:], self.total[:, -1:], self.squares[:, -1:])

    @property
    def validity(self) -> Float[np.ndarray, "peek order predicate"]:
        """Mean A minus mean B; NaN where a group has no verdict yet."""
        with np.errstate(invalid="ignore"):
            mean = self.total / self.n
        return np.asarray(mean[0] - mean[1])

    @property
    def variance(self) -> Float[np.ndarray, "group peek order predicate"]:
        """Within each group, over n."""
        n = np.maximum(self.n, 1)
        return np.asarray(np.maximum(self.squares / n - (self.total / n) ** 2, 0))


def peeks(
    score: Float[np.ndarray, "text predicate"],
    orders: list[tuple[np.ndarray, Bool[np.ndarray, " text"]]],
    every: int,
) -> Peeks:
    """Sums after each batch of texts.

    Args:
        score: NaN where there is no verdict.
        orders: for each, the texts in order and whether each of those counts as A.
        every: texts between two peeks.
    """
    found = []
    at = np.append(np.arange(every, len(score), every), len(score)) - 1
    for order, in_a in orders:
        rows = score[order]
        filled, seen = np.nan_to_num(rows), ~np.isnan(rows)
        cells = np.stack([seen, filled, filled**2])
        sides = np.stack([cells * in_a[:, None], cells * ~in_a[:, None]], axis=1)
        found.append(sides.cumsum(axis=2)[:, :, at])
    n, total, squares = np.stack(found, axis=3)
    return Peeks(n, total, squares)


def welch_pvalues(at: Peeks) -> Float[np.ndarray, "peek order predicate"]:
    """Two-sided Welch p at every peek; 1 without variance or with fewer than two verdicts in a group."""
    enough = (at.n >= 2).all(axis=0)
    error = at.variance / np.maximum(at.n - 1, 1)
    both = error.sum(axis=0)
    enough &= both > 0
    safe = np.where(enough, both, 1.0)
    df = safe**2 / np.maximum((error**2 / np.maximum(at.n - 1, 1)).sum(axis=0), 1e-300)
    p = 2 * stats.t.sf(np.abs(np.nan_to_num(at.validity)) / np.sqrt(safe), np.maximum(df, 1.0))
    return np.where(enough, p, 1.0)


def d5_walk(at: Peeks) -> tuple[Float[np.ndarray, " order"], Bool[np.ndarray, "order predicate"]]:
    """Judgements spent by D5's rule, and which hypotheses it never dropped.

    After every batch, a hypothesis whose normal interval at 1 - 1e-5 ends below the fifth largest lower end
    of all is dropped, and keeps its interval (Zhong et al. 2023; constants of the published code).
    """
    _, n_peeks, orders, hypotheses = at.n.shape
    active = np.ones((orders, hypotheses), dtype=bool)
    lo, hi = np.full(active.shape, -np.inf), np.full(active.shape, np.inf)
    used = np.zeros(active.shape)
    half = D5_Z * np.sqrt((at.variance / np.maximum(at.n, 1)).sum(axis=0))
    validity, n = at.validity, at.n.sum(axis=0)
    top = min(D5_TOP, hypotheses)
    for peek in range(n_peeks):
        known = active & ~np.isnan(validity[peek])
        used = np.where(active, n[peek], used)
        lo = np.where(known, validity[peek] - half[peek], lo)
        hi = np.where(known, validity[peek] + half[peek], hi)
        threshold = np.sort(lo, axis=1)[:, -top]
        active &= hi >= threshold[:, None]
    return used.sum(axis=1), active


def t_test_walk(
    at: Peeks, alpha: float, min_effect: float
) -> tuple[Float[np.ndarray, " order"], Bool[np.ndarray, "order predicate"]]:
    """Judgements spent, and what is confirmed, by stopping at the first uncorrected p <= alpha."""
    hit = (welch_pvalues(at) <= alpha) & (at.validity >= min_effect)
    found = hit.any(axis=0)
    stop = np.where(found, hit.argmax(axis=0), at.n.shape[1] - 1)
    used = np.take_along_axis(at.n.sum(axis=0), stop[None], axis=0)[0]
    return used.sum(axis=1), np.asarray(found)
