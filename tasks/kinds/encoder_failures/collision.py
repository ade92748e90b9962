"""Judging fresh pairs: a pair fails where the encoder under test takes it for one text and it is not.

Near synonyms collide and are no failures, so every pair that collides is asked for its meaning: by word
lists and alignment (embedded) or by a language model. A pair that does not collide needs no such question.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import polars as pl
from jaxtyping import Float, UInt8

from tasks.engines import roles
from tasks.kinds.encoder_failures.scale import threshold_of
from tasks.records import Call, Predicate
from tasks.study import Study

VERSION = 1


class Meaning(Protocol):
    """Says whether the two texts of a pair mean the same."""

    @property
    def name(self) -> str:
        """Who says so, and by what version."""
        ...

    @property
    def calls(self) -> Sequence[Call]:
        """The paid answers that rest on it."""
        ...

    def differs(
        self, left: Sequence[str], right: Sequence[str], predicate_ids: Sequence[str] = ()
    ) -> tuple[Float[np.ndarray, " pair"], UInt8[np.ndarray, " pair"]]:
        """1 where the meanings differ, 0 where they are the same; NaN with the status of a gap."""
        ...


class CollisionJudge:
    """Judges rows of tables.FRESH; a pair written for another predicate is absent."""

    def __init__(self, study: Study, meaning: Meaning) -> None:
        self._threshold, self._meaning = threshold_of(study), meaning
        self.model = study.embed.encoder
        asked = f"{study.embed.encoder} {study.embed.precision} >= {self._threshold:g}"
        self.name = f"collision/{VERSION} {asked}, meaning {meaning.name}"

    def judge(
        self,
        predicates: Sequence[Predicate],
        texts: pl.DataFrame,
        embeddings: Float[np.ndarray, "text dim"],
    ) -> roles.Judgements:
        """1 for a failure, 0 for a pair told apart or of one meaning; the embeddings are not looked at."""
        shape = (texts.height, len(predicates))
        score, status = np.full(shape, np.nan), np.full(shape, roles.ABSENT, dtype=np.uint8)
        column = {predicate.predicate_id: k for k, predicate in enumerate(predicates)}
        at = [(i, column[own]) for i, own in enumerate(texts["predicate_id"]) if own in column]
        if not at:
            return roles.Judgements(score, status)
        rows, columns = (np.array(part) for part in zip(*at, strict=True))
        collides = texts["similarity"].to_numpy()[rows] >= self._threshold
        verdict, found = np.zeros(rows.size), np.full(rows.size, roles.VALUE, dtype=np.uint8)
        asked, calls = texts[rows[collides]], tuple[Call, ...]()
        if asked.height:
            verdict[collides], found[collides] = self._meaning.differs(
                asked["left"].to_list(), asked["right"].to_list(), asked["predicate_id"].to_list()
            )
            calls = tuple(self._meaning.calls)
        score[rows, columns], status[rows, columns] = verdict, found
        return roles.Judgements(score, status, calls=calls)

    def strength(
        self,
        predicates: Sequence[Predicate],
        texts: pl.DataFrame,
        embeddings: Float[np.ndarray, "text dim"],
    ) -> Float[np.ndarray, "text predicate"]:
        """The similarity under test: the worst confusions first."""
        return np.repeat(texts["similarity"].to_numpy()[:, None], len(predicates), axis=1)

    def spans(self, predicate: Predicate, text: str) -> list[tuple[int, int]]:
        """None: a verdict rests on the pair as a whole."""
        return []
