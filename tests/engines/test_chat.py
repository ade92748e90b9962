"""The gateway against real servers: what it asks, keeps, repairs and gives back."""

import asyncio
import json
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tasks import progress
from tasks.engines import roles
from tasks.engines.gateway import dialect
from tasks.engines.gateway.chat import Answer, Gateway, Request
from tasks.store import answers
from tasks.study import Study
from tests.engines.chatting import GOOD, Verdicts, always, ask, request, run_many, study_of
from tests.engines.scripted_server import says, serving

pytestmark = pytest.mark.usefixtures("store")


def test_an_answer_is_validated_and_kept() -> None:
    with serving(always(GOOD)) as server:
        study = study_of(server.url)
        answer = ask(study)
        again = ask(study)
    assert answer.status == roles.VALUE
    assert answer.parsed == Verdicts.model_validate_json(GOOD)
    assert again == answer
    assert server.calls == 1


def test_the_request_is_what_the_protocol_wants() -> None:
    with serving(always(GOOD)) as server:
        ask(study_of(server.url, llm={"max_tokens": 99, "extra": {"reasoning_effort": "low"}}))
    (body,) = server.bodies
    schema = body.pop("response_format")
    assert body == {
        "model": "small",
        "messages": [{"role": "system", "content": "Task: verdicts"}, {"role": "user", "content": "a text"}],
        "temperature": 0.0,
        "max_tokens": 99,
        "reasoning_effort": "low",
        "stream": False,
    }
    assert schema["type"] == "json_schema"
    assert schema["json_schema"]["name"] == "verdicts"
    assert schema["json_schema"]["strict"] is True
    assert schema["json_schema"]["schema"] == Verdicts.model_json_schema()


def test_a_temperature_left_to_the_server_is_not_sent() -> None:
    with serving(always(GOOD)) as server:
        ask(study_of(server.url, llm={"temperature": "server"}))
    assert "temperature" not in server.bodies[0]


@pytest.mark.parametrize(
    "change",
    [
        {"model": "large"},
        {"temperature": 0.5},
        {"max_tokens": 7},
        {"extra": {"seed": 1}},
    ],
)
def test_another_parameter_is_another_request(change: dict[str, Any]) -> None:
    with serving(always(GOOD)) as server:
        ask(study_of(server.url))
        ask(study_of(server.url, llm=change))
    assert server.calls == 2


@pytest.mark.parametrize("change", [{"user": "b text"}, {"answer": None}, {"logprobs": True}])
def test_another_question_is_another_request(change: dict[str, Any]) -> None:
    with serving(always(GOOD)) as server:
        study = study_of(server.url)
        ask(study)
        ask(study, **change)
    assert server.calls == 2


def test_another_prompt_version_is_another_request() -> None:
    with serving(always(GOOD)) as server:
        study = study_of(server.url)
        ask(study)
        (endpoint,) = study.llm.endpoints("judge")
        newer = Request("judge", endpoint, "Task: verdicts", "a text", Verdicts, prompt_hash="h2")
        Gateway(study, "verify").ask_now(newer)
    assert server.calls == 2


def test_the_same_model_elsewhere_is_the_same_request() -> None:
    with serving(always(GOOD)) as one, serving(always(GOOD)) as other:
        assert ask(study_of(one.url)) == ask(study_of(other.url))
    assert (one.calls, other.calls) == (1, 0)


def test_the_ledger_has_a_row_for_each_paid_call_and_none_for_a_kept_one(store: Path) -> None:
    prices = {"small": {"input": 1.0, "output": 2.0, "cached": 0.5}}
    with serving(always("rubbish", GOOD)) as server:
        study = study_of(server.url, prices=prices)
        answer = ask(study)
        ask(study)
    ledger = answers.ledger([call.request_hash for call in answer.calls], store)
    assert ledger["status"].to_list() == ["unparsable", "value"]
    assert ledger.drop("latency_s", "called_at", "status", "request_hash").unique().row(0, named=True) == {
        "study": "news",
        "stage": "verify",
        "role": "judge",
        "predicate_ids": ["p1", "p2"],
        "model": "small",
        "tokens_in": 100,
        "tokens_out": 10,
        "tokens_cached": 40,
        "cost_usd": pytest.approx((60 * 1 + 40 * 0.5 + 10 * 2) / 1e6),
        "attempts": 1,
        "served": "",
    }
    assert [(c.tokens_in, c.tokens_out, c.tokens_cached, c.stage) for c in answer.calls] == [
        (100, 10, 40, "verify")
    ] * 2


def test_without_a_price_the_cost_stays_empty(store: Path) -> None:
    with serving(always(GOOD)) as server:
        (call,) = ask(study_of(server.url)).calls
    assert answers.ledger([call.request_hash], store)["cost_usd"].to_list() == [None]


@pytest.mark.parametrize(
    "content",
    [
        f"```json\n{GOOD}\n```",
        f"<think>Is it {{so}}? {{}} </think>\n{GOOD}",
        f"no opening tag </think> {GOOD}",
        f"Here it is:\n\n{GOOD}\n\nAnything else?",
    ],
)
def test_the_one_object_is_found(content: str) -> None:
    with serving(always(content)) as server:
        answer = ask(study_of(server.url))
    assert answer.parsed == Verdicts.model_validate_json(GOOD)
    assert server.calls == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (GOOD[:-4], "no JSON object"),
        ("", "no JSON object"),
        (GOOD + GOOD, "2 JSON objects"),
        ('{"verdicts": [{"id": "k3f7", "holds": "maybe"}]}', "verdicts.0.holds"),
        ('{"verdicts": [], "note": "hi"}', "note"),
        ("{" * 100_000, "no JSON object"),
        ('{"a":' * 100_000, "no JSON object"),
        ("[" * 100_000, "no JSON object"),
        ('{"verdicts": [{"id": "a", "holds": true, "holds": false}]}', 'key "holds" stands twice'),
    ],
)
def test_an_answer_that_cannot_be_read_is_repaired_once(content: str, told: str) -> None:
    with serving(always(content, GOOD)) as server:
        study = study_of(server.url)
        answer = ask(study)
        assert ask(study) == answer
    assert answer.status == roles.VALUE
    assert len(answer.calls) == server.calls == 2
    *_, said, wanted = server.bodies[1]["messages"]
    assert said == {"role": "assistant", "content": content or "(nothing)"}
    assert told in wanted["content"]


def test_what_is_bad_twice_is_unparsable_and_kept() -> None:
    with serving(always("rubbish")) as server:
        study = study_of(server.url)
        answer = ask(study)
        assert ask(study) == answer
    assert (answer.status, answer.parsed, answer.text) == (roles.UNPARSABLE, None, "rubbish")
    assert server.calls == 2


def test_who_asks_the_same_at_the_same_moment_shares_the_answer() -> None:
    async def script(body: dict[str, Any], before: int) -> web.Response:
        await asyncio.sleep(0.05)
        return says(json.dumps({"verdicts": [{"id": f"call {before}", "holds": True}]}))

    with serving(script) as server:
        gateway, got = Gateway(study := study_of(server.url, concurrency=8), "verify"), []
        gateway.run([lambda: gateway.ask(request(study))] * 8, got.append, 8, "judging")
    assert server.calls == 1
    assert len(got) == 8
    assert got == [got[0]] * 8


def test_plain_text_is_not_repaired() -> None:
    with serving(always("yes", "")) as server:
        study = study_of(server.url)
        assert ask(study, answer=None).text == "yes"
        assert ask(study, "another", answer=None).status == roles.UNPARSABLE
    assert server.calls == 2


@pytest.mark.parametrize(
    "fields", [{"refusal": "I cannot help."}, {"finish_reason": "content_filter"}], ids=["refusal", "filter"]
)
def test_a_refusal_is_an_answer(fields: dict[str, Any], store: Path) -> None:
    async def script(body: dict[str, Any], before: int) -> web.Response:
        return says(None, **fields)

    with serving(script) as server:
        study = study_of(server.url)
        answer = ask(study)
        assert ask(study) == answer
    assert answer.status == roles.REFUSAL
    assert answer.text == fields.get("refusal", "content filter")
    assert server.calls == 1
    assert answers.ledger([answer.calls[0].request_hash], store)["status"].to_list() == ["refusal"]


def test_the_first_token_comes_with_its_alternatives() -> None:
    first = {
        "token": "yes",
        "logprob": -0.1,
        "top_logprobs": [{"token": "yes", "logprob": -0.1}, {"token": "no", "logprob": -2.4}],
    }

    async def script(body: dict[str, Any], before: int) -> web.Response:
        assert (body["logprobs"], body["top_logprobs"]) == (True, 20)
        return says("yes", logprobs={"content": [first, first]})

    with serving(script) as server:
        study = study_of(server.url)
        answer = ask(study, answer=None, logprobs=True)
        assert ask(study, answer=None, logprobs=True) == answer
    assert answer.first_token == (("yes", -0.1), ("no", -2.4))


def test_tokens_are_estimated_where_the_server_does_not_count_them() -> None:
    async def script(body: dict[str, Any], before: int) -> web.Response:
        return says(GOOD, usage=None)

    with serving(script) as server:
        (call,) = ask(study_of(server.url)).calls
    assert call.tokens_in > 20
    assert call.tokens_out == len(GOOD) // 4


def test_jobs_are_taken_as_they_are_needed() -> None:
    taken = 0
    most_ahead = 0

    async def script(body: dict[str, Any], before: int) -> web.Response:
        nonlocal most_ahead
        most_ahead = max(most_ahead, taken - before)
        await asyncio.sleep(0.002)
        return says(GOOD)

    with serving(script) as server:
        study = study_of(server.url, concurrency=4)
        gateway = Gateway(study, "verify")

        def jobs() -> Any:
            nonlocal taken
            for i in range(100):
                taken += 1
                yield lambda i=i: gateway.ask(request(study, f"text {i}"))

        got: list[Answer] = []
        gateway.run(jobs(), got.append, 100, "judging")
    assert len(got) == 100
    assert most_ahead <= 8


def test_no_more_calls_are_in_flight_than_allowed() -> None:
    async def script(body: dict[str, Any], before: int) -> web.Response:
        await asyncio.sleep(0.01)
        return says(GOOD)

    with serving(script) as server:
        run_many(study_of(server.url, concurrency=7), 100)
    assert server.max_in_flight == 7


def test_the_last_line_of_a_log_is_written_when_the_ledger_is_closed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.2)

    async def script(body: dict[str, Any], before: int) -> web.Response:
        await asyncio.sleep(0.5 if before == 0 else 0)
        return says(GOOD)

    with serving(script) as server:
        run_many(study_of(server.url, concurrency=1), 9)
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith("judging (990 tokens): 9/9")


def test_two_threads_share_the_limit() -> None:
    async def script(body: dict[str, Any], before: int) -> web.Response:
        await asyncio.sleep(0.01)
        return says(GOOD)

    with serving(script) as server:
        study = study_of(server.url, concurrency=5)
        gateway = Gateway(study, "verify")

        def work(name: str) -> None:
            jobs = (lambda i=i: gateway.ask(request(study, f"{name} {i}")) for i in range(40))
            gateway.run(jobs, lambda answer: None, 40, "judging")
            gateway.ask_now(request(study, f"{name} last"))

        threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert server.calls == 82
    assert server.max_in_flight == 5


def test_it_runs_where_an_event_loop_runs_already() -> None:
    async def notebook(study: Study) -> Answer:
        return ask(study)

    with serving(always(GOOD)) as server:
        assert asyncio.run(notebook(study_of(server.url))).status == roles.VALUE


def test_asking_for_a_second_run_inside_of_one_is_an_error_not_a_standstill() -> None:
    with serving(always(GOOD)) as server:
        study = study_of(server.url)
        gateway = Gateway(study, "verify")
        with pytest.raises(RuntimeError, match="await ask"):
            gateway.run(
                [lambda: gateway.ask(request(study))],
                lambda answer: gateway.ask_now(request(study, "b")) and None,
                1,
                "",
            )


def test_an_error_of_a_job_comes_out_as_it_is() -> None:
    async def broken() -> Answer:
        raise KeyError("a bug")

    with serving(always(GOOD)) as server, pytest.raises(KeyError, match="a bug"):
        Gateway(study_of(server.url), "verify").run([broken], lambda answer: None, 1, "judging")


def test_a_second_run_of_the_same_work_asks_nothing() -> None:
    with serving(always(GOOD)) as server:
        study = study_of(server.url, concurrency=8)
        first = run_many(study, 200)
        calls = server.calls
        second = run_many(study, 200)
    assert calls == 200 == server.calls
    assert sorted(a.calls[0].request_hash for a in first) == sorted(a.calls[0].request_hash for a in second)


def no_json_schema(*accepted: str) -> Callable[[dict[str, Any], int], Any]:
    """Takes only some response formats."""

    async def script(body: dict[str, Any], before: int) -> web.Response:
        wanted = body.get("response_format", {}).get("type", "none")
        if wanted not in accepted:
            return web.json_response(
                {"error": {"message": f"'response_format' of type '{wanted}' is not supported"}}, status=400
            )
        return says(GOOD)

    return script


@pytest.mark.parametrize(("accepted", "tries"), [("json_object", 2), ("none", 3)])
def test_a_server_without_schemas_is_told_the_schema(accepted: str, tries: int) -> None:
    with serving(no_json_schema(accepted)) as server:
        study = study_of(server.url, concurrency=1)
        assert ask(study).status == roles.VALUE
        assert server.calls == tries
        run_many(study, 5)
        assert server.calls == tries + 5
    system = server.bodies[-1]["messages"][0]["content"]
    assert system.startswith("Task: verdicts\n\nAnswer with one JSON object")
    assert json.dumps(Verdicts.model_json_schema()) in system


def test_many_calls_learn_it_together(store: Path) -> None:
    with serving(no_json_schema("none")) as server:
        run_many(study_of(server.url, concurrency=16), 50)
    assert server.calls <= 50 + 2 * 16


def test_a_server_that_wants_the_other_name_for_max_tokens_gets_it() -> None:
    async def script(body: dict[str, Any], before: int) -> web.Response:
        if "max_tokens" in body:
            words = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            return web.json_response({"error": {"message": words}}, status=400)
        return says(GOOD)

    with serving(script) as server:
        assert ask(study_of(server.url)).status == roles.VALUE
    assert server.calls == 2
    assert server.bodies[1]["max_completion_tokens"] == 4096


def test_openai_is_asked_in_its_newer_words_first() -> None:
    (endpoint,) = study_of("https://api.openai.com/v1").llm.endpoints("judge")
    assert dialect.of(endpoint).max_tokens_key == "max_completion_tokens"


def test_fewer_alternatives_are_asked_for_where_twenty_are_too_many() -> None:
    async def script(body: dict[str, Any], before: int) -> web.Response:
        if body["top_logprobs"] > 5:
            return web.json_response({"error": {"message": "top_logprobs must be at most 5"}}, status=400)
        return says("yes")

    with serving(script) as server:
        assert ask(study_of(server.url), answer=None, logprobs=True).status == roles.VALUE
    assert server.calls == 2


@pytest.mark.parametrize(
    "damage", ["UPDATE answers SET response = substr(response, 1, 20)", "UPDATE answers SET checksum = ''"]
)
def test_a_damaged_entry_is_asked_again_and_replaced(damage: str, store: Path) -> None:
    with serving(always(GOOD)) as server:
        study = study_of(server.url)
        answer = ask(study)
        with sqlite3.connect(store) as connection:
            connection.execute(damage)
        connection.close()
        assert ask(study) == answer
        assert ask(study) == answer
    assert server.calls == 2


def test_no_header_tells_about_the_machine_or_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer other\nX-Team: ours")
    monkeypatch.setenv("OPENAI_ORG_ID", "org")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    with serving(always(GOOD)) as server:
        ask(study_of(server.url))
    headers = {name.lower(): value for name, value in server.headers[0].items()}
    assert headers["authorization"] == "Bearer none"
    assert not {name for name in headers if name.startswith(("x-team", "x-stainless-os", "openai-"))}
