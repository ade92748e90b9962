"""The key: who is given it, and that it comes out nowhere."""

import json
import logging
import pickle
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tasks.engines import roles
from tasks.engines.gateway import transport
from tasks.engines.gateway.chat import Answer
from tasks.errors import EngineError
from tests.engines.chatting import GOOD, always, ask, study_of
from tests.engines.scripted_server import fails, says, serving

KEY = "sk-canary/7f3a9c+Q"
pytestmark = pytest.mark.usefixtures("store")


def escaped(text: str) -> str:
    """Every character as a JSON escape."""
    return "".join(f"\\u{ord(c):04x}" for c in text)


@pytest.fixture(autouse=True)
def _key(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


def everything(store: Path) -> str:
    """All that lies beside the store, as one text."""
    return "".join(file.read_bytes().decode("utf-8", "replace") for file in store.parent.glob("*"))


def shows(text: str) -> bool:
    """Whether a text gives the key away: as it is, or as somebody who reads JSON would see it."""
    for _ in range(4):
        if KEY in text:
            return True
        text = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text).replace("\\/", "/")
    return False


def test_the_look_for_the_key_finds_it_in_every_spelling() -> None:
    assert all(shows(f"x{echo}x") for echo in ECHOES)
    assert not shows(KEY[:-1])


@pytest.mark.parametrize("key", [KEY, r"sk-back\slash\9", "sk-aaaaaaaa"])
def test_a_long_row_of_backslashes_is_searched_in_no_time(key: str) -> None:
    secret, row = transport.Secret(key), "\\" * 300_000
    began = time.perf_counter()
    assert secret.mask(row) == row
    assert secret.mask(row + key) in {"[key]", row + "[key]"}
    assert secret.mask("s" + row + "u006b") == "s" + row + "u006b"
    assert secret.mask(escaped(key)) == "[key]"
    assert time.perf_counter() - began < 1


def test_the_key_goes_to_the_server() -> None:
    with serving(always(GOOD)) as server:
        ask(study_of(server.url))
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"


def test_another_variable_may_hold_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAM_KEY", "sk-team-canary")
    with serving(always(GOOD)) as server:
        ask(study_of(server.url, llm={"key_env": "TEAM_KEY"}))
    assert server.headers[0]["Authorization"] == "Bearer sk-team-canary"


ECHOES = [
    KEY,
    escaped(KEY),
    escaped(KEY).upper().replace("\\U", "\\u"),
    KEY.replace("/", "\\/"),
    KEY[:5] + escaped(KEY[5:9]) + KEY[9:],
    escaped(KEY).replace("\\", "\\\\"),
]


@pytest.mark.parametrize("echo", ECHOES)
def test_a_server_that_echoes_the_key_in_its_answer_does_not_get_it_kept(
    echo: str, store: Path, logged: pytest.LogCaptureFixture
) -> None:
    content = f'{{"verdicts": [{{"id": "{echo}", "holds": true}}]}}'
    with serving(always(content)) as server:
        answer = ask(study_of(server.url))
    assert answer.status == roles.VALUE
    assert not shows(repr(answer))
    assert not shows(everything(store))
    assert not shows(logged.text)


def test_a_refusal_and_a_token_are_cleaned_too(store: Path) -> None:
    first = {"token": KEY, "logprob": -0.1, "top_logprobs": [{"token": f"x{KEY}", "logprob": -3}]}

    async def script(body: dict[str, Any], before: int) -> web.StreamResponse:
        if before == 0:
            return says(None, refusal=f"{KEY} is not allowed")
        return says("yes", logprobs={"content": [first]})

    got: list[Answer] = []
    with serving(script) as server:
        got.append(ask(study_of(server.url)))
        got.append(ask(study_of(server.url), answer=None, logprobs=True))
    assert got[0].text == "[key] is not allowed"
    assert [token for token, _ in got[1].first_token] == ["[key]", "x[key]"]
    assert not shows(everything(store))


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize(
    "fault",
    [
        lambda echo: fails(401, f"Incorrect API key provided: {echo}"),
        lambda echo: web.Response(status=401, text=f"Incorrect API key provided: {echo}"),
        lambda echo: web.Response(status=401, text=f'{{"error": {{"message": "key {echo} is wrong"}}}}'),
        lambda echo: web.Response(status=500, text=f"{'x' * 190} {echo}"),
        lambda echo: web.Response(status=200, text=f"<html>{echo}"),
        lambda echo: web.json_response({"error": {"message": f"key {echo}", "code": 401}}),
        lambda echo: web.Response(status=307, headers={"Location": f"http://127.0.0.1:1/{echo}"}),
        lambda echo: web.Response(status=404, reason=f"no {echo}", text=""),
    ],
    ids=["json", "text", "raw", "cut", "html", "within", "redirect", "reason"],
)
def test_no_error_shows_it(fault: Any, echo: str, logged: pytest.LogCaptureFixture, store: Path) -> None:
    async def script(body: dict[str, Any], before: int) -> web.StreamResponse:
        return fault(echo)

    with serving(script) as server, pytest.raises(EngineError) as caught:
        ask(study_of(server.url, attempts=1))
    error = caught.value
    chain: list[BaseException] = [error]
    while inner := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(inner)
    for one in chain:
        assert not shows(str(one))
        assert not shows(repr(vars(one)))
    assert KEY[:12] not in str(error)
    assert KEY.encode() not in pickle.dumps(error)
    assert not shows(logged.text)
    assert not shows(everything(store))


def test_an_error_brings_no_other_error_along() -> None:
    """Whoever serialises it would serialise the request, with the key."""

    async def script(body: dict[str, Any], before: int) -> web.StreamResponse:
        return fails(401, "wrong key")

    with serving(script) as server, pytest.raises(EngineError) as caught:
        ask(study_of(server.url))
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_redirect_is_not_followed() -> None:
    with serving(always(GOOD)) as other:

        async def script(body: dict[str, Any], before: int) -> web.StreamResponse:
            return web.Response(status=307, headers={"Location": f"{other.url}/chat/completions"})

        with serving(script) as server, pytest.raises(EngineError, match="redirected to"):
            ask(study_of(server.url))
    assert other.calls == 0


def test_a_proxy_of_the_environment_does_not_see_calls_to_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(always(GOOD)) as proxy, serving(always(GOOD)) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        ask(study_of(server.url))
    assert (proxy.calls, server.calls) == (0, 1)


@pytest.mark.parametrize("key", ["", "   "])
def test_without_a_key_no_server_of_others_is_asked(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    monkeypatch.delenv("NATSTAT_LOOPBACK_ONLY")
    monkeypatch.setattr(transport.Connection, "exchange", None)  # nothing may be sent
    with pytest.raises(EngineError) as caught:
        ask(study_of("https://api.openai.com/v1"))
    assert "OPENAI_API_KEY is not set" in str(caught.value)
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("url", "is_own"),
    [
        ("http://127.0.0.1:8000/v1", True),
        ("http://localhost:8000/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://192.168.1.7:8000/v1", True),
        ("http://vllm:8000/v1", True),
        ("http://gpu.local/v1", True),
        ("https://api.openai.com/v1", False),
        ("https://8.8.8.8/v1", False),
        ("https://localhost.example.com/v1", False),
    ],
)
def test_a_server_of_ones_own_needs_no_key(url: str, is_own: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.delenv("NATSTAT_LOOPBACK_ONLY")
    (endpoint,) = study_of(url).llm.endpoints("judge")
    if is_own:
        assert transport.secret(endpoint).key == "none"
    else:
        with pytest.raises(EngineError, match="OPENAI_API_KEY"):
            transport.secret(endpoint)


@pytest.mark.parametrize("key", ["sk-abc\ndef-ghi", "sk-schlüssel-lang", "sk-\x00-nothing"])
def test_a_key_that_no_header_can_hold_is_not_shown(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if "\x00" in key:
        monkeypatch.setattr(transport.os, "environ", {"OPENAI_API_KEY": key})
    else:
        monkeypatch.setenv("OPENAI_API_KEY", key)
    (endpoint,) = study_of("http://127.0.0.1:9/v1").llm.endpoints("judge")
    with pytest.raises(EngineError, match="holds characters") as caught:
        transport.secret(endpoint)
    assert key[:6] not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["https://api.openai.com/v1", "http://192.168.1.7:8000/v1", "http://vllm/v1", "http://localhost.a.b/v1"],
)
def test_the_switch_keeps_calls_on_this_machine(url: str) -> None:
    with pytest.raises(EngineError, match="NATSTAT_LOOPBACK_ONLY"):
        ask(study_of(url))


def test_a_short_key_is_a_word_and_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    content = json.dumps({"verdicts": [{"id": "none", "holds": True}]})
    with serving(always(content)) as server:
        assert ask(study_of(server.url)).text == content
