"""Which traits are preferred at equal length, equal formatting and equal other traits."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy import special, stats

from tasks.stats.logistic import logistic_coefficients
from tasks.stats.rectifier import members

_LEAST_GAIN = 1e-5
_COLUMNS_A_PENALTY = 30
_SOLVING_STEPS = 50
_LARGEST = 20.0
"""A coefficient over this, in log-odds per typical difference, runs off to infinity: sides are separated."""
_LEAST_OVERLAP = 0.01
_LEAST_DOCUMENTS = 10


@dataclass(frozen=True)
class Liked:
    """One entry per trait."""

    estimate: Float[np.ndarray, " trait"]
    """Log-odds of being preferred, for an answer that shows the trait beside one that does not; NaN where
    nothing can be said."""
    lo: Float[np.ndarray, " trait"]
    hi: Float[np.ndarray, " trait"]
    p: Float[np.ndarray, " trait"]
    """Two-sided; agrees with the interval on 0; 1 where the estimate is NaN."""
    n: Int[np.ndarray, " trait"]
    """Pairs with a verdict and a preference."""


def liked_coefficients(
    x: Float[np.ndarray, "pair trait"],
    covariate: Float[np.ndarray, "pair covariate"],
    preference: Float[np.ndarray, " pair"],
    document: Int[np.ndarray, " pair"],
    fold: Int[np.ndarray, " pair"],
    level: float,
    group: Int[np.ndarray, " trait"] | None = None,
) -> Liked:
    """Gives each trait's coefficient in a logistic model of preference, given all others and covariates.

    The model has no intercept: what is not among the covariates is taken to favour neither side. Where one
    side is always the same model, give a column of ones as well: else a trait that this model shows gets the
    praise for all that people like about it.

    Args:
        x: the first answer's score less the second's, in [-1, 1]; NaN where there is no verdict: such a pair
            is left out for that trait, and counts as a tie where it is a covariate of another.
        covariate: differences of length, formatting and the like, finite. May have no column.
        preference: of the first answer, in [-1, 1]; ties are 0 and count as half; NaN is left out.
        document: any integer per pair; equal ones are one document.
        fold: of `tasks.stats.telling.pair_folds`.
        level: coverage of the intervals, in (0, 1).
        group: traits of one number are not held equal for each other; without it each is its own group.

    Returns:
        One entry per trait. NaN and p 1 for a trait that is constant at 0, or decided by the others, or that
        separates preferred from not, and with fewer than ten documents.

    Raises:
        ValueError: shapes disagree, a covariate is not finite, a preference is outside [-1, 1], or the level
            is outside (0, 1).

    Assumes:
        Documents are independent; the log-odds of the mean preference are linear in the columns given (see
        `covariate_spline` for curved effects). What the others bring is estimated with a small penalty in the
        other folds, and its errors count in the second order alone; with hardly ten pairs a column the
        estimate is too near 0.

    Source:
        The orthogonal score of Chernozhukov et al. (2018), Econometrics Journal 21:C1-C68, section 2, for
        logistic models: sum of (y - expit(b x + g w)) (x - d w), with g and the weighted projection d from
        the other folds; Liu, Zhang & Zhou (2021), Biometrics 77:1155-1158, comes to the same. Preferences as
        shares: Papke & Wooldridge (1996), J. Applied Econometrics 11:619-632. Sandwich over documents.
        Checked against statsmodels' `GLM` with clustered errors at many pairs; size and coverage in
        docs/statistics.md.
    """
    _check(x, covariate, preference, document, fold, level)
    used = ~np.isnan(preference)
    x, covariate, document, fold = x[used], covariate[used], document[used], fold[used]
    y, seen = (1 + preference[used]) / 2, ~np.isnan(x)
    design = np.column_stack([np.nan_to_num(x), covariate])
    scale = np.sqrt((design**2).mean(axis=0)) if y.size else np.zeros(design.shape[1])
    scale = np.where(scale > 1e-9, scale, np.inf)
    own = np.arange(x.shape[1]) if group is None else np.asarray(group)
    offset, residual = _parts(design / scale, y, fold, own)
    found = _solved((design / scale)[:, : own.size], y, offset, residual * seen, document, level)
    estimate, lo, hi, p = found
    unit = scale[: own.size]
    return Liked(estimate / unit, lo / unit, hi / unit, p, seen.sum(axis=0))


def _parts(
    design: NDArray[np.float64], y: NDArray[np.float64], fold: NDArray[np.int64], own: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What all others bring to each pair's log-odds, and what they leave of the trait, by the other folds."""
    n, columns = design.shape
    offset, residual = np.zeros((n, own.size)), np.zeros((n, own.size))
    for k in np.unique(fold):
        held, rest = fold == k, fold != k
        known: dict[bytes, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
        everything = np.ones(columns, dtype=bool)
        known[everything.tobytes()] = _fitted(design[rest], y[rest], everything, np.zeros(columns))
        start = known[everything.tobytes()][0]
        for j in range(own.size):
            others = np.ones(columns, dtype=bool)
            others[: own.size] = own != own[j]
            together = others.copy()
            together[j] = True
            if (key := together.tobytes()) not in known:
                known[key] = _fitted(design[rest], y[rest], together, start)
            beta, gram = known[key]
            # The rows are weighted by a quarter at most, and so is what penalises.
            penalty = _penalty(int(others.sum())) / 4 * np.eye(int(others.sum()))
            projection = np.linalg.solve(gram[np.ix_(others, others)] + penalty, gram[others, j])
            offset[held, j] = design[held][:, others] @ beta[others]
            residual[held, j] = design[held, j] - design[held][:, others] @ projection
    return offset, residual


def _fitted(
    x: NDArray[np.float64], y: NDArray[np.float64], columns: NDArray[np.bool_], start: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coefficients with these columns, and products of all columns weighted by the variance of preference."""
    beta, k = np.zeros(columns.size), int(columns.sum())
    ridge = np.full(k, _penalty(k))
    beta[columns] = logistic_coefficients(x[:, columns], y, ridge, start[columns], _LEAST_GAIN)[0]
    chance = special.expit(x @ beta)
    return beta, (x * (chance * (1 - chance))[:, None]).T @ x


def _penalty(columns: int) -> float:
    """Next to nothing of a few columns, more of many: under no effect it makes errors look too small."""
    return columns / _COLUMNS_A_PENALTY


def _solved(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    offset: NDArray[np.float64],
    residual: NDArray[np.float64],
    document: NDArray[np.int64],
    level: float,
) -> tuple[NDArray[np.float64], ...]:
    """Estimate, interval and p, in units of the scaled trait."""
    beta, step = np.zeros(x.shape[1]), np.full(x.shape[1], np.inf)
    for _ in range(_SOLVING_STEPS):
        chance = special.expit(offset + beta * x)
        slope = (chance * (1 - chance) * x * residual).sum(axis=0)
        pull = ((y[:, None] - chance) * residual).sum(axis=0)
        step = np.divide(pull, slope, out=np.zeros_like(pull), where=slope > 1e-12)
        beta = np.clip(beta + np.clip(step, -1, 1), -2 * _LARGEST, 2 * _LARGEST)
        if (np.abs(step) < 1e-9).all():
            break
    chance = special.expit(offset + beta * x)
    weight, member = chance * (1 - chance), members(document)
    left, whole = (weight * residual**2).sum(axis=0), (weight * x**2).sum(axis=0)
    slope = (weight * x * residual).sum(axis=0)
    square = member @ (weight * residual**2)
    units = np.divide(left**2, (square**2).sum(axis=0), out=np.ones_like(left), where=left > 0)
    documents = (square > 0).sum(axis=0)
    known = (left > _LEAST_OVERLAP * whole) & (slope > 1e-9) & (np.abs(step) < 1e-6)
    known &= (np.abs(beta) < _LARGEST) & (documents >= _LEAST_DOCUMENTS) & (units > 2)
    units, slope = np.where(known, units, 3.0), np.where(known, slope, 1.0)
    pulls = member @ ((y[:, None] - chance) * residual)
    error = np.sqrt((pulls**2).sum(axis=0) * units / (units - 1)) / slope
    half = stats.t.ppf((1 + level) / 2, units - 1) * error
    p = 2 * stats.t.sf(np.abs(beta) / np.maximum(error, 1e-300), units - 1)
    return *(np.where(known, of, np.nan) for of in (beta, beta - half, beta + half)), np.where(known, p, 1.0)


def _check(
    x: NDArray[np.float64],
    covariate: NDArray[np.float64],
    preference: NDArray[np.float64],
    document: NDArray[np.int64],
    fold: NDArray[np.int64],
    level: float,
) -> None:
    n = x.shape[:1]
    if x.ndim != 2 or covariate.ndim != 2 or covariate.shape[:1] != n:
        raise ValueError(
            f"wanted x (pair, trait) and covariate (pair, column), got {x.shape} and {covariate.shape}"
        )
    if not preference.shape == document.shape == fold.shape == n:
        raise ValueError(
            f"wanted a preference, a document and a fold for each of {n[0]} pairs, got {preference.shape}, "
            f"{document.shape} and {fold.shape}"
        )
    if not np.isfinite(covariate).all():
        raise ValueError("wanted finite covariates, got a missing or infinite one")
    if (np.abs(preference[~np.isnan(preference)]) > 1 + 1e-9).any():
        raise ValueError("wanted preferences in [-1, 1] or NaN, got one outside")
    if not 0 < level < 1:
        raise ValueError(f"wanted a level in (0, 1), got {level}")
