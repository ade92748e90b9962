"""A server that speaks OpenAI's chat completions and embeddings, in its own process, with a plan of faults.

    with loopback.serve(Plan(rate_limited=0.2)) as server: ...
    python -m tests.loopback --port 0 --plan '{"rate_limited": 0.2}'

The second prints {"url": ...} and serves until it is killed. What is answered is in scripted_model.py, and in
what form in scripted_completion.py; vectors are in scripted_embeddings.py.
Which call meets which fault is drawn by the hash of its body and of how often that body has come.
"""

import argparse
import asyncio
import hashlib
import json
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.scripted_completion import completion_of, drawn_fault
from tests.scripted_embeddings import embeddings_of
from tests.scripted_model import Plan, Question, draw

__all__ = ["Plan", "Server", "serve"]

_REPO = Path(__file__).resolve().parents[1]
_TRANSPORT_FAULTS = ("rate_limited", "server_error", "hang", "dropped", "half_body")
_HANG_S = 600.0
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Server:
    """A running server, as a test sees it."""

    url: str

    def stats(self) -> dict[str, Any]:
        """`calls`, `answered` (whole answers sent), `repeated` (of these, for a body answered before),
        `in_flight`, `max_in_flight`, `key_seen`, and counts `by_fault` and `by_task`."""
        found: dict[str, Any] = json.loads(self._get("stats"))
        return found

    def bodies(self) -> list[dict[str, Any]]:
        """The requests' JSON, from the first `keep_bodies` call on."""
        return [json.loads(body) for body in json.loads(self._get("bodies"))]

    def keep_bodies(self) -> None:
        """From now on, and anew."""
        self._get("keep")

    def change(self, plan: Plan) -> None:
        """What is answered from now on; counts go on."""
        self._get("plan", json.dumps(asdict(plan)).encode())

    def _get(self, name: str, data: bytes | None = None) -> bytes:
        with _direct.open(f"{self.url.removesuffix('/v1')}/{name}", data, timeout=30) as response:
            content: bytes = response.read()
            return content


@contextmanager
def serve(plan: Plan | None = None) -> Iterator[Server]:
    """Gives a server in its own process; it also ends with this process, however that ends."""
    command = [sys.executable, "-m", "tests.loopback", "--until-stdin-ends"]
    command += ["--plan", json.dumps(asdict(plan or Plan()))]
    with subprocess.Popen(
        command, cwd=_REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            yield Server(json.loads(process.stdout.readline())["url"])
        finally:
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


class _Faulty:
    """The server's own side."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._received: Counter[bytes] = Counter()
        self._answered: Counter[bytes] = Counter()
        self._by_fault: Counter[str] = Counter()
        self._by_task: Counter[str] = Counter()
        self._in_flight = self._max_in_flight = 0
        self._key_seen = False
        self._bodies: list[str] | None = None

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.endswith(("/chat/completions", "/embeddings")):
            self._in_flight += 1
            self._max_in_flight = max(self._max_in_flight, self._in_flight)
            try:
                return await self._asked(request)
            finally:
                self._in_flight -= 1
        return await self._told(request)

    async def _told(self, request: web.BaseRequest) -> web.Response:
        """For the test, not for the client."""
        match request.path:
            case "/plan":
                self._plan = Plan(**json.loads(await request.read()))
            case "/keep":
                self._bodies = []
            case "/bodies":
                return web.json_response(self._bodies or [])
            case "/stats":
                return web.json_response(self._stats())
            case _:
                return web.Response(status=404, text=f"no {request.path} here")
        return web.Response()

    def _stats(self) -> dict[str, Any]:
        return {
            "calls": self._received.total(),
            "answered": self._answered.total(),
            "repeated": self._answered.total() - len(self._answered),
            "in_flight": self._in_flight,
            "max_in_flight": self._max_in_flight,
            "key_seen": self._key_seen,
            "by_fault": dict(self._by_fault),
            "by_task": dict(self._by_task),
        }

    async def _asked(self, request: web.BaseRequest) -> web.StreamResponse:
        raw = await request.read()
        plan, body_hash = self._plan, hashlib.blake2b(raw, digest_size=16).digest()
        drawn = draw("fault", plan.seed, body_hash.hex(), self._received[body_hash])
        self._received[body_hash] += 1
        if self._bodies is not None:
            self._bodies.append(raw.decode("utf-8", "surrogatepass"))
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self._key_seen |= key not in {"", "none"}
        if plan.latency_s:
            await asyncio.sleep(plan.latency_s)
        body = json.loads(raw)
        question = Question.read(body["messages"], plan.blind) if "messages" in body else None
        self._by_task[question.task if question else "embeddings"] += 1
        echo = f" Your key is {key}." if plan.echo_key else ""
        if plan.redirect_to:
            return web.Response(status=307, headers={"Location": plan.redirect_to + (echo and f"?{key}")})
        if plan.status:
            return _error(plan.status, f"This is status {plan.status}.{echo}")
        if plan.no_pictures and question and question.pictures:
            return _error(400, f"{plan.no_pictures}{echo}")
        if plan.no_schema_support and body.get("response_format", {}).get("type") == "json_schema":
            return _error(400, f"response_format of type json_schema is not supported.{echo}")
        response, fault = await self._response(request, plan, question, body, drawn, echo and key)
        if fault:
            self._by_fault[fault] += 1
        # A refusal in the form of an error is an answer; half a body is none.
        if (response.status == 200 or fault == "http_400") and fault not in _TRANSPORT_FAULTS:
            self._answered[body_hash] += 1
        return response

    async def _response(
        self,
        request: web.BaseRequest,
        plan: Plan,
        question: Question | None,
        body: dict[str, Any],
        drawn: float,
        echo: str,
    ) -> tuple[web.Response, str]:
        """What is sent, and the name of what is wrong with it."""
        fault = drawn_fault(plan, drawn, _TRANSPORT_FAULTS)
        said = f"Try again. {echo}"
        if fault == "rate_limited":
            return _error(429, said, {"Retry-After": f"{plan.retry_after_s:g}"}), fault
        if fault == "server_error":
            return _error((500, 502, 503)[int(drawn * 1e6) % 3], said), fault
        if fault == "hang":
            await _until_gone(request)
            return web.Response(status=504), fault
        if fault == "dropped":
            _cut(request, b"")
            return web.Response(), fault
        if question is None and "" in body["input"]:
            return _error(400, f"Invalid 'input': it cannot be an empty string. {echo}"), "empty_text"
        completion, fault_within = (
            completion_of(plan, question, body, drawn, echo) if question else (embeddings_of(body), "")
        )
        if fault_within == "http_400":
            return _error(400, f"Blocked by the content filter. {echo}", code="content_filter"), fault_within
        sent = json.dumps(completion).encode()
        if fault == "half_body":
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n"
            _cut(request, head.encode() + sent[: len(sent) // 2])
            return web.Response(), fault
        headers = {"x-request-id": f"r-{echo}"}
        return web.Response(body=sent, content_type="application/json", headers=headers), fault_within


def _error(
    status: int, words: str, headers: dict[str, str] | None = None, code: str | None = None
) -> web.Response:
    content = {"error": {"message": words, "type": "scripted", "param": None, "code": code}}
    return web.json_response(content, status=status, headers=headers)


def _cut(request: web.BaseRequest, sent: bytes) -> None:
    """Ends the connection after some bytes."""
    if request.transport is not None:
        request.transport.write(sent)
        request.transport.close()


async def _until_gone(request: web.BaseRequest) -> None:
    """Waits until the client has given up."""
    waited = 0.0
    while request.transport is not None and not request.transport.is_closing() and waited < _HANG_S:
        await asyncio.sleep(0.01)
        waited += 0.01


async def _serve(port: int, plan: Plan, until_stdin_ends: bool) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def request_of(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=2**28)

    listening = web.Server(_Faulty(plan).handle, request_factory=request_of, access_log=None)
    runner = web.ServerRunner(listening, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, backlog=1024)
    await site.start()
    print(json.dumps({"url": f"http://127.0.0.1:{runner.addresses[0][1]}/v1"}), flush=True)
    if until_stdin_ends:

        def watch() -> None:
            sys.stdin.read()
            loop.call_soon_threadsafe(stop.set)

        threading.Thread(target=watch, daemon=True).start()
    await stop.wait()
    await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.loopback", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 for a free one")
    parser.add_argument("--plan", default="{}", help="JSON with the keys of Plan")
    parser.add_argument("--until-stdin-ends", action="store_true", help="serve no longer than that")
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments.port, Plan(**json.loads(arguments.plan)), arguments.until_stdin_ends))


if __name__ == "__main__":
    main()
