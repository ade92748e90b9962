"""Kinds of study: a base class whose defaults mean two groups of texts, judged one by one.

A kind is a folder here that defines `KIND`, and is loaded by its name. It changes what differs and nothing
else (docs/adding-a-kind.md). What only one stage calls is imported inside the member, so that a stage
depends on what it calls alone. Who calls a member stands in brackets.
"""

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, cast

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from tasks.engines import roles
from tasks.errors import ParamsError, nearest
from tasks.records import Call, Predicate, Proposal, Unasked
from tasks.store import frames
from tasks.study import Study
from tasks.study.block import Block

if TYPE_CHECKING:
    from tasks.engines.llm.loads import Load
    from tasks.verdicts.judged import Judged


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

    def run(self, shard: int, advance: Any = bool) -> None:
        """Does one shard unless what it found is there already."""
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


@dataclass(frozen=True)
class Words:
    """How a kind speaks, in `check` and on the page."""

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
    baseline: str = "surface feature"
    baselines: str = "What surface features reach on the same texts, by the same test."
    without: str = "hypothesis"
    """What a baseline needs none of."""


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


class Kind:
    """What a stage asks about a study of its kind; everything has a default but the name and the question."""

    name: ClassVar[str]
    """That of the folder."""
    question: ClassVar[str]
    """What is asked, in a sentence."""
    unit: ClassVar[str] = "text"
    """What a judge sees at once."""
    estimand: ClassVar[str] = "share in A minus share in B"
    source: ClassVar[str] = ""
    """The paper."""
    has_groups: ClassVar[bool] = True
    """Whether rows are read in two groups; else they are one pile."""
    sides: ClassVar[Mapping[str, str]] = {}
    """What A and B are called where they are no groups of the rows that are read; empty: as these."""
    gaps: ClassVar[Literal["left out", "against"]] = "left out"
    """What a refused or unreadable verdict is: left out, or counted against the predicate, because whether
    there is one follows from what is measured. It stays a row, is counted, and bounds the estimate."""
    written: ClassVar[str] = ""
    """The table of 5_verdicts with the rows that are written for the test; empty: they are of the corpus."""
    compares: ClassVar[bool] = False
    """Whether two texts are always judged against each other, in both orders (`form: two_text`)."""
    planned_test: ClassVar[str] = ""
    """What is frozen as the test of a fixed plan, where it is the kind's own (`estimates`)."""
    judge_errs: ClassVar[bool] = True
    """Whether verdicts are opinions, of which `check` tells what errors would hide."""
    joins_near_duplicates: ClassVar[bool] = True
    """Whether near-duplicates are one document; not where texts that hardly differ are what is looked for."""
    tests_encoders: ClassVar[bool] = False
    """Whether encoders are what is tested: `check` then opens them."""
    words: ClassVar[Words] = Words()
    Params: ClassVar[type[Block]] = Block
    """The keys of its own block in params.yaml, which has the kind's name."""
    tables: ClassVar[Mapping[str, pl.Schema]] = {}
    """Tables of its own, by name of the file."""

    def check(self, study: Study) -> None:
        """Refuses what this kind cannot do [reading params].

        Raises:
            ValueError: it says what was wanted.
        """
        from tasks.kinds import rows

        rows.check(self, study)

    def params(self, study: Study) -> Any:
        """The study's values of `Params`."""
        return getattr(study, self.name)

    def settled(self, study: Study) -> Study:
        """The study with what its kind leaves no choice about [reading params]."""
        if not self.compares:
            return study
        form = study.verify.model_copy(update={"form": "two_text"})
        graded = study.formalise.model_copy(update={"threshold": None})
        return study.model_copy(update={"verify": form, "formalise": graded})

    def gather(self, study: Study) -> Gathered:
        """Sources -> rows [collect]."""
        from tasks.store import sources

        rows, names, read = sources.read_groups(study)
        return Gathered(rows, names, read)

    def guessed(self, rows: pl.DataFrame) -> dict[str, Any] | None:
        """The keys of its block for a table that has the form of its own; None: it has not [new]."""
        return None

    def fetch(self, study: Study) -> None:
        """Asks for what is to be paid before there are rows; what is there is not asked again [collect]."""

    def unasked(self, study: Study) -> list[Unasked]:
        """What `fetch` asks for, by model; nobody is asked [check, cost]."""
        return []

    def views(self, study: Study) -> dict[str, str]:
        """File in 2_embeddings -> the encoder that fills it; `embeddings` comes first [embed, propose]."""
        return {"embeddings": study.embed.encoder}

    def encoders(self, study: Study) -> list[str]:
        """Every encoder that any stage asks: one that is not there ends the study at once [embed]."""
        return list(self.views(study).values())

    def search(self, seen: Seen) -> Search | None:
        """What is to be searched, in shards, before the proposer looks; None: nothing [propose]."""
        return None

    def propose(
        self, seen: Seen, actors: roles.Engine, rng: np.random.Generator, search: Search | None = None
    ) -> Proposed:
        """Hypotheses from the exploration half, best first; fitting a model loops in here [propose]."""
        shown = roles.Exploration(
            seen.texts, seen.vectors["embeddings"], seen.confirm_documents, seen.encoder
        )
        proposer = actors.proposer(seen.study)
        proposals = proposer.propose(shown, rng)
        return Proposed(proposals, dict(proposer.noted), tuple(proposer.calls))

    def units(self, study: Study, texts: pl.DataFrame) -> pl.DataFrame:
        """The rows each predicate is tested on; of rows that are yet to be written as much as is known.

        Columns group and document_id (what makes one document) at least; `predicate_id` where a row is for
        one predicate alone [formalise, verify, score, record, report, check, cost].
        """
        from tasks.kinds import rows

        return rows.units(study, texts)

    def write(
        self, study: Study, texts: pl.DataFrame, predicates: Sequence[Predicate], actors: roles.Engine
    ) -> Written:
        """The rows of the table `written`, for each predicate; called only where it is named [verify]."""
        raise NotImplementedError

    def written_from(self, study: Study) -> tuple[str, ...]:
        """All that written rows follow from beside the predicates, to tell stale parts by [verify]."""
        return ()

    def judge(self, study: Study, actors: roles.Engine) -> roles.Judge:
        """Who says whether a predicate holds for a row [formalise, verify, record]."""
        return actors.judge(study)

    def estimates(self, judged: "Judged", level: float) -> pl.DataFrame:
        """Effect, interval and p, a row for each predicate, by frames.ESTIMATES [score]."""
        from tasks.kinds import effects

        return effects.estimates(judged, level)

    def shuffled(self, rows: pl.DataFrame, rng: np.random.Generator) -> pl.Series:
        """Groups of the rows as if they meant nothing: the null hypothesis of the planned test [score]."""
        from tasks.kinds import effects

        return effects.shuffle_groups(rows, rng)

    def agreed(self, judged: "Judged", verified: Path) -> Bool[np.ndarray, " predicate"] | None:
        """Which predicates say the same to whoever judges; None: all. Another one is no discovery [score].

        Args:
            judged: all verdicts.
            verified: the folder 5_verdicts, with what each judge said, or said in each order.
        """
        return None

    def beside(self, judged: "Judged", texts: pl.DataFrame, found: Sequence[str]) -> dict[str, pl.DataFrame]:
        """Tables beside the scores, `baselines` among them [score].

        Args:
            judged: all verdicts.
            texts: of the study.
            found: predicate_ids of the discoveries.
        """
        from tasks.kinds import effects

        return {"baselines": effects.baselines(self, judged, texts)}

    def evidence(
        self, study: Study, texts: pl.DataFrame, tested: pl.DataFrame
    ) -> tuple[pl.DataFrame, Float[np.ndarray, "text dim"]]:
        """What may be shown for and against a predicate, with its vectors [record]."""
        from tasks.kinds import rows

        return rows.evidence(study, texts)

    def forecast(self, study: Study) -> dict[str, Any]:
        """What `check` and `cost` tell beside their figures [check, cost]."""
        return {}

    def size_lines(self, found: Mapping[str, Any]) -> list[str]:
        """What `check` says there is to test on [check]."""
        from tasks.kinds import lines

        return lines.sizes(found)

    def effect_lines(self, found: Mapping[str, Any]) -> list[str]:
        """What `check` says a fixed plan could find [check]."""
        from tasks.kinds import lines

        return lines.effect(found)

    def loads(
        self, study: Study, texts: pl.DataFrame, names: Mapping[str, str], units: pl.DataFrame
    ) -> "list[Load]":
        """What a language model will be asked, at most [cost]."""
        from tasks.engines.llm import loads

        return loads.of_texts(study, texts, names, units)

    def headline(self, study: Study) -> dict[str, Mapping[str, Any]]:
        """By what is told: how much of it, by each means, with `lo`, `hi` and `n` of the first [show]."""
        return {}

    def section(self, outputs: Outputs) -> Section | None:
        """Its part of the page; None: it has none of its own [report]."""
        return None

    def actors(self, engine: str) -> roles.Engine:
        """Who proposes, judges and rates: the kind's own (kinds/NAME/ENGINE) before the engine's.

        [propose, formalise, verify, record]
        """
        own = f"{__name__}.{self.name}.{engine}"
        modules = [roles.load(engine)]
        if find_spec(own):
            modules.insert(0, cast(roles.Engine, importlib.import_module(own)))
        return cast(roles.Engine, _Actors(modules))

    @property
    def folder(self) -> Path:
        """Where it lives: its prompts and templates are there [report]."""
        return Path(str(importlib.import_module(f"{__name__}.{self.name}").__file__)).parent


class _Actors:
    """The first module that defines what is asked for."""

    def __init__(self, modules: Sequence[roles.Engine]) -> None:
        self._modules = modules

    def __getattr__(self, name: str) -> Any:
        for module in self._modules:
            if hasattr(module, name):
                return getattr(module, name)
        raise AttributeError(name)


def names() -> list[str]:
    """All kinds there are: folders here that are packages."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)


def load(name: str) -> Kind:
    """The kind of that name.

    Raises:
        ParamsError: there is none.
    """
    known = names()
    if name not in known:
        raise ParamsError(f"kind: wanted one of {', '.join(known)}, got {name!r}{nearest(str(name), known)}.")
    module: ModuleType = importlib.import_module(f"{__name__}.{name}")
    if not isinstance(kind := getattr(module, "KIND", None), Kind):
        raise ParamsError(
            f"kind: wanted `KIND = ...` in {module.__file__}, an instance of Kind, got {kind!r}."
        )
    return kind


def tested(kind: Kind, study: Study, texts: pl.DataFrame, verified: Path) -> pl.DataFrame:
    """The rows that verify judged: what it wrote, or the kind's own."""
    if kind.written:
        return frames.read(verified, f"{kind.written}.parquet", kind.tables[kind.written])
    return kind.units(study, texts)
