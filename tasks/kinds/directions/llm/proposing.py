"""Naming ends of units: a model is shown inputs at an end, in the middle and random, and names the first.

One call for each end, side by side. Of pictures it is shown what a describer says of them, and captions. Half
of the exploration documents are shown, and what is said is judged on the other half (screening.py). Every
answer is data: a sentence is only ever judged, never obeyed.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from tasks.engines import roles
from tasks.engines.gateway.chat import Answer, Gateway, Request
from tasks.engines.llm import prompts, sampling, schemas, wording
from tasks.engines.llm.describing import Describer
from tasks.engines.llm.suggesting import STAGE, TOKENS, as_lines, question, words
from tasks.engines.llm.tally import Tally
from tasks.kinds.directions.ends import SIGN, End, topped_up
from tasks.kinds.directions.llm.screening import Named, Screen
from tasks.kinds.directions.params import own
from tasks.kinds.directions.prompts import FOLDER
from tasks.records import Call, Proposal
from tasks.store import frames, media
from tasks.store.canonical import spelling
from tasks.study import Study

NOTED = (
    "n_ends",
    "n_ends_failed",
    "n_suggested",
    "n_unfit",
    "n_repeated",
    "n_judged",
    "n_judged_in_vain",
    "n_passed",
)
"""What is counted: ends without a usable answer; sentences that are no predicate or say the same; verdicts on
them, and those that are missing; names that passed."""
SPARE = 2
"""So many more sentences are asked for than names are wanted: some are unfit, and some do not hold."""
BLOCK = 32
"""Ends asked about side by side; a model that brought nothing for the first ones is not asked on."""
N_EXAMPLES = 3


@dataclass(frozen=True)
class _Shown:
    """The rows a model is shown of an end."""

    these: Sequence[int]
    middle: Sequence[int]
    others: Sequence[int]


class UnitProposer:
    """Asks a language model what the inputs at each end have in common."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._endpoint = study.llm.endpoints("proposer")[0]
        # A small model that is shown other inputs too answers about them, and gives examples back.
        self._contrasts = not self._endpoint.is_small
        self._noun = prompts.noun(study)
        self._prompt = prompts.load("propose", FOLDER)
        self._describer = Describer(study)
        self._gateway = Gateway(study, STAGE)
        self._calls: list[Call] = []
        self._tally = Tally()

    @property
    def calls(self) -> Sequence[Call]:
        """The paid answers of the describer, the proposer, and of the judge on exploration inputs."""
        return (*self._describer.calls, *self._calls)

    @property
    def noted(self) -> roles.Noted:
        """What happened on the way, and why suggestions were unfit and calls failed, for the manifest."""
        return {**self._tally.noted(NOTED), **self._describer.noted}

    def propose(
        self, texts: pl.DataFrame, ends: Sequence[End], vectors: Float[np.ndarray, "text dim"]
    ) -> list[Proposal]:
        """Names, strongest first; those that passed the gate before others.

        Args:
            texts: of the exploration half, in the order of their ids.
            ends: those that are to be named.
            vectors: of the texts; not looked at.

        Raises:
            EngineError: the endpoint cannot be used, or brought no usable answer.
        """
        shows = shown_rows(texts, self._study.seed)
        suggested = {k: said for k, said in self._suggested(texts, ends, shows).items() if said}
        screen = Screen.of(self._study, texts, ~shows)
        found = screen.named([(ends[k], said) for k, said in suggested.items()])
        self._calls += screen.calls
        self._tally.counts.update(
            n_ends=len(ends), n_judged=screen.n_judged, n_judged_in_vain=screen.n_judged_in_vain
        )
        gate = self._study.propose.gate_z
        passed = [one for one in found if one.root >= gate or not screen.judges]
        self._tally.counts["n_passed"] = len(passed)
        rest = [one for one in found if one.root < gate and screen.judges]
        return [self._proposal(one, texts["text_id"], shows) for one in topped_up(passed, rest)]

    def _suggested(
        self, texts: pl.DataFrame, ends: Sequence[End], shows: Bool[np.ndarray, " text"]
    ) -> dict[int, list[str]]:
        """What is said of each end and can be judged on one text, by its place among the ends."""
        found: dict[int, list[str]] = {}
        for start in range(0, len(ends), BLOCK):
            block = range(start, min(start + BLOCK, len(ends)))
            # Of an end with few inputs none may be among those that are shown.
            sample = {k: rows for k in block if (rows := self._sample(ends[k], shows)).these}
            told = self._in_words(texts, sample.values())
            said = {k: words(told[list(rows.these)]) for k, rows in sample.items()}
            requests = {k: self._request(told, rows) for k, rows in sample.items() if said[k]}
            if mute := [k for k in sample if not said[k]]:
                found |= {k: [] for k in mute}
                self._skip(len(mute), every=len(mute) == len(found))
            answers = self._gateway.ask_each(requests, f"propose {self._study.name}")
            for k, answer in answers.items():
                found[k] = self._judgeable(answer, [text for row in said[k] for text in row.values()])
            if self._tally.counts["n_ends_failed"] == len(found) == len(sample) > 0:
                self._refuse()
        return found

    def _in_words(self, texts: pl.DataFrame, sample: Iterable[_Shown]) -> pl.DataFrame:
        """The texts as they are; of pictures that are shown, too, what they show."""
        if not media.are_pictures(texts):
            return texts
        rows = sorted({row for one in sample for row in (*one.these, *self._beside(one))})
        said = self._describer.described(texts[rows])["description"]
        of = dict(zip(rows, said, strict=True))
        return texts.with_columns(description=pl.Series([of.get(row, "") for row in range(texts.height)]))

    def _skip(self, n: int, every: bool) -> None:
        """Counts ends of whose pictures nobody says a word; where it is every one so far, the study ends."""
        if every:
            raise self._describer.lack("any end")
        ((why, _),) = self._describer.problems.most_common(1)
        self._tally.problems[why] += n
        self._tally.counts["n_ends_failed"] += n

    def _refuse(self) -> None:
        n_failed = self._tally.counts["n_ends_failed"]
        raise self._tally.error(
            f"studies.{self._study.name}: {self._endpoint.model} gave no usable names of any of "
            f"{n_failed} ends"
        )

    def _sample(self, end: End, shows: Bool[np.ndarray, " text"]) -> _Shown:
        """The strongest inputs at the end, those nearest to the median, and random ones elsewhere."""
        strength, n = np.round(SIGN[end.end] * end.activation, 12), n_shown(self._study)
        members = np.flatnonzero(shows & end.member)
        these = members[np.argsort(-strength[members], kind="stable")][:n]
        rest = np.flatnonzero(shows & ~end.member)
        nearest = np.argsort(np.abs(strength[rest] - np.median(strength)), kind="stable")
        middle, half = rest[nearest][: n // 2], n - n // 2
        others = [int(row) for row in rest if row not in set(middle.tolist())][:half]
        return _Shown(these.tolist(), sorted(middle.tolist()), others)

    def _beside(self, rows: _Shown) -> Sequence[int]:
        """Inputs that are shown beside those of an end."""
        return (*rows.middle, *rows.others) if self._contrasts else ()

    def _request(self, texts: pl.DataFrame, rows: _Shown) -> Request:
        study, n, contrasts = self._study, n_asked(self._study), self._contrasts
        n_shown = len(rows.these) + len(self._beside(rows))

        def lines(which: Sequence[int]) -> str:
            return as_lines(texts[list(which)], n_shown)

        examples = study.propose.examples if contrasts else ()
        system, user = self._prompt.render(
            noun=self._noun,
            these=lines(rows.these),
            middle=lines(rows.middle) if contrasts else "",
            others=lines(rows.others) if contrasts else "",
            study=question(study),
            examples=prompts.lines({"answer": f"The {self._noun} {one}"} for one in examples),
            n=n,
        )
        schema, room = schemas.hypotheses(n, self._noun), TOKENS * (n + 1)
        return Request("proposer", self._endpoint, system, user, schema, self._prompt.hash, most_tokens=room)

    def _judgeable(self, answer: Answer, texts: Sequence[str]) -> list[str]:
        """Sentences that hold or do not hold of one input, each once; `texts` were shown of the end."""
        self._calls += answer.calls
        if answer.status != roles.VALUE:
            self._tally.problems[answer.problem] += 1
            self._tally.counts["n_ends_failed"] += 1
        kept: dict[str, str] = {}
        for said in getattr(answer.parsed, "hypotheses", ())[: n_asked(self._study)]:
            sentence = wording.predicate(wording.bare(said, self._noun))
            why = wording.fault(sentence, texts, self._study.propose.examples)
            self._tally.counts.update(n_suggested=1, n_repeated=spelling(sentence) in kept)
            if why:
                self._tally.unfit(why)
            else:
                kept.setdefault(spelling(sentence), sentence)
        return list(kept.values())

    def _proposal(self, one: Named, text_id: pl.Series, shows: Bool[np.ndarray, " text"]) -> Proposal:
        unit, end = one.end.unit, one.end.end
        definition = {"says": one.sentence, "unit": unit, "end": end, "means": one.means}
        examples = text_id.filter(shows & one.end.member)[:N_EXAMPLES]
        return Proposal(
            predicate=f"{unit} {end}: {one.sentence}",
            direction="A",
            family="llm",
            # Not exact: what is measured is how the judge reads the sentence, not whether it is so.
            grade="proxy",
            definition=json.dumps(definition, ensure_ascii=False),
            explore_effect=one.effect,
            explore_z=one.root,
            example_ids=tuple(examples),
            prompt_hash=self._prompt.hash,
        )


def n_asked(study: Study) -> int:
    """Sentences asked for of an end."""
    return own(study).names + SPARE


def n_shown(study: Study) -> int:
    """Inputs of an end that are shown, at most, and as many others."""
    return sampling.sizes(study).samples


def shown_rows(texts: pl.DataFrame, seed: int) -> Bool[np.ndarray, " text"]:
    """The inputs that may be shown: those of half of the documents, drawn by a seeded hash."""
    documents = texts["document_id"].unique().sort().to_list()
    drawn = sorted(documents, key=lambda one: frames.hashed("shown", str(seed), one))
    return texts["document_id"].is_in(drawn[: -(-len(drawn) // 2)]).to_numpy()
