"""What a predicate still differs by between A and B at equal length and equal other predicates.

`differences.py` asks whether texts of A have it more often; this asks whether that is more than what the
length of the texts and the other findings already bring along. Both groups are residualised on the covariates
by models fitted on other documents, and what is left is compared.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from scipy import special

from tasks.stats.logistic import logistic_coefficients
from tasks.stats.means import bounded_ci, t_pvalue
from tasks.stats.rectifier import members

_FOLDS = 5
_KNOTS = (0.1, 0.3, 0.5, 0.7, 0.9)
_LEAST_GAIN = 1e-3
"""Newton's method ends when a step gains less log-likelihood than this."""
_LEAST_OVERLAP = 0.01


@dataclass(frozen=True)
class Conditional:
    """One entry per predicate."""

    validity: Float[np.ndarray, " predicate"]
    """Conditional difference A less B; NaN where nothing is left to compare."""
    lo: Float[np.ndarray, " predicate"]
    hi: Float[np.ndarray, " predicate"]
    p: Float[np.ndarray, " predicate"]
    """Two-sided; agrees with the interval on 0."""
    overlap: Float[np.ndarray, " predicate"]
    """Variance of the group that the covariates leave, over its whole: near 0, A and B hardly overlap."""
    n: Int[np.ndarray, " predicate"]
    """Texts with a verdict."""


def mean_difference_conditional(
    score: Float[np.ndarray, "text predicate"],
    in_a: Bool[np.ndarray, " text"],
    document: Int[np.ndarray, " text"],
    covariate: Float[np.ndarray, "text covariate"],
    level: float,
    group: Int[np.ndarray, " predicate"] | None = None,
    ridge: float = 1.0,
    seed: int = 0,
) -> Conditional:
    """Gives each predicate's difference between A and B at equal covariates and equal other predicates.

    The estimand is E[cov(Y, G | W)] / E[var(G | W)]: with Y the verdict, G = 1 in A, and W the covariates and
    the other predicates, it is the mean over texts of E[Y | A, W] - E[Y | B, W], those W counting most where
    A and B are both common. It is validity itself where W says nothing of the group. It is a description, not
    a cause: what it is conditional on may itself be part of what makes A and B differ, and two paraphrases
    given together explain each other away, which `group` prevents.

    Args:
        score: verdicts in [0, 1], 0/1 or graded; NaN where there is none: such a text is left out for that
            predicate, and counts as its mean where it is a covariate of another.
        in_a: True for rows of A, False for rows of B.
        document: any integer per row; equal ones are one document, kept together in the folds.
        covariate: length (take the logarithm) and the like, finite; see `spline` for curved effects. May have
            no column.
        level: coverage of the intervals, in (0, 1).
        group: predicates of one number are not conditioned on each other; without it each is its own group.
        ridge: penalty on standardised coefficients, over 0, in texts: 1 is next to none at thousands of
        texts. seed: of the folds.

    Returns:
        One entry per predicate; NaN, [-1, 1] and p 1 where a group has fewer than ten documents, or the
        covariates all but decide it (overlap under 0.01).

    Raises:
        ValueError: shapes disagree, a covariate is not finite, or the level is outside (0, 1).

    Assumes:
        Documents are independent. Either the logistic model of the group on W, or the linear one of the
        verdict on W and the group, is right (double robustness); with one wrong, the estimate has an error
        that does not shrink with more texts. Only covariates given are held equal.

    Source:
        Robinson (1988), Econometrica 56:931-954; Chernozhukov et al. (2018), Econometrics Journal 21:C1-C68,
        section 4.1 (partialling out, cross-fitting); the estimand without a linear model: Vansteelandt &
        Dukes (2022), JRSS B 84:657-685. Checked against scikit-learn's models fitted per fold and predicate;
        coverage in docs/judge-error.md.
    """
    _check(score, in_a, document, covariate, level)
    score, own = np.asarray(score, float), np.arange(score.shape[1]) if group is None else np.asarray(group)
    names, position = np.unique(document, return_inverse=True)
    fold = (np.random.default_rng(seed).permutation(names.size) % _FOLDS)[position]
    design, g = _design(score, covariate), np.asarray(in_a, float)
    first = design.shape[1] - score.shape[1]
    kept = np.ones((score.shape[1], design.shape[1]), dtype=bool)
    kept[:, first:] = own[:, None] != own
    group_left, verdict_left, centred = np.zeros(score.shape), np.full(score.shape, np.nan), g - g.mean()
    for k in range(_FOLDS):
        held, rest = fold == k, fold != k
        if held.any() and 0 < g[rest].sum() < rest.sum():
            # As in the model of the verdict: A and B are then told apart by the sign alone.
            centred[held] = g[held] - g[rest].mean()
            group_left[held] = g[held, None] - _chances(design, g, rest, held, kept, ridge)
            verdict_left[held] = score[held] - _expected(design, g, score, rest, held, kept, ridge)
    return _estimate(group_left, verdict_left, g, centred, np.asarray(document), level)


def covariate_spline(x: Float[np.ndarray, " text"]) -> Float[np.ndarray, "text knot"]:
    """Gives x and its bends at five quantiles, so that a linear model may follow a curved effect.

    Prefer it to x alone for length: what follows from length seldom does so in a straight line.

    Args:
        x: finite; the logarithm of the length, say.

    Assumes:
        Nothing.

    Source:
        Linear splines (Hastie, Tibshirani & Friedman 2009, section 5.2), knots at the 0.1, 0.3, 0.5, 0.7 and
        0.9 quantiles, equal ones once. Checked to span what scikit-learn's `SplineTransformer` spans.
    """
    knots = np.unique(np.quantile(x, _KNOTS)) if x.size else np.zeros(0)
    return np.column_stack([x, *(np.maximum(x - knot, 0) for knot in knots)])


def _design(score: NDArray[np.float64], covariate: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intercept, then covariates and predicates standardised; a missing verdict is its predicate's mean."""
    seen = ~np.isnan(score)
    mean = np.where(seen, score, 0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    columns = np.column_stack([covariate, np.where(seen, score, mean)])
    centred = columns - columns.mean(axis=0)
    spread = centred.std(axis=0)
    scale = np.where(spread > 1e-9, spread, np.inf)
    return np.column_stack([np.ones(score.shape[0]), centred / scale])


def _chances(
    design: NDArray[np.float64],
    g: NDArray[np.float64],
    rest: NDArray[np.bool_],
    held: NDArray[np.bool_],
    kept: NDArray[np.bool_],
    ridge: float,
) -> NDArray[np.float64]:
    """Chance of A for the held texts, by a logistic model of the rest for every predicate's own columns."""
    x, y = design[rest], g[rest]
    every = np.ones(design.shape[1], dtype=bool)
    full, inverse = _logistic(x, y, every, np.zeros(design.shape[1]), ridge)
    coefficients = np.zeros((design.shape[1], kept.shape[0]))
    found: dict[bytes, NDArray[np.float64]] = {}
    for j, columns in enumerate(kept):
        if columns.tobytes() not in found:
            out = ~columns
            # The full model less one Newton step: two more at most are then left to do.
            start = full - inverse[:, out] @ np.linalg.solve(inverse[np.ix_(out, out)], full[out])
            start[out] = 0.0
            found[columns.tobytes()] = _logistic(x, y, columns, start, ridge)[0] if out.any() else full
        coefficients[:, j] = found[columns.tobytes()]
    return np.asarray(special.expit(design[held] @ coefficients))


def _logistic(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    columns: NDArray[np.bool_],
    start: NDArray[np.float64],
    ridge: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ridge logistic regression on these columns, and the inverse Hessian."""
    penalty = np.full(int(columns.sum()), ridge)
    penalty[0] = 1e-9
    beta, inverse = logistic_coefficients(x[:, columns], y, penalty, start[columns], _LEAST_GAIN)
    whole = np.zeros(columns.size)
    whole[columns] = beta
    return whole, inverse


def _expected(
    design: NDArray[np.float64],
    g: NDArray[np.float64],
    score: NDArray[np.float64],
    rest: NDArray[np.bool_],
    held: NDArray[np.bool_],
    kept: NDArray[np.bool_],
    ridge: float,
) -> NDArray[np.float64]:
    """The part of the held texts' verdicts that the covariates bring, by ridge regression of the rest.

    The group is in the model and left out of the part, which is what makes the estimate doubly robust.
    """
    x = np.column_stack([design[rest], g[rest] - g[rest].mean()])
    y, seen = np.nan_to_num(score[rest]), ~np.isnan(score[rest])
    gram, product = x.T @ x, x.T @ y
    coefficients = np.zeros((design.shape[1], score.shape[1]))
    penalty = np.full(x.shape[1], ridge)
    penalty[[0, -1]] = 1e-9
    for j, columns in enumerate(kept):
        at = np.flatnonzero(np.append(columns, True))
        lost = x[~seen[:, j]]
        own = gram - lost.T @ lost + np.diag(penalty)
        solved = np.linalg.solve(own[np.ix_(at, at)], product[at, j])
        coefficients[at[:-1], j] = solved[:-1]
    return np.asarray(design[held] @ coefficients)


def _estimate(
    group_left: NDArray[np.float64],
    verdict_left: NDArray[np.float64],
    g: NDArray[np.float64],
    centred: NDArray[np.float64],
    document: NDArray[np.int64],
    level: float,
) -> Conditional:
    seen, member = ~np.isnan(verdict_left), members(document)
    r, y = np.where(seen, group_left, 0.0), np.nan_to_num(verdict_left)
    n, square = seen.sum(axis=0), (r**2).sum(axis=0)
    share = (g[:, None] * seen).sum(axis=0) / np.maximum(n, 1)
    overlap = square / np.maximum(n * share * (1 - share), 1e-9)
    scale = (r * centred[:, None]).sum(axis=0)
    documents = [(member @ (seen * side[:, None]) > 0).sum(axis=0) for side in (g, 1 - g)]
    known = (overlap > _LEAST_OVERLAP) & (scale > 0) & (np.minimum(*documents) >= 2 * _FOLDS)
    scale = np.where(known, scale, 1.0)
    estimate = np.where(known, (r * y).sum(axis=0) / scale, np.nan)
    pull = member @ (r * (y - np.nan_to_num(estimate) * centred[:, None])) / scale
    units = 1 / np.maximum(((member @ r**2 / np.maximum(square, 1e-300)) ** 2).sum(axis=0), 1e-9)
    error = np.sqrt((pull**2).sum(axis=0) * units / np.maximum(units - 1, 0.5))
    error = np.where(known, np.where(error > 1e-9, error, 0.0), np.inf)
    df = np.maximum(units - 1, 1)
    lo, hi = bounded_ci(estimate, error, df, level, *(side.astype(float) for side in documents))
    return Conditional(estimate, lo, hi, t_pvalue(estimate, error, df), overlap, n)


def _check(
    score: NDArray[np.float64],
    in_a: NDArray[np.bool_],
    document: NDArray[np.int64],
    covariate: NDArray[np.float64],
    level: float,
) -> None:
    n = score.shape[:1]
    if score.ndim != 2 or in_a.shape != n or document.shape != n or covariate.shape[:1] != n:
        raise ValueError(
            f"wanted score (text, predicate), in_a and document (text,) and covariate (text, covariate), got "
            f"{score.shape}, {in_a.shape}, {document.shape} and {covariate.shape}"
        )
    if not np.isfinite(covariate).all():
        raise ValueError("wanted finite covariates, got a missing or infinite one")
    if not 0 < level < 1:
        raise ValueError(f"wanted a level in (0, 1), got {level}")
