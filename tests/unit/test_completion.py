"""What a chat completion says, whatever a server sends."""

import time
from typing import Any

import pytest
from pydantic import BaseModel

from tasks.engines.gateway import completion
from tasks.engines.gateway.completion import Completion


class Guesses(BaseModel):
    guesses: list[str]


def body(message: Any = None, **choice: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "yes"} if message is None else message
    return {"choices": [{"message": message, "finish_reason": "stop"} | choice]}


def read(content: Any) -> Completion | None:
    return completion.from_content(content, 400, 100, lambda text: text.replace("sk-key", "[key]"))


def test_it_survives_the_store() -> None:
    found = Completion('é "x"\n', "no", (("yes", -0.5), ("no", float("-inf"))), 10, 3, 7)
    assert completion.from_stored(found.stored()) == found
    too_long = Completion("", "", (), 0, 0, 0, is_too_long=True)
    assert completion.from_stored(too_long.stored()) == too_long


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "[1,2]", "null", '["a","b",[["x"]],1,2,3]', '["a","b",3,1,2,3]']
)
def test_what_was_not_stored_so_is_nothing(text: str) -> None:
    assert completion.from_stored(text) is None


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {},
        "text",
        {"choices": []},
        {"choices": [{}]},
        {"choices": [None]},
        {"choices": {"0": 1}},
        body(message=[]),
        body(message={"content": 5}),
        body(message={"content": {"a": 1}}),
        body(message={"content": ["a"]}),
        body(logprobs={"content": [{}]}),
        body(logprobs=[1]),
        body(logprobs={"content": [{"token": "yes", "logprob": 10**400}]}),
    ],
)
def test_what_is_no_chat_completion_is_none(content: Any) -> None:
    assert read(content) is None


def test_content_may_come_in_parts() -> None:
    found = read(
        body(message={"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b sk-key"}]})
    )
    assert found is not None
    assert found.content == "ab [key]"


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 2}, (9, 2, 0)),
        (
            {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 5}},
            (9, 2, 5),
        ),
        ({"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": None}, (9, 2, 0)),
        (
            {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 99}},
            (9, 2, 9),
        ),
        ({"prompt_tokens": -9, "completion_tokens": 2}, (100, 0, 0)),
        ({"prompt_tokens": "many"}, (100, 0, 0)),
        (None, (100, 0, 0)),
    ],
)
def test_tokens_are_what_the_server_counted_or_an_estimate(usage: Any, tokens: tuple[int, int, int]) -> None:
    found = read(body() | {"usage": usage})
    assert found is not None
    assert (found.tokens_in, found.tokens_out, found.tokens_cached) == tokens


def test_half_a_surrogate_pair_does_not_spoil_an_answer() -> None:
    content = completion.parsed_json(b'{"choices": [{"message": {"content": "a \\ud800 b"}}]}')
    found = read(content)
    assert found is not None
    assert found.content == "a ? b"
    assert found.stored().encode()


def test_a_probability_that_is_no_number_is_left_out() -> None:
    first = {"token": "yes", "logprob": float("nan"), "top_logprobs": [{"token": "no", "logprob": -1}]}
    found = read(body(logprobs={"content": [first]}))
    assert found is not None
    assert found.first_token == (("no", -1.0),)


@pytest.mark.parametrize(
    ("content", "guesses"),
    [
        ('{"guesses": ["a"]}', ["a"]),
        ('{"guesses": ["a ```json {} ``` </think> b"]}', ["a ```json {} ``` </think> b"]),
        ('```\n{"guesses": ["{"]}\n```', ["{"]),
        ('Sure: {"guesses": ["}"]} done', ["}"]),
        ('{not json} {"guesses": []}', []),
    ],
)
def test_the_object_is_read_as_it_stands(content: str, guesses: list[str]) -> None:
    assert completion.checked(content, Guesses) == Guesses(guesses=guesses)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("nothing", "no JSON object"),
        ('{"guesses": []} {"guesses": ["b"]}', "2 JSON objects"),
        ('{"guesses": 5}', "guesses: Input should be a valid"),
        ('{"guesses": [], "guesses": ["b"]}', 'key "guesses" stands twice'),
        ('Sure: {"guesses": [], "guesses": ["b"]}', 'key "guesses" stands twice'),
        ('{"guesses": [1, 2, 3, 4, 5]}', "guesses.2"),
        ('["a"]', "no JSON object"),
    ],
)
def test_what_is_wrong_is_told_in_words(content: str, told: str) -> None:
    problem = completion.checked(content, Guesses)
    assert isinstance(problem, str)
    assert told in problem
    assert "guesses.3" not in problem


def test_a_hostile_answer_is_read_in_no_time() -> None:
    began = time.perf_counter()
    completion.checked("```json\n" + "\n" * 300_000 + "x", Guesses)
    completion.checked("```" * 100_000, Guesses)
    completion.checked("</think>" * 50_000, Guesses)
    assert time.perf_counter() - began < 1
