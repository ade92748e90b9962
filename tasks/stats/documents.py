"""Rows summed by document: all that a clustered difference needs, and the only pass over the rows."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from scipy import sparse

_ROUNDING = 1e-12


@dataclass(frozen=True)
class DocumentSums:
    """Counts and sums of observed scores, by document and predicate; a document may be in both groups.

    Source:
        Plain sums; every figure checked against polars' group_by and, within groups, statsmodels' OLS.
    """

    rows_a: Float[np.ndarray, "document predicate"]
    rows_b: Float[np.ndarray, "document predicate"]
    sum_a: Float[np.ndarray, "document predicate"]
    sum_b: Float[np.ndarray, "document predicate"]
    squares_a: Float[np.ndarray, " predicate"]
    squares_b: Float[np.ndarray, " predicate"]
    """Sums of squares over the rows of each group."""
    constant_a: Bool[np.ndarray, " predicate"]
    constant_b: Bool[np.ndarray, " predicate"]
    """Every observed score of the group is the same (so too where there is none)."""

    @cached_property
    def n_a(self) -> NDArray[np.float64]:
        """Rows of A."""
        return np.asarray(self.rows_a.sum(axis=0))

    @cached_property
    def n_b(self) -> NDArray[np.float64]:
        """Rows of B."""
        return np.asarray(self.rows_b.sum(axis=0))

    @cached_property
    def documents_a(self) -> NDArray[np.float64]:
        """Documents with a row in A."""
        return np.asarray((self.rows_a > 0).sum(axis=0), dtype=float)

    @cached_property
    def documents_b(self) -> NDArray[np.float64]:
        """Documents with a row in B."""
        return np.asarray((self.rows_b > 0).sum(axis=0), dtype=float)

    @cached_property
    def mean_a(self) -> NDArray[np.float64]:
        """NaN where A has no row."""
        return _ratio(self.sum_a.sum(axis=0), self.n_a)

    @cached_property
    def mean_b(self) -> NDArray[np.float64]:
        """NaN where B has no row."""
        return _ratio(self.sum_b.sum(axis=0), self.n_b)

    @cached_property
    def variance_together(self) -> NDArray[np.float64]:
        """Sample variance of both groups together, as if there were no difference."""
        n = self.n_a + self.n_b
        total = self.sum_a.sum(axis=0) + self.sum_b.sum(axis=0)
        squares = self.squares_a + self.squares_b
        centred = squares - total**2 / np.maximum(n, 1)
        spread: NDArray[np.float64] = centred / np.maximum(n - 1, 1)
        # The difference of two nearly equal sums: what is left of a constant is rounding.
        return np.where(centred > _ROUNDING * squares, spread, 0.0)

    @cached_property
    def squares_within(self) -> NDArray[np.float64]:
        """Squared deviations of the rows from their own group's mean."""
        between = self.sum_a.sum(axis=0) ** 2 / np.maximum(self.n_a, 1)
        between += self.sum_b.sum(axis=0) ** 2 / np.maximum(self.n_b, 1)
        inside: NDArray[np.float64] = np.maximum(self.squares_a + self.squares_b - between, 0)
        return np.where(self.constant_a & self.constant_b, 0.0, inside)


def document_sums(
    score: Float[np.ndarray, "text predicate"],
    in_a: Bool[np.ndarray, " text"],
    document: Int[np.ndarray, " text"],
) -> DocumentSums:
    """Gives the rows of both groups summed by document; NaN scores are left out per predicate.

    Args:
        score: any finite number, or NaN for a missing verdict.
        in_a: True for rows of A, False for rows of B.
        document: any integer per row; equal ones are one document.

    Assumes:
        Nothing.

    Source:
        Plain sums, by a sparse matrix of document x text; checked against polars' group_by.
    """
    names, position = np.unique(document, return_inverse=True)
    size = (names.size, score.shape[0])
    member = sparse.csr_array((np.ones(score.shape[0]), (position, np.arange(score.shape[0]))), shape=size)
    group_a, group_b = member @ sparse.diags_array(in_a * 1.0), member @ sparse.diags_array(~in_a * 1.0)
    observed = ~np.isnan(score)
    value = np.where(observed, score, 0.0)
    least, most = np.where(observed, score, np.inf), np.where(observed, score, -np.inf)
    return DocumentSums(
        rows_a=group_a @ observed.astype(float),
        rows_b=group_b @ observed.astype(float),
        sum_a=group_a @ value,
        sum_b=group_b @ value,
        squares_a=(value[in_a] ** 2).sum(axis=0),
        squares_b=(value[~in_a] ** 2).sum(axis=0),
        constant_a=least[in_a].min(axis=0, initial=np.inf) >= most[in_a].max(axis=0, initial=-np.inf),
        constant_b=least[~in_a].min(axis=0, initial=np.inf) >= most[~in_a].max(axis=0, initial=-np.inf),
    )


def _ratio(top: NDArray[np.float64], bottom: NDArray[np.float64]) -> NDArray[np.float64]:
    """NaN where there is nothing to divide by."""
    ratio: NDArray[np.float64] = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
    return ratio
