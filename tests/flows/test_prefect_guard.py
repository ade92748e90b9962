"""Who may ask the Prefect server that natstat starts: this machine, and no web page but its own."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows import guard, serve, settings
from tests.flows.test_prefect_commands import port

__all__ = ["port"]

HERE = "http://127.0.0.1:4200"


@pytest.mark.parametrize(
    ("host", "origin", "ours"),
    [
        ("127.0.0.1:4200", None, True),
        ("localhost:4200", HERE, True),
        ("127.0.0.1:4200", "http://localhost:4200", True),
        ("127.0.0.1:4200", "https://evil.example", False),
        ("127.0.0.1:4200", "http://localhost:3000", False),
        ("127.0.0.1:4200", "http://localhost:4200.evil.example", False),
        ("127.0.0.1:4200", "http://127.0.0.1:bad", False),
        ("127.0.0.1:4200", "null", False),
        ("evil.example:4200", None, False),  # a name that its owner turned to 127.0.0.1
        ("evil.example:4200", "http://evil.example:4200", False),
        ("127.0.0.1.evil.example", None, False),
        ("", None, False),
        ("[", None, False),
    ],
)
def test_a_stranger_s_page_and_a_name_turned_to_us_are_refused(
    host: str, origin: str | None, ours: bool
) -> None:
    assert guard.is_ours(host, origin) == ours


def test_a_web_socket_of_a_stranger_is_closed_before_it_is_open() -> None:
    sent: list[Any] = []

    async def never(*_: Any) -> Any:
        raise AssertionError("asked the server")

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "headers": [(b"host", b"127.0.0.1:1"), (b"origin", b"http://evil.example")]}
    asyncio.run(guard.OwnPageOnly(never)(scope, never, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


@pytest.fixture
def server(
    port: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """The real server, with its page."""
    monkeypatch.chdir(tmp_path)
    url = f"http://{guard.HOST}:{port}"
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    monkeypatch.setenv("PREFECT_SERVER_UI_API_URL", f"{url}/api")
    monkeypatch.setenv(settings.API_URL, f"{url}/api")
    with serve._server(port, url):
        yield url


def asked(url: str, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    body = b"{}" if method in {"POST"} else None
    request = urllib.request.Request(
        f"{url}{path}", data=body, method=method, headers={"content-type": "application/json", **sent}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read().decode()


def test_the_real_server_answers_its_own_page_and_no_other(server: str, tmp_path: Path) -> None:
    allowed = "access-control-allow-origin"
    evil = {"Origin": "https://evil.example"}
    for method, path in (
        ("GET", "/api/health"),
        ("POST", "/api/flow_runs/filter"),
        ("DELETE", "/api/flows/x"),
    ):
        status, headers, _ = asked(server, path, method, **evil)
        assert status == 403 and allowed not in headers
    preflight = {"Access_Control_Request_Method": "DELETE", "Access_Control_Request_Headers": "content-type"}
    status, headers, _ = asked(server, "/api/flows/x", "OPTIONS", **evil, **preflight)
    assert status == 403 and allowed not in headers
    assert asked(server, "/api/flow_runs/filter", "POST", Host="evil.example")[0] == 403
    # Its own page, under both of its names.
    status, _, page = asked(server, "/")
    assert status == 200 and "<script" in page
    assert json.loads(asked(server, "/ui-settings")[2])["api_url"] == f"{server}/api"
    by_name = server.replace("127.0.0.1", "localhost")
    for origin in (server, by_name):
        status, headers, found = asked(server, "/api/flow_runs/filter", "POST", Origin=origin)
        assert (status, json.loads(found)) == (200, []) and headers[allowed] == origin
        status, headers, _ = asked(server, "/api/flows/x", "OPTIONS", Origin=origin, **preflight)
        assert status == 200 and headers[allowed] == origin
    reports_are_handed_out_in_a_sandbox_and_nothing_else_is(server, tmp_path)


def reports_are_handed_out_in_a_sandbox_and_nothing_else_is(server: str, tmp_path: Path) -> None:
    """Asked of the same server: it takes ten seconds to start one."""
    (tmp_path / "secret.txt").write_text("secret")
    page = tmp_path / "reports" / "news" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("<h1>A report</h1>")
    (page.parent / "out.html").symlink_to(tmp_path / "secret.txt")
    status, headers, found = asked(server, "/reports/news/index.html")
    assert (status, found) == (200, "<h1>A report</h1>")
    # Without `allow-same-origin` the page has no origin, and what it asks of this server is refused.
    assert headers["content-security-policy"].split()[0] == "sandbox"
    assert "allow-same-origin" not in headers["content-security-policy"]
    assert asked(server, "/api/flow_runs/filter", "POST", Origin="null")[0] == 403
    outside = (
        "../secret.txt",
        "%2e%2e/secret.txt",
        "news/..%2f..%2fsecret.txt",
        "news/out.html",
        "news",
        "x",
    )
    for path in outside:
        status, headers, found = asked(server, f"/reports/{path}")
        assert status == 404 and "secret" not in found, path
    assert asked(server, "/reports/news/index.html", Host="evil.example")[0] == 403
    assert asked(server, "/reports/news/index.html", "POST")[0] == 405
