"""Choosing among comparisons, in rounds: the next is one that tells apart what those before it tell wrongly.

A logistic model of the comparisons chosen so far, by sign and by size, says who wrote which answer, of each
pair without its document. What is left of a pair is its residual: near 0 where that is surely right, large
where it is wrong. A candidate is ranked by how much of that it explains beyond those before (score test,
flipped by document). So "is longer" is not followed by all that a longer answer has more of.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from tasks.engines.contrast import N_FOLDS, significant
from tasks.engines.embedded.select import GATE_RATE, LEAST_KEPT, PREFERENCE
from tasks.kinds.model_pair.embedded.comparing import Pairs, Signs
from tasks.kinds.model_pair.flips import clustered_z
from tasks.records import Grade

FROM_SIZE = 0.85
"""What z counts of a comparison that grows with whatever an answer is made of: length goes first."""
WORDS = 0.95
"""What z counts of words: a trait of the table that says as much says what it is."""
LIKED = 4
"""One place in so many is for what tells which answer was preferred."""
RIDGE = 1.0
"""Pairs that the ridge penalty of the logistic model is worth."""
_LEAST_GAIN = 1e-9


@dataclass(frozen=True)
class Candidate:
    """A comparison, and what it says on the exploration half."""

    family: str
    grade: Grade
    definition: Mapping[str, Any]
    signs: Signs = field(repr=False)
    sizes: Float[np.ndarray, " pair"] = field(repr=False)
    z: float
    n_measured: int
    """How many of its sort were looked at."""
    passes: bool
    """Whether it stands out among them."""
    from_size: bool = False
    dense: float | None = None
    """z of how often it stands in an answer against the answer's length; None of what is no such count."""

    @property
    def effect(self) -> float:
        """Share of pairs where A shows it more minus share where B does."""
        return float(self.signs.mean())

    def strength(self, z: float) -> float:
        """How unlikely such a z is among all of its sort that were looked at, in powers of e."""
        from scipy.special import log_ndtr

        counts = PREFERENCE[self.grade] * (FROM_SIZE if self.from_size else 1.0)
        counts *= WORDS if self.family == "words" else 1.0
        return round(-float(log_ndtr(-abs(z) * counts)) - math.log(2 * max(self.n_measured, 1)), 6)

    def is_own(self, gate_z: float) -> bool:
        """Whether it is more than what longer answers, or other traits, bring along."""
        is_denser = self.dense is None or (self.dense * self.z > 0 and abs(self.dense) >= gate_z)
        return is_denser and self.family != "words"

    @property
    def says(self) -> frozenset[str]:
        """What no second one should be about: a measure, each word."""
        return said_by(self.definition)


def said_by(definition: Mapping[str, Any]) -> frozenset[str]:
    """What a comparison is about: its words, or the name of its trait, tone, pattern, measure or class."""
    names = ("trait", "axis", "pattern", "measure", "name")
    named = next((definition[key] for key in names if key in definition), None)
    return frozenset(definition.get("terms", ())) if named is None else frozenset([f"{named} of the table"])


def passing(
    z: Float[np.ndarray, " trait"], measured: Float[np.ndarray, " trait"], gate_z: float
) -> Bool[np.ndarray, " trait"]:
    """Which stand out among all that were measured."""
    passed = significant(measured, GATE_RATE)
    least = max(gate_z, float(np.abs(measured[passed]).min()) if passed.any() else np.inf)
    result: Bool[np.ndarray, " trait"] = np.abs(z) >= least
    return result


def choose(
    candidates: Sequence[Candidate],
    pairs: Pairs,
    most: int,
    max_phi: float,
    gate_z: float,
    rng: np.random.Generator,
    preference: Float[np.ndarray, " pair"] | None = None,
) -> list[Candidate]:
    """At most `most` candidates, best first.

    First in rounds, while one explains what is left. Then those that stand out by themselves, but for words,
    and for counts that are no denser than in the other answers: they follow from what is said already. And
    up to five in any case, so that a study can end. Where it is known whose answer was preferred, up to a
    quarter of the places is for what tells that, whether or not the models differ by it.
    """
    search = _Search(candidates, pairs, max_phi, rng)
    search.rounds(most)
    own = np.array([candidate.z for candidate in candidates])
    by_itself = sorted(range(len(candidates)), key=lambda i: (-candidates[i].strength(float(own[i])), i))
    search.fill([i for i in by_itself if candidates[i].passes and candidates[i].is_own(gate_z)], most)
    search.fill(by_itself, min(LEAST_KEPT, most))
    liked: list[int] = []
    if preference is not None:
        liked = _liked(candidates, pairs, preference, search.chosen, most // LIKED, max_phi, gate_z, rng)
    return [candidates[i] for i in (*search.chosen[: most - len(liked)], *liked)]


def _liked(
    candidates: Sequence[Candidate],
    pairs: Pairs,
    preference: Float[np.ndarray, " pair"],
    chosen: Sequence[int],
    most: int,
    max_phi: float,
    gate_z: float,
    rng: np.random.Generator,
) -> list[int]:
    """Those that tell which answer was preferred, beyond the ones that are chosen; ties tell nothing."""
    told = np.flatnonzero(np.nan_to_num(preference))
    if not candidates or not told.size:
        return []
    # The preferred answer is put first: what tells it is then found as what tells model 1's.
    turn = np.sign(preference[told]).astype(np.int64)
    of = pairs.among(told)
    signs = np.column_stack([candidate.signs[told] * turn for candidate in candidates])
    z = clustered_z(signs.astype(np.float64), of.document)
    family = np.array([candidate.family for candidate in candidates])
    passes = np.zeros(len(candidates), dtype=bool)
    for one in np.unique(family):
        passes[family == one] = passing(z[family == one], z[family == one], gate_z)
    turned = [
        replace(one, signs=signs[:, i], sizes=one.sizes[told] * turn, z=float(z[i]), passes=bool(passes[i]))
        for i, one in enumerate(candidates)
    ]
    search = _Search(turned, of, max_phi, rng)
    for i in chosen:
        search.take(i)
    search.rounds(most + len(chosen))
    return search.chosen[len(chosen) :]


class _Search:
    """What is chosen so far, and what it leaves unexplained."""

    def __init__(
        self, candidates: Sequence[Candidate], pairs: Pairs, max_phi: float, rng: np.random.Generator
    ) -> None:
        self._candidates, self._pairs, self._max_phi = candidates, pairs, max_phi
        n_documents = int(pairs.document.max(initial=-1)) + 1
        self._fold = rng.integers(N_FOLDS, size=n_documents)[pairs.document]
        signs = [candidate.signs for candidate in candidates]
        self._signs = np.column_stack(signs).astype(np.float64) if signs else np.zeros((pairs.height, 0))
        spread = self._signs - self._signs.mean(axis=0)
        length = np.sqrt((spread**2).sum(axis=0))
        self._standard = spread / np.where(length > 0, length, 1.0)
        # What grows with an answer's size repeats what leans to the same model, however surely both do.
        self._unit = self._signs / np.maximum(np.sqrt((self._signs**2).sum(axis=0)), 1.0)
        self.chosen: list[int] = []
        # One that a model shows in every pair has no spread, and is the clearest of all.
        self._is_open = (self._signs != 0).any(axis=0)
        self._said: set[str] = set()

    def open(self) -> list[int]:
        """Candidates that may still be taken."""
        return [int(i) for i in np.flatnonzero(self._is_open)]

    def take(self, i: int) -> None:
        """Chooses one, and closes what repeats it."""
        self.chosen.append(i)
        self._said |= self._candidates[i].says
        # One that shows where the other does not, of the same model, repeats nothing: rounds look for it.
        side = np.sign(self._signs.sum(axis=0)) * np.sign(self._signs[:, i].sum())
        repeats = side * (self._standard.T @ self._standard[:, i]) > self._max_phi
        grown = np.array([one.from_size for one in self._candidates])
        along = np.abs(self._unit.T @ self._unit[:, i]) > self._max_phi
        said = [not self._said.isdisjoint(one.says) for one in self._candidates]
        self._is_open &= ~(repeats | (grown & along) | np.array(said))
        self._is_open[i] = False

    def rounds(self, most: int) -> None:
        """Takes what best explains what those taken leave, again and again, up to `most` in all."""
        of = self._candidates
        while len(self.chosen) < most:
            left = self.left_over()
            # One that only mends another leans the other way.
            fits = [i for i in self.open() if of[i].passes and left[i] * of[i].z > 0]
            best = max(fits, key=lambda i: (of[i].strength(float(left[i])), -i), default=None)
            if best is None or of[best].strength(float(left[best])) <= 0:
                return
            self.take(best)

    def fill(self, rank: Sequence[int], most: int) -> None:
        """Takes those in this order that may be taken."""
        for i in rank:
            if len(self.chosen) >= most:
                return
            if self._is_open[i]:
                self.take(i)

    def left_over(self) -> Float[np.ndarray, " candidate"]:
        """z of what each candidate explains beyond those chosen."""
        document = self._pairs.document
        if not self.chosen:
            return clustered_z(self._signs, document)
        known = self._known()
        right = _right(known, self._fold)
        weight = right * (1 - right)
        scale = (known * weight[:, None]).T
        penalty = RIDGE * np.eye(known.shape[1])
        beyond = self._signs - known @ np.linalg.solve(scale @ known + penalty, scale @ self._signs)
        # The penalty leaves something of what is there already, as little as that may be.
        beyond[:, self._is_chosen()] = 0.0
        return clustered_z((1 - right)[:, None] * beyond, document)

    def _is_chosen(self) -> Bool[np.ndarray, " candidate"]:
        """Which say of each pair what a chosen one says, or its opposite."""
        same = [
            (self._signs == side * self._signs[:, [i]]).all(axis=0) for i in self.chosen for side in (1, -1)
        ]
        return np.asarray(np.any(same, axis=0))

    def _known(self) -> Float[np.ndarray, "pair column"]:
        """Signs and sizes of the chosen ones; sizes in units of their own spread."""
        sizes = np.column_stack([self._candidates[i].sizes for i in self.chosen])
        spread = np.sqrt((sizes**2).mean(axis=0))
        return np.hstack([self._signs[:, self.chosen], sizes / np.where(spread > 0, spread, 1.0)])


def _right(
    known: Float[np.ndarray, "pair column"], fold: Int[np.ndarray, " pair"]
) -> Float[np.ndarray, " pair"]:
    """How surely each pair is told rightly, by a model of the other folds.

    No intercept: which of the two answers stands first means nothing.
    """
    from scipy.special import expit

    from tasks.stats.logistic import logistic_coefficients

    right, none = np.full(len(known), 0.5), np.zeros(known.shape[1])
    for k in range(N_FOLDS):
        seen = known[fold != k]
        weights, _ = logistic_coefficients(seen, np.ones(len(seen)), none + RIDGE, none, _LEAST_GAIN)
        right[fold == k] = expit(known[fold == k] @ weights)
    return right
