"""What a kind is handed, and what it hands over."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.records import Call, Proposal
from tasks.study import Study

Left = pl.DataFrame | Mapping[str, Any]
"""What score writes beside the scores: a table, or what is written as JSON."""


@dataclass(frozen=True)
class Gathered:
    """Rows as read, before any cleaning."""

    rows: pl.DataFrame
    """Columns text, group ("A" or "B"), document_id (null where the source names none). Of answers also
    `context`, what they answer, by which near-duplicates are told, and `identity`, what makes a row one: rows
    of one group and identity are copies, and an empty text is a row all the same."""
    names: dict[str, str]
    """What groups A and B are called."""
    read: dict[str, Any]
    """What was read: files, row counts, versions; goes into the manifest."""
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    """What else is known of the rows, by name of the table (`Kind.tables`); written beside the texts."""
    calls: tuple[Call, ...] = ()
    """The paid answers they rest on."""


@dataclass(frozen=True)
class Encoded:
    """What a kind computes of texts beside their vectors."""

    arrays: Mapping[str, Float[np.ndarray, "text column"]] = field(default_factory=dict)
    """By file; rows as the texts, written as float32."""
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    """By name of the table (`Kind.tables`)."""
    noted: Mapping[str, Any] = field(default_factory=dict)
    """For the manifest."""


class Search(Protocol):
    """Work that a proposer needs done before it looks, cut in shards that a killed run does not lose."""

    @property
    def n_shards(self) -> int:
        """How many shards there are."""
        ...

    @property
    def n_steps(self) -> int:
        """How often all shards together advance."""
        ...

    def run(self, shard: int, advance: Any = bool) -> bool:
        """Does one shard unless what it found is there already, and says whether it was to be done."""
        ...

    def clear(self) -> None:
        """Deletes what the shards left."""
        ...


@dataclass(frozen=True)
class Seen:
    """All that a proposer may look at: the exploration half."""

    study: Study
    texts: pl.DataFrame
    """Rows of frames.TEXTS, half == "explore" only."""
    vectors: Mapping[str, Float[np.ndarray, "text dim"]]
    """By view; rows as the texts."""
    confirm_documents: int
    """How many documents the confirmation half has (a size, not its content)."""
    encoder: str = ""
    """Name of the encoder that made the vectors; empty where it is not known."""
    asked: tuple[Proposal, ...] = ()
    """What the user asks, for a kind that fits a model around it (`Kind.fits`)."""


@dataclass(frozen=True)
class Proposed:
    """What a proposer brought."""

    proposals: list[Proposal]
    noted: Mapping[str, float | Mapping[str, int]]
    """What was counted on the way, for the manifest."""
    calls: tuple[Call, ...]
    """The paid answers it rests on."""
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    """What it looked at, by name of the table (`Kind.tables`)."""


@dataclass(frozen=True)
class Written:
    """Rows that were written for a test."""

    rows: pl.DataFrame
    calls: tuple[Call, ...]
    """The paid answers they rest on."""


_TEXT = re.compile(r"\b([Tt])ext(s?)\b")


def of_pictures(said: str) -> str:
    """A sentence about texts as it is about pictures."""
    return _TEXT.sub(lambda found: ("Picture" if found[1] == "T" else "picture") + found[2], said)


@dataclass(frozen=True)
class Words:
    """How a kind speaks of texts, in `check` and on the page; `of_pictures` of pictures."""

    noun: str = "text"
    """What a row is, or what is in it."""
    subject: str = "the text …"
    """Heads a column of predicates."""
    said: str = "the text"
    """Goes before a predicate in a sentence."""
    rows: str = "texts"
    """What is judged, many of them."""
    tested_on: str = "texts nobody had looked at"
    hypothesis: str = "hypothesis"
    judged: tuple[str, str] = ("predicates", "confirmation texts")
    """What is judged on what."""
    more: str = "Collect more documents"
    """What to do where a study is too small."""
    corpus: str = "texts"
    """What the rows of the corpus are."""
    alike: str = "texts"
    """What is told to be near-duplicates of one another."""
    holds: str = ""
    """A predicate's two shares in words, of {a}, {n_a}, {b} and {n_b}, and {A} and {B}, the names of the
    groups; empty: by these names."""
    reads: str = ""
    """What V is, with {A} and {B}; empty: by the names of the groups."""
    looked: str = (
        "hypotheses were proposed from one half of the documents, frozen, and tested on the other half."
    )
    """Why nobody had looked at what they were tested on."""
    joined: str = "Duplicates were merged and near-duplicates joined into one document before the split"
    """What was made one."""
    shuffled: str = "documents trade how much of them is {A}, and the {rows} of a document trade labels"
    """What was shuffled where groups meant nothing."""
    labels: str = "group labels"
    """What is shuffled to see what chance gives."""
    null: str = "the groups meant nothing"
    """What is true then."""
    baseline: str = "surface feature"
    baselines: str = "What surface features reach on the same texts, by the same test."
    without: str = "hypothesis"
    """What a baseline needs none of."""
    extent: str = "length"
    """What is held equal beside other findings: how long a text is ..."""
    larger: str = "longer"
    """... and how a finding may follow from it."""

    def of_pictures(self) -> "Words":
        """The same of rows that are pictures."""
        said: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        for name, one in said.items():
            said[name] = of_pictures(one) if isinstance(one, str) else tuple(map(of_pictures, one))
        return replace(self, **{**said, "extent": "size", "larger": "larger"})


@dataclass(frozen=True)
class Section:
    """A kind's own part of the page."""

    title: str
    anchor: str
    """Of the page's heading of that title."""
    template: str
    """File in the kind's folder."""
    values: Mapping[str, Any]
    """What it shows, under `own`; all else that the page shows is there as well."""
    is_evidence: bool = False
    """Whether it stands in place of texts for and against each finding."""
    also: Sequence[tuple[str, str]] = ()
    """Title and anchor of its further headings."""
    needs_findings: bool = True
    """Whether there is nothing to show where no hypothesis held."""
    lead: str = ""
    """File in the kind's folder that stands under the answer in place of the groups."""
    trust: str = ""
    """File in the kind's folder that stands where it is told how far the judge can be trusted."""
    script: str = ""
    """File in the kind's folder that the page runs after its own scripts."""
    style: str = ""
    """File in the kind's folder with its style sheet."""
    page: str = ""
    """Title of the page where the user gives none; empty: what the groups are called."""
    answer: str = ""
    """A sentence of its own in the answer at the top."""
    said: Mapping[str, str] = field(default_factory=dict)
    """By predicate_id what is told of it in place of its two means."""
    inputs: Sequence[str] = ()
    """text_ids of what it shows beside the evidence, the most important first."""


@dataclass(frozen=True)
class Outputs:
    """What stages left of a study, for its part of the page."""

    study: Study
    folder: Mapping[str, Path]
    """By stage."""
    params: Mapping[str, Any]
    """Of the run."""
    rows: Sequence[Mapping[str, Any]]
    """All tested predicates."""
    found: Sequence[Mapping[str, Any]]
    """Findings, numbered."""
