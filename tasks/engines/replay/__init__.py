"""Recorded verdicts as an engine: proposes exactly the recorded predicates and judges by look-up.

Collect reads the file named by `verdicts:` into `1_texts/recorded.parquet`. A pair that was never
recorded is `absent`: not asked, hence neither a value nor a refusal; it is counted in every score.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks import paths
from tasks.engines import roles
from tasks.errors import EngineError, nearest
from tasks.records import Predicate, Proposal
from tasks.store import frames
from tasks.study import Study
from tasks.study.asked import Asked

CANNOT_FIND = ()
CANNOT_SEE = ()
NOTHING = "Check the file named by verdicts."
"""What to do where nothing was proposed."""


def proposer(study: Study) -> "Recorded":
    """Proposes what was recorded."""
    return Recorded(study)


def judge(study: Study) -> "Recorded":
    """Looks verdicts up."""
    return Recorded(study)


def reader(study: Study, texts: pl.DataFrame, recorded: pl.DataFrame | None) -> "RecordedReader":
    """Finds the user's sentences among those recorded."""
    return RecordedReader(study, recorded)


def rater(study: Study) -> "Unrated":
    """Rates nothing."""
    return Unrated()


class Recorded:
    """Proposer and judge over one file of verdicts."""

    name = "replay/1"
    model = "recorded"
    calls = ()
    noted = MappingProxyType[str, int]({})

    def __init__(self, study: Study) -> None:
        self._study = study

    @cached_property
    def _verdicts(self) -> pl.DataFrame:
        folder = paths.output(self._study.name, "collect")
        return frames.read(folder, "recorded.parquet", frames.RECORDED)

    def propose(self, exploration: roles.Exploration, rng: np.random.Generator) -> list[Proposal]:
        """Every recorded predicate; direction as on the exploration half (A where there is none)."""
        return self.proposals(exploration, self._verdicts["predicate"].unique().sort().to_list())

    def proposals(self, exploration: roles.Exploration, predicates: Sequence[str]) -> list[Proposal]:
        """Some of the recorded predicates."""
        seen = exploration.texts.select("text_hash", "group").join(
            self._verdicts, on="text_hash", how="inner"
        )
        effects = seen.group_by("predicate").agg((_mean_in("A") - _mean_in("B")).fill_null(0))
        effect = dict(effects.iter_rows())
        return [
            Proposal(
                predicate=predicate,
                direction="B" if effect.get(predicate, 0.0) < 0 else "A",
                family="recorded",
                grade="exact",
                definition=json.dumps({"recorded": predicate}, ensure_ascii=False),
                explore_effect=effect.get(predicate, 0.0),
                explore_z=0.0,
            )
            for predicate in predicates
        ]

    def judge(
        self,
        predicates: Sequence[Predicate],
        texts: pl.DataFrame,
        embeddings: Float[np.ndarray, "text dim"],
    ) -> roles.Judgements:
        """Looks every pair up; a pair that is not in the file is absent."""
        score = np.full((texts.height, len(predicates)), np.nan)
        status = np.full(score.shape, roles.ABSENT, dtype=np.uint8)
        row_of = texts.select("text_hash").with_row_index("row")
        column_of = pl.DataFrame(
            {
                "predicate": [_recorded(p) for p in predicates],
                "column": np.arange(len(predicates), dtype=np.uint32),
            }
        )
        found = self._verdicts.join(row_of, on="text_hash").join(column_of, on="predicate")
        at = (found["row"].to_numpy(), found["column"].to_numpy())
        score[at] = found["score"].fill_null(float("nan")).to_numpy()
        codes = pl.DataFrame({"status": roles.STATUSES, "code": np.arange(4, dtype=np.uint8)})
        status[at] = found.join(codes, on="status", how="left", maintain_order="left")["code"].to_numpy()
        return roles.Judgements(score, status)

    def strength(
        self,
        predicates: Sequence[Predicate],
        texts: pl.DataFrame,
        embeddings: Float[np.ndarray, "text dim"],
    ) -> Float[np.ndarray, "text predicate"]:
        """0: the recorded score has said it."""
        return np.zeros((texts.height, len(predicates)))

    def spans(self, predicate: Predicate, text: str) -> list[tuple[int, int]]:
        """None: a recorded verdict does not say what it rests on."""
        return []


class RecordedReader:
    """Takes a sentence whose verdicts are recorded; all others have none."""

    calls = ()
    forms = "With `engine: replay` a sentence is one of those recorded"

    def __init__(self, study: Study, recorded: pl.DataFrame | None) -> None:
        self._study = study
        known = [] if recorded is None else recorded["predicate"].unique().sort().to_list()
        self._known = {_spelled(predicate): predicate for predicate in reversed(known)}

    def meaning(self, asked: Asked) -> roles.Meaning:
        """The recorded predicate of that spelling.

        Raises:
            UnreadError: there is none.
        """
        found = self._known.get(_spelled(asked.sentence)) or self._known.get(_spelled(asked.said))
        if found is None:
            close = nearest(asked.sentence, self._known.values())
            raise roles.UnreadError(f"no verdict of it is recorded in {self._study.verdicts}{close}")
        return roles.Meaning(found, f"by the verdicts recorded in {self._study.verdicts}")

    def read(
        self, asked: Sequence[Asked], exploration: roles.Exploration, rng: np.random.Generator
    ) -> list[Proposal]:
        """Each as it is recorded, asked by the user.

        Raises:
            UnreadError: of one there are no verdicts.
        """
        found = Recorded(self._study).proposals(exploration, [self.meaning(one).predicate for one in asked])
        return [
            replace(proposal, family=roles.OWN, direction=one.direction or proposal.direction)
            for proposal, one in zip(found, asked, strict=True)
        ]


def _spelled(sentence: str) -> str:
    return " ".join(sentence.casefold().split())


class Unrated:
    """Look-up cannot rate."""

    rated_by = ""
    calls = ()

    def rate(self, predicates: Sequence[Predicate]) -> list[roles.Rating]:
        """All None."""
        return [roles.Rating(None, None, None) for _ in predicates]


def _mean_in(group: str) -> pl.Expr:
    return pl.col("score").filter(pl.col("group") == group).mean()


def _recorded(predicate: Predicate) -> str:
    try:
        return str(json.loads(predicate.definition)["recorded"])
    except (ValueError, KeyError, TypeError):
        raise EngineError(
            f"predicate {predicate.predicate_id} was not proposed by the replay engine.",
            hint="Rerun propose and formalise.",
        ) from None
