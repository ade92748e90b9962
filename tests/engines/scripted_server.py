"""A real HTTP server in a thread that answers as a test says, and remembers what it was asked."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Script = Callable[[dict[str, Any], int], Awaitable[web.StreamResponse]]
"""Answers a request's JSON; the number says how many requests came before."""


@dataclass
class Server:
    """What a test sees of it."""

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    arrived_at: list[float] = field(default_factory=list)
    in_flight: int = 0
    max_in_flight: int = 0

    @property
    def calls(self) -> int:
        return len(self.bodies)


def says(content: str | None, **fields: Any) -> web.Response:
    """A chat completion."""
    message = {"role": "assistant", "content": content, "refusal": fields.pop("refusal", None)}
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": fields.pop("finish_reason", "stop"),
        "logprobs": fields.pop("logprobs", None),
    }
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 40}}
    return web.json_response(
        {"id": "c1", "object": "chat.completion", "choices": [choice], "usage": usage} | fields
    )


def fails(status: int, words: str = "", code: str | None = None, **headers: str) -> web.Response:
    """An error in OpenAI's shape."""
    content = {"error": {"message": words, "code": code}}
    return web.json_response(
        content, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


@contextlib.contextmanager
def serving(script: Script, port: int = 0) -> Iterator[Server]:
    """Gives the server while it runs, on a free port unless one is named."""
    server, started, stop = Server(), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def handle(request: web.Request) -> web.StreamResponse:
        before = server.calls
        server.bodies.append(json.loads(await request.read()))
        server.headers.append(dict(request.headers))
        server.arrived_at.append(loop.time())
        server.in_flight += 1
        server.max_in_flight = max(server.max_in_flight, server.in_flight)
        try:
            return await script(server.bodies[-1], before)
        finally:
            server.in_flight -= 1

    async def main() -> None:
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/v1/chat/completions", handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port, reuse_address=True)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        started.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    try:
        assert started.wait(10)
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
