"""The three commands: how they start, what they refuse, and how they end."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from flows import __main__ as stage_command
from flows import deployments, serve, settings
from flows import study as study_command
from tasks.errors import EngineError, MissingStageError, ParamsError, SourceError
from tests.conftest import PAIR_STUDY, REPO, Project


@pytest.fixture
def news(project: Project) -> Project:
    (project.folder / "dvc.yaml").write_text(
        (REPO / "dvc.yaml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    project.params(news=PAIR_STUDY)
    return project


@pytest.fixture
def port() -> int:
    """A free one, and none of those that the system gives to whoever asks for any: another worker might."""
    return next(port for port in random.sample(range(20_000, 30_000), 100) if _is_free(port))


def environment(**more: str) -> dict[str, str]:
    """Of a user without any setting of Prefect's."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return {**own, "PYTHONPATH": str(REPO), **more}


def run(*arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments], env=environment(**more), capture_output=True, text=True, check=False
    )


def test_the_bare_stage_never_imports_prefect(news: Project) -> None:
    code = (
        "import sys; from flows.__main__ import main; code = main(['score', '--study', 'news']);"
        "assert not any(name.split('.')[0] == 'prefect' for name in sys.modules); sys.exit(code)"
    )
    done = run("-c", code)
    assert done.returncode == MissingStageError.exit_code, done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("module", ["flows", "flows.study", "flows.serve", "flows.deploy"])
def test_help_does_not_wait_for_prefect(module: str) -> None:
    done = run("-X", "importtime", "-m", module, "--help")
    assert done.returncode == 0
    assert "usage: python -m flows" in done.stdout
    assert " prefect" not in done.stderr


def test_a_server_that_is_not_there_is_one_error(news: Project, port: int) -> None:
    done = run("-m", "flows", "score", "--study", "news", PREFECT_API_URL=f"http://{serve.HOST}:{port}/api")
    assert done.returncode == EngineError.exit_code
    assert done.stderr.startswith(
        f"error: PREFECT_API_URL=http://{serve.HOST}:{port}/api: wanted a Prefect server"
    )
    assert "`make ui`" in done.stderr
    assert "unset PREFECT_API_URL" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [["news2"], ["--force", "news2"]])
def test_an_unknown_study_starts_no_server(
    news: Project, command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(settings, "apply", lambda: pytest.fail("Prefect was about to start"))
    assert study_command.main(command) == ParamsError.exit_code
    assert "did you mean `news`?" in capsys.readouterr().err


def test_an_unknown_study_is_found_before_the_server_is_asked(
    news: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(settings.API_URL, "http://127.0.0.1:1/api")
    assert stage_command.main(["score", "--study", "news2"]) == ParamsError.exit_code
    assert "did you mean `news`?" in capsys.readouterr().err


def test_settings_keep_to_the_project_and_to_the_users_choice(
    news: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("PREFECT_") or name == "DO_NOT_TRACK"]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "DEBUG"
    settings.apply()
    assert Path(os.environ["PREFECT_HOME"]).is_relative_to(news.folder / "data/.cache")
    assert Path(os.environ["PREFECT_LOCAL_STORAGE_PATH"]).is_relative_to(news.folder / "data/.cache/prefect")
    assert os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] == "DEBUG"


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "4200.5"])
def test_a_port_that_is_none(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        serve.main([f"--port={text}"])
    assert f"wanted a port from 1 to 65535, got '{text}'" in capsys.readouterr().err


def test_a_taken_port_is_one_error(news: Project, port: int, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind((serve.HOST, port))
        other.listen()
        assert serve.main(["--port", str(port)]) == EngineError.exit_code
    message = capsys.readouterr().err
    assert message.startswith(f"error: --port {port}: wanted a free port")
    assert f"--port {port + 1}" in message
    assert not (news.folder / "data").exists(), "nothing was started"


def test_a_user_error_is_one_line_on_a_server_too(news: Project, prefect_api: None) -> None:
    from prefect.settings import PREFECT_API_URL

    done = run("-m", "flows", "collect", "--study", "news", PREFECT_API_URL=str(PREFECT_API_URL.value()))
    assert done.returncode == SourceError.exit_code
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert "news.parquet" in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


def test_schedules_of_the_ui_and_of_params_live_side_by_side(news: Project, prefect_api: None) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.schedules import CronSchedule

    from flows.pipeline import run_study

    def registered(text: str | None) -> list[tuple[Any, bool, str | None]]:
        """Of a deployment that is registered anew, as a server does when it starts."""
        wanted = deployments.schedules("study/news", text)
        run_study.to_deployment("news", parameters={"name": "news"}, schedules=wanted).apply()
        with get_client(sync_client=True) as client:
            there = client.read_deployment_by_name("study/news").schedules
        return sorted(((s.schedule, s.active, s.slug) for s in there), key=lambda s: s[2] or "")

    assert deployments.schedules("study/news", None) == []
    daily = CronSchedule(cron="0 3 * * *", timezone="UTC")
    run_study.to_deployment("news", parameters={"name": "news"}, schedule=daily).apply()
    of_ui = (daily, True, None)
    assert registered(None) == [of_ui]
    weekly = CronSchedule(cron="30 6 * * 1", timezone="Europe/Berlin")
    for _ in range(2):
        assert registered("every monday at 06:30 in Europe/Berlin") == [
            of_ui,
            (weekly, True, deployments.SLUG),
        ]
    with get_client(sync_client=True) as client:
        found = client.read_deployment_by_name("study/news")
        own = next(s.id for s in found.schedules if s.slug)
        client.update_deployment_schedule(found.id, own, active=False)
    assert registered("every monday at 06:30 in Europe/Berlin")[1][1] is False, (
        "it was switched off in the UI"
    )
    (_, (hourly, is_active, _)) = registered("every 2 hours")
    assert (hourly.interval.total_seconds(), hourly.timezone, is_active) == (7_200, "UTC", True)
    assert (hourly.anchor_date.hour, hourly.anchor_date.minute) == (0, 0)
    assert registered(None) == [of_ui]


def _ask(url: str, **body: Any) -> Any:
    request = urllib.request.Request(
        url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((serve.HOST, port)) != 0


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_server_serves_each_study_and_ends_whole(news: Project, port: int, how: signal.Signals) -> None:
    home = news.folder / "home"
    home.mkdir()
    news.params(news={**PAIR_STUDY, "schedule": "every day at 03:00"}, broken={**PAIR_STUDY, "seed": -1})
    log = (news.folder / "log").open("w+")
    served = subprocess.Popen(
        [sys.executable, "-m", "flows.serve", "--port", str(port)],
        env=environment(HOME=str(home)),
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        found: list[Any] = []
        deadline = time.monotonic() + 240
        while len(found) < 2 and time.monotonic() < deadline:
            assert served.poll() is None, Path(log.name).read_text()
            time.sleep(0.5)
            if serve.is_healthy(f"http://{serve.HOST}:{port}"):
                found = _ask(f"http://{serve.HOST}:{port}/api/deployments/filter", sort="NAME_DESC")
        assert [(d["name"], d["parameters"], d["paused"], d["tags"], len(d["schedules"])) for d in found] == [
            ("news", {"name": "news"}, False, ["news", "corpus_pair", "embedded"], 1),
            ("broken", {"name": "broken"}, False, ["broken"], 0),
        ]
        # What Ctrl-C does in a terminal: the server, in a group of its own, must be ended by its parent.
        os.killpg(served.pid, how)
        assert served.wait(60) == 0, Path(log.name).read_text()
        assert _is_free(port)
    finally:
        if served.poll() is None:
            served.terminate()  # it ends its server, which a killed one would leave behind
            served.wait(60)
        log.close()
    shown = Path(log.name).read_text()
    assert f"export PREFECT_API_URL=http://{serve.HOST}:{port}/api" in shown
    assert shown.endswith("Stopped.\n"), shown
    assert "warning: studies.broken.seed: wanted" in shown
    assert not list(home.iterdir()), "the user's home is not touched"
