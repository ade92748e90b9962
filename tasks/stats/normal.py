"""A score, given predicates: linear regression with a ridge and normal errors."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from tasks.stats.masses import text_masses

_LEAST_SPREAD = 1e-3
"""Of the errors, as a share of the spread of the scores: a density without bound is never evidence."""
_ROUNDING = 1e-12
"""Of a mean of equal scores, as a share of it: no spread."""


@dataclass(frozen=True)
class Normal:
    """The score is normal around a mean that is linear in the verdicts."""

    weight: Float[np.ndarray, " coefficient"]
    """The intercept, then one for each predicate, in units of the score."""
    sd: float
    """Of the errors."""


def fit(
    z: Float[np.ndarray, "text predicate"],
    score: Float[np.ndarray, " text"],
    ridge: float = 1.0,
    mass: Float[np.ndarray, " text"] | None = None,
) -> Normal:
    """Gives the weight of each predicate for the score, and the spread of what they leave.

    Minimised is the sum over texts of squared errors plus `ridge` times the sum of squared weights, the
    intercept left out: where errors are as large as the scores' spread s, the prior of a weight has the
    standard deviation s / sqrt(ridge).

    Args:
        z: verdicts in [0, 1], finite; there may be no column.
        score: finite.
        ridge: 0 or more.
        mass: of each text, 0 or more.

    Returns:
        The model; the spread is that of maximum likelihood (no degrees of freedom are taken off), and no less
        than a thousandth of the spread of the scores.

    Raises:
        ValueError: shapes disagree, something is not finite, or there is no mass.

    Assumes:
        Given verdicts, scores are independent and normal, all with one spread. For a rating of few steps that
        is rough: the gains are then those of the best normal model.

    Source:
        Hastie, Tibshirani & Friedman (2009), The Elements of Statistical Learning, section 3.4.1. Checked
        against scikit-learn's `Ridge`.
    """
    weights = text_masses(z, mass, score)
    share = weights / weights.sum()
    middle, level = share @ z, float(share @ score)
    x, y = z - middle, score - level
    gram = (x * weights[:, None]).T @ x + ridge * np.eye(z.shape[1])
    slope = np.linalg.lstsq(gram, x.T @ (weights * y), rcond=1e-12)[0]
    spread = float(np.sqrt(share @ y**2))
    left = float(np.sqrt(share @ (y - x @ slope) ** 2))
    # All scores equal: any spread would do, and this one has the unit of the score.
    least = _LEAST_SPREAD * (spread if spread > _ROUNDING * abs(level) else abs(level) or 1.0)
    return Normal(np.concatenate([[level - middle @ slope], slope]), max(left, least))


def log2_likelihood(
    model: Normal, z: Float[np.ndarray, "text predicate"], score: Float[np.ndarray, " text"]
) -> Float[np.ndarray, " text"]:
    """Gives log2 of the density of each text's own score.

    Args:
        model: of as many predicates.
        z: finite verdicts in [0, 1].
        score: finite.

    Returns:
        Bits, of any sign: a density has the unit of one over the score, and differences alone mean something.

    Assumes:
        As `fit`.

    Source:
        The normal density; checked against SciPy.
    """
    error = (score - model.weight[0] - z @ model.weight[1:]) / model.sd
    return np.asarray(-(error**2 / 2 + np.log(model.sd) + np.log(2 * np.pi) / 2) / np.log(2))


def gain_variance(
    model: Normal, other: Normal, dropped: int, z: Float[np.ndarray, "text predicate"]
) -> Float[np.ndarray, " text"]:
    """Gives how much a text's gain could differ by chance, by what the model without a predicate expects.

    Args:
        model: the full one.
        other: the one without a predicate.
        dropped: which column of z that is.
        z: finite verdicts in [0, 1] on all predicates.

    Returns:
        In bits squared: the variance of log2 p(full) - log2 p(without) over scores, drawn as the model
        without the predicate says.

    Assumes:
        As `fit`.

    Source:
        The definition; checked by drawn scores. What it is for: `tasks.stats.gains`.
    """
    apart = z @ model.weight[1:] + model.weight[0] - other.weight[0]
    apart -= np.delete(z, dropped, axis=1) @ other.weight[1:]
    # Of a standard normal error e the logarithm of the ratio is curved e^2 + sloped e + a constant.
    curved = (1 - (other.sd / model.sd) ** 2) / 2
    sloped = other.sd * apart / model.sd**2
    return np.asarray((2 * curved**2 + sloped**2) / np.log(2) ** 2)


def weight_error(
    model: Normal,
    z: Float[np.ndarray, "text predicate"],
    ridge: float = 1.0,
    mass: Float[np.ndarray, " text"] | None = None,
) -> Float[np.ndarray, " coefficient"]:
    """Gives the standard error of each weight, by what the model expects of independent texts.

    Prefer the larger of this and the spread of resamples (`tasks.stats.resampled`), as for classes.

    Args:
        model: fitted to these texts, with the same ridge and masses.
        z: verdicts in [0, 1], finite.
        ridge: 0 or more; over 0 where predicates are not independent.
        mass: of each text, 0 or more.

    Returns:
        In units of the score; with a ridge at most sd / sqrt(ridge) for a predicate.

    Assumes:
        As `fit`.

    Source:
        The inverse of the penalised Hessian; without a ridge checked against statsmodels' `OLS`.
    """
    weights = text_masses(z, mass)
    x = np.column_stack([np.ones(z.shape[0]), z])
    penalty = np.full(x.shape[1], float(ridge))
    penalty[0] = 0.0
    inverse = np.linalg.inv((x * weights[:, None]).T @ x + np.diag(penalty))
    return np.asarray(model.sd * np.sqrt(np.diag(inverse)))
