"""A server of one's own: how many calls it is given at once, how long they wait, and that it may restart."""

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from tasks.engines import roles
from tasks.engines.gateway import faults
from tasks.engines.gateway.chat import Gateway
from tasks.errors import EngineError
from tasks.store import answers
from tasks.study import hosts
from tasks.study.params import Llm, Spend
from tests.engines.chatting import GOOD, request, run_many, study_of
from tests.engines.scripted_server import Server, fails, says, serving

pytestmark = pytest.mark.usefixtures("store")


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("10.1.2.3", True),
        ("172.16.0.9", True),
        ("192.168.178.20", True),
        ("169.254.1.1", True),
        ("fe80::1", True),
        ("fd00::7", True),
        ("gpu-box.local", True),
        ("ollama", True),
        ("api.openai.com", False),
        ("172.32.0.1", False),
        ("8.8.8.8", False),
        ("2001:4860:4860::8888", False),
        ("local.example.com", False),
    ],
)
def test_whose_server_it_is_follows_from_its_address(host: str, is_own: bool) -> None:
    url = f"http://[{host}]:8000/v1" if ":" in host else f"http://{host}:8000/v1"
    spend = Spend()
    assert hosts.is_own(host) is is_own
    assert (spend.calls_at_once(url), spend.longest_wait_s(url)) == ((4, 600.0) if is_own else (32, 60.0))


def test_what_is_named_holds_for_all_servers() -> None:
    spend = Spend(concurrency=7, timeout_s=3.0)
    for url in ("http://localhost/v1", "https://api.openai.com/v1"):
        assert (spend.calls_at_once(url), spend.longest_wait_s(url)) == (7, 3.0)


def test_the_addresses_of_a_study_are_those_of_its_roles() -> None:
    one, other = "http://one/v1", "http://other/v1"
    assert Llm(model="m", base_url=one).addresses() == {one}
    panel = Llm.model_validate(
        {"judge": [{"model": "a", "base_url": one}, {"model": "b"}], "base_url": other}
    )
    assert panel.addresses() == {one, other}
    assert Llm(model="m").addresses() == {"https://api.openai.com/v1"}


async def slow(body: dict[str, Any], before: int) -> web.Response:
    await asyncio.sleep(0.02)
    return says(GOOD)


def test_a_server_of_ones_own_is_given_four_calls_at_once() -> None:
    with serving(slow) as server:
        run_many(study_of(server.url), 40)
    assert server.max_in_flight == 4


def test_a_study_that_asks_others_too_gives_it_no_more() -> None:
    with serving(slow) as server:
        elsewhere = {"base_url": "https://api.openai.com/v1", "judge": {"base_url": server.url}}
        study = study_of(server.url, llm=elsewhere)
        run_many(study, 60)
    assert server.max_in_flight == 4


def test_calls_that_wait_for_the_only_slot_are_answered() -> None:
    slot = asyncio.Semaphore(1)

    async def script(body: dict[str, Any], before: int) -> web.Response:
        async with slot:
            await asyncio.sleep(0.1)
        return says(GOOD)

    with serving(script) as server:
        got = run_many(study_of(server.url, concurrency=8), 8)
    assert [answer.status for answer in got] == [roles.VALUE] * 8
    assert server.calls == 8


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(faults, "FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(faults, "LONGEST_WAIT_S", 0.2)
    yield


N = 24


def restarted(away_s: float, loading_s: float, **spend: Any) -> tuple[list[Any], list[Server]]:
    """Answers of a run in which the server goes away with calls in flight, and comes back."""
    done = threading.Event()
    servers: list[Server] = []
    back_at = 0.0

    async def script(body: dict[str, Any], before: int) -> web.StreamResponse:
        if len(servers) > 1 and time.monotonic() < back_at + loading_s:
            return fails(503, "Loading model", "unavailable_error")
        await asyncio.sleep(0.02)
        if len(servers) == 1 and before >= N // 3:
            done.set()
            await asyncio.sleep(30)  # in flight when it goes
        return says(GOOD)

    got: list[Any] = []
    with serving(script) as first:
        servers.append(first)
        study = study_of(first.url, **spend)
        gateway = Gateway(study, "verify")
        jobs = (lambda i=i: gateway.ask(request(study, f"text {i}")) for i in range(N))
        errors: list[EngineError] = []

        def work() -> None:
            try:
                gateway.run(jobs, got.append, N, "judging")
            except EngineError as error:
                errors.append(error)

        run = threading.Thread(target=work)
        run.start()
        assert done.wait(10)
    time.sleep(away_s)
    back_at = time.monotonic()
    with serving(script, port=urlsplit(first.url).port or 0) as second:
        servers.append(second)
        run.join(20)
        assert not run.is_alive()
    if errors:
        raise errors[0]
    return got, servers


@pytest.mark.parametrize(("away_s", "loading_s"), [(1.0, 0.0), (0.3, 1.0)], ids=["gone", "loading"])
def test_a_restart_in_the_middle_of_a_run_is_ridden_out(quick: None, away_s: float, loading_s: float) -> None:
    got, servers = restarted(away_s, loading_s, attempts=3, patience_s=10)
    assert [answer.status for answer in got] == [roles.VALUE] * N
    first, second = ([body["messages"][1]["content"] for body in server.bodies] for server in servers)
    answered = first[: N // 3]
    assert set(answered) & set(second) == set(), "what was answered is not asked again"
    with answers.opened() as opened:
        assert opened.paid("news", "verify", 0).filter(status="value").height == N


def test_what_stays_away_longer_than_patience_stops_the_run(quick: None) -> None:
    with pytest.raises(EngineError, match="Start the server"):
        restarted(2.0, 0.0, attempts=3, patience_s=0.5)


def serves(name: str) -> Any:
    async def script(body: dict[str, Any], before: int) -> web.Response:
        return says(GOOD, model=name)

    return script


def test_the_model_that_answered_is_kept_and_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(serves("other-7b.gguf")) as server:
        study = study_of(server.url)
        run_many(study, 5)
        run_many(study, 9)
    told = capsys.readouterr().err
    assert told.count("was asked for the model small and says that other-7b.gguf answered") == 1
    with answers.opened() as opened:
        assert set(opened.paid("news", "verify", 0)["served"]) == {"other-7b.gguf"}


@pytest.mark.parametrize("name", ["small", "Small-2026-08-01", "models/small.gguf", ""])
def test_a_longer_name_of_the_same_model_is_not_told(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(serves(name)) as server:
        run_many(study_of(server.url), 2)
    assert "note:" not in capsys.readouterr().err
