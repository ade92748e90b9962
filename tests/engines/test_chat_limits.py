"""How long an answer may be: few tokens where few will do, more for a thought or JSON that was cut off."""

import contextlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tasks.engines import roles
from tasks.engines.gateway import dialect, limits, problems
from tasks.engines.gateway.chat import Answer
from tasks.store import answers
from tests.engines.chatting import GOOD, always, ask, run_many, study_of
from tests.engines.scripted_server import Server, fails, says, serving

pytestmark = pytest.mark.usefixtures("store")

REASONING = {
    "prompt_tokens": 100,
    "completion_tokens": 8,
    "completion_tokens_details": {"reasoning_tokens": 8},
}


def says_message(finish_reason: str = "stop", usage: Any = None, **message: Any) -> web.Response:
    """A completion with a message as a server may put it."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}
    usage = usage or {"prompt_tokens": 100, "completion_tokens": 10}
    return web.json_response({"choices": [choice], "usage": usage})


def limit_of(body: dict[str, Any]) -> int:
    return int(body["max_tokens"])


def asked_for(server: Server) -> list[int]:
    return [limit_of(body) for body in server.bodies]


def below(limit: int, short: Callable[[], web.Response], content: str) -> Any:
    """One reply under a lower limit, a whole answer under this one."""

    async def script(body: dict[str, Any], before: int) -> web.Response:
        return short() if limit_of(body) < limit else says(content)

    return script


def test_no_more_is_asked_for_than_the_answer_needs() -> None:
    with serving(always("yes")) as server:
        ask(study_of(server.url), answer=None, most_tokens=8)
        ask(study_of(server.url, llm={"max_tokens": 4}), answer=None, most_tokens=8)
    assert asked_for(server) == [8, 4]


def test_what_was_answered_before_there_were_limits_is_not_asked_again() -> None:
    with serving(always("yes")) as server:
        study = study_of(server.url)
        before = ask(study, answer=None)
        assert ask(study, answer=None, most_tokens=8) == before
        assert ask(study, answer=None, most_tokens=5000) == before
    assert server.calls == 1


def test_the_purse_sets_aside_by_the_limit_that_is_sent() -> None:
    price = {"small": {"input": 0.0, "output": 1000.0}}
    with serving(always("yes")) as server:
        study = study_of(server.url, prices=price, budget_usd=0.5)
        assert ask(study, answer=None, most_tokens=8).status == roles.VALUE
        with pytest.raises(Exception, match=r"next call may cost up to \$4\.1"):
            ask(study, "another", answer=None)
    (endpoint,) = study.llm.endpoints("judge")
    with answers.opened() as opened:
        assert limits.Purse(study, opened).most_usd(endpoint, 100, 8) == pytest.approx(0.008)


THOUGHTS = {
    "tag": lambda: says_message("length", content="<think>Is it"),
    "no tag": lambda: says_message("length", content="", reasoning_content="Is it"),
    "other field": lambda: says_message("length", content=None, reasoning="Is it"),
    "parts": lambda: says_message(
        "length", content=[{"type": "thinking", "thinking": [{"type": "text", "text": "Is it"}]}]
    ),
    "counted": lambda: says_message("length", content="", usage=REASONING),
    "nothing": lambda: says_message("length", content=""),
    "error": lambda: fails(
        400, "Could not finish the message because max_tokens or model output limit was reached."
    ),
}


@pytest.mark.parametrize("kind", THOUGHTS)
@pytest.mark.parametrize("schema", [True, False], ids=["json", "text"])
def test_a_model_that_thinks_is_given_room_from_then_on(
    kind: str, schema: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, fields = (GOOD, {}) if schema else ("yes", {"answer": None})
    with serving(below(4096, THOUGHTS[kind], content)) as server:
        study = study_of(server.url)
        first = ask(study, most_tokens=8, **fields)
        second = ask(study, "another", most_tokens=8, **fields)
        assert asked_for(server) == [8, 4096, 4096]
        # Another process, which has yet to see that the model thinks, takes the same way.
        for order in ((("a text", first), ("another", second)), (("another", second), ("a text", first))):
            monkeypatch.setattr(dialect, "_known", {})
            for text, answer in order:
                assert ask(study, text, most_tokens=8, **fields) == answer
    assert server.calls == 3
    assert (first.status, first.text, first.problem) == (roles.VALUE, content, "")
    assert [len(first.calls), len(second.calls)] == [2, 1]


def test_a_thought_is_never_the_answer() -> None:
    with serving(always("<think>Does it hold? yes\n</think>\n\nno", "<think>yes")) as server:
        study = study_of(server.url)
        assert ask(study, answer=None).text == "no"
        open_ended = ask(study, "another", answer=None)
    assert (open_ended.status, open_ended.text) == (roles.UNPARSABLE, "")
    assert open_ended.problem == "an empty answer"


def test_json_within_a_thought_is_not_the_answer() -> None:
    with serving(always(f"<think>Perhaps {GOOD}")) as server:
        answer = ask(study_of(server.url))
    assert (answer.status, answer.parsed) == (roles.UNPARSABLE, None)


def test_a_thought_that_takes_all_room_is_told() -> None:
    with serving(
        below(9999, lambda: says_message("length", content="<think>Is it", usage=FULL), "")
    ) as server:
        answer = ask(study_of(server.url, llm={"max_tokens": 64}), answer=None, most_tokens=8)
    assert asked_for(server) == [8, 64]
    assert answer.problem == "the model's reasoning used up max_tokens=64"
    assert "enable_thinking: false" in problems.remedy(answer.problem)


FULL = {"prompt_tokens": 100, "completion_tokens": 10_000}
"""As many tokens as were asked for, and more."""


def cut_json(limit_enough: int) -> Any:
    return below(limit_enough, lambda: says_message("length", content=GOOD[:20], usage=FULL), GOOD)


@pytest.mark.parametrize(
    ("enough", "sent", "problem"),
    [
        (40, [10, 40], ""),
        (50, [10, 40], "cut off at max_tokens=40"),
    ],
)
def test_json_that_is_cut_off_is_asked_for_once_more_with_more_room(
    enough: int, sent: list[int], problem: str
) -> None:
    with serving(cut_json(enough)) as server:
        study = study_of(server.url)
        answer = ask(study, most_tokens=10)
        assert ask(study, most_tokens=10) == answer
    assert asked_for(server) == sent
    assert answer.problem == problem
    assert answer.status == (roles.UNPARSABLE if problem else roles.VALUE)
    assert all(len(body["messages"]) == 2 for body in server.bodies)


def test_json_that_is_cut_off_at_the_endpoints_own_limit_is_not_asked_for_again() -> None:
    with serving(cut_json(9999)) as server:
        answer = ask(study_of(server.url, llm={"max_tokens": 30}))
        larger = ask(study_of(server.url, llm={"max_tokens": 30}), "another", most_tokens=10)
    assert asked_for(server) == [30, 10, 30]
    assert answer.status == larger.status == roles.UNPARSABLE
    assert answer.problem == larger.problem == "cut off at max_tokens=30"
    assert problems.remedy(answer.problem) == "Raise llm.max_tokens."


def test_a_text_that_is_cut_off_stands_as_far_as_it_goes() -> None:
    with serving(below(9, lambda: says_message("length", content="yes", usage=FULL), "")) as server:
        answer = ask(study_of(server.url), answer=None, most_tokens=1)
    assert (answer.status, answer.text, server.calls) == (roles.VALUE, "yes", 1)


def test_json_that_is_whole_is_taken_though_more_was_cut_off() -> None:
    async def script(body: dict[str, Any], before: int) -> web.Response:
        return says(f"{GOOD}\nLet me exp", finish_reason="length")

    with serving(script) as server:
        assert ask(study_of(server.url)).status == roles.VALUE
    assert server.calls == 1


def test_a_context_that_ends_within_the_answer_is_told_and_not_asked_again() -> None:
    async def script(body: dict[str, Any], before: int) -> web.Response:
        return says_message("length", content=GOOD[:20], usage={"prompt_tokens": 505, "completion_tokens": 7})

    with serving(script) as server:
        answer = ask(study_of(server.url), most_tokens=200)
    assert server.calls == 1
    assert answer.problem == (
        "does not fit into the model: its context was full after 7 tokens of the answer"
    )
    assert "larger context" in problems.remedy(answer.problem)


LLAMA = {
    "code": 400,
    "message": "request (716 tokens) exceeds the available context size (512 tokens), try increasing it",
    "type": "exceed_context_size_error",
    "n_prompt_tokens": 716,
    "n_ctx": 512,
}


def test_a_request_that_does_not_fit_is_told_in_the_servers_words() -> None:
    async def script(body: dict[str, Any], before: int) -> web.Response:
        return web.json_response({"error": LLAMA}, status=400)

    with serving(script) as server:
        study = study_of(server.url)
        answer = ask(study)
        assert ask(study) == answer
    assert server.calls == 1
    assert answer.given_up
    assert answer.problem == f"does not fit into the model: {LLAMA['message']}"


VLLM = (
    "'max_tokens' or 'max_completion_tokens' is too large: {0}. This model's maximum context length is 4096"
    " tokens and your request has 27 input tokens ({0} > 4096 - 27)."
)
OLDER = (
    "This model's maximum context length is 4096 tokens. However, you requested 4123 tokens (27 in the"
    " messages, {0} in the completion)."
)
OPENAI = "max_tokens is too large: {0}. This model supports at most 4069 completion tokens"


@pytest.mark.parametrize("words", [VLLM, OLDER, OPENAI])
def test_a_limit_that_is_more_than_the_server_has_is_lowered_to_what_it_has(words: str) -> None:
    async def script(body: dict[str, Any], before: int) -> web.Response:
        if (limit := limit_of(body)) > 4069:
            return fails(400, words.format(limit))
        return says(GOOD)

    with serving(script) as server:
        assert ask(study_of(server.url)).status == roles.VALUE
    assert asked_for(server) == [4096, 4069]


def test_a_larger_limit_that_is_refused_leaves_the_cut_answer() -> None:
    async def script(body: dict[str, Any], before: int) -> web.Response:
        if limit_of(body) > 10:
            return fails(400, "the maximum context length is exceeded")
        return says_message("length", content=GOOD[:20], usage=FULL)

    with serving(script) as server:
        answer = ask(study_of(server.url), most_tokens=10)
    assert asked_for(server) == [10, 40]
    assert (answer.status, answer.given_up) == (roles.UNPARSABLE, False)
    assert answer.problem == "cut off at max_tokens=10"


def problem_of(*contents: str, **fields: Any) -> Answer:
    with serving(always(*contents)) as server:
        return ask(study_of(server.url), **fields)


def test_every_other_problem_is_told_too() -> None:
    assert problem_of("rubbish").problem == "not of the wanted form: it holds no JSON object"
    assert problem_of("", answer=None, user="b").problem == "an empty answer"
    assert problem_of("", user="c").problem == "an empty answer"

    async def refuses(body: dict[str, Any], before: int) -> web.Response:
        return says(None, refusal="I will not.")

    with serving(refuses) as server:
        assert ask(study_of(server.url), "d").problem == "refused: I will not."

    async def minds(body: dict[str, Any], before: int) -> web.Response:
        return says(GOOD) if before < 1 else fails(400, "not that one")

    with serving(minds) as server:
        answers_of = run_many(study_of(server.url, concurrency=1, timeout_s=5), 2)
    assert [answer.problem for answer in answers_of] == ["", "no answer: not that one"]


def test_answers_of_an_earlier_release_are_read(store: Path) -> None:
    with serving(always(GOOD)) as server:
        study = study_of(server.url)
        answer = ask(study)
        with contextlib.closing(sqlite3.connect(store)) as connection:
            (stored,) = connection.execute("SELECT response FROM answers").fetchone()
        assert stored == json.dumps([GOOD, "", [], 100, 10, 40], separators=(",", ":"))
        assert ask(study) == answer


def logprobs_of(*tokens: str) -> dict[str, Any]:
    """Each token with one alternative, which names the place it stands at."""
    return {
        "content": [
            {
                "token": token,
                "logprob": -0.1,
                "top_logprobs": [{"token": token, "logprob": -0.1}, {"token": f"other {i}", "logprob": -3.0}],
            }
            for i, token in enumerate(tokens)
        ]
    }


@pytest.mark.parametrize(
    ("content", "tokens", "at"),
    [
        ("yes", ["yes", "."], 0),
        ("yes", ["\n\n", " ", "yes"], 2),
        ('**"Yes"**', ["**", '"', "Yes", '"', "**"], 2),
        ("*Yes", ["*Yes"], 0),
        ("<think>no</think>\n\nyes", ["<think>", "no", "</think>", "\n\n", "yes"], 4),
        ("<think>no</think>yes", ["<th", "ink>no</", "think", ">yes"], 3),
        ("yes", ["<think>", "no", "</think>", "\n\n", "yes"], 4),
        ("yes", ["analysis", "perhaps", "final", "yes", "<end>"], 3),
        ("<think>yes", ["<think>", "yes"], None),
        ("", ["\n"], None),
        ("no", ["", "no", ""], 1),
    ],
)
def test_the_first_word_comes_with_its_alternatives(content: str, tokens: list[str], at: int | None) -> None:
    async def script(body: dict[str, Any], before: int) -> web.Response:
        return says(content, logprobs=logprobs_of(*tokens))

    with serving(script) as server:
        answer = ask(study_of(server.url), answer=None, logprobs=True)
    assert answer.first_token == (
        ((tokens[0], -0.1),) if at is None else ((tokens[at], -0.1), (f"other {at}", -3.0))
    )
