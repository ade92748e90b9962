"""Mean A minus mean B for many predicates at once, each by the test that its rows call for."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from tasks.stats import clustered, means, shares
from tasks.stats.documents import document_sums

_COLUMNS_AT_ONCE = 32


@dataclass(frozen=True)
class Differences:
    """One entry per predicate; `method` says which test gave lo, hi and p."""

    n_a: Int[np.ndarray, " predicate"]
    """Rows of A with a score."""
    n_b: Int[np.ndarray, " predicate"]
    n_documents: Int[np.ndarray, " predicate"]
    """Documents with a score in either group."""
    mean_a: Float[np.ndarray, " predicate"]
    """NaN where A has no score."""
    mean_b: Float[np.ndarray, " predicate"]
    validity: Float[np.ndarray, " predicate"]
    """mean_a - mean_b; NaN where a group has no score: nothing was observed, and 0 would be a claim."""
    lo: Float[np.ndarray, " predicate"]
    hi: Float[np.ndarray, " predicate"]
    p: Float[np.ndarray, " predicate"]
    """Two-sided."""
    method: list[str]
    """fisher_mn, welch, cluster_score or cluster_robust."""


def difference(
    score: Float[np.ndarray, "text predicate"],
    in_a: Bool[np.ndarray, " text"],
    document: Int[np.ndarray, " text"],
    level: float,
    binary: bool,
) -> Differences:
    """Gives estimate, interval and two-sided p of mean A minus mean B for every predicate.

    | method | when | interval | p |
    |---|---|---|---|
    | fisher_mn | 0/1, one row per document | Miettinen-Nurminen score | Fisher exact |
    | welch | graded, one row per document | Welch | Welch |
    | cluster_score | 0/1, a document with several rows | score at effective sizes, t | the same score test |
    | cluster_robust | graded, a document with several rows | CR2 sandwich, t | the same |

    The choice is per predicate, by its observed rows. Swapping A and B flips validity, lo and hi.

    Args:
        score: verdicts in [0, 1]; NaN where there is none, and such a row is left out for that predicate.
        in_a: True for rows of A, False for rows of B.
        document: any integer per row; equal ones are one document, which may be in both groups.
        level: coverage of the intervals, in (0, 1).
        binary: scores are 0/1 verdicts.

    Returns:
        One entry per predicate. Where a group has no score, or in a clustered test only one document, p is 1
        and the interval [-1, 1].

    Raises:
        ValueError: shapes disagree, the level is outside (0, 1), a score is infinite, or a binary one is
            neither 0 nor 1.

    Assumes:
        Documents are independent; see the functions called.

    Source:
        docs/statistics.md, with measured size and coverage.
    """
    score = np.asarray(score, dtype=float)
    _check(score, in_a, document, level, binary)
    in_a = np.asarray(in_a, dtype=bool)
    blocks = [
        _block(score[:, start : start + _COLUMNS_AT_ONCE], in_a, document, level, binary)
        for start in range(0, max(score.shape[1], 1), _COLUMNS_AT_ONCE)
    ]
    arrays = {
        field.name: np.concatenate([getattr(block, field.name) for block in blocks])
        for field in fields(Differences)
        if field.name != "method"
    }
    return Differences(**arrays, method=[name for block in blocks for name in block.method])


def _block(
    score: NDArray[np.float64],
    in_a: NDArray[np.bool_],
    document: NDArray[np.int64],
    level: float,
    binary: bool,
) -> Differences:
    n = (~np.isnan(score)).sum(axis=0)
    n_documents = n if _all_different(document) else _documents(score, document)
    repeated = n > n_documents
    columns = score.shape[1]
    found = Differences(
        n_a=np.zeros(columns, dtype=np.int64),
        n_b=np.zeros(columns, dtype=np.int64),
        n_documents=n_documents,
        mean_a=np.full(columns, np.nan),
        mean_b=np.full(columns, np.nan),
        validity=np.full(columns, np.nan),
        lo=np.full(columns, -1.0),
        hi=np.full(columns, 1.0),
        p=np.ones(columns),
        method=[_method(binary, bool(several)) for several in repeated],
    )
    for several, at in _parts(repeated):
        part = score[:, at]
        test = _clustered if several else _independent
        n_a, n_b, mean_a, mean_b, lo, hi, p = test(part, in_a, document, level, binary)
        found.n_a[at], found.n_b[at] = n_a.astype(np.int64), n_b.astype(np.int64)
        found.mean_a[at], found.mean_b[at] = mean_a, mean_b
        found.validity[at] = mean_a - mean_b
        found.lo[at], found.hi[at], found.p[at] = lo, hi, p
    return found


def _independent(
    score: NDArray[np.float64],
    in_a: NDArray[np.bool_],
    document: NDArray[np.int64],
    level: float,
    binary: bool,
) -> tuple[NDArray[np.float64], ...]:
    m = means.mean_difference_moments(score, in_a)
    if not binary:
        lo, hi = means.mean_difference_ci_welch(m, level)
        return m.n_a, m.n_b, m.mean_a, m.mean_b, lo, hi, means.mean_difference_pvalue_welch(m)
    k_a, k_b = np.nansum(score[in_a], axis=0), np.nansum(score[~in_a], axis=0)
    lo, hi = shares.share_difference_ci_mn(k_a, m.n_a, k_b, m.n_b, level)
    whole = (np.rint(count).astype(np.int64) for count in (k_a, m.n_a, k_b, m.n_b))
    return m.n_a, m.n_b, m.mean_a, m.mean_b, lo, hi, shares.share_difference_pvalue_fisher(*whole)


def _clustered(
    score: NDArray[np.float64],
    in_a: NDArray[np.bool_],
    document: NDArray[np.int64],
    level: float,
    binary: bool,
) -> tuple[NDArray[np.float64], ...]:
    sums = document_sums(score, in_a, document)
    variance = clustered.mean_difference_variance_cr2(sums)
    if binary:
        lo, hi = clustered.share_difference_ci_cluster_score(sums, variance, level)
        p = clustered.share_difference_pvalue_cluster_score(sums, variance)
    else:
        lo, hi = clustered.mean_difference_ci_cluster_robust(sums, variance, level)
        p = clustered.mean_difference_pvalue_cluster_robust(sums, variance)
    return sums.n_a, sums.n_b, sums.mean_a, sums.mean_b, lo, hi, p


def _parts(repeated: NDArray[np.bool_]) -> Iterator[tuple[bool, NDArray[np.intp]]]:
    for several in (False, True):
        at = np.flatnonzero(repeated == several)
        if at.size:
            yield several, at


def _method(binary: bool, several: bool) -> str:
    if several:
        return "cluster_score" if binary else "cluster_robust"
    return "fisher_mn" if binary else "welch"


def _all_different(document: NDArray[np.int64]) -> bool:
    return bool(np.unique(document).size == document.size)


def _documents(score: NDArray[np.float64], document: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many documents have a score, per predicate."""
    order = np.argsort(document, kind="stable")
    starts = np.flatnonzero(np.diff(document[order], prepend=document[order][:1] - 1))
    seen = np.logical_or.reduceat(~np.isnan(score[order]), starts, axis=0)
    return np.asarray(seen.sum(axis=0), dtype=np.int64)


def _check(
    score: NDArray[np.float64],
    in_a: NDArray[np.bool_],
    document: NDArray[np.int64],
    level: float,
    binary: bool,
) -> None:
    if score.ndim != 2 or in_a.shape != score.shape[:1] or document.shape != score.shape[:1]:
        raise ValueError(
            f"wanted score (text, predicate) with in_a and document (text,), got {score.shape}, {in_a.shape} "
            f"and {document.shape}"
        )
    if not 0 < level < 1:
        raise ValueError(f"wanted a level in (0, 1), got {level}")
    if np.isinf(score).any():
        raise ValueError("wanted finite scores or NaN, got an infinite one")
    if binary and not (np.isnan(score) | (score == 0) | (score == 1)).all():
        raise ValueError("wanted 0/1 verdicts or NaN, got another score: threshold it, or pass binary=False")
