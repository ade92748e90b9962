"""A label of two or more classes, given predicates: multinomial logistic regression with a ridge."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy import special

from tasks.stats.masses import text_masses
from tasks.stats.tilting import patterns

_NEWTON_STEPS = 100
_LEAST_GAIN = 1e-9
_JITTER = 1e-10


@dataclass(frozen=True)
class Multinomial:
    """Logarithms of the chances of the classes are linear in the verdicts, up to a constant of the text."""

    weight: Float[np.ndarray, "coefficient class"]
    """The intercepts, then a row for each predicate; every row sums to 0."""


def fit(
    z: Float[np.ndarray, "text predicate"],
    label: Int[np.ndarray, " text"],
    n_classes: int,
    ridge: float = 1.0,
    mass: Float[np.ndarray, " text"] | None = None,
    start: Float[np.ndarray, "coefficient class"] | None = None,
    pseudo_texts: float = 1.0,
) -> Multinomial:
    """Gives the weights of the predicates for each class.

    Minimised is the sum over texts of the logarithmic loss, in nats, plus `ridge` / 2 times the sum of
    squared weights, intercepts left out: 1 / `ridge` is the prior variance of a weight, and counts less the
    more texts there are. With a ridge, classes that a predicate tells apart without exception have finite
    weights.

    Args:
        z: verdicts in [0, 1], finite; there may be no column.
        label: 0 to `n_classes` - 1.
        n_classes: two or more; a class may have no text.
        ridge: 0 or more. At 0 it is maximum likelihood, where a weight that would be infinite stops when it
            gains nothing more to speak of.
        mass: of each text, 0 or more.
        start: weights to begin with.
        pseudo_texts: so many texts with the mean verdicts are added, divided equally among the classes, so
            that a class without texts has a chance.

    Returns:
        The model.

    Raises:
        ValueError: shapes disagree, a verdict is not finite, a label is outside, or there is no mass.

    Assumes:
        Given verdicts, labels are drawn independently.

    Source:
        Hastie, Tibshirani & Friedman (2009), The Elements of Statistical Learning, section 4.4; added texts
        as in Perks (1947), J. Institute of Actuaries 73:285-334: one in all, whatever the number of classes.
        Newton's method over distinct rows of verdicts. Checked against scikit-learn's `LogisticRegression`.
    """
    weights = text_masses(z, mass, label)
    if n_classes < 2 or (label < 0).any() or (label >= n_classes).any():
        raise ValueError(f"wanted two or more classes and labels below {n_classes}")
    pattern, member = patterns(z)
    counts = np.zeros((pattern.shape[0] + 1, n_classes))
    np.add.at(counts, (member, label), weights)
    counts[-1] = pseudo_texts / n_classes
    mean = weights @ z / weights.sum()
    x = np.column_stack([np.ones(counts.shape[0]), np.vstack([pattern, mean])])
    used = counts.sum(axis=1) > 0
    first = np.zeros((x.shape[1], n_classes)) if start is None else np.array(start, dtype=float)
    penalty = np.full(x.shape[1], float(ridge))
    penalty[0] = 0.0
    return Multinomial(_minimised(x[used], counts[used], penalty, first))


def log2_likelihood(
    model: Multinomial, z: Float[np.ndarray, "text predicate"], label: Int[np.ndarray, " text"]
) -> Float[np.ndarray, " text"]:
    """Gives log2 of the chance that the model gave each text's own label.

    Args:
        model: of as many predicates.
        z: finite verdicts in [0, 1].
        label: 0 to the number of classes less 1.

    Returns:
        Bits, at most 0.

    Assumes:
        As `fit`.

    Source:
        The definition; checked against scikit-learn's `log_loss`.
    """
    pattern, member = patterns(z)
    return np.asarray(_log_chance(model, pattern)[member, label] / np.log(2))


def gain_variance(
    model: Multinomial, other: Multinomial, dropped: int, z: Float[np.ndarray, "text predicate"]
) -> Float[np.ndarray, " text"]:
    """Gives how much a text's gain could differ by chance, by what the model without a predicate expects.

    Args:
        model: the full one.
        other: the one without a predicate.
        dropped: which column of z that is.
        z: finite verdicts in [0, 1] on all predicates.

    Returns:
        In bits squared: the variance of log2 p(full) - log2 p(without) over labels, drawn as the model
        without the predicate says.

    Assumes:
        As `fit`.

    Source:
        The definition; checked by drawn labels. What it is for: `tasks.stats.gains`.
    """
    pattern, member = patterns(z)
    chance = _log_chance(other, np.delete(pattern, dropped, axis=1))
    ratio = (_log_chance(model, pattern) - chance) / np.log(2)
    return np.asarray(weighted_variance(ratio, np.exp(chance))[member])


def weighted_variance(
    value: Float[np.ndarray, "row column"], chance: Float[np.ndarray, "row column"]
) -> Float[np.ndarray, " row"]:
    """Gives the variance of each row's values, each with its chance.

    Args:
        value: finite.
        chance: rows sum to 1.

    Assumes:
        Nothing.

    Source:
        The definition, in two passes; checked against `numpy.cov`.
    """
    mean = (chance * value).sum(axis=1, keepdims=True)
    return np.asarray((chance * (value - mean) ** 2).sum(axis=1))


def weight_error(
    model: Multinomial,
    z: Float[np.ndarray, "text predicate"],
    ridge: float = 1.0,
    mass: Float[np.ndarray, " text"] | None = None,
    pseudo_texts: float = 1.0,
) -> Float[np.ndarray, "coefficient class"]:
    """Gives the standard error of each weight, by what the model expects of independent texts.

    Prefer the larger of this and the spread of resamples (`tasks.stats.resampled`): a class that none of a
    few texts with a predicate has is in no resample either, and its weight looks certain there.

    Args:
        model: fitted to these texts, with the same ridge, masses and added texts.
        z: verdicts in [0, 1], finite.
        ridge: 0 or more.
        mass: of each text, 0 or more.
        pseudo_texts: as in `fit`.

    Returns:
        Over 0. With a ridge at most 1 / sqrt(ridge) for a predicate, whatever the texts.

    Assumes:
        As `fit`; and texts are many, or weights were drawn from the prior that the ridge stands for.

    Source:
        The inverse of the penalised Hessian, Wahba (1983), J. Royal Statistical Society B 45:133-150. Checked
        against statsmodels' `MNLogit`.
    """
    weights = text_masses(z, mass)
    pattern, member = patterns(z)
    n = np.append(np.bincount(member, weights, minlength=pattern.shape[0]), pseudo_texts)
    x = np.column_stack([np.ones(n.size), np.vstack([pattern, weights @ z / weights.sum()])])
    size, classes = model.weight.shape
    penalty = np.full(size, float(ridge))
    penalty[0] = 0.0
    shared = np.repeat(n[:, None], classes, axis=1) / classes
    inverse = np.linalg.inv(_expanded(x, shared, penalty, model.weight)[1]).reshape((classes, size) * 2)
    # Weights of a predicate add up to 0: what all classes have in common is no part of them.
    centre = np.eye(classes) - 1 / classes
    variance = np.einsum("ac,cidi,da->ia", centre, inverse, centre)
    return np.asarray(np.sqrt(variance))


def _log_chance(model: Multinomial, pattern: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(special.log_softmax(model.weight[0] + pattern @ model.weight[1:], axis=1))


def _minimised(
    x: NDArray[np.float64],
    counts: NDArray[np.float64],
    penalty: NDArray[np.float64],
    weight: NDArray[np.float64],
) -> NDArray[np.float64]:
    value = _loss(x, counts, penalty, weight)
    for _ in range(_NEWTON_STEPS):
        slope, curvature = _expanded(x, counts, penalty, weight)
        step = -np.linalg.solve(curvature, slope.T.ravel()).reshape(slope.T.shape).T
        promised = float(-(slope * step).sum())
        size = 1.0
        while (trial := _loss(x, counts, penalty, weight + size * step)) > value and size > 1e-9:
            size /= 2
        if trial > value:
            # Rounding is all that is left to gain.
            break
        weight, value = weight + size * step, trial
        if promised < _LEAST_GAIN * counts.sum():
            break
    return np.asarray(weight - weight.mean(axis=1, keepdims=True))


def _loss(
    x: NDArray[np.float64],
    counts: NDArray[np.float64],
    penalty: NDArray[np.float64],
    weight: NDArray[np.float64],
) -> float:
    fit = float((counts * special.log_softmax(x @ weight, axis=1)).sum())
    return float((penalty[:, None] * weight**2).sum() / 2) - fit


def _expanded(
    x: NDArray[np.float64],
    counts: NDArray[np.float64],
    penalty: NDArray[np.float64],
    weight: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Slope, coefficient x class, and curvature, class by class, in which no direction is flat."""
    n = counts.sum(axis=1, keepdims=True)
    chance = special.softmax(x @ weight, axis=1)
    slope = x.T @ (n * chance - counts) + penalty[:, None] * weight
    size, classes = weight.shape
    whole = np.empty((classes, size, classes, size))
    for one in range(classes):
        for other in range(one, classes):
            spread = -n[:, 0] * chance[:, one] * chance[:, other]
            if one == other:
                spread = spread + n[:, 0] * chance[:, one]
            # The same amount more for every class changes no chance: such steps are given a curvature, and
            # are not taken, since the slope has no such part.
            block = (x * (spread + n[:, 0] / classes**2)[:, None]).T @ x
            whole[one, :, other] = whole[other, :, one] = block
        whole[one, range(size), one, range(size)] += penalty
    curvature = whole.reshape(classes * size, classes * size)
    curvature[np.diag_indices_from(curvature)] += _JITTER * counts.sum()
    return slope, curvature
