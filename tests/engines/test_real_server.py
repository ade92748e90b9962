"""The gateway against a real server with a real model: what it takes, what it says, and how it queues.

NATSTAT_TEST_BASE_URL=http://127.0.0.1:8080/v1 python -m pytest -m model tests/engines/test_real_server.py
"""

import math
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict

from tasks.engines import roles
from tasks.engines.gateway import problems
from tasks.engines.gateway.chat import Answer, Gateway, Request
from tasks.store import answers
from tasks.study import Study
from tests.conftest import RealModel
from tests.engines.chatting import study_of

pytestmark = [pytest.mark.model, pytest.mark.usefixtures("store")]


class Marks(BaseModel):
    model_config = ConfigDict(extra="forbid")
    rain: Literal["yes", "no"]
    snow: Literal["yes", "no"]


class Towns(BaseModel):
    towns: list[str]


def study(real: RealModel, **llm: Any) -> Study:
    return study_of(real.base_url, llm={"model": real.model, **llm}, timeout_s=600)


def request(of: Study, user: str, **fields: Any) -> Request:
    (endpoint,) = of.llm.endpoints("judge")
    wanted: dict[str, Any] = {"answer": None, "prompt_hash": "h1"} | fields
    return Request("judge", endpoint, "You read texts and answer questions.", user, **wanted)


def ask(of: Study, user: str, **fields: Any) -> Answer:
    return Gateway(of, "verify").ask_now(request(of, user, **fields))


RAIN = "The text: It rained all day. Is it true that the text mentions rain? Answer with one word: yes or no."


def test_a_schema_is_kept(real_model: RealModel) -> None:
    answer = ask(study(real_model), "The text: It rained all day. Which does it mention?", answer=Marks)
    assert answer.status == roles.VALUE
    assert isinstance(answer.parsed, Marks)
    (call,) = answer.calls
    assert call.tokens_in > 10 and call.tokens_out > 5


def test_the_first_word_has_a_distribution(real_model: RealModel) -> None:
    answer = ask(study(real_model), RAIN, logprobs=True, most_tokens=4)
    mass = {"yes": 0.0, "no": 0.0}
    for token, logprob in answer.first_token:
        if (word := token.strip().casefold()) in mass:
            mass[word] += math.exp(logprob)
    assert sum(mass.values()) > 0.5
    assert mass["yes"] > mass["no"]


def test_an_answer_ends_at_its_limit(real_model: RealModel) -> None:
    answer = ask(study(real_model), "Count from 1 to 100.", most_tokens=3)
    (call,) = answer.calls
    assert (answer.status, call.tokens_out) == (roles.VALUE, 3)


def test_json_that_is_cut_off_is_asked_for_once_more_and_never_repaired(real_model: RealModel) -> None:
    answer = ask(
        study(real_model, max_tokens=12), "Name twenty large towns of Europe.", answer=Towns, most_tokens=4
    )
    assert (answer.status, answer.problem) == (roles.UNPARSABLE, "cut off at max_tokens=12")
    assert [call.tokens_out for call in answer.calls] == [4, 12]


def test_what_does_not_fit_is_told_in_the_servers_words(real_model: RealModel) -> None:
    answer = ask(study(real_model), "word " * 200_000, most_tokens=4)
    assert answer.given_up
    assert answer.problem.startswith("does not fit into the model: ")
    assert "context" in answer.problem
    assert "larger context" in problems.remedy(answer.problem)


def test_calls_that_wait_for_a_slot_are_answered(real_model: RealModel) -> None:
    of = study_of(real_model.base_url, llm={"model": real_model.model}, concurrency=8, timeout_s=600)
    gateway, got = Gateway(of, "verify"), []
    jobs = [lambda i=i: gateway.ask(request(of, f"{i}. {RAIN}", most_tokens=1)) for i in range(8)]
    gateway.run(jobs, got.append, len(jobs), "judging")
    assert [answer.status for answer in got] == [roles.VALUE] * 8
    with answers.opened() as opened:
        ledger = opened.paid("news", "verify", 0)
    assert ledger["attempts"].to_list() == [1] * 8
    assert all(ledger["served"])
