"""Measured relevance and novelty: cosines of sentence embeddings, not opinions."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from tasks.engines import encoder as encoders
from tasks.engines.embedded import bank
from tasks.engines.roles import Encoder, Rating
from tasks.records import Predicate
from tasks.study import Study

N_GUESSED_TOPICS = 10
_DIGITS = 3


class EmbeddedRater:
    """Relevance and novelty on 0-2; significance to a user cannot be measured and stays None.

    relevance: twice the cosine of predicate and goal, 0 where it is negative.
    novelty: twice one minus the greatest cosine of the predicate to what a blind proposer would guess:
    the topics of the bank that are nearest to the goal, and generic guesses of style.
    """

    calls = ()

    def __init__(self, study: Study) -> None:
        self._study = study
        self._measures = study.embed.encoder != "none"
        self.rated_by = (
            "embedded: relevance, novelty measured"
            if self._measures
            else "embedded: nothing measured (no encoder)"
        )

    def rate(self, predicates: Sequence[Predicate]) -> list[Rating]:
        """One rating for each predicate."""
        if not self._measures or not predicates:
            return [Rating(None, None, None) for _ in predicates]
        encoder = encoders.load(self._study)
        goal = encoder.encode([self._study.goal]).astype(np.float64)
        said = encoder.encode([f"The text {predicate.predicate}" for predicate in predicates]).astype(
            np.float64
        )
        relevance = 2 * np.clip(said @ goal[0], 0, 1)
        guessed = blind_guesses(encoder, goal[0])
        novelty = 2 * np.clip(1 - (said @ guessed.T).max(axis=1), 0, 1)
        return [
            Rating(round(float(r), _DIGITS), round(float(n), _DIGITS), None)
            for r, n in zip(relevance, novelty, strict=True)
        ]


def blind_guesses(encoder: Encoder, goal: Float[np.ndarray, " dim"]) -> Float[np.ndarray, "guess dim"]:
    """Embeddings of what one would say knowing the goal and none of the texts."""
    topics = encoder.encode([f"The text is about {name}" for name in bank.TOPICS]).astype(np.float64)
    nearest = np.argsort(-np.round(topics @ goal, 6), kind="stable")[:N_GUESSED_TOPICS]
    styles = encoder.encode([f"The text {guess}" for guess in bank.STYLE_GUESSES]).astype(np.float64)
    result: Float[np.ndarray, "guess dim"] = np.concatenate([topics[nearest], styles])
    return result
