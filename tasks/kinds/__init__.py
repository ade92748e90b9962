"""What differs between kinds of study: one Protocol, one module per kind, loaded by name."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import polars as pl
from jaxtyping import Float, UInt8

from tasks.engines.roles import Exploration, PairEvidence
from tasks.kinds.walk import Walk
from tasks.records import Call, Predicate
from tasks.store import frames
from tasks.study import Study

REFERENCE = "reference"
"""The view of a reference that is an encoder."""


@dataclass(frozen=True)
class Gathered:
    """Rows as read, before any cleaning."""

    rows: pl.DataFrame
    """Columns text, group ("A" or "B"), document_id (null where the source names none)."""
    names: dict[str, str]
    """What groups A and B are called."""
    read: dict[str, Any]
    """What was read: files, row counts, versions; goes into the manifest."""
    compared: dict[str, str] = field(default_factory=dict)
    """What A and B are called where they are no groups of these rows; empty: as `names`."""


@dataclass(frozen=True)
class Written:
    """Rows that were written for a test."""

    rows: pl.DataFrame
    """Rows of frames.FRESH."""
    calls: tuple[Call, ...]
    """The paid answers they rest on."""


@dataclass(frozen=True)
class Estimate:
    """One predicate's test, before multiplicity."""

    n_a: int
    n_b: int
    n_documents: int
    mean_a: float
    mean_b: float
    validity: float
    lo: float
    hi: float
    p: float
    missing_lo: float
    missing_hi: float
    method: str


class Kind(Protocol):
    """The members in which kinds differ."""

    unit: str
    """What a judge sees at once."""
    writes_pairs: bool
    """Whether what is tested is written for it, by `written`, and is no part of the corpus."""

    def gather(self, study: Study) -> Gathered:
        """Sources -> rows."""
        ...

    def views(self, study: Study) -> dict[str, str]:
        """File in 2_embeddings -> the encoder that fills it; `embeddings` comes first."""
        ...

    def evidence(
        self, study: Study, texts: pl.DataFrame, seen: Mapping[str, Float[np.ndarray, "text dim"]]
    ) -> Exploration | PairEvidence:
        """What the proposer is shown, from the exploration half only; `seen` are the `views`."""
        ...

    def held_out(self, study: Study, texts: pl.DataFrame) -> pl.DataFrame:
        """The rows each predicate is tested on; none as long as they are not written."""
        ...

    def planned_test(self, texts: pl.DataFrame, threshold: float | None, plan: str = "fixed") -> str:
        """Which test formalise freezes for these confirmation texts."""
        ...

    def filled(
        self,
        texts: pl.DataFrame,
        score: Float[np.ndarray, "text predicate"],
        status: UInt8[np.ndarray, "text predicate"],
    ) -> Float[np.ndarray, "text predicate"]:
        """Scores with what a gap counts as where gaps follow from what is measured; else as they are.

        A gap stays a row with its status, is counted, and bounds the estimate either way.
        """
        ...

    def walk(
        self,
        study: Study,
        texts: pl.DataFrame,
        predicates: Sequence[Predicate],
        level: float = 0.95,
        weight: float | None = None,
    ) -> Walk:
        """The sequential plan's walk over the rows of `held_out`; the level is that of its intervals.

        With `gold.decides` it bets on corrected scores; the weight is the largest 1 / chance in a file of
        labels, or as the study draws.
        """
        ...

    def estimand(
        self,
        texts: pl.DataFrame,
        score: Float[np.ndarray, "text predicate"],
        status: UInt8[np.ndarray, "text predicate"],
        predicates: Sequence[Predicate],
        level: float,
    ) -> list[Estimate]:
        """Verdicts -> estimate, interval, p for each predicate."""
        ...


class WritingKind(Kind, Protocol):
    """A kind that is tested on rows written for it."""

    def written(self, study: Study, texts: pl.DataFrame, predicates: Sequence[Predicate]) -> Written:
        """Rows for each predicate, with a column `predicate_id`."""
        ...

    def tables(
        self,
        study: Study,
        written: pl.DataFrame,
        score: Float[np.ndarray, "text predicate"],
        found: Sequence[str],
        corpus: Float[np.ndarray, "text dim"],
    ) -> dict[str, pl.DataFrame]:
        """What score writes beside its own tables, by name; `baselines` among it."""
        ...


def tested(kind: Kind, study: Study, texts: pl.DataFrame, verified: Path) -> pl.DataFrame:
    """The rows that verify judged: what it wrote, or the kind's own."""
    if kind.writes_pairs:
        return frames.read(verified, "fresh.parquet", frames.FRESH)
    return kind.held_out(study, texts)


def load(name: str) -> Kind:
    """The kind of that name."""
    return cast(Kind, importlib.import_module(f"tasks.kinds.{name}"))
