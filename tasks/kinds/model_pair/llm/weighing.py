"""Verdicts on a sample of exploration pairs: which way traits lean, and which pairs they tell wrongly.

Nothing here is a test: the sample is of the half that the traits came from.
"""

import json
from collections.abc import Sequence

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.engines import roles
from tasks.engines.contrast import Contrast
from tasks.engines.llm import packing, ranking
from tasks.engines.llm.judging import LlmJudge
from tasks.kinds.model_pair.flips import clustered_z
from tasks.kinds.model_pair.rows import paired
from tasks.records import Call, Predicate
from tasks.store import frames
from tasks.study import Study

STAGE = "propose"


class Scale:
    """A sample of pairs, and what the study's judge says of traits on it."""

    def __init__(self, study: Study, texts: pl.DataFrame) -> None:
        """`texts`: both answers to each prompt, neighbours, A's first."""
        self._study, self.texts = study, texts
        self.calls: list[Call] = []
        self.n_judged = self.n_in_vain = 0

    def verdicts(self, sentences: Sequence[str], family: str = "llm") -> Float[np.ndarray, "text trait"]:
        """As they will count later; NaN where there is none."""
        judge = LlmJudge(self._study, stage=STAGE, answers=True)
        asked = [_predicate(sentence, family, judge.name) for sentence in sentences]
        judged = judge.judge(asked, self.texts, np.zeros((self.texts.height, 0)))
        self.calls += judged.calls
        score = np.where(judged.status == roles.VALUE, judged.score, np.nan)
        self.n_judged += score.size // 2
        self.n_in_vain += int(np.isnan(score).sum()) // 2
        return score

    def lean(
        self, score: Float[np.ndarray, "text trait"]
    ) -> tuple[Float[np.ndarray, " trait"], Float[np.ndarray, " trait"]]:
        """Mean difference of the two answers, and its z by document: signs are all that chance decides."""
        difference = score[::2] - score[1::2]
        known = ~np.isnan(difference)
        filled = np.where(known, difference, 0.0)
        document = self.texts["document_id"][::2].rank("dense").to_numpy().astype(np.int64) - 1
        return filled.sum(axis=0) / np.maximum(known.sum(axis=0), 1), clustered_z(filled, document)

    def told_wrongly(self, score: Float[np.ndarray, "text trait"], rng: np.random.Generator) -> list[int]:
        """Pairs whose models the traits do not tell, or the wrong way round, the worst first.

        They are told by a classifier that was fitted without the pair's document.
        """
        lean = ranking.lean(score, Contrast.of(self.texts), rng)
        margin = lean[::2] - lean[1::2]
        return [int(pair) for pair in np.argsort(margin, kind="stable") if margin[pair] <= 0]


def whole(texts: pl.DataFrame) -> pl.DataFrame:
    """Answers of which the other one is there, too: A's before B's, in the order of the pairs."""
    both = paired(texts)
    rows = [row for pair in packing.whole_pairs_of(both) for row in pair]
    return both[rows]


def of_pairs(texts: pl.DataFrame, pairs: Sequence[int]) -> pl.DataFrame:
    """Both answers of each of the pairs."""
    return texts[[row for pair in pairs for row in (2 * pair, 2 * pair + 1)]]


def definition(sentence: str) -> str:
    """The sentence is all there is to judge by."""
    return json.dumps({"says": sentence}, ensure_ascii=False)


def _predicate(sentence: str, family: str, judge: str) -> Predicate:
    """As the judge knows it, with the id it will have once it is frozen."""
    said = definition(sentence)
    return roles.unfrozen(
        frames.hashed(sentence, said), sentence, family=family, definition=said, judge=judge
    )
