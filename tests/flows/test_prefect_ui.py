"""The Prefect UI in a browser: a study is started, cancelled, taken up again, fails in a shard, ends well.

Where NATSTAT_SCREENSHOTS names a folder, what the browser shows is written there (docs/prefect_*.png).
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from filelock import FileLock
from PIL import Image

from flows import serve
from tasks import paths
from tests import browser, llm_study, loopback
from tests.conftest import Project
from tests.engines import scripted_server
from tests.flows.test_prefect_commands import environment, news, port

__all__ = ["news", "port"]

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(browser.program() is None, reason="no Chromium is installed"),
]

AT_ONCE = 4
N_SHARDS = 5
N_COLOURS = 192
SLOW_S = 1800.0
"""The longest that a page is waited for, on a machine that has other things to do."""


class Judge:
    """Stands before a model.

    Where it is told to, it leaves calls waiting when a shard is finished, or refuses the key in the first
    call of one shard.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        self.asked: Counter[str] = Counter()
        self.waits_after_a_shard = False
        self.refuses = False
        self._refused: str | None = None

    async def answer(self, body: dict[str, Any], _: int) -> web.StreamResponse:
        said = body["messages"][-1]["content"]
        while self.waits_after_a_shard and any(paths.cache().rglob("parts/**/part-*.parquet")):
            await asyncio.sleep(0.1)
        if self.refuses and self._refused in {None, said}:
            self._refused = said
            return scripted_server.fails(401, "Incorrect API key provided")
        self.asked[said] += 1
        url = f"{self.model}/chat/completions"
        async with aiohttp.ClientSession() as session, session.post(url, json=body) as answer:
            return web.Response(body=await answer.read(), content_type="application/json")


@pytest.fixture
def judge(news: Project) -> Iterator[Judge]:
    """A study whose texts are judged in five shards, each of some seconds, and who judges them."""
    plan = loopback.Plan(hypotheses=llm_study.HYPOTHESES, latency_s=0.2)
    with loopback.serve(plan) as model:
        one = Judge(model.url)
        with scripted_server.serving(one.answer) as server:
            llm_study.prepared(
                news,
                loopback.Server(server.url),
                verify={"shard_size": 25, "predicates_per_call": 10},
                spend={"concurrency": AT_ONCE, "timeout_s": 600.0},
                schedule="every day at 03:00 in Europe/Berlin",
            )
            yield one


@contextmanager
def served(port: int, log: Path) -> Iterator[int]:
    """`make ui`; gives the number of its process."""
    start = f"from flows import serve; serve.START_S = {SLOW_S}; serve.main(['--port', '{port}'])"
    with log.open("w") as written:
        process = subprocess.Popen(
            [sys.executable, "-c", start],
            env=environment(),
            stdout=written,
            stderr=written,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + SLOW_S
        while not serve.is_healthy(f"http://{serve.HOST}:{port}") or not ask(port, "deployments/filter"):
            assert process.poll() is None and time.monotonic() < until, log.read_text()
            time.sleep(0.5)
        yield process.pid
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(60)


def ask(port: int, path: str, **body: Any) -> Any:
    request = urllib.request.Request(
        f"http://{serve.HOST}:{port}/api/{path}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except OSError:
        return None


def shards_of(port: int, attempt: int) -> dict[str, str]:
    """State by name of the shards of verify, in the n-th attempt at the run."""
    runs = [
        run
        for run in ask(port, "task_runs/filter", limit=200)
        if run["name"].startswith("verify shard") and run["flow_run_run_count"] == attempt
    ]
    return {run["name"]: run["state_name"] for run in runs}


def wait_until(is_so: Callable[[], Any], what: str) -> None:
    until = time.monotonic() + SLOW_S
    while not is_so():
        assert time.monotonic() < until, f"waited for {what}"
        time.sleep(0.3)


def children(pid: int) -> list[str]:
    """Commands of the processes that a process has started, and that are there."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            command = stat.with_name("cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if parent == pid and command:
            found.append(command)
    return found


def is_free(lock: Path) -> bool:
    try:
        with FileLock(lock, timeout=0):
            return True
    except TimeoutError:
        return False


def shoot(page: browser.Page, name: str) -> None:
    if folder := os.environ.get("NATSTAT_SCREENSHOTS"):
        with Image.open(BytesIO(page.still())) as picture:
            colours = picture.convert("RGB").quantize(N_COLOURS, dither=Image.Dither.NONE)
        colours.save(Path(folder) / f"prefect_{name}.png", optimize=True)


def look_again(page: browser.Page, state: str) -> None:
    """The run's page anew: some of what it shows is as old as the page."""
    page.open(page.run("location.href"))
    page.wait_for(rf"news {state} .*\d Task runs", SLOW_S)


def test_a_study_is_watched_cancelled_retried_and_finished_in_the_ui(
    judge: Judge, port: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("browser")
    with served(port, outside / "serve.log") as pid, browser.opened(outside) as page:
        wait_until(lambda: ask(port, "flow_runs/filter"), "the next run by the schedule")
        page.open(f"http://{serve.HOST}:{port}/deployments")
        for tag in ("corpus_pair", "llm", "news"):
            page.wait_for(rf"Deployment Status .*\b{tag}\b|\b{tag}\b.* Deployment Status", SLOW_S)
        page.click("news", seconds=SLOW_S)
        page.wait_for("Next Run .*Schedules params-yaml", SLOW_S)
        shoot(page, "deployment")
        page.click("Run", seconds=SLOW_S)
        page.click("Quick run", seconds=SLOW_S)
        page.wait_for("Validate parameters", SLOW_S)
        judge.waits_after_a_shard = True
        page.click("Run", seconds=SLOW_S)
        page.click("View run", seconds=SLOW_S)

        # Cancelled while shards run: nothing of it stays, and what was finished is not lost.
        page.wait_for("formalise news: ", SLOW_S)
        wait_until(lambda: "Completed" in shards_of(port, 1).values(), "a finished shard")
        page.click("Cancel", seconds=SLOW_S)
        page.click("Confirm", seconds=SLOW_S)
        page.wait_for("news Cancelled", SLOW_S)
        wait_until(
            lambda: not any("prefect.engine" in one for one in children(pid)), "the end of the process"
        )
        assert all(is_free(lock) for lock in Path("data/.cache/locks").glob("news.*.lock"))
        assert not paths.output("news", "verify").exists()
        wait_until(lambda: "Running" not in shards_of(port, 1).values(), "the end of its shards")
        assert "Cancelled" in shards_of(port, 1).values()
        judge.waits_after_a_shard = False
        asked_before = sum(judge.asked.values())

        # Taken up again, with a key that is refused once: one shard fails, the others do not.
        judge.refuses = True
        retry(page)
        page.wait_for("news Failed", SLOW_S)
        page.wait_for("HTTP 401: Incorrect API key provided", SLOW_S)
        wait_until(lambda: len(shards_of(port, 2)) == N_SHARDS, "all shards")
        states = Counter(shards_of(port, 2).values())
        assert states["Failed"] == 1 and states["Cached"] >= 1 and states.total() == N_SHARDS, states
        failed = next(name for name, state in shards_of(port, 2).items() if state == "Failed")
        look_again(page, "Failed")
        shoot(page, "failed")

        # The key is right again: that shard alone is judged, and the study ends.
        judge.refuses = False
        retry(page)
        page.wait_for("news Completed", SLOW_S)
        wait_until(lambda: len(shards_of(port, 3)) == N_SHARDS, "all shards")
        cached = {name for name, state in shards_of(port, 3).items() if state == "Cached"}
        assert shards_of(port, 3)[failed] == "Completed" and len(cached) == N_SHARDS - 1
        page.click("Task Runs", seconds=SLOW_S)
        shown = page.wait_for(rf"{failed} .*Completed", SLOW_S)
        assert "collect" in shown and "Cached" in shown
        assert asked_before > 0
        twice = sum(n - 1 for n in judge.asked.values())
        assert twice <= AT_ONCE, "what was asked before a run was cancelled, and not in flight, is kept"

        look_again(page, "Completed")
        shoot(page, "finished")
        page.click("Artifacts", seconds=SLOW_S)
        page.scroll_to("Flow run", "h6", SLOW_S)
        page.wait_for("news-discoveries.*2 findings", SLOW_S)
        (table,) = (a for a in ask(port, "artifacts/filter") if a["key"] == "news-discoveries")
        page.open(f"http://{serve.HOST}:{port}/artifacts/artifact/{table['id']}")
        page.wait_for('mentions "covid"', SLOW_S)
        shoot(page, "discoveries")
        page.click("reports/news/index.html", seconds=SLOW_S)
        wait_until(lambda: tab_of_report(port, page), "the report")


def retry(page: browser.Page) -> None:
    """Presses Retry, and again where it is asked whether that is meant."""
    page.click("Retry", seconds=SLOW_S)
    page.wait_for("Retry news", SLOW_S)
    page.click("Retry", seconds=SLOW_S)


def tab_of_report(port: int, page: browser.Page) -> bool:
    """Whether a tab shows the report."""
    found = page.call("Target.getTargets")["targetInfos"]
    return any(one["url"] == f"http://{serve.HOST}:{port}/reports/news/index.html" for one in found)
