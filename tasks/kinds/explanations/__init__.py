"""Kind explanations: can a reader foresee the model from its explanation?

Unit judged: an input, with a guess of what the model will answer there. Estimand: share of guesses from an
explanation, on inputs it covers, that come true, minus that of "as for the explained input" on inputs equally
similar that it does not cover (counterfactual simulatability: Chen et al. 2023, with a matched reader as
control). A sentence names an explainer and which of its explanations: it is proposed on explained inputs of
one half, and tested on those of the other.

params tables gathering   its keys, its tables, explained inputs and what is said of them
guessing   which columns hold them (`natstat new`)
calling editing asking   a model that is a Python function, inputs edited for it; models asked (prompts/)
words      which inputs hold what is listed, and how near they are by words
trials     which inputs an explanation is tried on, and their matches
strata     which explanations a sentence is about
tests      V by explained items and by inputs
readings   coverage, generality, majority and anchors: tables beside the scores
lines page its part of `check` and the page
embedded/ llm/   who judges
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.engines import roles
from tasks.errors import CorpusError
from tasks.kinds import Gathered, Kind, Outputs, Proposed, Search, Section, Seen, Words, Written
from tasks.kinds.explanations import tables
from tasks.kinds.explanations.guesses import folded
from tasks.kinds.explanations.params import Explanations, own
from tasks.records import Predicate, Unasked
from tasks.study import Study
from tasks.study.params import RoleName

if TYPE_CHECKING:
    from tasks.engines.llm.loads import Load
    from tasks.verdicts.judged import Judged


ROLES: tuple[RoleName, ...] = ("subject", "explainer", "generator", "reader")
"""Who is asked with a task."""
_CANNOT_TELL = "cannot tell"
"""What the reader is to say where it makes no guess (prompts/read.md)."""


class ExplanationsKind(Kind):
    """Explanations are tried on inputs that they cover, and on their matches."""

    name = "explanations"
    question = "can a reader foresee the model from its explanation?"
    unit = "input with a guess"
    estimand = "share of guesses that come true minus that of a matched reader without the explanation"
    source = "counterfactual simulatability: Chen et al. 2023"
    has_groups = False
    sides = {"A": "from the explanation", "B": "matched reader"}  # noqa: RUF012 - never changed
    written = "trials"
    cannot_replicate = "an explanation is of one answer: take the answers to other inputs"
    planned_test = "items_inputs_exchanged"
    judge_errs = False
    reads_pictures = False
    samples = False
    Params = Explanations
    tables = {  # noqa: RUF012 - never changed
        "explanations": tables.EXPLANATIONS,
        "counterfactuals": tables.COUNTERFACTUALS,
        "trials": tables.TRIALS,
        "explainers": tables.EXPLAINERS,
        "foreseen": tables.FORESEEN,
    }
    words = Words(
        subject="the model is foreseen from …",
        said="the model is foreseen from",
        rows="inputs",
        tested_on="explained inputs nobody had looked at",
        judged=("explanations", "inputs they cover and their matches"),
        more="Collect more explanations",
        corpus="explained inputs",
        alike="explained inputs",
        holds="{a} of {n_a} guesses come true, {b} of {n_b} on matched inputs",
        reads="is the share of guesses from an explanation that come true minus that of a reader who has "
        "no explanation, knows the answer to the explained input, and is asked about inputs equally similar: "
        "+0.27, say, means 27 in 100 more.",
        baseline="baseline",
        baselines="What readers without any explanation foresee on the same inputs.",
        without="explanation",
    )

    def check(self, study: Study) -> None:
        """Refuses what there is no test for."""
        if study.verify.plan == "sequential" or study.has_gold or study.verify.form == "two_text":
            raise ValueError(f"wanted `plan: fixed`, `form: one_text` and no `gold` with `kind: {self.name}`")
        if own(study).python and own(study).counterfactual:
            raise ValueError("wanted explanations.python or explanations.counterfactual, not both")
        if own(study).edited and not own(study).python:
            raise ValueError("wanted explanations.edited with explanations.python, which answers edits")
        self._check_task(study)
        if study.embed.encoder == "none":
            raise ValueError(f"wanted embed.encoder with `kind: {self.name}`: by it inputs are matched")

    def settled(self, study: Study) -> Study:
        """No judge is asked: there is none to be checked by questions with known answers."""
        study = super().settled(study)
        return study.model_copy(update={"llm": study.llm.model_copy(update={"check": False})})

    def _check_task(self, study: Study) -> None:
        asked = own(study)
        if study.engine not in {"embedded", "llm"}:
            raise ValueError(f"wanted `engine: embedded` or `llm` with `kind: {self.name}`")
        if (study.engine == "llm") != bool(asked.task):
            raise ValueError(
                "wanted explanations.task with `engine: llm`, and with it alone: what the model is "
                "asked of each input"
            )
        if asked.task and (asked.python or asked.counterfactual):
            raise ValueError("wanted explanations.task without `python` and `counterfactual`")
        if asked.task and len({folded(one) for one in asked.answers}) < max(2, len(asked.answers)):
            raise ValueError("wanted two explanations.answers or more, no two alike, with `task`")
        if asked.task and _CANNOT_TELL in {folded(one) for one in asked.answers}:
            raise ValueError(
                f"wanted explanations.answers without `{_CANNOT_TELL}`, by which the reader says that it "
                "makes no guess; name that answer otherwise"
            )
        if asked.task:
            self._check_models(study)

    @staticmethod
    def _check_models(study: Study) -> None:
        """Every role has a model, and with a budget its price."""
        for role in ROLES:
            asked = "subject" if role == "explainer" and not study.llm.explainer.model else role
            if not all(study.llm.names_model(asked)):
                raise ValueError(f"wanted a model for llm.{asked}, or one for all under llm.model")
            (endpoint,) = study.llm.endpoints(asked)
            if study.spend.budget_usd is not None and endpoint.model not in study.spend.prices:
                raise ValueError(f"wanted spend.prices for `{endpoint.model}` to keep a budget")

    def guessed(self, rows: pl.DataFrame) -> dict[str, Any] | None:
        """Where answers, explanations and what they were tried on seem to be."""
        from tasks.kinds.explanations import guessing

        return guessing.block(rows)

    def fetch(self, study: Study) -> None:
        """Has models answer, explain, write counterfactuals and guess, where the study asks for it."""
        if own(study).task:
            from tasks.kinds.explanations import asking

            asking.fetch(study)

    def unasked(self, study: Study) -> list[Unasked]:
        """What models are yet to write."""
        if not own(study).task:
            return []
        from tasks.kinds.explanations import asking

        return asking.unasked(study)

    def loads(
        self, study: Study, texts: pl.DataFrame, names: Mapping[str, str], units: pl.DataFrame
    ) -> "list[Load]":
        """Nothing beyond what collect asks: guesses are compared with answers."""
        return []

    def gather(self, study: Study) -> Gathered:
        """Explained inputs, with what is said of them and what it was tried on."""
        from tasks.kinds.explanations import gathering

        return gathering.gathered(study)

    def propose(
        self, seen: Seen, actors: roles.Engine, rng: np.random.Generator, search: Search | None = None
    ) -> Proposed:
        """Explainers, and those of their explanations that foretell most, or mislead."""
        from tasks.kinds.explanations import strata, trials

        inputs = trials.Inputs.of(seen.study, seen.texts, seen.vectors["embeddings"])
        tried = trials.of(seen.study, seen.texts, inputs)
        return Proposed(strata.proposals(seen.study, seen.texts, tried), {}, ())

    def units(self, study: Study, texts: pl.DataFrame) -> pl.DataFrame:
        """Stand-ins for the inputs that one sentence will be tried on, and their matches."""
        documents = texts.filter(half="confirm").select("document_id").unique().sort("document_id")
        n = own(study).drawn
        each = pl.DataFrame({"group": ["A", "B"] * n})
        return documents.join(each, how="cross").select("group", "document_id")

    def write(
        self, study: Study, texts: pl.DataFrame, predicates: Sequence[Predicate], actors: roles.Engine
    ) -> Written:
        """Confirmation items with the inputs they are tried on, for each sentence.

        Raises:
            CorpusError: no explanation covers an input that has a match.
        """
        from tasks.kinds.explanations import strata, trials

        confirm = texts.filter(half="confirm").sort("text_id")
        inputs = trials.Inputs.of(study, confirm, trials.vectors(study, texts, confirm))
        tried = trials.of(study, confirm, inputs)
        rows = strata.rows(study, texts, tried, predicates)
        if rows.is_empty():
            raise CorpusError(
                f"studies.{study.name}: no explanation of the confirmation half covers an input that can be "
                "compared. Raise explanations.apart, or bring more explained inputs."
            )
        return Written(rows, ())

    def written_from(self, study: Study) -> tuple[str, ...]:
        """The block."""
        return (own(study).model_dump_json(),)

    def beside(self, judged: "Judged", texts: pl.DataFrame, found: Sequence[str]) -> dict[str, pl.DataFrame]:
        """Explainers side by side, and what readers without explanations foresee."""
        from tasks.kinds.explanations import readings

        return readings.beside(judged, texts)

    def estimates(self, judged: "Judged", level: float) -> pl.DataFrame:
        """Share of guesses that come true less that of matches, by clusters of items and of inputs."""
        from tasks.kinds.explanations import tests

        return tests.estimates(judged, level)

    def evidence(
        self, study: Study, texts: pl.DataFrame, tested: pl.DataFrame
    ) -> tuple[pl.DataFrame, Float[np.ndarray, "text dim"]]:
        """The inputs themselves; no vectors: a verdict rests on a guess."""
        return tested, np.empty((tested.height, 0), dtype=np.float32)

    def size_lines(self, found: Mapping[str, Any]) -> list[str]:
        """Explained inputs, explainers, and what they are tried on."""
        from tasks.kinds.explanations import lines

        return lines.sizes(found)

    def section(self, outputs: Outputs) -> Section:
        """Explainers side by side, and explanations with their inputs."""
        from tasks.kinds.explanations import page

        return page.section(outputs)


KIND = ExplanationsKind()
