"""What predicts a label, or a score: multinomial logistic, or linear with normal errors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from tasks.kinds.classes.params import SCORE, Classes
from tasks.kinds.fitted.model import Bits, Mass, Model, Verdicts, Weights, foreseen
from tasks.kinds.fitted.observed import Observed
from tasks.stats import multinomial, normal
from tasks.stats.multinomial import Multinomial
from tasks.stats.normal import Normal

RIDGE = 0.3
"""Of labels: weights are as if drawn with a standard deviation of 1.8. With 1 those of a class of 2 % are
pulled in so far that intervals miss them (planted 3 in 300 texts: 63 % covered, with 0.3 88 %, of 1,000 texts
97 %); gains on new texts are the same."""


def model(params: Classes, explored: Observed) -> Model:
    """The form for these values: a weight a class, or one for the score."""
    return Scores() if is_score(explored) else Labels(explored)


def is_score(explored: Observed) -> bool:
    """Whether values are a score: numbers, where labels are none (`classes/labels.py`)."""
    return explored.number is not None and not np.isnan(explored.number).any()


class Labels:
    """log p(label | z) is b + w . z, up to a constant of the text."""

    background: float = 0.0

    def __init__(self, explored: Observed) -> None:
        self.slots: Sequence[str] = sorted(set(explored.said or ()))
        """The classes of the exploration half. A text of another class says nothing of these weights: it
        has 0 bits in every model."""
        self._at = {slot: i for i, slot in enumerate(self.slots)}

    def known(self, of: Observed) -> Bool[np.ndarray, " text"]:
        """Whether a text is of a class of the exploration half."""
        return self._label(of) >= 0

    def fit(self, z: Verdicts, of: Observed, mass: Mass | None = None, start: Any = None) -> Multinomial:
        """By ridge maximum likelihood, unless no text is of a known class."""
        label = self._label(of)
        known = label >= 0
        return multinomial.fit(
            z[known],
            label[known],
            max(len(self.slots), 2),
            ridge=RIDGE,
            mass=None if mass is None else mass[known],
            start=None if start is None else start.weight,
        )

    def bits(self, fitted: Multinomial, z: Verdicts, of: Observed, leave_out: Sequence[int] = ()) -> Bits:
        """log2 of the chance of each text's class."""
        label, found = self._label(of), np.zeros(len(of))
        known = label >= 0
        found[known] = multinomial.log2_likelihood(fitted, z[known], label[known])
        return found

    def gain_variance(
        self,
        full: Multinomial,
        without: Multinomial,
        dropped: int,
        z: Verdicts,
        of: Observed,
        leave_out: Sequence[int] = (),
    ) -> Bits:
        """Over classes, drawn as the model without the predicate says."""
        return np.where(self.known(of), multinomial.gain_variance(full, without, dropped, z), 0.0)

    def most_likely(self, frozen: Multinomial, z: Verdicts, of: Observed, mass: Mass) -> Bits:
        """Without ridge and added texts."""
        known = self.known(of)
        if not mass[known].sum() > 0:
            return np.zeros(len(of))
        best = multinomial.fit(
            z[known],
            self._label(of)[known],
            max(len(self.slots), 2),
            ridge=0.0,
            mass=mass[known],
            pseudo_texts=0.0,
        )
        return self.bits(best, z, of)

    def errors(self, fitted: Multinomial, z: Verdicts, of: Observed) -> Weights:
        """By the curvature of the penalised likelihood."""
        return multinomial.weight_error(fitted, z[self.known(of)], RIDGE)[:, : len(self.slots)]

    def weights(self, fitted: Multinomial) -> Weights:
        """Constants, then a row for each predicate; a row sums to 0."""
        return fitted.weight[:, : len(self.slots)]

    def frozen(self, weights: Weights, z: Verdicts, of: Observed) -> Multinomial:
        """The weights are all there is; of one class alone the other one has the opposite."""
        return Multinomial(weights if len(self.slots) > 1 else np.hstack([weights, -weights]))

    def directions(
        self,
        vectors: Float[np.ndarray, "text dim"],
        z: Verdicts,
        of: Observed,
        most: int,
        rng: np.random.Generator,
    ) -> Float[np.ndarray, "text direction"]:
        """For each class what vectors add to z in telling it; the best explained first."""
        label = self._label(of)
        return foreseen(vectors, z, np.eye(len(self.slots) + 1)[label][:, :-1], most)

    def own_words(self, predicate: str, definition: str) -> Sequence[int]:
        """Slots are no words."""
        return ()

    def targets(self, of: Observed) -> Float[np.ndarray, "text target"]:
        """A column for each class."""
        label = self._label(of)
        return np.where(label[:, None] >= 0, np.eye(len(self.slots))[label], 0.0)

    def _label(self, of: Observed) -> Int[np.ndarray, " text"]:
        """Class by number; -1 of one that the exploration half has not."""
        return np.array([self._at.get(one, -1) for one in of.said or ()], dtype=np.int64)


class Scores:
    """The score is normal around b + w . z."""

    background: float = 0.0

    slots: Sequence[str] = (SCORE,)

    def fit(self, z: Verdicts, of: Observed, mass: Mass | None = None, start: Any = None) -> Normal:
        """By least squares with a ridge, in one step from wherever it starts."""
        return normal.fit(z, _score(of), mass=mass)

    def bits(self, fitted: Normal, z: Verdicts, of: Observed, leave_out: Sequence[int] = ()) -> Bits:
        """log2 of the density of each text's score."""
        return normal.log2_likelihood(fitted, z, _score(of))

    def gain_variance(
        self,
        full: Normal,
        without: Normal,
        dropped: int,
        z: Verdicts,
        of: Observed,
        leave_out: Sequence[int] = (),
    ) -> Bits:
        """Over scores, drawn as the model without the predicate says."""
        return normal.gain_variance(full, without, dropped, z)

    def most_likely(self, frozen: Normal, z: Verdicts, of: Observed, mass: Mass) -> Bits:
        """Without ridge."""
        return self.bits(normal.fit(z, _score(of), ridge=0.0, mass=mass), z, of)

    def errors(self, fitted: Normal, z: Verdicts, of: Observed) -> Weights:
        """By the curvature of the penalised squares."""
        return normal.weight_error(fitted, z)[:, None]

    def weights(self, fitted: Normal) -> Weights:
        """In units of the score."""
        return fitted.weight[:, None]

    def frozen(self, weights: Weights, z: Verdicts, of: Observed) -> Normal:
        """The spread is that of the errors on the same texts, as it was fitted."""
        return Normal(weights[:, 0], normal.fit(z, _score(of)).sd)

    def directions(
        self,
        vectors: Float[np.ndarray, "text dim"],
        z: Verdicts,
        of: Observed,
        most: int,
        rng: np.random.Generator,
    ) -> Float[np.ndarray, "text direction"]:
        """What vectors add to z in telling the score; then the same of high scores and of low ones alone."""
        left = _score(of) - np.median(_score(of))
        return foreseen(vectors, z, np.column_stack([left, left.clip(min=0), left.clip(max=0)]), most)

    def own_words(self, predicate: str, definition: str) -> Sequence[int]:
        """The slot is no word."""
        return ()

    def targets(self, of: Observed) -> Float[np.ndarray, "text target"]:
        """The score in its standard deviations."""
        score = _score(of)
        return np.asarray((score - score.mean()) / max(score.std(), 1e-12))[:, None]


def _score(of: Observed) -> Float[np.ndarray, " text"]:
    assert of.number is not None  # noqa: S101 - values that are no number were refused when they were read
    return of.number
