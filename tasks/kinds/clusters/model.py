"""The words of a text, given which predicates hold for it.

log p(word | z) is the background of the word + w . z, up to a constant of the text.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float

from tasks.kinds.clusters import background as over
from tasks.kinds.clusters import directions
from tasks.kinds.clusters.params import Clusters
from tasks.kinds.clusters.vocabulary import Vocabulary, of_texts
from tasks.kinds.fitted.model import Bits, Mass, Verdicts, Weights
from tasks.kinds.fitted.observed import Observed
from tasks.stats import wording
from tasks.stats.wording import Wording


def model(params: Clusters, explored: Observed) -> "Words":
    """The form for the words of these texts.

    Raises:
        CorpusError: they share too few.
    """
    return Words(params, of_texts(explored.text, explored.document, params.words))


class Words:
    """A weight for each predicate and word; ridge, towards the words of the corpus."""

    background: float = over.BACKGROUND

    def __init__(self, params: Clusters, vocabulary: Vocabulary) -> None:
        self.params, self.vocabulary = params, vocabulary
        self.slots: Sequence[str] = vocabulary.words
        """The words."""

    def fit(
        self, z: Verdicts, of: Observed, mass: Mass | None = None, start: Wording | None = None
    ) -> Wording:
        """By ridge maximum likelihood, over the words of all texts."""
        return over.fit(z, self.vocabulary.held(of.text), mass, start)

    def bits(self, fitted: Wording, z: Verdicts, of: Observed, leave_out: Sequence[int] = ()) -> Bits:
        """log2 of the chance of the words that a text has, given how many; those left out aside."""
        return wording.log2_likelihood(fitted, z, self.vocabulary.held(of.text), self._counting(leave_out))

    def gain_variance(
        self,
        full: Wording,
        without: Wording,
        dropped: int,
        z: Verdicts,
        of: Observed,
        leave_out: Sequence[int] = (),
    ) -> Bits:
        """Over words, drawn as the model without the predicate says."""
        held, counting = self.vocabulary.held(of.text), self._counting(leave_out)
        return wording.gain_variance(full, without, dropped, z, held, counting)

    def most_likely(self, frozen: Wording, z: Verdicts, of: Observed, mass: Mass) -> None:
        """None: the likeliest of thousands of weights fit the texts at hand too well to be beaten."""
        return None

    def errors(self, fitted: Wording, z: Verdicts, of: Observed) -> Weights:
        """None known: words of a text are not independent."""
        return np.zeros(fitted.weight.shape)

    def _counting(self, leave_out: Sequence[int]) -> Bool[np.ndarray, " word"] | None:
        if not len(leave_out):
            return None
        counting = np.ones(len(self.slots), dtype=bool)
        counting[list(leave_out)] = False
        return counting

    def targets(self, of: Observed) -> Float[np.ndarray, "text target"]:
        """Words that a text has beyond what one of its length would."""
        held = self.vocabulary.held(of.text)
        length = np.asarray(held.sum(axis=1))
        share = np.asarray(held.sum(axis=0)) / max(float(length.sum()), 1.0)
        return np.asarray(held.toarray() - np.outer(length, share))

    def weights(self, fitted: Wording) -> Weights:
        """The fitted weights, the background first."""
        return fitted.weight

    def frozen(self, weights: Weights, z: Verdicts, of: Observed) -> Wording:
        """What `fit` gave, from its weights."""
        return Wording(weights)

    def directions(
        self,
        vectors: Float[np.ndarray, "text dim"],
        z: Verdicts,
        of: Observed,
        most: int,
        rng: np.random.Generator,
    ) -> Float[np.ndarray, "text direction"]:
        """Themes of what z leaves, a column each: how far a text is beyond the border of the theme."""
        wanted = self.params.predicates
        numbers = range(2, most + 1) if wanted is None or z.shape[1] else range(wanted, wanted + 1)
        held, parted = self.vocabulary.held(of.text), self.vocabulary.parted(of.text)
        return directions.themes(vectors, held, parted, z, of.document, numbers, rng)[:, :most]

    def own_words(self, predicate: str, definition: str) -> Sequence[int]:
        """Words in the predicate's sentence or definition, with their inflections."""
        return _own(self.vocabulary, predicate, definition)


@lru_cache(maxsize=1000)
def _own(vocabulary: Vocabulary, predicate: str, definition: str) -> tuple[int, ...]:
    return vocabulary.own(predicate, definition)
