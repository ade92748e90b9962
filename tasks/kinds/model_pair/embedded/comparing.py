"""Comparisons by measures of style: the answer with more of it wins, equal ones tie."""

import json
from collections.abc import Sequence

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.engines.embedded import views
from tasks.engines.embedded.measures import MEASURES
from tasks.engines.llm.packing import pairs_of
from tasks.engines.roles import REFUSAL, VALUE, Exploration, Judgements
from tasks.records import Predicate, Proposal
from tasks.study import Study

NAME = "comparing/1"


class ComparingProposer:
    """Measures whose comparison leans to one model."""

    calls = ()

    def __init__(self, study: Study) -> None:
        self._study = study
        self.noted: dict[str, int] = {}

    def propose(self, exploration: Exploration, rng: np.random.Generator) -> list[Proposal]:
        """The strongest, by the sign test's z."""
        from tasks.kinds.model_pair.rows import paired

        texts = paired(exploration.texts)
        found = []
        for name in MEASURES:
            d = _wins(name, texts)[0]
            z = float(d.sum() / max(np.sqrt((d**2).sum()), 1))
            said = f"has more {name}"
            definition = json.dumps({"kind": "more", "measure": name})
            found.append(
                Proposal(said, "A" if z >= 0 else "B", "style", "exact", definition, float(d.mean()), z)
            )
        found.sort(key=lambda one: -abs(one.explore_z))
        return found[: self._study.propose.max_predicates]


class ComparingJudge:
    """Counts, and says which answer has more."""

    name, model = NAME, "none"

    def __init__(self, study: Study) -> None:
        self._study = study

    def judge(
        self, predicates: Sequence[Predicate], texts: pl.DataFrame, embeddings: Float[np.ndarray, "text dim"]
    ) -> Judgements:
        """1 for the answer that shows it more, 0 for the other, a half for both where they are equal."""
        score = np.full((texts.height, len(predicates)), np.nan)
        status = np.full(score.shape, VALUE, dtype=np.uint8)
        for i, predicate in enumerate(predicates):
            d, rows = _wins(json.loads(predicate.definition)["measure"], texts)
            score[rows[:, 0], i], score[rows[:, 1], i] = (1 + d) / 2, (1 - d) / 2
        empty = (texts["text"] == "").to_numpy()
        rows = np.array(pairs_of(texts)).reshape(-1, 2)
        lost = rows[empty[rows].any(axis=1)].ravel()
        score[lost], status[lost] = np.nan, REFUSAL
        return Judgements(score, status)

    def strength(
        self, predicates: Sequence[Predicate], texts: pl.DataFrame, embeddings: Float[np.ndarray, "text dim"]
    ) -> Float[np.ndarray, "text predicate"]:
        """0: it holds or does not."""
        return np.zeros((texts.height, len(predicates)))

    def spans(self, predicate: Predicate, text: str) -> list[tuple[int, int]]:
        """Nothing is marked."""
        return []


def _wins(measure: str, texts: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    frame = pl.LazyFrame({"text": texts["text"]}).with_columns(views.column(v).alias(v) for v in views.VIEWS)
    value = frame.select(MEASURES[measure].expression.cast(pl.Float64).alias("x")).collect()["x"].to_numpy()
    rows = np.array(pairs_of(texts)).reshape(-1, 2)
    return np.sign(value[rows[:, 0]] - value[rows[:, 1]]), rows
