"""Shares that change over time: a pool of texts, tilted at each time by weights of predicates."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy import linalg

from tasks.stats.masses import text_masses

_BLOCK = 2**16
"""Numbers in one block of time x pattern: few enough to stay in a processor's cache."""
_NEWTON_STEPS = 200
_LONGEST = 2.0
"""In log-odds: a curvature tells little of what lies farther off."""
_LEAST_GAIN = 1e-9
_SUFFICIENT = 1e-4
"""Share of the gain that the slope promises, without which a step is halved (Armijo's rule)."""


@dataclass(frozen=True)
class Tilting:
    """A distribution over the texts of a pool at every time: p(x | t) is as exp(w_t . z(x))."""

    time: Float[np.ndarray, " step"]
    """Distinct, in order."""
    weight: Float[np.ndarray, "step predicate"]
    pattern: Float[np.ndarray, "pattern predicate"]
    """The distinct rows of verdicts in the pool."""
    count: Float[np.ndarray, " pattern"]
    """Texts of each (their mass)."""
    smoothing: float
    objective: float
    """Mean negative log-likelihood of the texts, in nats, plus the smoothing penalty, without the ridge."""


@dataclass(frozen=True)
class _Problem:
    pattern: NDArray[np.float64]
    count: NDArray[np.float64]
    mass: NDArray[np.float64]
    """Of each step."""
    total: NDArray[np.float64]
    """Sums of the rows of each step, step x predicate."""
    smoothing: float
    """Of each squared difference of weights."""
    ridge: float
    """Of each squared weight."""


def patterns(
    z: Float[np.ndarray, "text predicate"],
) -> tuple[Float[np.ndarray, "pattern predicate"], Int[np.ndarray, " text"]]:
    """Gives the distinct rows, in order, and which of them each text has.

    K verdicts of 0 and 1 have at most 2^K rows, however many texts.

    Args:
        z: finite; there may be no column.

    Assumes:
        Nothing.

    Source:
        Own: columns are coded one after another, which is several times faster than sorting rows. Checked
        against `numpy.unique(axis=0)`.
    """
    code = np.zeros(z.shape[0], dtype=np.int64)
    for column in z.T:
        level, own = np.unique(column, return_inverse=True)
        # Coded anew for every column: the codes stay below texts x levels.
        code = np.unique(code * level.size + own, return_inverse=True)[1]
    member = np.asarray(code, dtype=np.int64)
    first = np.zeros(int(member.max(initial=-1)) + 1, dtype=np.int64)
    first[member[::-1]] = np.arange(z.shape[0])[::-1]
    return np.asarray(z[first], dtype=float), member


def fit(
    z: Float[np.ndarray, "text predicate"],
    time: Float[np.ndarray, " text"],
    smoothing: float = 1.0,
    ridge: float = 1e-6,
    mass: Float[np.ndarray, " text"] | None = None,
    start: Float[np.ndarray, "step predicate"] | None = None,
    pool: Tilting | None = None,
) -> Tilting:
    """Gives the weights of every time that make the texts of that time likely among all texts.

    Minimised is: mean over texts of log(sum over pool of exp(w_t . z_j)) - w_t . z_i, plus `smoothing` times
    the mean over pairs of neighbouring steps and predicates of (w_t - w_(t-1))^2, plus `ridge` times the mean
    of all w^2. It is strictly convex: there is one minimum, and Newton's method with shortened steps reaches
    it from everywhere. At w = 0 it is the logarithm of the number of texts.

    Steps are the distinct times; several texts at a time are one step. The penalty goes by steps, not by the
    time between them. With one text a step, weight changes have a prior spread of sqrt(K / (2 smoothing)) a
    step: 1 hardly smooths at all, and as many as there are texts gives slow drifts.

    Args:
        z: verdicts in [0, 1], finite; there may be no column.
        time: finite, in any order.
        smoothing: 0 or more.
        ridge: over 0. Where predicates partition the texts the weights of a time are free up to a constant,
            and the ridge chooses the smallest.
        mass: of each text, 0 or more, in the pool as at its time: how often a resample drew it. A step whose
            texts have none keeps its place, and takes its weights from its neighbours.
        start: weights to begin with, of a fit at the same times.
        pool: a model of whose texts the tilted ones are taken to be drawn, in place of the texts themselves.

    Raises:
        ValueError: shapes disagree, something is not finite, there is no mass, or a penalty is out of range.

    Assumes:
        Given their times, texts are drawn independently from the tilted pool.

    Source:
        Zhong, Wang, Klein & Steinhardt (2024), Explaining Datasets in Words, NeurIPS 37, section 2.3 (the
        published code takes means over entries for the penalty). Exponential tilting of an empirical
        distribution: Efron (1981), Canadian J. Statistics 9:139-172. Newton's method for a block-tridiagonal
        Hessian: Fahrmeir & Kaufmann (1991), Metrika 38:37-60. Checked against scipy's general minimiser.
    """
    weights = text_masses(z, mass, time)
    if smoothing < 0 or ridge <= 0:
        raise ValueError(f"wanted smoothing of 0 or more and a ridge over 0, got {smoothing} and {ridge}")
    steps, at = np.unique(np.asarray(time, dtype=float), return_inverse=True)
    pattern, member = patterns(z)
    width = z.shape[1]
    count = _sums(member, weights, pattern.shape[0])
    if pool is not None:
        pattern, count = pool.pattern, pool.count
    total = np.zeros((steps.size, width))
    for k in range(width):
        total[:, k] = _sums(at, weights * z[:, k], steps.size)
    problem = _problem(pattern, count, _sums(at, weights, steps.size), total, smoothing, ridge)
    weight = np.zeros((steps.size, width)) if start is None else np.array(start, dtype=float)
    if weight.shape != (steps.size, width):
        raise ValueError(f"wanted weights of {(steps.size, width)} to start with, got {weight.shape}")
    weight, objective = _minimised(problem, weight)
    return Tilting(
        time=steps,
        weight=weight,
        pattern=pattern,
        count=problem.count,
        smoothing=smoothing,
        objective=objective - problem.ridge * float((weight**2).sum()),
    )


def log2_ratio(
    model: Tilting, z: Float[np.ndarray, "text predicate"], time: Float[np.ndarray, " text"]
) -> Float[np.ndarray, " text"]:
    """Gives how many bits likelier a text is at its time than among the texts of all times.

    Args:
        model: of the pool.
        z: finite verdicts of texts in [0, 1], in the pool or not.
        time: finite. Between two steps weights are interpolated, before the first and after the last they
            are those of that step.

    Returns:
        log2 of p(x | t) / p(x), 0 for a model without predicates. Of the pool at any time, the mean of the
        ratio (not of its logarithm) is 1.

    Assumes:
        As `fit`.

    Source:
        The density ratio of an exponential tilt, Efron (1981), as above; checked by hand.
    """
    moments, at = np.unique(np.asarray(time, dtype=float), return_inverse=True)
    weight = _weight_at(model, moments)
    level = np.zeros(moments.size)
    for rows in _blocks(moments.size, model.count.size):
        level[rows] = _tilted(weight[rows], model.pattern, model.count)[1]
    own = np.einsum("tk,tk->t", weight[at], z)
    return np.asarray((own - level[at] + np.log(model.count.sum())) / np.log(2))


def shares(model: Tilting, at: Float[np.ndarray, " time"]) -> Float[np.ndarray, "time predicate"]:
    """Gives the share of texts for which each predicate holds, at any times.

    Args:
        model: of the pool.
        at: finite, in any order; between steps as in `log2_ratio`.

    Returns:
        In [0, 1]. For reading they are better than weights, of which each depends on all others.

    Assumes:
        As `fit`.

    Source:
        The mean of an exponential family; checked by hand. Without smoothing and with many texts at a time it
        is their own share.
    """
    weight = _weight_at(model, np.asarray(at, dtype=float))
    found = np.empty(weight.shape)
    for rows in _blocks(weight.shape[0], model.count.size):
        found[rows] = _tilted(weight[rows], model.pattern, model.count)[0] @ model.pattern
    return found


def share_error(
    model: Tilting,
    time: Float[np.ndarray, " text"],
    at: Float[np.ndarray, " moment"],
    ridge: float = 1e-6,
    mass: Float[np.ndarray, " text"] | None = None,
) -> Float[np.ndarray, "moment predicate"]:
    """Gives the standard error of `shares` at any times, what smoothing hides included.

    Prefer the larger of this and the spread of resamples: they do not show how far smoothing moves it.

    Args:
        model: fitted to these texts.
        time: of the texts.
        at: finite; the error is that of the nearest step before, or the first.
        ridge: that of the fit.
        mass: that of the fit.

    Returns:
        Over 0, in units of the share.

    Assumes:
        As `fit`, texts independent; and shares rough as the smoothing says: then it holds on average over
        time, not at every time.

    Source:
        Wahba (1983), J. Royal Statistical Society B 45:133-150: the inverse of the penalised Hessian, carried
        over from weights to shares by their derivative. Checked against the dense inverse.
    """
    weights = np.ones(time.size) if mass is None else np.asarray(mass, dtype=float)
    step = np.searchsorted(model.time, time)
    own_mass, none = _sums(step, weights, model.time.size), np.zeros_like(model.weight)
    problem = _problem(model.pattern, model.count, own_mass, none, model.smoothing, ridge)
    factor = linalg.cholesky_banded(_expanded(problem, model.weight)[2], check_finite=False)
    before = np.searchsorted(model.time, at, side="right") - 1
    near, place = np.unique(np.maximum(before, 0), return_inverse=True)
    width = model.weight.shape[1]
    found = np.empty((near.size, width))
    for row, index in enumerate(near):
        chance = _tilted(model.weight[[index]], model.pattern, model.count)[0][0]
        centred = model.pattern - chance @ model.pattern
        slope = (centred * chance[:, None]).T @ centred
        unit = np.zeros((model.weight.size, width))
        own = slice(index * width, (index + 1) * width)
        unit[own] = slope
        solved = linalg.cho_solve_banded((factor, False), unit, overwrite_b=True, check_finite=False)
        found[row] = np.einsum("kj,kj->j", slope, solved[own]) / weights.sum()
    return np.asarray(np.sqrt(found[place]))


def gain_variance(
    model: Tilting, other: Tilting, dropped: int, time: Float[np.ndarray, " text"]
) -> Float[np.ndarray, " text"]:
    """Gives how much a text's gain could differ by chance, by what the model without a predicate expects.

    Args:
        model: the full one.
        other: the one without a predicate.
        dropped: which predicate of the full one that is.
        time: finite, one for each text.

    Returns:
        In bits squared: the variance of log2 p(full) - log2 p(without) over texts, drawn as the model
        without the predicate says.

    Assumes:
        As `fit`.

    Source:
        The definition; checked by drawn texts. What it is for: `tasks.stats.gains`.
    """
    moments, at = np.unique(np.asarray(time, dtype=float), return_inverse=True)
    own, left = _weight_at(model, moments), _weight_at(other, moments)
    reduced = np.delete(model.pattern, dropped, axis=1)
    found = np.empty(moments.size)
    for rows in _blocks(moments.size, model.count.size):
        chance, _ = _tilted(left[rows], reduced, model.count)
        ratio = own[rows] @ model.pattern.T - left[rows] @ reduced.T
        ratio -= (chance * ratio).sum(axis=1, keepdims=True)
        found[rows] = (chance * ratio**2).sum(axis=1) / np.log(2) ** 2
    return np.asarray(found[at])


def _weight_at(model: Tilting, at: NDArray[np.float64]) -> NDArray[np.float64]:
    found = np.empty((at.size, model.weight.shape[1]))
    for k, path in enumerate(model.weight.T):
        found[:, k] = np.interp(at, model.time, path)
    return found


def _blocks(rows: int, columns: int) -> list[slice]:
    """So many rows at once that a block of rows x columns stays in memory."""
    size = max(_BLOCK // max(columns, 1), 1)
    return [slice(first, first + size) for first in range(0, rows, size)]


def _tilted(
    weight: NDArray[np.float64], pattern: NDArray[np.float64], count: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Probability of each pattern at each step, and the logarithm of what they are divided by."""
    linear = weight @ pattern.T
    most = linear.max(axis=1, keepdims=True)
    linear -= most
    chance = np.exp(linear, out=linear)
    chance *= count
    norm = chance.sum(axis=1, keepdims=True)
    chance /= norm
    return chance, (np.log(norm) + most)[:, 0]


def _problem(
    pattern: NDArray[np.float64],
    count: NDArray[np.float64],
    mass: NDArray[np.float64],
    total: NDArray[np.float64],
    smoothing: float,
    ridge: float,
) -> _Problem:
    """From sums over texts, and penalties on means over entries."""
    (steps, width), texts = total.shape, mass.sum()
    return _Problem(
        pattern=pattern,
        count=count,
        mass=mass / texts,
        total=total / texts,
        smoothing=smoothing / max((steps - 1) * width, 1),
        ridge=ridge / max(steps * width, 1),
    )


def _sums(group: NDArray[np.int64], value: NDArray[np.float64], groups: int) -> NDArray[np.float64]:
    return np.asarray(np.bincount(group, value, minlength=groups), dtype=float)


def _minimised(problem: _Problem, weight: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """The weights of the minimum, and the minimum with its ridge."""
    value, slope, band = _expanded(problem, weight)
    if weight.size == 0:
        return weight, value
    for _ in range(_NEWTON_STEPS):
        # Not solveh_banded: it refuses a single weight.
        factor = linalg.cholesky_banded(band, overwrite_ab=True, check_finite=False)
        newton = -linalg.cho_solve_banded((factor, False), slope.ravel()).reshape(weight.shape)
        step = np.clip(newton, -_LONGEST, _LONGEST)
        decrement, promised = float(-(slope * newton).sum()), float(-(slope * step).sum())
        if promised < decrement / 10:
            step = newton * (_LONGEST / max(float(np.abs(newton).max()), _LONGEST))
            promised = float(-(slope * step).sum())
        size = 1.0
        while True:
            trial, trial_slope, band = _expanded(problem, weight + size * step)
            if trial <= value - _SUFFICIENT * size * promised or size < 1e-9:
                break
            size /= 2
        if trial > value:
            break
        weight, value, slope = weight + size * step, trial, trial_slope
        if decrement < _LEAST_GAIN:
            break
    return weight, value


def _expanded(
    problem: _Problem, weight: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Value, slope and curvature at these weights.

    The Hessian has a block of predicate x predicate for each step, and couples equal predicates of
    neighbouring steps: banded, as wide as there are predicates. It is given in LAPACK's upper form.
    """
    steps, width = weight.shape
    band = np.zeros((width + 1, steps, width))
    slope = np.empty((steps, width))
    first, second = np.triu_indices(width)
    product = problem.pattern[:, first] * problem.pattern[:, second]
    value = 0.0
    for rows in _blocks(steps, problem.count.size):
        chance, level = _tilted(weight[rows], problem.pattern, problem.count)
        mass = problem.mass[rows, None]
        mean = chance @ problem.pattern
        slope[rows] = mass * mean - problem.total[rows]
        value += float(problem.mass[rows] @ level - (weight[rows] * problem.total[rows]).sum())
        band[width + first - second, rows, second] = (
            mass * (chance @ product - mean[:, first] * mean[:, second])
        ).T
    jump = np.diff(weight, axis=0)
    value += problem.smoothing * float((jump**2).sum()) + problem.ridge * float((weight**2).sum())
    slope += 2 * problem.ridge * weight
    slope[1:] += 2 * problem.smoothing * jump
    slope[:-1] -= 2 * problem.smoothing * jump
    band[width] += 2 * problem.ridge
    if width:
        band[width, 1:] += 2 * problem.smoothing
        band[width, :-1] += 2 * problem.smoothing
        band[0, 1:] -= 2 * problem.smoothing
    return value, slope, band.reshape(width + 1, steps * width)
