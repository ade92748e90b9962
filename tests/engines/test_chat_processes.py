"""The store between processes: shared, killed, interrupted."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.conftest import REPO
from tests.engines.chatting import GOOD, run_many, study_of
from tests.engines.scripted_server import Server, says, serving

pytestmark = pytest.mark.usefixtures("store")

PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in the background
from tests.engines.chatting import run_many, study_of
url, concurrency, n = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
print("ready", flush=True)
run_many(study_of(url, concurrency=concurrency), n)
"""


async def slow(body: dict[str, Any], before: int) -> web.StreamResponse:
    await asyncio.sleep(0.02)
    return says(GOOD)


def started(server: Server, concurrency: int, n: int) -> subprocess.Popen[str]:
    """A process that judges n texts; imports are over when this returns."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, server.url, str(concurrency), str(n)],
        cwd=REPO,
        env=os.environ.copy(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def wait_until(server: Server, calls: int) -> None:
    ends_at = time.monotonic() + 30
    while server.calls < calls:
        assert time.monotonic() < ends_at
        time.sleep(0.005)


def test_a_killed_run_repeats_at_most_what_was_in_flight() -> None:
    rng, kills, concurrency, n = random.Random(3), 3, 8, 600
    with serving(slow) as server:
        for _ in range(kills):
            process = started(server, concurrency, n)
            wait_until(server, server.calls + rng.randrange(20, 120))
            process.send_signal(signal.SIGKILL)
            process.communicate()
        got = run_many(study_of(server.url, concurrency=concurrency), n)
        assert len(got) == n
        assert n <= server.calls <= n + kills * concurrency
        calls = server.calls
        run_many(study_of(server.url, concurrency=concurrency), n)
        assert server.calls == calls


def test_two_processes_share_answers_while_both_write() -> None:
    with serving(slow) as server:
        both = [started(server, 4, 300) for _ in range(2)]
        for process in both:
            _, errors = process.communicate(timeout=60)
            assert process.returncode == 0, errors
        # Side by side they ask the same things at the same moment; what one has stored, neither asks again.
        assert 300 <= server.calls <= 600
        calls = server.calls
        run_many(study_of(server.url), 300)
        assert server.calls == calls
    asked = [json.dumps(body) for body in server.bodies]
    assert max(map(asked.count, set(asked))) <= 2


def test_interrupting_a_run_ends_it_cleanly() -> None:
    async def slower(body: dict[str, Any], before: int) -> web.StreamResponse:
        await asyncio.sleep(0.5)
        return says(GOOD)

    with serving(slower) as server:
        process = started(server, 4, 1000)
        wait_until(server, 9)
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        _, errors = process.communicate(timeout=20)
    assert time.monotonic() - began < 5
    assert process.returncode in (-signal.SIGINT, 130)
    assert errors.strip().endswith("KeyboardInterrupt")
    for noise in ("Unclosed", "never retrieved", "Task was destroyed"):
        assert noise not in errors


def test_the_store_is_where_it_was_asked_to_be(store: Path) -> None:
    with serving(slow) as server:
        run_many(study_of(server.url), 1)
    assert store.is_file()
