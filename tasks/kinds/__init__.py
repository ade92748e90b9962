"""Kinds of study: a base class whose defaults mean two groups of texts, judged one by one.

A kind is a folder here that defines `KIND`, and is loaded by its name. It changes what differs and nothing
else (docs/adding-a-kind.md). What only one stage calls is imported inside the member, so that a stage
depends on what it calls alone. Who calls a member stands in brackets.
"""

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from tasks import paths
from tasks.engines import roles
from tasks.errors import ParamsError, nearest
from tasks.kinds.parts import (
    Encoded,
    Gathered,
    Left,
    Outputs,
    Proposed,
    Search,
    Section,
    Seen,
    Words,
    Written,
)
from tasks.records import Predicate, Unasked
from tasks.store import frames
from tasks.study import Study
from tasks.study.block import Block

if TYPE_CHECKING:
    from tasks.engines.llm.loads import Load
    from tasks.verdicts.judged import Judged

__all__ = [
    "Encoded",
    "Gathered",
    "Kind",
    "Left",
    "Outputs",
    "Proposed",
    "Search",
    "Section",
    "Seen",
    "Words",
    "Written",
    "load",
    "names",
    "tested",
]


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
    scale: ClassVar[Literal["share", "bits"]] = "share"
    """What effects are measured in: a difference of shares in [-1, 1], or bits per text."""
    conditional: ClassVar[bool] = False
    """Whether an effect is given all other predicates: what is told twice then has none, and paraphrases are
    neither folded nor held equal."""
    fits: ClassVar[bool] = False
    """Whether it fits a model around what the user asks: `propose` is called with that alone, too."""
    cannot_replicate: ClassVar[str] = ""
    """Why a predicate of it cannot be tested alone on other data; empty where it can."""
    foresees_gain: ClassVar[bool] = True
    """Whether `check` can tell, of an effect in bits, how small a one would be found."""
    min_effect: ClassVar[float | None] = None
    """Least abs(V) worth a discovery where a study names none; None: the default of `score.min_effect`."""
    judge_errs: ClassVar[bool] = True
    """Whether verdicts are opinions, of which `check` tells what errors would hide."""
    joins_near_duplicates: ClassVar[bool] = True
    """Whether near-duplicates are one document; not where texts that hardly differ are what is looked for."""
    reads_pictures: ClassVar[bool] = True
    """Whether its rows may be pictures."""
    samples: ClassVar[bool] = True
    """Whether its rows may be a sample of documents (collect.sample)."""
    tests_encoders: ClassVar[bool] = False
    """Whether encoders are what is tested: `check` then opens them."""
    words: ClassVar[Words] = Words()
    Params: ClassVar[type[Block]] = Block
    """The keys of its own block in params.yaml, which has the kind's name."""
    tables: ClassVar[Mapping[str, pl.Schema]] = {}
    """Tables of its own, by name of the file."""

    def speaks(self, *, of_pictures: bool) -> Words:
        """How it speaks of its rows [collect, propose, check, cost, show, report]."""
        return self.words.of_pictures() if of_pictures else self.words

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
        """The study with what its kind leaves no choice about, and its minimum effect [reading params]."""
        verify, formalise, score = study.verify, study.formalise, study.score
        if self.compares:
            verify = verify.model_copy(update={"form": "two_text"})
            formalise = formalise.model_copy(update={"threshold": None})
        named = score.model_fields_set | verify.sequential.model_fields_set
        if self.min_effect is not None and "min_effect" not in named:
            least = {"min_effect": self.min_effect}
            score = score.model_copy(update=least)
            verify = verify.model_copy(update={"sequential": verify.sequential.model_copy(update=least)})
        return study.model_copy(update={"verify": verify, "formalise": formalise, "score": score})

    def gather(self, study: Study) -> Gathered:
        """Sources -> rows [collect]."""
        from tasks.store import sources

        rows, names, read = sources.read_groups(study)
        return Gathered(rows, names, read)

    def survey(self, study: Study, texts: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
        """What the manifest tells of the texts beside their number, and further `warnings` [collect].

        Args:
            study: of this kind.
            texts: rows of frames.TEXTS.
            tables: what was gathered beside them.

        Raises:
            CorpusError: this kind can make nothing of them.
        """
        return {}

    def guessed(self, rows: pl.DataFrame) -> dict[str, Any] | None:
        """The keys of its block for a table that has the form of its own; None: it has not [new]."""
        return None

    def begun(self, of_pictures: bool) -> dict[str, Any] | None:
        """The keys of its block for whom asks for it by name; None: columns alone tell it [new].

        Raises:
            ParamsError: of such rows nobody can guess them.
        """
        return {} if self.fits else None

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

    def encoded(self, study: Study, texts: pl.DataFrame) -> Encoded:
        """What is computed of texts beside their vectors; only the exploration half is fitted to [embed].

        Args:
            study: of this kind.
            texts: rows of frames.TEXTS, both halves.
        """
        return Encoded()

    def search(self, seen: Seen) -> Search | None:
        """What is to be searched, in shards, before the proposer looks; None: nothing [propose]."""
        return None

    def propose(
        self, seen: Seen, actors: roles.Engine, rng: np.random.Generator, search: Search | None = None
    ) -> Proposed:
        """Hypotheses from the exploration half, best first; fitting a model loops in here [propose]."""
        proposer = actors.proposer(seen.study)
        proposals = proposer.propose(self.shown(seen), rng)
        return Proposed(proposals, dict(proposer.noted), tuple(proposer.calls))

    def shown(self, seen: Seen) -> roles.Exploration:
        """What a proposer is shown."""
        return roles.Exploration(seen.texts, seen.vectors["embeddings"], seen.confirm_documents, seen.encoder)

    def units(self, study: Study, texts: pl.DataFrame) -> pl.DataFrame:
        """The rows each predicate is tested on; of rows that are yet to be written as much as is known.

        Columns group and document_id (what makes one document) at least; `predicate_id` where a row is for
        one predicate alone [formalise, verify, score, record, report, check, cost].
        """
        from tasks.kinds import rows

        return rows.units(study, texts)

    def compared(self, study: Study, units: pl.DataFrame) -> pl.DataFrame:
        """Of these rows those that one predicate compares, in their groups, as far as known [check, cost]."""
        return units

    def wanted(
        self, study: Study, rows: pl.DataFrame, predicates: Sequence[Predicate]
    ) -> Bool[np.ndarray, "row predicate"] | None:
        """Where each predicate is judged, of rows that are for several; None: on all that are for it.

        [verify, score]
        """
        return None

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

    def planned(self, study: Study) -> str:
        """What is frozen as the test of a fixed plan; empty: what the rows call for [formalise]."""
        return self.planned_test

    def shuffled(self, judged: "Judged", rng: np.random.Generator) -> "Judged":
        """The same verdicts where the null hypothesis of the planned test is true [score]."""
        from tasks.kinds import effects

        return judged.regrouped(effects.shuffle_groups(judged.rows, rng))

    def most_shuffles(self, judged: "Judged") -> int:
        """How many shuffles are worth their time, at most [score]."""
        return 100

    def agreed(self, judged: "Judged", verified: Path) -> Bool[np.ndarray, " predicate"] | None:
        """Which predicates say the same to whoever judges; None: all. Another one is no discovery [score].

        Args:
            judged: all verdicts.
            verified: the folder 5_verdicts, with what each judge said, or said in each order.
        """
        return None

    def beside(self, judged: "Judged", texts: pl.DataFrame, found: Sequence[str]) -> Mapping[str, Left]:
        """Tables beside the scores, `baselines` among them; a mapping is written as JSON [score].

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

    def most_predicates(self, study: Study) -> int:
        """So many are tested at most [check, cost]."""
        return study.most_predicates

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

    def headline_lines(self, told: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """The same as a person reads it [show]."""
        return []

    def section(self, outputs: Outputs) -> Section | None:
        """Its part of the page; None: it has none of its own [report]."""
        return None

    def actors(self, engine: str) -> roles.Engine:
        """Who proposes, judges and rates: the kind's own (kinds/NAME/ENGINE), those it shares, the engine's.

        [propose, formalise, verify, record]
        """
        packages = [f"{home}.{engine}" for home in self.homes]
        own = [cast(roles.Engine, importlib.import_module(one)) for one in packages if find_spec(one)]
        return cast(roles.Engine, _Actors([*own, roles.load(engine)]))

    def supports(self, study: Study, held: pl.DataFrame) -> pl.Series:
        """Whether a text for which a predicate holds speaks for it; else it speaks against it [record].

        Args:
            study: of this kind.
            held: columns predicate_id, direction, text_id, group.
        """
        return held["group"] == held["direction"]

    @property
    def homes(self) -> list[str]:
        """Its own package, then that of what it shares with kinds of the same base class."""
        modules = dict.fromkeys([f"{__name__}.{self.name}", *(of.__module__ for of in type(self).__mro__)])
        return [name for name in modules if name.startswith(f"{__name__}.")]

    @property
    def folders(self) -> list[Path]:
        """Where its templates lie, by its homes [report]."""
        return [Path(str(importlib.import_module(name).__file__)).parent for name in self.homes]


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
    found = (module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)
    return sorted(name for name in found if name not in paths.SHARED)


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
