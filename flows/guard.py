"""The Prefect server for who sits at this machine alone: `python -m flows.guard --port N` (serve starts it).

Prefect answers every web page that is open in a browser here, so any site could list runs and delete them.
Here a request must name this machine as its host, or a site could give itself our address by its own DNS; and
where a page sends it, that page must be this server's own.

It hands out reports, too, so that the UI can lead to them: in a sandbox, where a page has no origin, and what
a corpus says there can ask this server nothing.
"""

import argparse
import sys
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tasks import paths

HOST = "127.0.0.1"
_REPORTS = "/reports"
_SANDBOX = b"sandbox allow-scripts allow-downloads allow-popups"
_OURS = {HOST, "localhost"}
_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Message, _Receive, _Send], Awaitable[None]]


def is_ours(host: str, origin: str | None) -> bool:
    """Whether a request with these headers comes from this machine, and not from another site's page."""
    try:
        asked = urlsplit(f"//{host}")
        page = None if origin is None else urlsplit(origin)
        if asked.hostname not in _OURS:
            return False
        return page is None or (page.hostname in _OURS and page.port == asked.port)
    except ValueError:
        return False


class OwnPageOnly:
    """An ASGI application in front of another: what is not ours is refused before it is read."""

    def __init__(self, app: _App) -> None:
        self._app = app

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Hands a request on, or refuses it."""
        if scope["type"] in {"http", "websocket"}:
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            if not is_ours(headers.get("host", ""), headers.get("origin")):
                await _refuse(scope["type"], send)
                return
        await self._app(scope, receive, send)


class WithReports:
    """An ASGI application in front of another: gives the files of a folder under /reports/."""

    def __init__(self, app: _App, folder: Path) -> None:
        from starlette.applications import Starlette
        from starlette.routing import Mount
        from starlette.staticfiles import StaticFiles

        self._app = app
        self._files = Starlette(routes=[Mount(_REPORTS, StaticFiles(directory=folder, check_dir=False))])

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answers a request for a report; hands others on."""
        if scope["type"] != "http" or not scope["path"].startswith(f"{_REPORTS}/"):
            await self._app(scope, receive, send)
            return

        async def send_in_sandbox(message: _Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", _SANDBOX)]
            await send(message)

        await self._files(scope, receive, send_in_sandbox)


async def _refuse(kind: str, send: _Send) -> None:
    if kind == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    told = b"This Prefect server answers its own page on 127.0.0.1 or localhost alone.\n"
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(told)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": told})


def main(argv: Sequence[str] | None = None) -> int:
    """Serves until it is ended."""
    parser = argparse.ArgumentParser(prog="python -m flows.guard", description="A Prefect server.")
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args(argv).port

    import uvicorn
    from prefect.server.api.server import create_app

    paths.reports().mkdir(exist_ok=True)  # there may be none yet, and then are
    served = OwnPageOnly(WithReports(create_app(final=True), paths.reports()))
    uvicorn.run(served, host=HOST, port=port, log_level="warning", lifespan="on")
    return 0


if __name__ == "__main__":
    sys.exit(main())
