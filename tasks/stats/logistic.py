"""Logistic regression by Newton's method, with a penalty on every coefficient."""

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import special

_NEWTON_STEPS = 25
_LEAST_SPREAD = 1e-12


def logistic_coefficients(
    x: Float[np.ndarray, "row column"],
    y: Float[np.ndarray, " row"],
    penalty: Float[np.ndarray, " column"],
    start: Float[np.ndarray, " column"],
    least_gain: float,
    weight: Float[np.ndarray, " row"] | float = 1.0,
) -> tuple[Float[np.ndarray, " column"], Float[np.ndarray, "column column"]]:
    """Gives the coefficients of a logistic regression without intercept, and the inverse of their Hessian.

    Args:
        x: finite; a column of ones is an intercept.
        y: 1, 0, or any share between: then the logarithm of the odds of its mean is what is linear.
        penalty: of each coefficient's square, halved; over 0 for every column that could tell all rows apart.
        start: where to begin; zeros where nothing is known.
        least_gain: it ends when a step gains less log-likelihood than this, or after 25 steps.
        weight: of each row, 0 or more.

    Assumes:
        Nothing: it is the maximum of the penalised likelihood.

    Source:
        Hastie, Tibshirani & Friedman (2009), The Elements of Statistical Learning, section 4.4.1; steps are
        halved while they lose. Checked against scikit-learn's `LogisticRegression`, and statsmodels' `GLM`
        for shares.
    """
    beta = start
    loss = _loss(x, y, beta, penalty, weight)
    inverse: NDArray[np.float64] = np.eye(beta.size)
    for _ in range(_NEWTON_STEPS):
        chance = special.expit(x @ beta)
        spread = weight * np.maximum(chance * (1 - chance), _LEAST_SPREAD)
        inverse = np.asarray(np.linalg.inv((x * spread[:, None]).T @ x + np.diag(penalty)))
        step: NDArray[np.float64] = inverse @ (x.T @ (weight * (y - chance)) - penalty * beta)
        size = 1.0
        while (after := _loss(x, y, beta + size * step, penalty, weight)) > loss + 1e-9 and size > 1e-6:
            size /= 2
        beta, gained, loss = np.asarray(beta + size * step), loss - after, after
        if gained < least_gain:
            break
    return beta, inverse


def _loss(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    beta: NDArray[np.float64],
    penalty: NDArray[np.float64],
    weight: NDArray[np.float64] | float,
) -> float:
    linear = x @ beta
    fit = (weight * np.logaddexp(0, linear)).sum() - (weight * y) @ linear
    return float(fit + (penalty * beta**2).sum() / 2)
