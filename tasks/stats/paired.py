"""The mean of paired differences for many predicates at once: two answers to one prompt, say.

The document is the unit, and its sign is what chance decides: if neither of two is apt to show a predicate
more, each document's sum is as likely as its opposite.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy import stats

from tasks.stats.rectifier import members

_LATTICES = (1, 2)
"""Verdicts are whole, or halves where two orders of a judge are averaged."""
_GRADED_LATTICE = 100
_COST_LIMIT = 30_000_000
"""Additions for one predicate, some hundredths of a second: about 1,000 documents of graded scores."""
_LEAST_P = 2.3e-308
"""What an exact p may be under is not told by floating-point numbers."""
_ROUNDING = 1e-9


@dataclass(frozen=True)
class PairedDifference:
    """One entry per predicate; `method` says how p came about."""

    n: Int[np.ndarray, " predicate"]
    """Pairs with a verdict."""
    n_documents: Int[np.ndarray, " predicate"]
    """Documents with one."""
    estimate: Float[np.ndarray, " predicate"]
    """Mean over pairs; NaN without any."""
    lo: Float[np.ndarray, " predicate"]
    hi: Float[np.ndarray, " predicate"]
    p: Float[np.ndarray, " predicate"]
    """Two-sided."""
    method: list[str]
    """sign_flip, or sign_flip_normal where the exact one would take too long."""


class _Sums(NamedTuple):
    """Pairs by document and predicate."""

    total: NDArray[np.float64]
    rows: NDArray[np.float64]


def paired_difference(
    d: Float[np.ndarray, "pair predicate"], document: Int[np.ndarray, " pair"], level: float
) -> PairedDifference:
    """Gives estimate, interval and two-sided p of the mean paired difference for every predicate.

    Prefer it to `difference` where every row is a pair of its own: what the two have in common is gone, ties
    say nothing for either side, and p is exact.

    Args:
        d: score of the first less that of the second, in [-1, 1], ties 0; NaN where there is no verdict, and
            such a pair is left out for that predicate.
        document: any integer per pair; equal ones are one document (near-duplicate prompts).
        level: coverage of the intervals, in (0, 1).

    Returns:
        One entry per predicate; NaN, [-1, 1] and p 1 without a pair. Swapping the two flips estimate, lo and
        hi. p and interval agree on 0.

    Raises:
        ValueError: shapes disagree, the level is outside (0, 1), or a difference is outside [-1, 1].

    Assumes:
        Documents are independent; within one, any dependence.

    Source:
        `paired_mean_pvalue_sign_flip` and `paired_mean_ci`. Checked against `scipy.stats.binomtest`; size and
        coverage in docs/statistics.md.
    """
    p, method = paired_mean_pvalue_sign_flip(d, document)
    estimate, lo, hi = paired_mean_ci(d, document, level)
    # The test decides on 0: it is exact there, so that 0 is not missed more often than the level says.
    kept, above = p > 1 - level, np.nan_to_num(estimate) > 0
    lo = np.where(kept, np.minimum(lo, 0.0), np.where(above, np.maximum(lo, _ROUNDING), lo))
    hi = np.where(kept, np.maximum(hi, 0.0), np.where(above, hi, np.minimum(hi, -_ROUNDING)))
    sums = _sums(d, document)
    n, n_documents = (x.astype(np.int64) for x in (sums.rows.sum(axis=0), (sums.rows > 0).sum(axis=0)))
    return PairedDifference(n, n_documents, estimate, lo, hi, p, method)


def paired_mean_pvalue_sign_flip(
    d: Float[np.ndarray, "pair predicate"], document: Int[np.ndarray, " pair"]
) -> tuple[Float[np.ndarray, " predicate"], list[str]]:
    """Gives the exact two-sided p of no mean difference: all signs of the documents' sums are alike.

    Prefer it to a t-test always: it needs no normal sums, and is right in the far tails that a correction for
    many predicates asks for. Of one pair a document and differences -1, 0 and 1 it is McNemar's exact test.

    Args:
        d: as of `paired_difference`. Where some are neither whole nor halves all are rounded to a hundredth:
            rounding is an odd function, so that signs stay as likely under no difference, and p stays exact.
        document: any integer per pair; equal ones are one document, whose sign is flipped as a whole.

    Returns:
        p, with relative accuracy down to 1e-300, and per predicate `sign_flip`, or `sign_flip_normal` beyond
        3e7 additions (about 1,000 documents of graded scores): the normal approximation of the same statistic.

    Raises:
        ValueError: shapes disagree, or a difference is outside [-1, 1].

    Assumes:
        Documents are independent, and under no difference a document's differences are as likely as their
        opposites. Where only their mean is 0 p is asymptotically right.

    Source:
        Fisher (1935), The Design of Experiments, section 21; Dixon & Mood (1946), JASA 41:557-566. The sum of
        those flipped is a sum of binomials, one for each absolute value, convolved term by term up to the
        observed tail: positive terms only, nothing cancels. Checked against `scipy.stats.binomtest`, and all
        2^n signs.
    """
    sums = _sums(d, document)
    number = np.unique(document, return_inverse=True)[1]
    found = [_sign_flip(d[:, j], sums.total[:, j], number) for j in range(d.shape[1])]
    return np.array([p for p, _ in found], dtype=float), [method for _, method in found]


def paired_mean_ci(
    d: Float[np.ndarray, "pair predicate"],
    document: Int[np.ndarray, " pair"],
    level: float,
    inflation: float = 1.0,
) -> tuple[Float[np.ndarray, " predicate"], Float[np.ndarray, " predicate"], Float[np.ndarray, " predicate"]]:
    """Gives the mean of paired differences and its interval over documents.

    Two documents are added, one all for the first and one all for the second, each of t^2 / 4 times the
    weight of a document: so there is a width where every pair, or none, differs. Prefer it to Student's
    interval, which then is a point, and to Tango's, which knows neither documents nor graded differences;
    inverting the sign-flip test of a shift is poor where differences are -1, 0 and 1.

    Args:
        d: as of `paired_difference`.
        document: any integer per pair; equal ones are one document.
        level: coverage, in (0, 1).
        inflation: what the variance over documents is multiplied with: over 1 where documents are not quite
            independent, as in cross-validation.

    Returns:
        Estimate, lower and upper ends, cut to [-1, 1]; the estimate is inside. [-1, 1] with fewer than two
        documents.

    Raises:
        ValueError: shapes disagree, the level is outside (0, 1), or a difference is outside [-1, 1].

    Assumes:
        Documents are independent, but for `inflation`.

    Source:
        Bonett & Price (2012), J. Educational and Behavioral Statistics 37:479-488, who add one pair to either
        side, carried over to documents: a ratio estimator, residuals raised by (1 - share)^(-1/2) as in Bell
        & McCaffrey (2002), Student's t with Kish's effective number of documents less 1. A document's weight
        is the mean size that a pair meets. Checked against Bonett and Price's formula; coverage beside
        Tango's (1998) interval in docs/statistics.md.
    """
    if not 0 < level < 1:
        raise ValueError(f"wanted a level in (0, 1), got {level}")
    sums = _sums(d, document)
    n, documents = sums.rows.sum(axis=0), (sums.rows > 0).sum(axis=0)
    some, squares = np.maximum(n, 1), np.maximum((sums.rows**2).sum(axis=0), 1)
    t = stats.t.ppf((1 + level) / 2, np.maximum(n**2 / squares - 1, 1))
    size, weight = squares / some, t**2 / 4
    whole = some + 2 * weight * size
    centre = sums.total.sum(axis=0) / whole
    residual = sums.total - centre * sums.rows
    spread = (residual**2 / (1 - sums.rows / whole)).sum(axis=0)
    spread += weight * size**2 * ((1 - centre) ** 2 + (1 + centre) ** 2)
    half = t * np.sqrt(inflation * spread) / whole
    estimate = np.where(n > 0, sums.total.sum(axis=0) / some, np.nan)
    lo = np.maximum(np.fmin(centre - half, estimate), -1.0)
    hi = np.minimum(np.fmax(centre + half, estimate), 1.0)
    return estimate, np.where(documents > 1, lo, -1.0), np.where(documents > 1, hi, 1.0)


def _sign_flip(
    d: NDArray[np.float64], total: NDArray[np.float64], number: NDArray[np.int64]
) -> tuple[float, str]:
    seen = ~np.isnan(d)
    per = next((k for k in _LATTICES if (np.abs(d[seen] * k - np.rint(d[seen] * k)) < _ROUNDING).all()), None)
    steps = np.rint(np.where(seen, d, 0.0) * (per or _GRADED_LATTICE))
    signed = np.rint(np.bincount(number, weights=steps)).astype(np.int64)
    size, often = np.unique(np.abs(signed[signed != 0]), return_counts=True)
    if size.size == 0:
        return 1.0, "sign_flip"
    unit = int(np.gcd.reduce(size))
    size = size // unit
    # So much may at most be flipped for the sum to be as far out as it is.
    most = int((size * often).sum() - abs(int(signed.sum())) // unit) // 2
    if often.sum() * (most + 1) > _COST_LIMIT:
        return _normal(total), "sign_flip_normal"
    return float(np.clip(2 * _flipped_at_most(size, often, most), _LEAST_P, 1.0)), "sign_flip"


def _flipped_at_most(size: NDArray[np.int64], often: NDArray[np.int64], most: int) -> float:
    """Chance that those whose sign is flipped, each by a fair coin, sum to no more than this."""
    if size.size == 1:
        return float(stats.binom.cdf(most, often[0], 0.5))
    chance = np.zeros(most + 1)
    chance[0] = 1.0
    for one, k in zip(size[::-1], often[::-1], strict=True):
        times = np.arange(min(int(k), most // int(one)) + 1)
        after = np.zeros_like(chance)
        for j, weight in zip(times, stats.binom.pmf(times, k, 0.5), strict=True):
            after[j * one :] += weight * chance[: most + 1 - j * one]
        chance = after
    return math.fsum(chance)


def _normal(total: NDArray[np.float64]) -> float:
    z = abs(total.sum()) / np.sqrt((total**2).sum())
    return float(np.clip(2 * stats.norm.sf(z), _LEAST_P, 1.0))


def _sums(d: NDArray[np.float64], document: NDArray[np.int64]) -> _Sums:
    if d.ndim != 2 or document.shape != d.shape[:1]:
        raise ValueError(
            f"wanted d (pair, predicate) and document (pair,), got {d.shape} and {document.shape}"
        )
    seen = ~np.isnan(d)
    if (np.abs(d[seen]) > 1 + _ROUNDING).any():
        raise ValueError("wanted differences in [-1, 1] or NaN, got one outside")
    member = members(document)
    return _Sums(member @ np.where(seen, d, 0.0), member @ seen.astype(float))
