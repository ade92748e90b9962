"""A Prefect server for this project, with one deployment per study: `python -m flows.serve`.

Runs can be started, retried and scheduled in its UI; it ends with Ctrl-C. Everything it keeps lies in
data/.cache/prefect.
"""

import argparse
import atexit
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType

from flows import deployments, guard, settings
from tasks import paths
from tasks.__main__ import exit_code
from tasks.errors import EngineError
from tasks.store import disk

HOST = guard.HOST
START_S = 180.0
STOP_S = 15.0


def main(argv: Sequence[str] | None = None) -> int:
    """Serves until it is interrupted and gives its exit code."""
    arguments = _parser().parse_args(argv)
    return exit_code(lambda: serve(arguments.port))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m flows.serve",
        description="Start the Prefect UI with one deployment per study of params.yaml; Ctrl-C ends it.",
    )
    parser.add_argument("--port", type=_port, default=4200, metavar="N", help="where it listens (4200)")
    return parser


def _port(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"wanted a port from 1 to 65535, got {text!r}")
    return int(text)


def serve(port: int) -> None:
    """Runs the server and its deployments until interrupted.

    Raises:
        EngineError: the port is taken, or the server does not come up.
    """
    from tasks import study

    names = study.names()
    _require_free(port)
    url = f"http://{HOST}:{port}"
    os.environ[settings.API_URL] = os.environ["PREFECT_SERVER_UI_API_URL"] = f"{url}/api"
    settings.apply()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # A shell's background job starts without.
    signal.signal(signal.SIGTERM, _interrupt)
    # An interrupt may fall between the making of Prefect's coroutine and its start: nothing to warn of.
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
    try:
        with _server(port, url):
            print(
                f"UI: {url}/deployments   (Ctrl-C ends it)\n"
                f"Studies: {', '.join(names) or 'none yet in params.yaml'}\n"
                f"For `dvc repro` and `python -m flows.study NAME` in another terminal to show there too:\n"
                f"  export {settings.API_URL}={url}/api",
                flush=True,
            )
            deployments.serve(names, _interrupt)
    except KeyboardInterrupt:
        print("Stopped.", flush=True)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def start_for_this_process() -> None:
    """Starts a server without a page, on a free port, that ends with the process; the environment names it.

    Raises:
        EngineError: it does not come up.
    """
    port = free_port()
    url = f"http://{HOST}:{port}"
    running = ExitStack()
    atexit.register(running.close)
    signal.signal(signal.SIGTERM, _interrupt)  # or it would outlive this process
    running.enter_context(_server(port, url, {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1"}))
    os.environ[settings.API_URL] = f"{url}/api"


@contextmanager
def _server(port: int, url: str, options: Mapping[str, str] = MappingProxyType({})) -> Iterator[None]:
    """A Prefect server in a process group of its own: Ctrl-C must end the deployments first, then it."""
    log = Path(os.environ["PREFECT_HOME"]) / "server.log"
    command = [sys.executable, "-m", "flows.guard", "--port", str(port)]
    origins = {settings.ORIGINS: f"{url},http://localhost:{port}"}
    try:
        with log.open("w", encoding="utf-8") as output:
            server = subprocess.Popen(  # noqa: S603 - our own interpreter and a checked number
                command,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, **origins, **options},
            )
    except OSError as error:
        raise disk.unwritable(log, error) from error
    try:
        _wait_until_healthy(server, url, log)
        yield
    finally:
        _stop(server)


def _wait_until_healthy(server: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and server.poll() is None:
        if is_healthy(url):
            return
        time.sleep(0.3)
    how = "did not answer" if server.poll() is None else f"ended with code {server.returncode}"
    raise EngineError(
        f"{url}: wanted the Prefect server to come up within {START_S:.0f} s, but it {how}.",
        hint=f"Its log: {log.relative_to(paths.root()) if log.is_relative_to(paths.root()) else log}",
    )


def is_healthy(url: str) -> bool:
    """Whether a Prefect server answers there."""
    try:
        with urllib.request.urlopen(f"{url}/api/health", timeout=2) as answer:  # noqa: S310 - loopback http
            return bool(answer.status == 200 and answer.read().strip() == b"true")
    except (urllib.error.URLError, OSError):
        return False


def _require_free(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            url = f"http://{HOST}:{port}"
            there = "a Prefect server answers there already" if is_healthy(url) else error.strerror
            raise EngineError(
                f"--port {port}: wanted a free port, but {there}.",
                hint=f"Stop what listens there, or write --port {port + 1 if port < 65535 else 4200}.",
            ) from None


def _stop(server: "subprocess.Popen[bytes]") -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        if server.poll() is None:
            os.killpg(server.pid, how)
            try:
                server.wait(STOP_S)
            except subprocess.TimeoutExpired:
                continue


def _interrupt(_signal: int, _frame: object) -> None:
    """Makes `kill` end the server as Ctrl-C does."""
    signal.raise_signal(signal.SIGINT)


if __name__ == "__main__":
    sys.exit(main())
