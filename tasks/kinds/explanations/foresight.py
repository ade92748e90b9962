"""Judging trials: a guess comes true where it is what the model answered."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.engines import roles
from tasks.kinds.explanations.guesses import comes_true
from tasks.records import Predicate

VERSION = 1


class ForesightJudge:
    """Judges rows of tables.TRIALS; a trial made for another sentence is absent."""

    name = f"foresight/{VERSION} guess = answer"
    model = ""

    def judge(
        self,
        predicates: Sequence[Predicate],
        texts: pl.DataFrame,
        embeddings: Float[np.ndarray, "text dim"],
    ) -> roles.Judgements:
        """1 where the guess comes true; the embeddings are not looked at."""
        ids = texts["predicate_id"].to_numpy()
        own = np.column_stack([ids == one.predicate_id for one in predicates])
        score = np.where(own, comes_true(texts)[:, None].astype(np.float64), np.nan)
        return roles.Judgements(score, np.where(own, roles.VALUE, roles.ABSENT).astype(np.uint8))

    def strength(
        self,
        predicates: Sequence[Predicate],
        texts: pl.DataFrame,
        embeddings: Float[np.ndarray, "text dim"],
    ) -> Float[np.ndarray, "text predicate"]:
        """How near the input is to the explained one."""
        return np.repeat(texts["similarity"].to_numpy()[:, None], len(predicates), axis=1)

    def spans(self, predicate: Predicate, text: str) -> list[tuple[int, int]]:
        """None: a verdict rests on a guess."""
        return []
