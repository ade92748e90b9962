"""When a share changed: jumps in time, told from drifts, with an interval for the place of each."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy import special

_DRAWS = 499
_MOMENTS = 250
"""A drift and chance orders are imitated on as many neighbouring groups of times at most: that is fine enough
for how large a difference becomes by search, and keeps the cost linear."""
_LEAST_DOCUMENTS = 8
_NEWTON_STEPS = 12
_STEPS_FROM_NEAR = 4
_STEEPEST = 30.0


@dataclass(frozen=True)
class Change:
    """A share that is one before a moment and another from it on."""

    at: float
    """The first time with the new share."""
    lo: float
    hi: float
    """The jump lies after the one and not after the other, both times of texts."""
    before: float
    after: float
    """Share of texts from the jump before, or the start, to this one, and from this one to the next."""
    p: float
    """Of neither a constant share nor a drift, the search for the place and for several jumps included."""


@dataclass(frozen=True)
class _Course:
    """Texts in order of time, and added up by time."""

    time: NDArray[np.float64]
    """Distinct, in order."""
    held: NDArray[np.float64]
    """Texts of each time for which it holds."""
    n: NDArray[np.float64]
    group: NDArray[np.int64]
    """Which of the times each text has."""


def changes(
    held: Float[np.ndarray, " text"],
    time: Float[np.ndarray, " text"],
    document: Int[np.ndarray, " text"],
    level: float,
    rng: np.random.Generator,
    most: int = 3,
) -> list[Change]:
    """Gives the jumps of a share over time, in order of time.

    The best place for one jump is sought among all distinct times; it counts if so much better a fit than a
    constant share is rare when whole documents come in random order, and so much better a fit than a drift
    (linear in log-odds) is rare when the share does drift so. Then each side is searched in the same way.

    Args:
        held: 1 or 0; NaN where there is no verdict.
        time: finite, in any order; ties are one moment, and a jump lies between moments.
        document: any integer per text; equal ones are one document.
        level: coverage of the intervals, in (0, 1); a jump counts at p <= 1 - level.
        rng: source of chance.
        most: so many jumps at most.

    Returns:
        Jumps, none where there are fewer than eight documents with a verdict.

    Raises:
        ValueError: shapes disagree, a time is not finite, a verdict is not 0 or 1, or the level is outside.

    Assumes:
        Documents are independent. Between jumps the share is constant.

    Source:
        Binary segmentation: Vostrikova (1981), Soviet Mathematics Doklady 24:55-59; each half of a part is
        tested at half its level. The largest of likelihood ratios and the interval of all places with one
        near the largest: Siegmund (1988), Confidence sets in change-point problems, International Statistical
        Review 56:31-48, with P(both sides' excess <= c) = (1 - e^-c)^2. Likelihoods are divided by the design
        effect of documents, as Rao & Scott (1992), Biometrics 48:577-585. Size and coverage:
        tests/simulation/test_planted_weights.py.
    """
    _check(held, time, document, level)
    seen = ~np.isnan(held)
    order = np.argsort(time[seen], kind="stable")
    held, time, document = held[seen][order], time[seen][order], document[seen][order]
    found: list[tuple[float, float, float, float]] = []
    parts = [(0, held.size, 1.0)]
    while parts and len(found) < most:
        first, end, weight = parts.pop(0)
        part = slice(first, end)
        one = _jump(held[part], time[part], document[part], level, weight, rng)
        if one is None:
            continue
        found.append(one)
        cut = int(np.searchsorted(time, one[0], side="left"))
        parts += [(first, cut, 2 * weight), (cut, end, 2 * weight)]
    found.sort()
    ends = [*np.searchsorted(time, [one[0] for one in found], side="left"), held.size]
    means = [float(part.mean()) for part in np.split(held, ends[:-1])] if found else []
    return [
        Change(at, lo, hi, before, after, p)
        for (at, lo, hi, p), before, after in zip(found, means[:-1], means[1:], strict=True)
    ]


def _jump(
    held: NDArray[np.float64],
    time: NDArray[np.float64],
    document: NDArray[np.int64],
    level: float,
    weight: float,
    rng: np.random.Generator,
) -> tuple[float, float, float, float] | None:
    """Place, interval and p of the best jump, or None where it does not count."""
    course = _course(held, time)
    documents = np.unique(document).size
    if documents < _LEAST_DOCUMENTS or course.time.size < 2 or held.min() == held.max():
        return None
    gain = _gains(course.held, course.n)
    best = int(gain.argmax())
    own = np.unique(document, return_inverse=True)[1]
    deff = _design_effect(held, time >= course.time[best + 1], own)
    coarse = _coarse(course)
    largest = (1 - level) / weight
    p = _order_pvalue(coarse, held, own, largest, rng)
    if p <= largest:
        p = max(p, _drift_pvalue(coarse, own, deff, largest, rng))
    if p > largest:
        return None
    p, far = p * weight, -np.log(1 - np.sqrt(level)) * deff
    near = np.flatnonzero(gain >= gain[best] - far)
    return float(course.time[best + 1]), float(course.time[near[0]]), float(course.time[near[-1] + 1]), p


def _course(held: NDArray[np.float64], time: NDArray[np.float64]) -> _Course:
    moments, at = np.unique(time, return_inverse=True)
    return _Course(moments, _sums(at, held), _sums(at, np.ones(at.size)), at)


def _coarse(course: _Course) -> _Course:
    """Neighbouring times put together where there are many."""
    if course.time.size <= _MOMENTS:
        return course
    before = np.cumsum(course.n) - course.n
    joined = np.unique(np.floor(before * _MOMENTS / course.n.sum()), return_inverse=True)[1]
    n = _sums(joined, course.n)
    middle = _sums(joined, course.n * course.time) / n
    return _Course(middle, _sums(joined, course.held), n, joined[course.group])


def _sums(group: NDArray[np.int64], value: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.bincount(group, value), dtype=float)


def _gains(held: NDArray[np.float64], n: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-likelihood of a jump after each moment but the last, less that of a constant, row by row."""
    before, size = held.cumsum(axis=-1), n.cumsum()
    total, whole = before[..., -1:], size[-1]
    before, size = before[..., :-1], size[:-1]
    found = _fit(before, size) + _fit(total - before, whole - size) - _fit(total, whole)
    return np.asarray(found)


def _fit(held: NDArray[np.float64], n: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest log-likelihood of one share."""
    return np.asarray(special.xlogy(held, held / n) + special.xlogy(n - held, (n - held) / n))


def _rarity(
    observed: float, draw: Callable[[int], NDArray[np.float64]], largest: float, at_once: int
) -> float:
    """Share of draws at least as large, the observed one counted as one of them.

    Drawing ends where the share is sure to be over `largest`, and then it is only known to be that.
    """
    reached, made = 1, 1
    while made <= _DRAWS and reached <= largest * (_DRAWS + 1):
        drawn = draw(min(at_once, _DRAWS + 1 - made))
        reached, made = reached + int((drawn >= observed - 1e-9).sum()), made + drawn.size
    return reached / made


def _order_pvalue(
    coarse: _Course,
    held: NDArray[np.float64],
    own: NDArray[np.int64],
    largest: float,
    rng: np.random.Generator,
) -> float:
    """How rarely a jump fits so much better than a constant, where documents come in random order."""
    by_document = np.argsort(own, kind="stable")
    size = np.bincount(own)
    start = np.cumsum(size) - size
    place = np.arange(own.size)

    def draw(n: int) -> NDArray[np.float64]:
        rows = np.empty((n, coarse.n.size))
        for row in range(n):
            order = rng.permutation(size.size)
            # Texts of a document stay side by side, as alike as they can be.
            ends = np.cumsum(size[order])
            moved = np.repeat(start[order] - ends + size[order], size[order]) + place
            rows[row] = np.bincount(coarse.group, held[by_document[moved]])
        return np.asarray(_gains(rows, coarse.n).max(axis=1))

    return _rarity(float(_gains(coarse.held, coarse.n).max()), draw, largest, 50)


def _design_effect(held: NDArray[np.float64], after: NDArray[np.bool_], own: NDArray[np.int64]) -> float:
    """Variance over documents of what the jump leaves, over that of independent texts; at least 1."""
    share = np.where(after, held[after].mean(), held[~after].mean())
    apart = float((share * (1 - share)).sum())
    if apart <= 0 or own.max() + 1 == own.size:
        return 1.0
    return max(float((np.bincount(own, held - share) ** 2).sum()) / apart, 1.0)


def _drift_pvalue(
    coarse: _Course, own: NDArray[np.int64], deff: float, largest: float, rng: np.random.Generator
) -> float:
    """How rarely a jump fits so much better than a drift, where the share drifts as it fits best."""
    at = coarse.time - coarse.time.mean()
    at = at / max(float(np.abs(at).max()), 1e-300)
    share = (coarse.held.sum() + 0.5) / (coarse.n.sum() + 1)
    line, fit = _drift(coarse.held[None], coarse.n, at, (float(special.logit(share)), 0.0), _NEWTON_STEPS)
    chance = special.expit(line[0] + line[1] * at)
    kish = float((np.bincount(own) ** 2).sum()) / own.size
    # Two texts of a document that take after it with this chance each correlate as the design effect says.
    taking = float(np.sqrt(np.clip((deff - 1) / max(kish - 1, 1e-9), 0, 1)))

    def better(held: NDArray[np.float64], fit: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(_gains(held, coarse.n).max(axis=1) + _fit(held.sum(axis=1), coarse.n.sum()) - fit)

    def draw(n: int) -> NDArray[np.float64]:
        if taking == 0:
            rows = rng.binomial(coarse.n.astype(np.int64), chance, size=(n, at.size)).astype(float)
        else:
            rows = np.empty((n, at.size))
            for row in range(n):
                uniform = rng.random(own.size)
                after = rng.random(own.size) < taking
                uniform[after] = rng.random(int(own.max()) + 1)[own[after]]
                rows[row] = np.bincount(coarse.group, uniform < chance[coarse.group])
        return better(rows, _drift(rows, coarse.n, at, line, _STEPS_FROM_NEAR)[1])

    return _rarity(float(better(coarse.held[None], fit)[0]), draw, largest, 50)


def _drift(
    held: NDArray[np.float64],
    n: NDArray[np.float64],
    at: NDArray[np.float64],
    start: tuple[float, float],
    steps: int,
) -> tuple[tuple[float, float], NDArray[np.float64]]:
    """Level and slope of a logistic regression on time of the first row of `held`; log-likelihoods of all."""
    level, slope = (np.full(held.shape[0], one) for one in start)
    for _ in range(steps):
        chance = special.expit(level[:, None] + slope[:, None] * at)
        spread, left = n * chance * (1 - chance) + 1e-9, held - n * chance
        a, b, c = spread.sum(axis=1), spread @ at, spread @ at**2
        one, other = left.sum(axis=1), left @ at
        inside = np.maximum(a * c - b * b, 1e-12)
        level = np.clip(level + np.clip((c * one - b * other) / inside, -2, 2), -_STEEPEST, _STEEPEST)
        slope = np.clip(slope + np.clip((a * other - b * one) / inside, -4, 4), -_STEEPEST, _STEEPEST)
    linear = level[:, None] + slope[:, None] * at
    # log p less log(1 - p) is the linear part.
    fit = (held * linear + n * special.log_expit(-linear)).sum(axis=1)
    return (float(level[0]), float(slope[0])), fit


def _check(
    held: NDArray[np.float64], time: NDArray[np.float64], document: NDArray[np.int64], level: float
) -> None:
    if held.ndim != 1 or not time.shape == document.shape == held.shape:
        raise ValueError(
            f"wanted a verdict, a time and a document of each text, got {held.shape}, {time.shape} and "
            f"{document.shape}"
        )
    if not np.isfinite(time).all():
        raise ValueError("wanted finite times, got a missing or infinite one")
    if not (np.isnan(held) | (held == 0) | (held == 1)).all():
        raise ValueError("wanted verdicts of 0, 1 or NaN, got another")
    if not 0 < level < 1:
        raise ValueError(f"wanted a level in (0, 1), got {level}")
