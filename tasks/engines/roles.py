"""Who proposes, judges, rates and encodes: the protocols, and loading an engine by name.

An engine is a package `tasks/engines/<name>` whose `__init__` defines `proposer(study)`,
`judge(study)`, `rater(study)`, `reader(study, texts, recorded)` and, where it can write texts,
`generator(study)`; nothing heavy is imported until one is called.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, UInt8

from tasks.records import Call, Predicate, Proposal
from tasks.store import media
from tasks.study import Study
from tasks.study.asked import Asked

VALUE, REFUSAL, UNPARSABLE, ABSENT = range(4)
STATUSES = ("value", "refusal", "unparsable", "absent")


@dataclass(frozen=True)
class Exploration:
    """All a proposer ever sees: the exploration half."""

    texts: pl.DataFrame
    """Rows of store/frames.TEXTS, half == "explore" only."""
    embeddings: Float[np.ndarray, "text dim"]
    """Unit rows aligned with `texts`; zero columns without an encoder."""
    confirm_documents: int
    """How many documents the confirmation half has (a size, not its content)."""
    encoder: str = ""
    """Name of the encoder that made the embeddings; empty where it is not known."""
    preference: Float[np.ndarray, " text"] | None = None
    """Of answers in pairs: how far A's was preferred to B's, -1 to 1, on both rows; NaN where nobody said."""

    @property
    def ordered(self) -> "Exploration":
        """The same in the order of text_id, so that the order of rows changes nothing."""
        order = self.texts["text_id"].arg_sort()
        rows, preference = order.to_numpy(), self.preference
        return replace(
            self,
            texts=self.texts[order],
            embeddings=self.embeddings[rows],
            preference=None if preference is None else preference[rows],
        )


@dataclass(frozen=True)
class Judgements:
    """Verdicts of several predicates on several texts."""

    score: Float[np.ndarray, "text predicate"]
    """0-1; NaN wherever status is not VALUE."""
    status: UInt8[np.ndarray, "text predicate"]
    """Index into STATUSES."""
    first: Float[np.ndarray, "judge text predicate"] | None = None
    """Two-text form: what each judge gave each text when it was shown first; `score` is the mean of both
    orders. NaN where an order is missing."""
    calls: tuple[Call, ...] = ()
    """The paid answers these verdicts rest on."""
    each: Float[np.ndarray, "judge text predicate"] | None = None
    """Of a panel: what each judge said; `score` is their mean. NaN where one gave no value."""
    judges: tuple[str, ...] = ()
    """Of a panel: their names, in that order; no two alike."""


@dataclass(frozen=True)
class Checked:
    """What a judge was found to be worth at questions with known answers."""

    told: Mapping[str, Any]
    """For the manifest."""
    calls: tuple[Call, ...]
    """The paid answers it rests on."""


@dataclass(frozen=True)
class Rating:
    """0-2 each; None where this engine cannot measure it."""

    relevance: float | None
    novelty: float | None
    significance: float | None
    novelty_blind: float | None = None
    novelty_past: float | None = None


def unfrozen(predicate_id: str, predicate: str, **known: Any) -> Predicate:
    """A predicate as a judge can be asked about it before anything is frozen; `known` are further fields."""
    fields: dict[str, Any] = {
        "direction": "A", "family": "", "grade": "proxy", "definition": "", "judge": "", "threshold": None,
        "planned_test": "", "split_hash": "", "prompt_hash": "", "explore_effect": 0.0, "explore_z": 0.0,
    }  # fmt: skip
    return Predicate(predicate_id, predicate, **(fields | known))


Noted = Mapping[str, int | Mapping[str, int]]
"""Counts by name, and of some the counts by reason."""


class Proposer(Protocol):
    """Suggests hypotheses."""

    @property
    def calls(self) -> Sequence[Call]:
        """The paid answers its proposals rest on; empty where nothing is paid."""
        ...

    @property
    def noted(self) -> Noted:
        """What it counted on the way, for the manifest."""
        ...

    def propose(self, exploration: Exploration, rng: np.random.Generator) -> list[Proposal]:
        """Proposals from the exploration half, best first, at most study.propose.most."""
        ...


OWN = "user"
"""The family of a sentence that the user asked to be tested."""


class UnreadError(Exception):
    """Why a sentence of the user's cannot be judged by an engine; the whole message is the caller's."""


@dataclass(frozen=True)
class Meaning:
    """What an engine makes of a sentence of the user's."""

    predicate: str
    """Completing 'the text ...', as it will be frozen."""
    how: str
    """How it will be judged, in a few words."""


class Reader(Protocol):
    """Makes sentences of the user's own testable."""

    forms: str
    """The sentences it can read, for whoever wrote another one."""

    @property
    def calls(self) -> Sequence[Call]:
        """The paid answers that directions rest on; empty where nothing is paid."""
        ...

    def meaning(self, asked: Asked) -> Meaning:
        """What the sentence says, and who judges it; nothing is asked and nothing encoded.

        Raises:
            UnreadError: it cannot be judged.
        """
        ...

    def read(
        self, asked: Sequence[Asked], exploration: Exploration, rng: np.random.Generator
    ) -> list[Proposal]:
        """Each as a proposal of the family OWN, in that order; its direction is the user's, or as measured.

        Raises:
            UnreadError: one cannot be judged.
        """
        ...


class Judge(Protocol):
    """Says whether a predicate holds for a text."""

    name: str
    """Engine and version; frozen into every predicate."""
    model: str

    def judge(
        self,
        predicates: Sequence[Predicate],
        texts: pl.DataFrame,
        embeddings: Float[np.ndarray, "text dim"],
    ) -> Judgements:
        """Verdicts for every pair; never a default in place of a missing one."""
        ...

    def strength(
        self,
        predicates: Sequence[Predicate],
        texts: pl.DataFrame,
        embeddings: Float[np.ndarray, "text dim"],
    ) -> Float[np.ndarray, "text predicate"]:
        """How clearly each text meets each predicate: orders the evidence, enters no test.

        Comparable within a predicate only; 0 throughout where all that hold hold alike.
        """
        ...

    def spans(self, predicate: Predicate, text: str) -> list[tuple[int, int]]:
        """Character ranges of the text that the verdict rests on; empty where that is not known."""
        ...


class GoldJudge(Protocol):
    """A better judge, who is asked about single pairs."""

    name: str
    """Engine, model and prompt."""

    def judge_pairs(
        self,
        predicates: Sequence[Predicate],
        texts: pl.DataFrame,
        wanted: Bool[np.ndarray, "text predicate"],
    ) -> Judgements:
        """Verdicts of the pairs that are wanted; all others are absent."""
        ...


class Rater(Protocol):
    """Rates what a discovery is worth to the reader."""

    @property
    def rated_by(self) -> str:
        """Who rated, and what was measured rather than judged."""
        ...

    @property
    def calls(self) -> Sequence[Call]:
        """The paid answers its ratings rest on; empty where nothing is paid."""
        ...

    def rate(self, predicates: Sequence[Predicate]) -> list[Rating]:
        """One rating per predicate."""
        ...


class Generator(Protocol):
    """Writes new texts from a description alone."""

    @property
    def calls(self) -> Sequence[Call]:
        """The paid answers its texts rest on."""
        ...

    def generate(self, description: str, n: int) -> list[str]:
        """At most n distinct texts that fit the description."""
        ...


class Encoder(Protocol):
    """Turns texts into vectors."""

    name: str
    """Model and precision: two encoders of one name give the same vectors."""
    dim: int

    def encode(self, texts: Sequence[str]) -> Float[np.ndarray, "text dim"]:
        """Unit vectors, float32."""
        ...


class Engine(Protocol):
    """What an engine package defines, or a kind's folder of the engine's name in its place."""

    CANNOT_FIND: Sequence[str]
    """For every report on texts."""
    CANNOT_SEE: Sequence[str]
    """For every report on pictures."""
    NOTHING: str
    """What to do where nothing was proposed."""

    def proposer(self, study: Study) -> Proposer:
        """Its proposer for this study."""
        ...

    def judge(self, study: Study) -> Judge:
        """Its judge for this study."""
        ...

    def reader(self, study: Study, texts: pl.DataFrame, recorded: pl.DataFrame | None) -> Reader:
        """Who reads the user's own sentences.

        Args:
            study: whose they are.
            texts: rows of the exploration half.
            recorded: rows of frames.RECORDED, where verdicts were brought along.
        """
        ...

    def rater(self, study: Study) -> Rater:
        """Its rater for this study."""
        ...


def load(name: str) -> Engine:
    """The engine package of that name."""
    return cast(Engine, importlib.import_module(f"tasks.engines.{name}"))


class _Llm(Protocol):
    def gold_judge(self, study: Study) -> GoldJudge: ...

    def checked_judge(self, study: Study, texts: pl.DataFrame) -> Checked: ...


def gold_judge(study: Study) -> GoldJudge:
    """The model under llm.gold, whichever engine the study has."""
    return cast(_Llm, load("llm")).gold_judge(study)


def can_be_checked(study: Study, texts: pl.DataFrame) -> bool:
    """Whether there are questions with known answers for the study's judge: not for two pictures at once."""
    is_of_pairs = study.verify.form == "two_text"
    return study.engine == "llm" and not (is_of_pairs and media.are_pictures(texts))


def checked_judge(study: Study, texts: pl.DataFrame) -> Checked | None:
    """What the study's judge is worth, before it is trusted; None where it is no language model, or by wish.

    Args:
        study: whose judge it is.
        texts: rows of the exploration half.

    Raises:
        JudgeError: it is no better than chance.
        EngineError: it cannot be asked, or the budget is reached.
    """
    if not study.llm.check or not can_be_checked(study, texts):
        return None
    return cast(_Llm, load("llm")).checked_judge(study, texts)
