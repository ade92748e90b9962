"""The gateway when servers and networks fail: what is tried again, what stops a run, and what it says."""

import asyncio
import contextlib
import email.utils
import gzip
import json
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tasks.engines import roles
from tasks.engines.gateway import faults, limits
from tasks.engines.gateway.chat import Answer, Gateway
from tasks.errors import EngineError
from tasks.store import answers
from tasks.study import Study
from tests.engines.chatting import GOOD, ask, request, run_many, study_of
from tests.engines.scripted_server import fails, says, serving

pytestmark = pytest.mark.usefixtures("store")


def first(n: int, fault: Callable[[web.Request], Any]) -> Any:
    """A fault n times, then good answers."""

    async def script(body: dict[str, Any], before: int) -> web.StreamResponse:
        return await fault(body) if before < n else says(GOOD)

    return script


async def server_error(body: Any) -> web.StreamResponse:
    return fails(503, "overloaded")


async def hang(body: Any) -> web.StreamResponse:
    await asyncio.sleep(30)
    return says(GOOD)


async def no_json(body: Any) -> web.StreamResponse:
    return web.Response(text="<html>welcome</html>", content_type="text/html")


async def half_json(body: Any) -> web.StreamResponse:
    return web.Response(text=says(GOOD).text[:60], content_type="application/json")


async def half_body(body: Any) -> web.StreamResponse:
    return web.Response(body=says(GOOD).body[:60], headers={"Content-Length": "5000"})


async def no_choices(body: Any) -> web.StreamResponse:
    return web.json_response({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}})


async def error_within(body: Any) -> web.StreamResponse:
    return web.json_response({"error": {"message": "upstream failed", "code": 502}})


@pytest.mark.parametrize(
    "fault",
    [server_error, hang, no_json, half_json, half_body, no_choices, error_within],
    ids=lambda f: f.__name__,
)
def test_a_fault_of_transport_is_tried_again_and_not_kept(
    fault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "FIRST_WAIT_S", 0.01)
    with serving(first(2, fault)) as server:
        study = study_of(server.url, timeout_s=0.5)
        answer = ask(study)
        assert ask(study) == answer
    assert answer.status == roles.VALUE
    assert server.calls == 3


def test_what_is_answered_while_the_store_is_waited_for_is_not_asked_again(store: Path) -> None:
    run_many(study_of("http://127.0.0.1:9/v1"), 0)  # makes the store
    with contextlib.closing(sqlite3.connect(store, isolation_level=None, check_same_thread=False)) as other:

        async def script(body: dict[str, Any], before: int) -> web.StreamResponse:
            if before == 0:
                other.execute("BEGIN IMMEDIATE")
                threading.Timer(1.2, other.execute, ["ROLLBACK"]).start()
            await asyncio.sleep(0.2 * before)
            return says(GOOD)

        with serving(script) as server:
            got = run_many(study_of(server.url, concurrency=2, timeout_s=0.5), 2)
    assert [answer.status for answer in got] == [roles.VALUE] * 2
    assert server.calls == 2


def is_about(words: str, reply: web.Response) -> Any:
    """This reply to whatever has the words, and a good answer to all else."""

    async def script(body: dict[str, Any], before: int) -> web.StreamResponse:
        sent = reply if words in body["messages"][1]["content"] else says(GOOD)
        return web.Response(body=sent.body, status=sent.status, headers=sent.headers)

    return script


def asked_all(study: Study, texts: Sequence[str]) -> list[Answer]:
    """The answers in the order of the texts."""
    gateway, got = Gateway(study, "verify"), {}

    async def asked(text: str) -> None:
        got[text] = await gateway.ask(request(study, text))

    gateway.run([partial(asked, text) for text in texts], lambda _: None, len(texts), "judging")
    return [got[text] for text in texts]


@contextlib.contextmanager
def dropping(n: int) -> Iterator[tuple[str, list[int]]]:
    """A server that closes the first n connections after it has read from them."""
    taken: list[int] = []
    body = says(GOOD).body
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: "

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100_000)
        taken.append(1)
        if len(taken) > n:
            writer.write(head + str(len(body)).encode() + b"\r\n\r\n" + body)
            await writer.drain()
        writer.close()

    loop, ready, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    ports: list[int] = []

    async def main() -> None:
        async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
            ports.append(server.sockets[0].getsockname()[1])
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    ready.wait(10)
    try:
        yield f"http://127.0.0.1:{ports[0]}/v1", taken
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def test_a_dropped_connection_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "FIRST_WAIT_S", 0.01)
    with dropping(3) as (url, taken):
        assert ask(study_of(url)).status == roles.VALUE
    assert len(taken) == 4


@pytest.mark.parametrize(
    "header",
    [{"Retry_After": "1"}, {"retry_after_ms": "1000", "Retry_After": "60"}, {"Retry_After": "DATE"}],
    ids=["seconds", "milliseconds", "date"],
)
def test_told_to_wait_it_waits_and_uses_no_try(header: dict[str, str]) -> None:
    async def limited(body: Any) -> web.StreamResponse:
        date = email.utils.formatdate(time.time() + 2, usegmt=True)  # whole seconds: at least one
        return fails(429, "slow down", **{k: v.replace("DATE", date) for k, v in header.items()})

    with serving(first(1, limited)) as server:
        answer = ask(study_of(server.url, attempts=1))
    assert answer.status == roles.VALUE
    assert server.arrived_at[1] - server.arrived_at[0] >= 0.99


def test_a_header_that_is_no_time_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "FIRST_WAIT_S", 0.01)

    async def limited(body: Any) -> web.StreamResponse:
        return fails(429, "slow down", Retry_After="nan")

    with serving(first(1, limited)) as server:
        assert ask(study_of(server.url)).status == roles.VALUE


def test_the_ledger_counts_tries_and_what_a_lost_answer_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "FIRST_WAIT_S", 0.01)
    with serving(first(2, no_choices)) as server:
        answer = ask(study_of(server.url))
    rows = answers.ledger([answer.calls[0].request_hash])
    assert rows.select("status", "attempts", "tokens_in", "tokens_out").rows() == [
        ("failed", 1, 7, 3),
        ("failed", 2, 7, 3),
        ("value", 3, 100, 10),
    ]


def test_a_call_that_fails_while_others_are_answered_is_unparsable_and_asked_again_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(faults, "FIRST_WAIT_S", 0.05)
    # Pauses by no chance: in two short ones nothing else might be answered.
    monkeypatch.setattr(faults.random, "uniform", lambda _, longest: longest)
    well = False

    async def script(body: dict[str, Any], before: int) -> web.StreamResponse:
        if "text 3" in body["messages"][1]["content"] and not well:
            return fails(500, "oops")
        await asyncio.sleep(0.02)
        return says(GOOD)

    with serving(script) as server:
        study = study_of(server.url, concurrency=2, attempts=3)
        got = run_many(study, 30)
        well = True
        calls = server.calls
        again = run_many(study, 30)
    assert sorted(a.status for a in got) == [roles.VALUE] * 29 + [roles.UNPARSABLE]
    assert [a.calls for a in got if a.status == roles.UNPARSABLE] == [()]
    assert [a.status for a in again] == [roles.VALUE] * 30
    assert (calls, server.calls) == (29 + 3, 29 + 3 + 1)


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (
            lambda: fails(401, "Incorrect API key provided"),
            ["HTTP 401: Incorrect API key provided", "OPENAI_API_KEY"],
        ),
        (lambda: fails(403, "not in your country"), ["HTTP 403: not in your country"]),
        (lambda: fails(404, "The model `small` does not exist"), ["does not exist", "llm.model"]),
        (lambda: fails(400, "tools are not allowed"), ["tools are not allowed"]),
        (lambda: fails(422, "Unprocessable"), ["HTTP 422"]),
        (lambda: fails(402, "no credit"), ["top it up"]),
        (lambda: fails(429, "You exceeded your quota", "insufficient_quota"), ["top it up"]),
        (lambda: fails(400, "'temperature' does not support 0"), ["temperature: server"]),
        (lambda: fails(400, "logprobs are not supported"), ["logprobs: false"]),
        (lambda: web.Response(status=405, text="bad\x1b[31m\x00 words\nhere"), ["bad [31m words here"]),
        (lambda: web.Response(status=405, text="x" * 5000), ["x" * 200 + " "]),
        (
            lambda: web.Response(status=307, headers={"Location": "http://127.0.0.1:1/v1"}),
            ["redirected to", "final"],
        ),
    ],
    ids=[
        "key",
        "country",
        "model",
        "request",
        "unprocessable",
        "credit",
        "quota",
        "temperature",
        "logprobs",
        "control",
        "long",
        "redirect",
    ],
)
def test_what_no_other_try_would_mend_stops_at_once(reply: Any, told: list[str]) -> None:
    async def script(body: dict[str, Any], before: int) -> web.StreamResponse:
        return reply()

    with serving(script) as server, pytest.raises(EngineError) as caught:
        run_many(study_of(server.url, concurrency=4), 1000)
    assert server.calls <= 4
    assert not caught.value.retryable
    for words in (*told, "Rerun goes on where it stopped"):
        assert words in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert "x" * 201 not in str(caught.value)


def test_what_is_in_flight_when_a_run_stops_is_kept() -> None:
    async def script(body: dict[str, Any], before: int) -> web.StreamResponse:
        if before == 3:
            return fails(400, "no")
        await asyncio.sleep(0.3)
        return says(GOOD)

    with serving(script) as server:
        study = study_of(server.url, concurrency=4)
        with pytest.raises(EngineError):
            run_many(study, 4)
        assert server.calls == 4
        run_many(study, 4)
        assert server.calls == 5


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (lambda: fails(400, "blocked by content management policy", "content_filter"), roles.REFUSAL),
        (
            lambda: fails(400, "This model's maximum context length is 8 tokens", "context_length_exceeded"),
            roles.UNPARSABLE,
        ),
    ],
    ids=["filter", "too long"],
)
def test_some_bad_requests_are_about_one_text_alone(reply: Any, status: int) -> None:
    async def script(body: dict[str, Any], before: int) -> web.StreamResponse:
        return reply() if "text 3" in body["messages"][1]["content"] else says(GOOD)

    with serving(script) as server:
        study = study_of(server.url, concurrency=2)
        got = run_many(study, 10)
        calls = server.calls
        run_many(study, 10)
    assert sorted(a.status for a in got) == [roles.VALUE] * 9 + [status]
    assert (calls, server.calls) == (10, 10)
    assert [a.given_up for a in got if a.status != roles.VALUE] == [status == roles.UNPARSABLE]


@pytest.fixture
def closed_port() -> Iterator[int]:
    """One on which nobody listens, nor can while the test runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield int(probe.getsockname()[1])


def test_a_server_that_is_not_there_stops_a_run_in_seconds(
    closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "QUICK_S", 0.5)
    began = time.monotonic()
    with pytest.raises(EngineError) as caught:
        run_many(study_of(f"http://127.0.0.1:{closed_port}/v1", concurrency=8, attempts=1000), 1000)
    assert 0.4 <= time.monotonic() - began < 5
    assert caught.value.retryable
    assert "Start the server" in str(caught.value)
    assert "Rerun goes on where it stopped" in str(caught.value)


@pytest.mark.parametrize("fault", [server_error, hang], ids=lambda f: f.__name__)
def test_a_server_that_stops_answering_stops_the_run_when_patience_ends(
    fault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(faults, "LONGEST_WAIT_S", 0.1)

    async def script(body: dict[str, Any], before: int) -> web.StreamResponse:
        return says(GOOD) if before < 50 else await fault(body)

    began = time.monotonic()
    with serving(script) as server:
        study = study_of(server.url, concurrency=8, attempts=1000, timeout_s=0.2, patience_s=1)
        with pytest.raises(EngineError) as caught:
            run_many(study, 100_000)
        assert 1 <= time.monotonic() - began < 6
        assert caught.value.retryable
        assert server.calls < 50 + 8 * 60
    assert "does not answer" in str(caught.value)


def test_being_told_to_wait_longer_than_patience_stops_with_what_was_asked() -> None:
    async def script(body: dict[str, Any], before: int) -> web.StreamResponse:
        return fails(429, "come back later", Retry_After="3600")

    began = time.monotonic()
    with serving(script) as server, pytest.raises(EngineError, match="left alone for 3600 s"):
        run_many(study_of(server.url, concurrency=4, patience_s=0.5), 100)
    assert time.monotonic() - began < 5
    assert server.calls == 4


def test_alone_and_out_of_tries_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "FIRST_WAIT_S", 0.01)
    with serving(first(99, server_error)) as server, pytest.raises(EngineError, match="overloaded") as caught:
        ask(study_of(server.url, attempts=3))
    assert server.calls == 3
    assert caught.value.retryable


def test_a_run_goes_on_where_it_stopped() -> None:
    down = False

    async def script(body: dict[str, Any], before: int) -> web.StreamResponse:
        if down or before >= 40:
            return fails(404, "gone")
        return says(GOOD)

    with serving(script) as server:
        study = study_of(server.url, concurrency=4)
        with pytest.raises(EngineError):
            run_many(study, 100)
        with pytest.raises(EngineError):
            run_many(study, 100)
        # Forty are kept; the rest is asked, four at once, and stops.
        assert server.calls <= 40 + 4 + 4


PRICE = {"small": {"input": 1000.0, "output": 1000.0}}
"""A call of 110 tokens costs 11 cents."""


def test_the_budget_is_never_passed_and_a_higher_one_goes_on() -> None:
    async def script(body: dict[str, Any], before: int) -> web.StreamResponse:
        await asyncio.sleep(0.01)
        return says(GOOD)

    with serving(script) as server:
        spend = {"prices": PRICE, "concurrency": 8}
        llm = {"max_tokens": 10}
        with pytest.raises(EngineError) as caught:
            run_many(study_of(server.url, llm=llm, budget_usd=3.0, **spend), 100)
        paid = server.calls
        # What a call may cost at most is more than it does, by the estimate of its prompt.
        assert 20 <= paid <= 27
        assert paid * 0.11 <= 3.0
        assert f"${paid * 0.11:.2f} of $3.00" in str(caught.value)
        assert "Raise spend.budget_usd" in str(caught.value)
        assert not caught.value.retryable
        got = run_many(study_of(server.url, llm=llm, budget_usd=20.0, **spend), 100)
    assert len(got) == 100
    assert server.calls == 100


def test_a_budget_counts_what_other_runs_and_unpriced_calls_have_cost() -> None:
    with serving(first(0, hang)) as server:
        run_many(study_of(server.url, llm={"max_tokens": 10}), 10)
        study = study_of(server.url, llm={"max_tokens": 10}, prices=PRICE, budget_usd=1.2)
        with pytest.raises(EngineError, match=r"\$1.10 of \$1.20"):
            run_many(study, 20)
        assert server.calls == 10


def test_near_the_budget_calls_go_one_by_one() -> None:
    async def script(body: dict[str, Any], before: int) -> web.StreamResponse:
        await asyncio.sleep(0.01)
        return says(GOOD)

    with serving(script) as server:
        study = study_of(server.url, llm={"max_tokens": 1000}, prices=PRICE, budget_usd=3.5, concurrency=8)
        with pytest.raises(EngineError, match="next call may cost up to"):
            run_many(study, 100)
    # The dearest possible call costs more than 1.2 dollars.
    assert server.max_in_flight == 2
    assert 14 <= server.calls <= 21


def test_what_fits_into_no_model_stops_after_some() -> None:
    async def script(body: dict[str, Any], before: int) -> web.StreamResponse:
        return fails(400, "'max_tokens' is too large: the maximum context length is 8 tokens")

    with serving(script) as server, pytest.raises(EngineError, match=r"lower llm\.max_tokens"):
        run_many(study_of(server.url, concurrency=2), 100)
    assert server.calls <= 21


def test_long_texts_stop_no_run_in_which_others_were_answered_before() -> None:
    with serving(is_about("long", fails(400, "maximum context length is 8 tokens"))) as server:
        study = study_of(server.url)
        assert ask(study).status == roles.VALUE
        got = asked_all(study, ["a text", *(f"long {i}" for i in range(60))])
        assert [a.status for a in got] == [roles.VALUE] + [roles.UNPARSABLE] * 60
        asked_all(study, [f"long {i}" for i in range(60)])
    assert server.calls == 61


def test_a_text_the_server_minds_in_its_own_words_is_given_up_and_not_kept() -> None:
    with serving(is_about("risk", fails(400, "I will not"))) as server:
        study = study_of(server.url, concurrency=1)
        got = asked_all(study, ["a text", "risk", "b text"])
        assert [(a.status, a.given_up) for a in got] == [
            (roles.VALUE, False),
            (roles.UNPARSABLE, True),
            (roles.VALUE, False),
        ]
        asked_all(study, ["a text", "risk", "b text"])
        assert server.calls == 4
        with pytest.raises(EngineError, match="I will not"):
            asked_all(study, ["a text", *(f"risk {i}" for i in range(30))])
    assert server.calls == 4 + 20


def test_refusals_without_end_are_those_of_an_account_and_none_is_kept() -> None:
    with serving(is_about("text", fails(400, "no", "content_filter"))) as server:
        study = study_of(server.url, concurrency=1)
        for _ in range(2):
            with pytest.raises(EngineError, match="See whether the account"):
                run_many(study, 100)
    assert server.calls == 2 * 20
    with answers.opened() as opened:
        assert opened.spent("news") == []


def test_a_refusal_is_kept_where_the_run_ends_well() -> None:
    with serving(is_about("text", fails(400, "no", "content_filter"))) as server:
        study = study_of(server.url)
        assert [ask(study).status, ask(study).status] == [roles.REFUSAL] * 2
    assert server.calls == 1


@pytest.mark.parametrize("patience_s", [60.0, 0.3], ids=["tries end", "patience ends"])
def test_a_text_that_always_fails_is_given_up_though_asked_last_and_alone(
    patience_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "FIRST_WAIT_S", 0.02)
    with serving(is_about("poison", fails(500, "oops"))) as server:
        study = study_of(
            server.url, concurrency=2, attempts=3 if patience_s == 60 else 50, patience_s=patience_s
        )
        asked_all(study, ["a text"])
        for texts in (["a text", "poison"], ["a text", "poison 1", "poison 2"]):  # from the store, then these
            got = asked_all(study, texts)
            assert [(a.status, a.given_up) for a in got[1:]] == [(roles.UNPARSABLE, True)] * (len(texts) - 1)
        probes = [body for body in server.bodies[1:] if body == server.bodies[0]]
        assert 2 <= len(probes) <= 3


def test_an_endpoint_that_does_not_even_answer_what_it_did_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "FIRST_WAIT_S", 0.01)
    with serving(is_about("", says(GOOD))) as server:
        ask(study_of(server.url))
    with serving(is_about("", fails(500, "oops"))) as server:
        study = study_of(server.url, concurrency=1, attempts=3)
        with pytest.raises(EngineError, match="does not answer"):
            asked_all(study, ["a text", "b text"])
    assert server.calls == 4


def test_a_call_told_to_wait_a_day_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "LONGEST_WAIT_S", 0.3)
    with serving(is_about("slow", fails(429, "quota of the day", Retry_After="86400"))) as server:
        study = study_of(server.url, concurrency=2, patience_s=0.5)
        began = time.monotonic()
        with pytest.raises(EngineError, match="left alone for 86400 s"):
            asked_all(study, ["slow", *(f"text {i}" for i in range(20))])
        assert time.monotonic() - began < 5
    assert server.calls > 21


@pytest.mark.parametrize(
    "code", ['"²"', '"٤٠١"', f'"{"9" * 5000}"', "9" * 5000], ids=["power", "arabic", "long", "number"]
)
def test_no_code_of_an_error_is_too_strange(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "FIRST_WAIT_S", 0.01)
    text = f'{{"error": {{"message": "x", "code": {code}}}}}'

    async def strange(body: Any) -> web.StreamResponse:
        return web.Response(text=text, content_type="application/json")

    with serving(first(1, strange)) as server:
        assert ask(study_of(server.url)).status == roles.VALUE


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("is_packed", [False, True])
def test_a_body_without_end_is_not_read(
    status: int, is_packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "FIRST_WAIT_S", 0.01)
    body = gzip.compress(b"a" * 200_000_000, 1) if is_packed else b"a" * 20_000_000
    headers = {"Content-Encoding": "gzip"} if is_packed else {}

    async def huge(_: Any) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers=headers)

    with serving(first(99, huge)) as server, pytest.raises(EngineError, match="an answer of more than"):
        ask(study_of(server.url, attempts=2))
    assert server.calls == 2


def test_the_budget_counts_answers_that_came_too_late() -> None:
    billed = 0

    async def script(body: dict[str, Any], before: int) -> web.StreamResponse:
        nonlocal billed
        billed += 1
        if before % 2:
            await asyncio.sleep(0.5)
        return says(GOOD)

    with serving(script) as server:
        study = study_of(
            server.url, llm={"max_tokens": 10}, prices=PRICE, budget_usd=4.0, concurrency=4, timeout_s=0.1
        )
        with pytest.raises(EngineError, match="budget_usd is reached"):
            run_many(study, 100)
    assert 2.0 < billed * 0.11 <= 4.0


def test_the_most_a_call_may_cost_is_a_token_per_byte_until_less_is_seen(store: Path) -> None:
    study = study_of("http://127.0.0.1:9/v1", llm={"max_tokens": 10}, prices=PRICE, budget_usd=9.0)
    (endpoint,) = study.llm.endpoints("judge")
    with answers.opened() as opened:
        purse = limits.Purse(study, opened)
        assert purse.most_usd(endpoint, 3000, 10) >= 3.01
        purse.learn("small", 1000, 250, 5)
        assert 1.51 <= purse.most_usd(endpoint, 3000, 10) < 1.8
        purse.learn("small", 1000, 900, 5)
        purse.learn("small", 1000, 200, 5)
        assert 3.01 <= purse.most_usd(endpoint, 3000, 10) < 3.3


def test_told_to_wait_for_no_time_it_does_not_hammer() -> None:
    async def limited(body: Any) -> web.StreamResponse:
        return fails(429, "slow down", Retry_After="0")

    with serving(first(20, limited)) as server:
        assert ask(study_of(server.url)).status == roles.VALUE
    assert server.arrived_at[-1] - server.arrived_at[0] > 1


def test_requests_are_spread_evenly_over_the_minute() -> None:
    with serving(first(0, hang)) as server:
        run_many(study_of(server.url, concurrency=8, requests_per_minute=1200), 20)
    times = server.arrived_at
    assert times[-1] - times[0] >= 19 * 0.05 - 0.15
    assert max(b - a for a, b in pairwise(times)) < 0.5


def test_a_pause_earns_no_burst() -> None:
    pace = limits.Pace(60, None)
    assert [pace.reserve(0, now=0.0) for _ in range(3)] == [0, 1, 2]
    assert [pace.reserve(0, now=1000.0) for _ in range(3)] == [0, 1, 2]


def test_the_slower_of_two_limits_decides() -> None:
    pace = limits.Pace(60, 6000)
    assert [pace.reserve(n, now=0.0) for n in (50, 1000, 50)] == [0, 1, 11]


def test_the_pace_holds_over_several_runs_and_single_questions() -> None:
    with serving(first(0, hang)) as server:
        study = study_of(server.url, concurrency=8, requests_per_minute=600)
        for name in range(6):
            ask(study, f"text {name}")
    assert server.arrived_at[-1] - server.arrived_at[0] >= 0.48


def test_tokens_are_spread_evenly_too() -> None:
    with serving(first(0, hang)) as server:
        study = study_of(server.url, llm={"max_tokens": 1}, concurrency=8, tokens_per_minute=30_000)
        run_many(study, 4)
    size = len(json.dumps(server.bodies[0]))
    assert server.arrived_at[-1] - server.arrived_at[0] >= 3 * (0.8 * size / 4) / 500


def test_a_run_waiting_for_its_pace_stops_at_once_when_another_call_fails() -> None:
    with serving(first(1, lambda body: asyncio.sleep(0, fails(404, "gone")))) as server:
        began = time.monotonic()
        with pytest.raises(EngineError, match="gone"):
            run_many(study_of(server.url, concurrency=8, requests_per_minute=2), 8)
    assert server.calls == 1
    assert time.monotonic() - began < 3
