"""What a walk bets on, in [0, 1], and how it is told in units of validity.

Without a gold judge that decides these are the judge's verdicts as they are. With one a verdict is corrected
where its text was drawn: on average over the draw it is then the gold verdict, and it lies further out.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from tasks.errors import FrozenError
from tasks.stats.sampling import scores_rectified
from tasks.stats.sequential import Look
from tasks.verdicts.matrices import GoldVerdicts, Matrix, at_threshold

LEAST_DOCUMENTS = 2
"""Gold documents a group, with fewer of which nothing is said."""
_COARSE, _FINE, _FINEST = 20, 4, 2000
"""Atoms for graded differences: at least so many, so many in a verdict, and no more than that."""
_ROUNDING = 1e-9


class Scale:
    """The judge's verdicts as they are."""

    width = 1.0
    """By how much more a difference is than the one that is bet on."""
    bounds = (0.0, 1.0)
    """What a missing verdict could have been."""

    def resolution(self, exact: bool) -> int:
        """Atoms; exact where all differences are of two 0/1 verdicts."""
        return 1 if exact else _COARSE

    def scores(
        self, verdict: Matrix, gold: GoldVerdicts | None, threshold: float | None, refused: Matrix
    ) -> Matrix:
        """What is bet on."""
        return verdict

    def told(self, look: Look) -> Look:
        """The look in units of validity."""
        return look


@dataclass(frozen=True)
class Corrected(Scale):
    """Verdicts corrected by gold ones where a text was drawn; where none was, the judge's stands."""

    weight: float
    """The largest 1 / chance that a pair may be asked about with: a score lies in [1 - weight, weight]."""

    @property
    def width(self) -> float:  # type: ignore[override]
        """From the least to the most that a corrected score can be."""
        return 2 * self.weight - 1

    @property
    def bounds(self) -> tuple[float, float]:  # type: ignore[override]
        """A verdict of 0 and one of 1, among corrected scores."""
        return (self.weight - 1) / self.width, self.weight / self.width

    def resolution(self, exact: bool) -> int:
        """Atoms on which differences of two 0/1 verdicts fall exactly, or fine ones for any others."""
        steps = math.ceil(self.width - _ROUNDING)
        if exact and abs(steps - self.width) < _ROUNDING:
            return steps
        return max(steps, min(steps * max(-(-_COARSE // steps), _FINE), _FINEST))

    def scores(
        self, verdict: Matrix, gold: GoldVerdicts | None, threshold: float | None, refused: Matrix
    ) -> Matrix:
        """The corrected verdicts; none where the judge gave none, or gold says too little of a predicate.

        Args:
            verdict: the judge's, thresholded.
            gold: of the texts that were drawn.
            threshold: of the gold verdicts.
            refused: what a drawn text counts as about which the gold judge was asked in vain. It must never
                be the judge's own verdict: refusals would then say that the judge was right.

        Raises:
            FrozenError: there are no gold verdicts, or they were drawn with other chances than planned.
        """
        if gold is None:
            raise FrozenError("wanted gold verdicts with `gold.decides`, there are none. Rerun verify.")
        least = 1 / self.weight
        bets = np.ones(verdict.shape[1], dtype=bool) if gold.known is None else gold.known
        smallest = gold.chance[:, bets].min(initial=1.0)
        if smallest < least * (1 - _ROUNDING):
            raise FrozenError(
                f"wanted gold verdicts drawn with chances of at least {least:.4g}, got "
                f"{smallest:.4g}. Rerun verify."
            )
        # The range is that of the smallest chance there may be, whatever this batch has.
        chance = np.where(gold.asked, np.maximum(gold.chance, least), least)
        corrected = scores_rectified(verdict, with_refusals(gold, refused, threshold), chance).score
        return np.where(bets, np.clip(corrected, 0.0, 1.0), np.nan)

    def told(self, look: Look) -> Look:
        """The look in units of validity, which lies in [-1, 1] whatever a few gold verdicts say."""

        def in_units(of: Float[np.ndarray, " predicate"]) -> Float[np.ndarray, " predicate"]:
            return np.asarray(np.clip(of * self.width, -1, 1))

        return replace(look, estimate=in_units(look.estimate), lo=in_units(look.lo), hi=in_units(look.hi))


def worst_verdicts(in_a: Bool[np.ndarray, " text"], towards_a: Bool[np.ndarray, " predicate"]) -> Matrix:
    """The verdict on each text that speaks most against the frozen direction of each predicate."""
    return np.where(in_a[:, None] == towards_a, 0.0, 1.0)


def with_refusals(gold: GoldVerdicts, refused: Matrix, threshold: float | None = None) -> Matrix:
    """The gold verdicts, with these where it was asked in vain; NaN only where it was not asked."""
    score = at_threshold(gold.score, threshold)
    return np.where(gold.asked & np.isnan(score), refused, score)


def labels_of_file(
    gold: GoldVerdicts, in_a: Bool[np.ndarray, " text"], document: Int[np.ndarray, " text"]
) -> GoldVerdicts:
    """Labels, of which is known beforehand what they say nothing about: a walk does not bet there.

    Without a label in a group all that is left is the judge's own verdict, as if it had been right.
    """
    return replace(gold, known=documents_enough(gold.score, in_a, document))


def largest_weight(gold: GoldVerdicts) -> float:
    """The largest 1 / chance of the predicates that a walk may bet on."""
    chance = gold.chance if gold.known is None else gold.chance[:, gold.known]
    return float(1 / chance.min(initial=1.0))


def documents_enough(
    score: Matrix, in_a: Bool[np.ndarray, " text"], document: Int[np.ndarray, " text"]
) -> Bool[np.ndarray, " predicate"]:
    """Whether both groups have documents enough with a value, for each predicate."""
    n_predicates, enough = score.shape[1], np.ones(score.shape[1], dtype=bool)
    for side in (in_a, ~in_a):
        row, column = np.nonzero(~np.isnan(score) & side[:, None])
        once = np.unique(document[row] * n_predicates + column) % n_predicates
        enough &= np.bincount(once, minlength=n_predicates) >= LEAST_DOCUMENTS
    return enough
