"""Measured relevance and novelty: cosines of sentence embeddings, not opinions."""

from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from tasks.engines import novelty
from tasks.engines.embedded import bank
from tasks.engines.encoders import encoder as encoders
from tasks.engines.roles import Encoder, Rating
from tasks.records import Predicate
from tasks.store import past
from tasks.study import Study

N_GUESSED_TOPICS = 10


class EmbeddedRater:
    """Relevance and novelty on 0-2; significance to a user cannot be measured and stays None.

    relevance: twice the cosine of predicate and goal, 0 where it is negative.
    novelty: twice one minus the greatest cosine of the predicate to what a blind proposer would guess:
    the topics of the bank that are nearest to the goal, and generic guesses of style.
    novelty_past: the same distance to what other studies discovered, where there are such.
    """

    calls = ()
    lack: ClassVar[str] = ""
    """Why nothing is measured; empty: it is."""

    def __init__(self, study: Study) -> None:
        self._study = study
        lack = "no encoder" if study.embed.encoder == "none" else self.lack
        self._measures = not lack
        measured = "relevance, novelty measured" if self._measures else f"nothing measured ({lack})"
        self.rated_by = f"embedded: {measured}"

    def rate(self, predicates: Sequence[Predicate]) -> list[Rating]:
        """One rating for each predicate."""
        if not self._measures or not predicates:
            return [Rating(None, None, None) for _ in predicates]
        encoder = encoders.load(self._study)
        goal = encoder.encode([self._study.goal]).astype(np.float64)[0]
        said = novelty.sentence_vectors(encoder, [predicate.predicate for predicate in predicates])
        relevance = novelty.rounded(2 * np.clip(said @ goal, 0, 1))
        blind = novelty.distances(said, blind_guesses(encoder, goal))
        known = novelty.from_past(encoder, said, past.discoveries(self._study.name))
        return [
            Rating(r, guessed, None, novelty_blind=guessed, novelty_past=before)
            for r, guessed, before in zip(relevance, blind, known, strict=True)
        ]


def blind_guesses(encoder: Encoder, goal: Float[np.ndarray, " dim"]) -> Float[np.ndarray, "guess dim"]:
    """Embeddings of what one would say knowing the goal and none of the texts."""
    # Any object has a hash, which the protocol does not say.
    topics, styles = _guessable(encoder)  # type: ignore[arg-type]
    nearest = np.argsort(-np.round(topics @ goal, 6), kind="stable")[:N_GUESSED_TOPICS]
    result: Float[np.ndarray, "guess dim"] = np.concatenate([topics[nearest], styles])
    return result


@lru_cache(maxsize=1)
def _guessable(encoder: Encoder) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of the bank's topics, and of guesses of style: the same for every goal."""
    topics = novelty.sentence_vectors(encoder, [f"is about {name}" for name in bank.topics()])
    return topics, novelty.sentence_vectors(encoder, bank.style_guesses())
