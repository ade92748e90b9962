"""The generator of the llm engine against a real server: distinct texts, and an end where no more come."""

import json
from collections.abc import Iterator

import pytest

from tasks.engines import roles
from tasks.engines.gateway import chat
from tasks.engines.gateway.chat import Request
from tasks.engines.llm.generating import MAX_KNOWN, PER_CALL, LlmGenerator
from tasks.engines.llm.schemas import Texts
from tasks.errors import EngineError
from tasks.study import load
from tests import loopback
from tests.conftest import PAIR_STUDY, Project


@pytest.fixture(scope="module")
def server() -> Iterator[loopback.Server]:
    with loopback.serve(loopback.Plan()) as running:
        yield running


@pytest.fixture
def generator(project: Project, server: loopback.Server) -> LlmGenerator:
    server.change(loopback.Plan())
    project.params(news={**PAIR_STUDY, "engine": "llm", "llm": {"base_url": server.url, "model": "scripted"}})
    made = roles.load("llm").generator(load("news"))
    assert isinstance(made, LlmGenerator)
    return made


def _answering(monkeypatch: pytest.MonkeyPatch, answers: list[list[str] | None]) -> list[Request]:
    """Scripts the answers, one per request, then nothing new; gives the requests."""
    seen: list[Request] = []

    def ask_now(self: chat.Gateway, request: Request) -> chat.Answer:
        given = answers[min(len(seen), len(answers) - 1)]
        seen.append(request)
        if given is None:
            return chat.Answer(roles.REFUSAL, None, "", (), ())
        return chat.Answer(roles.VALUE, Texts(texts=given), "", (), ())

    monkeypatch.setattr(chat.Gateway, "ask_now", ask_now)
    return seen


def test_texts_are_distinct_and_as_many_as_wanted(generator: LlmGenerator) -> None:
    texts = generator.generate("headlines about floods", 5)
    assert texts == [f"headlines about floods, number {i}" for i in range(1, 6)]
    assert {call.role for call in generator.calls} == {"generator"}
    assert sum(call.tokens_out for call in generator.calls) > 0


def test_the_same_description_costs_nothing_twice(generator: LlmGenerator, server: loopback.Server) -> None:
    texts = generator.generate("headlines about floods", 5)
    n_calls = server.stats()["calls"]
    assert generator.generate("headlines about floods", 5) == texts
    assert server.stats()["calls"] == n_calls


def test_texts_are_asked_for_until_there_are_enough(
    generator: LlmGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = _answering(monkeypatch, [["a", "A ", "b"], ["b", "c\x00", ""], ["d", "e"]])
    assert generator.generate("letters", 4) == ["a", "b", "c", "d"]
    assert [request.user.splitlines()[-1] for request in seen] == [f"Write {n} texts." for n in (4, 2, 1)]
    shown = [json.loads(line)["text"] for line in seen[2].user.splitlines() if line.startswith("{")]
    assert shown == ["a", "b", "c"]


def test_it_ends_where_nothing_new_comes(generator: LlmGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = _answering(monkeypatch, [["a"], ["a"]])
    assert generator.generate("letters", 50) == ["a"]
    assert len(seen) == 2
    assert generator.generate("letters", 0) == []


def test_a_refusal_is_no_text(generator: LlmGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
    _answering(monkeypatch, [None])
    with pytest.raises(EngineError, match=r"wrote no text.*llm\.generator"):
        generator.generate("letters", 5)


def test_a_question_stays_bounded_however_much_was_written(
    generator: LlmGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[list[str] | None] = [[f"{i} {j} " + "x" * 10_000 for j in range(100)] for i in range(6)]
    seen = _answering(monkeypatch, answers)
    assert len(generator.generate("long", 550)) == 550
    assert seen[-1].user.count("\n{") == MAX_KNOWN and len(seen[-1].user) < 300 * MAX_KNOWN
    assert f"Write {PER_CALL} texts." in seen[-1].user
