"""Models that answer, explain, write counterfactuals and guess: asked in turn, each answer paid once.

The subject answers about each input. The explainer, the same model unless another is named, explains. Two
prompts of the generator write other inputs: such as the explanation covers, and neighbours that it says
nothing of. A reader of the explanation guesses, or cannot tell; the subject answers about them, too.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import polars as pl

from tasks.engines.gateway.chat import Gateway, Request
from tasks.engines.gateway.kept import texts_kept
from tasks.engines.llm import prompts
from tasks.errors import MissingStageError
from tasks.kinds.explanations.guesses import folded
from tasks.kinds.explanations.inputs import drawn
from tasks.kinds.explanations.params import own, ways
from tasks.kinds.explanations.prompts import FOLDER
from tasks.records import Call, Unasked
from tasks.store.frames import hashed
from tasks.study import Study
from tasks.study.params import RoleName

_STAGE: Final = "collect"
_BYTES_PER_TOKEN, _FRAME = 4, 10
_LONGEST_ANSWER, _LONGEST_TEXT = 20, 120
"""Tokens that an answer, and an explanation or an input, are reckoned at where they are yet to be written."""
_GENERATORS = ("covered", "near")
K = TypeVar("K")
COLUMNS = ("text", "explainer", "explanation", "answer", "counterfactual", "guess", "outcome")


@dataclass
class _Told:
    """What is known so far."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)
    calls: dict[str, Call] = field(default_factory=dict)
    n_missing: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    """By what was asked: how often nothing came of it."""


def fetch(study: Study) -> None:
    """Asks for whatever is missing, one step after the other.

    Raises:
        EngineError: a model cannot be asked, or the budget is reached; a rerun goes on from there.
        SourceError: inputs cannot be read.
    """
    steps = _Steps(study, Gateway(study, _STAGE))
    steps.run(drawn(study))


def told(study: Study) -> tuple[pl.DataFrame, tuple[Call, ...], dict[str, int]]:
    """Rows of COLUMNS as columns of text, the paid answers they rest on, and what was answered in vain.

    Raises:
        MissingStageError: something is yet to be asked.
    """
    found = _Steps(study, None).run(drawn(study))
    if found.n_missing:
        raise MissingStageError(
            f"studies.{study.name}: {found.n_missing:,} answers are yet to be asked for. Run collect."
        )
    schema = dict.fromkeys(COLUMNS, pl.String)
    calls = tuple(found.calls[key] for key in sorted(found.calls))
    return pl.DataFrame(found.rows, schema=schema, orient="row"), calls, found.refused


def unasked(study: Study) -> list[Unasked]:
    """Of each role how much there must be at most, and what is missing; nobody is asked."""
    asked, texts = own(study), drawn(study)
    steps = _Steps(study, None)
    steps.run(texts)
    n_explained = len(texts) * len(ways(asked))
    most: dict[RoleName, tuple[int, int]] = {
        "subject": (len(texts) + n_explained * asked.tried, _LONGEST_ANSWER),
        "explainer": (n_explained, _LONGEST_TEXT),
        "generator": (n_explained * len(_GENERATORS), _LONGEST_TEXT * asked.tried),
        "reader": (n_explained * asked.tried, _LONGEST_ANSWER),
    }
    mean = sum(len(text.encode()) for text in texts) // max(len(texts), 1)
    found = []
    for role, (n, tokens_out) in most.items():
        n_there = steps.there.get(role, 0)
        n_missing = max(n - n_there, 0)
        shown = steps.overhead(role) + mean * (2 if role == "reader" else 1)
        tokens_in = (shown // _BYTES_PER_TOKEN + _LONGEST_TEXT + _FRAME) * n_missing
        model = steps.endpoint(role).model
        found.append(Unasked(role, model, n, n_missing, tokens_in, tokens_out * n_missing))
    return found


class _Steps:
    """The steps in their order; with a gateway whatever is missing is asked for."""

    def __init__(self, study: Study, gateway: Gateway | None) -> None:
        self._study, self._gateway, self._own = study, gateway, own(study)
        self._answers = {folded(one): one for one in self._own.answers}
        self.there: dict[RoleName, int] = {}

    def run(self, texts: Sequence[str]) -> _Told:
        """All that follows from these inputs, as far as it is known."""
        found = _Told()
        answers = self._labels(found, self._subject(texts))
        explained = self._explained(found, {text: said for text in texts if (said := answers.get(text))})
        tried = self._tried(found, explained)
        others = sorted({other for each in tried.values() for other in each})
        outcomes = self._labels(found, self._subject(others))
        guesses = self._guesses(found, explained, tried)
        for (text, way), (answer, explanation) in explained.items():
            for other in tried.get((text, way), ()):
                guess = guesses.get((text, way, other))
                found.rows.append((text, way, explanation, answer, other, guess, outcomes.get(other)))
        return found

    def endpoint(self, role: RoleName) -> Any:
        """Who is asked in that role: the model under test explains, where nobody else is named."""
        if role == "explainer" and not self._study.llm.explainer.model:
            role = "subject"
        (one,) = self._study.llm.endpoints(role)
        return one

    def overhead(self, role: RoleName) -> int:
        """Bytes of what is the same in all its requests."""
        system, _ = self._prompt(_PROMPTS[role]).render(**self._filled(_PROMPTS[role], "{}"))
        return len(system.encode())

    def _prompt(self, name: str) -> prompts.Prompt:
        return prompts.load(name, FOLDER)

    def _filled(self, name: str, shown: str, way: str = "") -> dict[str, str]:
        """What the prompt is filled with."""
        held = {"task": str(self._own.task), "answers": ", ".join(self._own.answers)}
        held |= {"way": way, "n": str(max(self._own.tried // len(_GENERATORS), 1)), _SHOWN[name]: shown}
        return {key: held[key] for key in _FIELDS[name]}

    def _request(self, role: RoleName, name: str, shown: Mapping[str, str], way: str = "") -> Request:
        prompt = self._prompt(name)
        system, user = prompt.render(**self._filled(name, prompts.lines([dict(shown)]), way))
        about = hashed(name, way, *shown.values())
        return Request(role, self.endpoint(role), system, user, None, prompt.hash, about=about)

    def _asked(self, found: _Told, step: str, requests: Mapping[K, Request]) -> dict[K, str]:
        """What came back for each, without what came to nothing."""
        there = texts_kept(requests, _STAGE)
        missing = {key: request for key, request in requests.items() if key not in there}
        if missing and self._gateway:
            self._gateway.ask_each(missing, f"{step} {self._study.name}")
            there |= texts_kept(missing, _STAGE)
            missing = {key: request for key, request in missing.items() if key not in there}
        found.n_missing += len(missing)
        for key, request in requests.items():
            if key in there:
                self.there[request.role] = self.there.get(request.role, 0) + 1
        found.calls |= {one.call.request_hash: one.call for one in there.values()}
        return {key: one.text for key, one in there.items() if one.text}

    def _subject(self, texts: Sequence[str]) -> dict[str, Request]:
        return {text: self._request("subject", "subject", {"input": text}) for text in texts}

    def _labels(self, found: _Told, requests: Mapping[K, Request]) -> dict[K, str]:
        """Answers that are among the ones allowed; others are counted."""
        said = self._asked(found, "answers", requests)
        labels = {key: label for key, text in said.items() if (label := self._label(text))}
        self._count(found, "answers", len(requests) - len(labels))
        return labels

    def _label(self, text: str) -> str | None:
        return self._answers.get(folded(text).strip(" .\"'`*"))

    @staticmethod
    def _count(found: _Told, step: str, n: int) -> None:
        if n:
            found.refused[step] = found.refused.get(step, 0) + n

    def _explained(self, found: _Told, answers: Mapping[str, str]) -> dict[tuple[str, str], tuple[str, str]]:
        """By input and way: the answer, and how it is explained."""
        requests = {
            (text, way): self._request("explainer", "explain", {"input": text, "answer": answer}, how)
            for text, answer in answers.items()
            for way, how in ways(self._own).items()
        }
        said = self._asked(found, "explanations", requests)
        self._count(found, "explanations", len(requests) - len(said))
        return {key: (answers[key[0]], " ".join(text.split())) for key, text in said.items()}

    def _tried(
        self, found: _Told, explained: Mapping[tuple[str, str], tuple[str, str]]
    ) -> dict[tuple[str, str], list[str]]:
        """By input and way the other inputs, each once, and none that is the input itself."""
        requests = {
            (key, name): self._request("generator", name, self._shown(key, said))
            for key, said in explained.items()
            for name in _GENERATORS
        }
        written = self._asked(found, "counterfactuals", requests)
        self._count(found, "counterfactuals", len(requests) - len(written))
        share = max(self._own.tried // len(_GENERATORS), 1)
        tried: dict[tuple[str, str], list[str]] = {}
        for key in explained:
            lines = [_inputs(written.get((key, name), ""))[:share] for name in _GENERATORS]
            each = dict.fromkeys(line for part in lines for line in part)
            tried[key] = [line for line in each if folded(line) != folded(key[0])]
        return tried

    def _guesses(
        self,
        found: _Told,
        explained: Mapping[tuple[str, str], tuple[str, str]],
        tried: Mapping[tuple[str, str], Sequence[str]],
    ) -> dict[tuple[str, str, str], str]:
        """What the reader expects; left out where it cannot tell, or says something else."""
        requests = {
            (*key, other): self._request(
                "reader", "read", {**self._shown(key, explained[key]), "other": other}
            )
            for key, each in tried.items()
            for other in each
        }
        said = self._asked(found, "guesses", requests)
        return {key: label for key, text in said.items() if (label := self._label(text))}

    @staticmethod
    def _shown(key: tuple[str, str], said: tuple[str, str]) -> dict[str, str]:
        return {"input": key[0], "answer": said[0], "explanation": said[1]}


_PROMPTS: Mapping[RoleName, str] = {
    "subject": "subject", "explainer": "explain", "generator": "covered", "reader": "read",
}  # fmt: skip
_SHOWN = {
    "subject": "input", "explain": "answered", "covered": "explained", "near": "explained", "read": "asked",
}  # fmt: skip
_FIELDS = {
    "subject": ("task", "answers", "input"),
    "explain": ("task", "answers", "way", "answered"),
    "covered": ("task", "n", "explained"),
    "near": ("task", "n", "explained"),
    "read": ("task", "answers", "asked"),
}
"""What each prompt is filled with."""


def _inputs(written: str) -> list[str]:
    """One input a line, without the number or dash before it; of a line of JSON its `input`."""
    bare = (line.strip().lstrip("-*•0123456789.) ").strip() for line in written.splitlines())
    return [text for line in bare if (text := _text_of(line))]


def _text_of(line: str) -> str:
    """The input that a line holds; nothing where it is JSON that holds none or breaks off, or fences a block.

    Small models go on as the line began that they were shown, whatever they are told.
    """
    if line.startswith("```"):
        return ""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        said = "" if line.startswith('{"') else line.strip('"')
    if isinstance(said, dict):
        said = str(said.get("input", ""))
    return " ".join(said.split()) if isinstance(said, str) else line
