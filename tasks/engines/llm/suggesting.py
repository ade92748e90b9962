"""One round of suggestions: a sample is shown, what is no hypothesis is mended or left out, and counted.

There is one call for each group: what do many of its texts have in common that few of the other's have? A
small model is shown this group's texts alone, those least like the other's: given both lists it answers about
the wrong one. What it says is weighed by verdicts afterwards, whichever way it came about.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import polars as pl
from pydantic import BaseModel

from tasks.engines import roles
from tasks.engines.gateway.chat import Answer, Gateway, Request
from tasks.engines.llm import prompts, sampling, schemas, wording
from tasks.engines.llm.describing import Describer
from tasks.engines.llm.tally import Tally
from tasks.records import Call, Group
from tasks.store import frames, media
from tasks.study import Study

STAGE = "propose"
MAX_CHARS_REWRITTEN = 1_000
"""A sentence beyond this is no hypothesis that went wrong, and is not asked about again."""
MAX_KNOWN = 20
"""So many of a group's suggestions, the newest, are shown as said already."""
TOKENS = 60
"""Room for one sentence in an answer."""
_MENDABLE = (wording.LONG, wording.NAMES_GROUP, wording.COMPARES, wording.GARBLED, wording.COPIES_TEXT)
Key = TypeVar("Key")
OTHERS: Mapping[Group, Group] = {"A": "B", "B": "A"}


@dataclass(frozen=True)
class Suggestion:
    """A sentence, and the group of which it was said."""

    sentence: str
    direction: Group
    example_ids: tuple[str, ...]
    """What the model was shown when it suggested it."""

    @property
    def definition(self) -> str:
        """The sentence is all there is to judge by."""
        return json.dumps({"says": self.sentence}, ensure_ascii=False)


@dataclass(frozen=True)
class Form:
    """What is asked in a round, where it is not what sets two groups of the study apart."""

    prompt: prompts.Prompt
    groups: tuple[Group, ...]
    """Those whose texts are asked about; the texts of the other one are what they are held against."""
    values: Mapping[str, object]
    """What the prompt takes beside what every prompt of a round does."""


def question(study: Study) -> str:
    """Goal, reader and origin of the texts as data, on one line; only what the study tells."""
    known = {"goal": study.goal, "reader": study.user, f"{prompts.noun(study)}s": study.propose.about}
    return prompts.lines([{name: value for name, value in known.items() if value}])


def per_call(study: Study) -> int:
    """Hypotheses asked for in a call: a round makes one for each group."""
    return -(-study.propose.per_round // 2)


class Suggester:
    """Asks a language model for hypotheses, a round at a time."""

    def __init__(
        self, study: Study, names: Mapping[str, str] | None = None, form: Form | None = None
    ) -> None:
        """`names` of groups A and B are those that collect found where they are not given."""
        self._study = study
        self._given_names = names
        self._form = form
        self._endpoint = study.llm.endpoints("proposer")[0]
        self._noun = prompts.noun(study)
        self.describer = Describer(study)
        self._gateway = Gateway(study, STAGE)
        self._prompt = form.prompt if form else prompts.load("propose/predicates")
        self.groups: Sequence[Group] = form.groups if form else tuple(OTHERS)
        """Those whose texts are asked about: a call in a round for each."""
        self.calls: list[Call] = []
        self.tally = Tally()

    @cached_property
    def _names(self) -> Mapping[str, str]:
        return frames.group_names(self._study.name) if self._given_names is None else self._given_names

    @property
    def model(self) -> str:
        """Who is asked."""
        return self._endpoint.model

    @property
    def prompt_hash(self) -> str:
        """Of the prompt that suggestions follow from."""
        return self._prompt.hash

    def round(self, sample: pl.DataFrame, found: Sequence[Suggestion], unexplained: bool) -> list[Suggestion]:
        """What is suggested of these texts and can be judged on one text; nothing where no call brought any.

        Args:
            sample: texts of both groups; pictures are described first.
            found: suggested before, as far as it was kept.
            unexplained: whether these texts are those of which it does not hold.

        Raises:
            EngineError: nobody says what the pictures show.
        """
        n, ids = per_call(self._study), tuple(sample["text_id"])
        sample = self._in_words(sample)
        schema = schemas.hypotheses(n, self._noun)
        asked = {
            group: self._request(self._prompt, schema, self._fields(sample, group, found, unexplained), n)
            for group in self.groups
        }
        answers = self._answers(asked)
        self.tally.problems.update(one.problem for one in answers.values() if one.status != roles.VALUE)
        said = [
            Suggestion(wording.predicate(wording.bare(sentence, self._noun)), group, ids)
            for group in self.groups
            # No more than were asked for: each one costs judgements.
            for sentence in getattr(answers[group].parsed, "hypotheses", ())[:n]
        ]
        self.tally.counts["n_suggested"] += len(said)
        return self._judgeable(said, [text for row in words(sample) for text in row.values()])

    def _in_words(self, sample: pl.DataFrame) -> pl.DataFrame:
        """The texts as they are; of pictures, too, what they show."""
        if not media.are_pictures(sample):
            return sample
        if self._endpoint.is_small:  # It is shown no others.
            sample = sample.filter(pl.col("group").is_in(self.groups))
        told = self.describer.described(sample)
        if not all(words(told.filter(group=group)) for group in self.groups):
            raise self.describer.lack("a group")
        return told

    def _fields(
        self, sample: pl.DataFrame, group: Group, found: Sequence[Suggestion], unexplained: bool
    ) -> dict[str, object]:
        study, other, noun = self._study, OTHERS[group], self._noun
        contrasts = not self._endpoint.is_small
        known = [one for one in found if one.direction == group][-MAX_KNOWN:]
        examples = study.propose.examples if contrasts else ()
        told = []
        if contrasts and not self._form:
            names = {f"these {noun}s": self._names[group], f"other {noun}s": self._names[other]}
            told = [prompts.lines([names])]
        return {
            "study": "\n".join([question(study), *told]),
            "noun": noun,
            "n": per_call(study),
            "these": shown(sample, group),
            "others": shown(sample, other) if contrasts else "",
            # A small model gives them back.
            "examples": prompts.lines({"answer": f"The {noun} {one}"} for one in examples),
            "known": prompts.lines({"answer": f"The {noun} {one.sentence}"} for one in known),
            "unexplained": unexplained,
            **(self._form.values if self._form else {}),
        }

    def _judgeable(self, said: Sequence[Suggestion], texts: Sequence[str]) -> list[Suggestion]:
        """Those that hold or do not hold of one text, the others rewritten where the model can."""

        def fault(sentence: str) -> str:
            return wording.fault(sentence, texts, self._study.propose.examples)

        unfit = {one.sentence: fault(one.sentence) for one in said if fault(one.sentence)}
        asked = {
            sentence: why
            for sentence, why in unfit.items()
            if why in _MENDABLE and len(sentence) <= MAX_CHARS_REWRITTEN
        }
        rewritten = self._rewritten(asked) if asked else {}
        kept = []
        for one in said:
            sentence = rewritten.get(one.sentence, one.sentence)
            why = fault(sentence)
            if why:
                self.tally.unfit(why)
            else:
                self.tally.counts["n_rewritten"] += one.sentence in unfit
                kept.append(replace(one, sentence=sentence))
        return kept

    def _rewritten(self, faults: Mapping[str, str]) -> dict[str, str]:
        of_id = {f"s{i}": sentence for i, sentence in enumerate(faults, start=1)}
        rows: Iterable[dict[str, str]] = (
            {"id": id_, "sentence": f"The {self._noun} {sentence}", "wrong": f"it {faults[sentence]}"}
            for id_, sentence in of_id.items()
        )
        request = self._request(
            prompts.load("propose/rewrite"),
            schemas.rewrites(tuple(of_id), self._noun),
            {"sentences": prompts.lines(rows), "noun": self._noun},
            len(of_id),
        )
        (answer,) = self._answers({"": request}).values()
        given: dict[str, str] = answer.parsed.model_dump() if answer.parsed else {}
        return {of_id[id_]: wording.predicate(wording.bare(said, self._noun)) for id_, said in given.items()}

    def _request(
        self, prompt: prompts.Prompt, schema: type[BaseModel], values: dict[str, object], n: int
    ) -> Request:
        system, user = prompt.render(**values)
        room = TOKENS * (n + 1)
        return Request("proposer", self._endpoint, system, user, schema, prompt.hash, most_tokens=room)

    def _answers(self, requests: Mapping[Key, Request]) -> dict[Key, Answer]:
        """To each request, asked side by side."""
        answers = self._gateway.ask_each(requests, f"propose {self._study.name}")
        self.calls += [call for answer in answers.values() for call in answer.calls]
        return answers


def shown(sample: pl.DataFrame, group: Group) -> str:
    """The texts of a group as lines of data, cut to what a prompt with all of them has room for."""
    return as_lines(sample.filter(pl.col("group") == group), sample.height)


def as_lines(rows: pl.DataFrame, n_shown: int) -> str:
    """Texts, or what is said of pictures, as lines of data, cut to the room that a prompt of so many has."""
    return prompts.lines(
        {name: sampling.excerpt(text, n_shown * len(row)) for name, text in row.items()}
        for row in words(rows)
    )


def words(sample: pl.DataFrame) -> list[dict[str, str]]:
    """Of each text, or of each picture of which there are words, all there is to read."""
    if "description" not in sample.columns:
        return sample.select("text").to_dicts()
    rows = sample.select(caption="text", description="description").to_dicts()
    told = ({name: words for name, words in row.items() if words.strip()} for row in rows)
    return [row for row in told if row]
