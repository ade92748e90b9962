"""How well scores of traits tell which answer is whose, and which is preferred, on pairs not fitted on.

A row is a pair of answers, x its traits, the first answer's less the second's. The model has no intercept and
is scaled without being centred, so that it is antisymmetric: the other order of a pair gets the opposite
score. In which order a pair is given then changes nothing, and no pair is needed twice.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy import stats

from tasks.stats.logistic import logistic_coefficients
from tasks.stats.paired import paired_mean_ci

_LEAST_GAIN = 1e-8
_INFLATION = 1 + 2 / np.pi
"""Of the variance: two pairs that train each other's models are right together."""


@dataclass(frozen=True)
class Told:
    """How well one thing with two sides was told."""

    n: int
    """Pairs that were told apart or not."""
    n_left_out: int
    """Pairs without a side: no preference, or none known."""
    accuracy: float
    """Share told rightly; a score of 0 is half right. NaN without a pair."""
    lo: float
    hi: float
    balanced: float
    """Mean of the shares told rightly of either side; NaN where one has none."""
    auc: float
    """Chance that a pair of the one side scores over one of the other, ties half; NaN where one has none, and
    of preferences where no fold has both."""
    majority: float
    """Share of the larger side: 0.5 for identity, whose sides are drawn by chance."""
    right: Float[np.ndarray, " pair"]
    """1, 0.5 or 0; NaN for pairs left out."""
    score: Float[np.ndarray, " pair"]
    """Logarithm of the odds of the first answer, by a model that saw no pair of the fold."""


@dataclass(frozen=True)
class Lift:
    """What one telling has over another on the same pairs."""

    n: int
    estimate: float
    """Difference of accuracies; NaN without a pair."""
    lo: float
    hi: float


def pair_folds(
    document: Int[np.ndarray, " pair"], rng: np.random.Generator, n_folds: int = 10
) -> Int[np.ndarray, " pair"]:
    """Gives each pair's fold: whole documents, as many in each as can be.

    Args:
        document: any integer per pair; equal ones are one document.
        rng: seeded by the caller.
        n_folds: at most; fewer where there are fewer documents.

    Assumes:
        Nothing.

    Source:
        Stone (1974), J. R. Stat. Soc. B 36:111-147, by document. Checked by hand.
    """
    names, position = np.unique(document, return_inverse=True)
    order = rng.permutation(names.size)
    return np.asarray((order % max(min(n_folds, names.size), 1))[position])


def identity_told(
    x: Float[np.ndarray, "pair trait"],
    document: Int[np.ndarray, " pair"],
    fold: Int[np.ndarray, " pair"],
    level: float,
) -> Told:
    """Gives how well traits tell which of two answers is the first model's.

    What orders drawn by chance give on average: with the antisymmetric model a pair is told rightly in one
    order if it is in the other, and the AUC is the mean over both orders of any two pairs.

    Args:
        x: the first model's score less the second's; NaN where there is no verdict, which counts as a tie.
            May have no column.
        document: any integer per pair; equal ones are one document.
        fold: of `pair_folds`.
        level: coverage of the interval, in (0, 1).

    Returns:
        Accuracy 0.5 where traits say nothing: constant at 0, none, or a single fold.

    Raises:
        ValueError: shapes disagree, or the level is outside (0, 1).

    Assumes:
        Documents are independent. The interval is of models trained on as many pairs as these were.

    Source:
        Logistic regression with a penalty of 1/2 per squared coefficient, of columns scaled to a mean square
        of 1 in the other folds. Interval: `paired_mean_ci` with its variance times 1 + 2/pi, since pairs that
        train each other's models are right together (on this see Nadeau & Bengio 2003, Machine Learning
        52:239-281): of n independent pairs without a difference, two scores correlate by 1/n, and so their
        signs by 2 / (pi n). An accuracy under 0.5 is chance, so that the upper end is at least 0.5. Checked
        against scikit-learn's models fold by fold with random signs; coverage in docs/statistics.md.
    """
    n = x.shape[0]
    score = _crossfitted(x, np.ones(n), fold)
    right = (score > 0) + 0.5 * (score == 0)
    ranked = np.sort(score)
    under, up_to = (np.searchsorted(ranked, -score, side=side) for side in ("left", "right"))
    # Over and ties; a pair's own other order is no other pair.
    over = n - up_to + (up_to - under) / 2 - right
    accuracy, lo, hi = _accuracy(right, document, level)
    return Told(
        n=n,
        n_left_out=0,
        accuracy=accuracy,
        lo=lo,
        hi=hi,
        balanced=accuracy,
        auc=float(over.sum() / (n * (n - 1))) if n > 1 else np.nan,
        majority=0.5,
        right=right,
        score=score,
    )


def preference_told(
    x: Float[np.ndarray, "pair trait"],
    preference: Float[np.ndarray, " pair"],
    document: Int[np.ndarray, " pair"],
    fold: Int[np.ndarray, " pair"],
    level: float,
) -> Told:
    """Gives how well traits tell which of two answers is preferred.

    Beside it belongs `preference_told(np.ones((n, 1)), ...)`: the side that was preferred more often in the
    other folds. Where preferences are lopsided, `balanced` and `auc` say more than the accuracy.

    Args:
        x: as of `identity_told`.
        preference: of the first answer, in [-1, 1]; pairs count by its size when the model is fitted, and all
            alike when it is tested; 0 and NaN are left out, and counted.
        document: any integer per pair; equal ones are one document.
        fold: of `pair_folds`.
        level: coverage of the interval, in (0, 1).

    Returns:
        As `identity_told`.

    Raises:
        ValueError: shapes disagree, a preference is outside [-1, 1], or the level is outside (0, 1).

    Assumes:
        As `identity_told`.

    Source:
        As `identity_told`; the AUC is Mann and Whitney's (1947) of pairs of one fold, which one model scored:
        over folds it is under 0.5 without a difference, since where a fold has more of one side, the others
        have less (Airola et al. 2011, Computational Statistics & Data Analysis 55:1828-1844). Checked against
        scikit-learn.
    """
    if preference.shape != x.shape[:1] or (np.abs(preference[~np.isnan(preference)]) > 1 + 1e-9).any():
        raise ValueError(
            f"wanted a preference in [-1, 1] or NaN for {x.shape[0]} pairs, got {preference.shape}"
        )
    wanted = np.nan_to_num(preference)
    score = _crossfitted(x, wanted, fold)
    side = np.where(wanted == 0, np.nan, np.sign(wanted))
    right = (1 + side * np.sign(score)) / 2
    used = ~np.isnan(side)
    first, second = right[side > 0], right[side < 0]
    n, two = int(used.sum()), min(first.size, second.size) > 0
    accuracy, lo, hi = _accuracy(right, document, level)
    return Told(
        n=n,
        n_left_out=int(used.size - n),
        accuracy=accuracy,
        lo=lo,
        hi=hi,
        balanced=float((first.mean() + second.mean()) / 2) if two else np.nan,
        auc=_auc(score[used], side[used] > 0, fold[used]),
        majority=max(first.size, second.size) / n if n else np.nan,
        right=right,
        score=score,
    )


def told_lift(
    told: Told,
    baseline: Told,
    document: Int[np.ndarray, " pair"],
    level: float,
) -> Lift:
    """Gives how much more often one telling is right than another on the same pairs.

    Prefer it to comparing two intervals: pairs that are easy for both cancel.

    Args:
        told: of `identity_told` or `preference_told`.
        baseline: the same from other traits (surface counts, length), on the same pairs and folds.
        document: any integer per pair; equal ones are one document.
        level: coverage of the interval, in (0, 1).

    Raises:
        ValueError: the two are of different pairs, or the level is outside (0, 1).

    Assumes:
        As `identity_told`.

    Source:
        As `identity_told`, of the differences. Checked by hand.
    """
    if told.right.shape != baseline.right.shape or (np.isnan(told.right) != np.isnan(baseline.right)).any():
        raise ValueError("wanted two tellings of the same pairs, got different ones")
    estimate, lo, hi = _interval(told.right - baseline.right, document, level)
    return Lift(told.n, estimate, lo, hi)


def _crossfitted(
    x: NDArray[np.float64], wanted: NDArray[np.float64], fold: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Score of each pair by a model of the other folds: positive says that `wanted` is."""
    if x.ndim != 2 or fold.shape != x.shape[:1]:
        raise ValueError(f"wanted x (pair, trait) and fold (pair,), got {x.shape} and {fold.shape}")
    x, score = np.nan_to_num(x), np.zeros(x.shape[0])
    signed, weight = x * np.sign(wanted)[:, None], np.abs(wanted)
    for k in np.unique(fold):
        held, rest = fold == k, (fold != k) & (weight > 0)
        scale = np.sqrt((x[rest] ** 2).mean(axis=0)) if rest.any() else np.zeros(x.shape[1])
        told = scale > 0
        if told.any():
            design, ones = signed[rest][:, told] / scale[told], np.ones(int(told.sum()))
            # Of a pair turned round so that the wanted side is first, the first side is always wanted.
            found = logistic_coefficients(
                design, np.ones(len(design)), ones, 0 * ones, _LEAST_GAIN, weight[rest]
            )
            score[held] = x[held][:, told] @ (found[0] / scale[told])
    return score


def _auc(score: NDArray[np.float64], is_first: NDArray[np.bool_], fold: NDArray[np.int64]) -> float:
    """Of all pairs of a fold that are of two sides."""
    over = n = 0.0
    for k in np.unique(fold):
        first, of = is_first[fold == k], score[fold == k]
        n_first = int(first.sum())
        over += stats.rankdata(of)[first].sum() - n_first * (n_first + 1) / 2
        n += n_first * (first.size - n_first)
    return over / n if n else np.nan


def _accuracy(
    right: NDArray[np.float64], document: NDArray[np.int64], level: float
) -> tuple[float, float, float]:
    accuracy, lo, hi = ((1 + end) / 2 for end in _interval(2 * right - 1, document, level))
    return accuracy, lo, max(hi, 0.5)


def _interval(
    d: NDArray[np.float64], document: NDArray[np.int64], level: float
) -> tuple[float, float, float]:
    estimate, lo, hi = paired_mean_ci(d[:, None], document, level, _INFLATION)
    return float(estimate[0]), float(lo[0]), float(hi[0])
