"""Agreement of judges beyond chance: Cohen's kappa of two, Krippendorff's alpha of any number."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy import stats

from tasks.stats.rectifier import members

_HALF = 0.5
_LEAST_DOCUMENTS = 5


@dataclass(frozen=True)
class Agreement:
    """One entry per predicate."""

    estimate: Float[np.ndarray, " predicate"]
    """1 is perfect, 0 is chance; NaN where the judges used one value only, which says nothing."""
    lo: Float[np.ndarray, " predicate"]
    hi: Float[np.ndarray, " predicate"]
    n: Int[np.ndarray, " predicate"]
    """Texts with verdicts of two judges or more."""


def judges_kappa_cohen(
    first: Float[np.ndarray, "text predicate"],
    second: Float[np.ndarray, "text predicate"],
    document: Int[np.ndarray, " text"],
    level: float,
) -> Agreement:
    """Gives Cohen's kappa of two judges with an interval over documents.

    Prefer it for two judges and 0/1 verdicts or categories; `judges_alpha_krippendorff` for more judges, and
    for graded verdicts.

    Args:
        first: one judge's verdicts; every value is a category; NaN where there is none.
        second: the other's.
        document: any integer per row; equal ones are one document.
        level: coverage, in (0, 1).

    Returns:
        Estimate and interval; NaN and [-1, 1] where both used one and the same value only.

    Assumes:
        Documents are independent; missing verdicts are missing at random.

    Source:
        Cohen (1960), Educational and Psychological Measurement 20:37-46. Interval: jackknife over documents
        of log(1 - kappa), Student's t. Checked against statsmodels `cohens_kappa`; its standard error
        (Fleiss, Cohen & Everitt 1969) within 2 % at 2,000 texts. Interval checked against scikit-learn's
        kappa without each document in turn.
    """
    return _per_predicate(_kappa_counts, np.stack([first, second], axis=-1), document, level)


def judges_alpha_krippendorff(
    verdict: Float[np.ndarray, "text predicate judge"],
    document: Int[np.ndarray, " text"],
    level: float,
    metric: Literal["nominal", "interval"] = "nominal",
) -> Agreement:
    """Gives Krippendorff's alpha of two or more judges with an interval over documents.

    Prefer it for more than two judges, missing verdicts, or graded ones (metric interval: squared distances).

    Args:
        verdict: any finite values; NaN where a judge gave none; texts with fewer than two are left out.
        document: any integer per row; equal ones are one document.
        level: coverage, in (0, 1).
        metric: nominal (same or not) or interval (squared distance).

    Returns:
        Estimate and interval; NaN and [-1, 1] where only one value was ever used.

    Raises:
        ValueError: another metric.

    Assumes:
        Documents are independent; missing verdicts are missing at random.

    Source:
        Krippendorff (2011), Computing Krippendorff's alpha-reliability; his example of four observers and
        twelve units gives 0.743 (nominal) and 0.849 (interval), checked; also against his matrix of
        coincidences, step by step. Interval as `judges_kappa_cohen`.
    """
    if metric not in ("nominal", "interval"):
        raise ValueError(f"wanted metric nominal or interval, got {metric}")
    counts = _nominal_counts if metric == "nominal" else _interval_counts
    return _per_predicate(counts, verdict, document, level)


_Sums = tuple[NDArray[np.float64], NDArray[np.bool_], Callable[[NDArray[np.float64]], NDArray[np.float64]]]
"""Per text figures to be summed, which texts count, and what makes (disagreement, by chance) of the sums."""


def _per_predicate(
    counts: Callable[[NDArray[np.float64]], _Sums],
    verdict: NDArray[np.float64],
    document: NDArray[np.int64],
    level: float,
) -> Agreement:
    found = []
    for j in range(verdict.shape[1]):
        estimate, lo, hi, n = _one(*counts(verdict[:, j]), document, level)
        worse, better = _unseen(counts, verdict[:, j], document)
        found.append((estimate, max(-1.0, min(lo, worse)), min(1.0, max(hi, better)), n))
    columns = np.array(found, dtype=float).reshape(-1, 4).T
    return Agreement(columns[0], columns[1], columns[2], columns[3].astype(np.int64))


def _unseen(
    counts: Callable[[NDArray[np.float64]], _Sums], verdict: NDArray[np.float64], document: NDArray[np.int64]
) -> tuple[float, float]:
    """The estimates with two more texts on which judges disagree, or agree on the rarest value.

    Where a value was hardly used, the few texts that have it are all alike, and say nothing of their spread:
    with fewer than five documents off the most used value, nothing is said at all.
    """
    seen = verdict[~np.isnan(verdict)]
    values, often = np.unique(seen, return_counts=True)
    off = (verdict != values[np.argmax(often)]) & ~np.isnan(verdict) if values.size else np.zeros(0, bool)
    if values.size < 2 or np.unique(document[off.any(axis=1)]).size < _LEAST_DOCUMENTS:
        return -1.0, 1.0
    far = np.round(np.abs(values - seen.mean()), 9) if counts is _interval_counts else -often
    rare, common = values[np.argmax(far)], values[np.argmin(far)]
    found = []
    for second, unknown in ((common, -1.0), (rare, 1.0)):
        row = np.full((2, verdict.shape[1]), np.nan)
        row[:, :2] = [[rare, second], [second, rare]]
        figures, used, parts = counts(np.vstack([verdict, row]))
        observed, chance = parts(figures[used].sum(axis=0)[None])[:, 0]
        found.append(float(1 - observed / chance) if chance > 0 else unknown)
    return found[0], found[1]


def _one(
    figures: NDArray[np.float64],
    used: NDArray[np.bool_],
    parts: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    document: NDArray[np.int64],
    level: float,
) -> tuple[float, float, float, int]:
    n = int(used.sum())
    by_document = members(document[used]) @ figures[used] if n else np.zeros((0, figures.shape[1]))
    total = by_document.sum(axis=0)
    observed, chance = parts(total[None])[:, 0]
    if n == 0 or chance <= 0:
        return np.nan, -1.0, 1.0, n
    estimate, documents = 1 - observed / chance, by_document.shape[0]
    if documents < 2:
        return estimate, -1.0, 1.0, n
    if observed <= 0:
        # None of so many documents disagreed: the largest share of which that is not yet unlikely.
        unseen = 1 - ((1 - level) / 2) ** (1 / documents)
        return estimate, max(-1.0, 1 - unseen / chance), 1.0, n
    left = parts(total - by_document)
    # Half a disagreement keeps the logarithm finite where one document holds all of it.
    floor = _HALF / n if (left[0] <= 0).any() else 0.0
    usable = left[1] > 0
    logs = np.log((left[0, usable] + floor) / left[1, usable])
    centre = np.log((observed + floor) / chance)
    g = max(int(usable.sum()), 2)
    error = np.sqrt((g - 1) / g * ((logs - logs.mean()) ** 2).sum())
    reach = stats.t.ppf((1 + level) / 2, documents - 1) * error
    lo, hi = 1 - np.exp(min(centre + reach, 50.0)), 1 - np.exp(centre - reach)
    return estimate, max(-1.0, min(lo, estimate)), min(1.0, max(hi, estimate)), n


def _kappa_counts(verdict: NDArray[np.float64]) -> _Sums:
    used = ~np.isnan(verdict).any(axis=1)
    values = np.unique(verdict[used])
    first, second = (verdict[:, [judge]] == values for judge in (0, 1))
    k = values.size
    agree = (first & second).any(axis=1)

    def parts(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        n = np.maximum(sums[:, 0], 1)
        by_chance = (sums[:, 2 : 2 + k] * sums[:, 2 + k :]).sum(axis=1) / n**2
        return np.stack([1 - sums[:, 1] / n, np.where(sums[:, 0] > 0, 1 - by_chance, 0.0)])

    return np.column_stack([used, agree, first, second]).astype(float), np.asarray(used), parts


def _nominal_counts(verdict: NDArray[np.float64]) -> _Sums:
    m = (~np.isnan(verdict)).sum(axis=1).astype(float)
    used = m > 1
    values = np.unique(verdict[used][~np.isnan(verdict[used])])
    count = (verdict[:, :, None] == values).sum(axis=1).astype(float)
    apart = (count * (m[:, None] - count)).sum(axis=1) / np.maximum(m - 1, 1)

    def parts(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        n = sums[:, 0]
        chance = (n**2 - (sums[:, 2:] ** 2).sum(axis=1)) / np.maximum(n * (n - 1), 1)
        return np.stack([sums[:, 1] / np.maximum(n, 1), chance])

    return np.column_stack([m, apart, count]), used, parts


def _interval_counts(verdict: NDArray[np.float64]) -> _Sums:
    seen = ~np.isnan(verdict)
    m = seen.sum(axis=1).astype(float)
    used = m > 1
    # Centred: squares of large values lose no digits.
    x = np.where(seen, verdict - (np.nanmean(verdict[used]) if used.any() else 0.0), 0.0)
    total, squares = x.sum(axis=1), (x**2).sum(axis=1)
    apart = 2 * np.maximum(m * squares - total**2, 0) / np.maximum(m - 1, 1)
    apart = np.where(apart > 1e-12 * m * squares, apart, 0.0)

    def parts(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        n = sums[:, 0]
        chance = 2 * (n * sums[:, 3] - sums[:, 2] ** 2) / np.maximum(n * (n - 1), 1)
        chance = np.where(chance > 1e-12 * np.maximum(sums[:, 3], 1e-300), chance, 0.0)
        return np.stack([sums[:, 1] / np.maximum(n, 1), chance])

    return np.column_stack([m, apart, total, squares]), used, parts
