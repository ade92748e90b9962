"""Studies handed over to a work pool: a worker of Prefect's own runs them, and `make ui` does not."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flows import deploy, deployments, settings
from tasks import paths
from tasks.errors import EngineError
from tests.conftest import REPO, Project, pair
from tests.flows.test_prefect_commands import environment, news

__all__ = ["news"]

POOL = "team"
LONGEST_S = 600.0


@pytest.fixture
def url(news: Project, prefect_api: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a running server, as the user has it in the environment."""
    from prefect.settings import PREFECT_API_URL

    address = str(PREFECT_API_URL.value())
    monkeypatch.setenv(settings.API_URL, address)
    return address


def deployment() -> Any:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return client.read_deployment_by_name("study/news")


def test_a_pool_without_a_server_is_one_error(news: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert deploy.main(["--pool", POOL]) == EngineError.exit_code
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "make ui" in told


def test_what_a_pool_has_is_left_to_its_workers(
    url: str, news: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.runner import Runner

    assert deploy.main(["--pool", POOL, "news"]) == 0
    assert deploy.main(["--pool", POOL]) == 0, "twice is once"
    told = deployment()
    assert told.work_pool_name == POOL and told.parameters == {"name": "news"}
    assert told.job_variables["working_dir"] == str(news.folder)
    served: list[Any] = []
    monkeypatch.setattr(Runner, "add_deployment", lambda _, one: served.append(one))
    monkeypatch.setattr(Runner, "start", lambda _: asyncio.sleep(0))
    deployments.serve(["news"], lambda *_: None)
    assert not served and deployment().work_pool_name == POOL
    assert f"news: run by the workers of the work pool {POOL}" in capsys.readouterr().out


@pytest.mark.long
def test_a_worker_of_the_pool_runs_a_study(url: str, news: Project, tmp_path: Path) -> None:
    from prefect.deployments import run_deployment

    for name in ("tasks", "flows"):
        (news.folder / name).symlink_to(REPO / name)
    news.table("news.parquet", pair(40, 0.4, 0.0))
    assert deploy.main(["--pool", POOL, "news"]) == 0
    (tmp_path / "elsewhere").mkdir()
    worker = subprocess.Popen(
        [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL],
        cwd=tmp_path / "elsewhere",
        env=environment(PREFECT_API_URL=url, PREFECT_HOME=str(tmp_path / "home")),
        start_new_session=True,
    )
    try:
        run: Any = run_deployment("study/news", timeout=LONGEST_S, poll_interval=1)
    finally:
        os.killpg(worker.pid, signal.SIGTERM)
        ends_at = time.monotonic() + 30
        while worker.poll() is None and time.monotonic() < ends_at:
            time.sleep(0.2)
        if worker.poll() is None:
            os.killpg(worker.pid, signal.SIGKILL)
    assert run.state.is_completed(), run.state
    assert run.work_pool_name == POOL
    assert paths.report_page("news").is_file()
