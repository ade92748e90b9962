"""Kind encoder_failures when things go wrong: the same verdicts, nothing paid twice, no key kept."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks import paths
from tasks.commands import cost
from tasks.errors import EngineError
from tasks.study import load
from tasks.verify import stage as verify
from tests import loopback
from tests.conftest import REPO, Project
from tests.engines.test_llm_key import KEY, giving_away
from tests.llm_failures import PLAN, ROLES, failed, failures_study, n_asked, prepared_failures
from tests.llm_study import FAULTS, every_file
from tests.loopback import Plan, Server

FAULTY = replace(PLAN, **FAULTS)
PRICES = {name: {"input": 1.0, "output": 1.0} for name in ("scripted", "tiny")}
CONCURRENCY = 4


@pytest.fixture
def server(scripted: Server) -> Server:
    scripted.change(PLAN)
    return scripted


def judged() -> dict[str, bytes]:
    """What verify leaves, calls left out: these differ where one was repaired."""
    folder = paths.output("captions", "verify")
    return {file.name: file.read_bytes() for file in sorted(folder.glob("[pf]*.parquet"))}


@pytest.fixture
def elsewhere(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A second run's answers; vectors are forgotten, too."""
    shutil.rmtree(paths.cache(), ignore_errors=True)
    file = project.folder / "other.sqlite"
    monkeypatch.setenv("NATSTAT_ANSWERS", str(file))
    yield file


MANY: dict[str, Any] = {"propose": {"rounds": 4}, "encoder_failures": {"fresh": 100}}


@pytest.fixture(scope="module")
def undisturbed(scripted: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study in which nothing goes wrong."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("undisturbed"))
        scripted.change(PLAN)
        prepared_failures(Project(Path.cwd()), scripted, **MANY).run("captions")
        return Path.cwd()


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
def test_faults_change_no_verdict(
    seed: int, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(undisturbed)
    verdicts, found = judged(), failed()
    assert set(verdicts) >= {"fresh.parquet", "part-0000.parquet"}
    monkeypatch.chdir(tmp_path)
    with loopback.serve(replace(FAULTY, seed=seed)) as faulty:
        prepared_failures(Project(tmp_path), faulty, **MANY).run("captions")
        counted = faulty.stats()
    assert judged() == verdicts
    assert {name: (row["validity"], row["q"]) for name, row in failed().items()} == {
        name: (row["validity"], row["q"]) for name, row in found.items()
    }
    assert sum(counted["by_fault"].values()) > 0.1 * counted["calls"]


def started(project: Project, answers: Path) -> subprocess.Popen[str]:
    """`python -m tasks verify` as a user starts it."""
    return subprocess.Popen(
        [sys.executable, "-m", "tasks", "verify", "--study", "captions"],
        cwd=project.folder,
        env={**os.environ, "NATSTAT_ANSWERS": str(answers), "PYTHONPATH": str(REPO)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def killed(process: subprocess.Popen[str], server: Server, at_call: int) -> bool:
    """Kills the process when language models had so many calls; whether it was still running."""
    ends_at = time.monotonic() + 60
    while n_asked(server) < at_call and process.poll() is None:
        assert time.monotonic() < ends_at
        time.sleep(0.01)
    was_running = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    while server.stats()["in_flight"]:
        assert time.monotonic() < ends_at
        time.sleep(0.005)
    return was_running


def finished(project: Project, answers: Path) -> dict[str, bytes]:
    """The stage's files after a run to the end, in this process: a new one would import for seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NATSTAT_ANSWERS", str(answers))
        project.run("captions", "verify")
    return every_file(paths.output("captions", "verify"))


def forget() -> None:
    """Everything of the stage but the answers."""
    shutil.rmtree(paths.output("captions", "verify"), ignore_errors=True)
    shutil.rmtree(paths.cache() / "parts", ignore_errors=True)
    verify._planned.cache_clear()  # a rerun is another process


@pytest.mark.parametrize("plan", ["fixed", pytest.param("sequential", marks=pytest.mark.long)])
def test_killed_while_it_writes_and_while_it_judges_a_run_pays_nothing_twice(
    plan: str, project: Project
) -> None:
    blocks: dict[str, Any] = {
        "spend": {"concurrency": CONCURRENCY, "timeout_s": 10.0},
        "encoder_failures": {"fresh": 100},
        "verify": {"plan": plan, "shard_size": 90, "sequential": {"look_every": 40}},
    }
    with loopback.serve(replace(PLAN, latency_s=0.03)) as server:
        prepared_failures(project, server, **blocks).run("captions", *paths.STAGES[:4])
        before = n_asked(server)
        undisturbed = finished(project, project.folder / "undisturbed.sqlite")
        n_calls = n_asked(server) - before
        written = server.stats()["by_task"]["pairs"]
        assert 10 <= written < n_calls - 10

        forget()
        answers, rng = project.folder / "answers-killed.sqlite", random.Random(0)
        start = n_asked(server)
        for at in (rng.randrange(2, written), written + rng.randrange(2, 8)):
            # A call that was in flight is sent again: so many more may be counted.
            assert killed(started(project, answers), server, start + at)
            assert not paths.output("captions", "verify").exists()
        assert finished(project, answers) == undisturbed
        n_twice = n_asked(server) - start - n_calls
        assert 0 <= n_twice <= 2 * CONCURRENCY

        forget()
        calls = server.stats()["calls"]
        assert finished(project, answers) == undisturbed
        assert server.stats()["calls"] == calls


def test_a_run_whose_budget_ends_half_way_goes_on_where_it_was(
    project: Project, server: Server, elsewhere: Path
) -> None:
    spend = {"prices": PRICES, "concurrency": 2}
    prepared_failures(project, server, spend=spend).run("captions", *paths.STAGES[:5])
    whole, n_calls = (
        judged(),
        json.loads((paths.output("captions", "verify") / "manifest.json").read_text(encoding="utf-8")),
    )
    usd = cost.paid_usd(load("captions"))
    assert usd
    elsewhere.unlink()
    forget()
    before = n_asked(server)
    (project.folder / "data/discoveries.duckdb").unlink(missing_ok=True)
    tokens = n_calls["tokens"]
    half = {**spend, "budget_usd": (tokens["in"] + tokens["out"]) / 1e6 * 0.7}
    project.params(captions=failures_study(server, spend=half))
    with pytest.raises(EngineError, match="budget"):
        project.run("captions", "verify")
    assert 0 < n_asked(server) - before < n_calls["n_calls"]
    assert not paths.output("captions", "verify").exists()
    project.params(captions=failures_study(server, spend={**spend, "budget_usd": usd * 10}))
    project.run("captions", "verify")
    assert judged() == whole
    assert n_asked(server) - before <= n_calls["n_calls"] + 2


ASKING = ("propose", "verify", "record")


@pytest.fixture(scope="module")
def before(scripted: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By stage that asks a model, the folder of a study that has come so far."""
    copies = tmp_path_factory.mktemp("before")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("begun"))
        scripted.change(PLAN)
        project = prepared_failures(Project(Path.cwd()), scripted)
        for stage in paths.STAGES[: paths.STAGES.index("record")]:
            if stage in ASKING:
                shutil.copytree(project.folder, copies / stage)
            project.run("captions", stage)
        shutil.copytree(project.folder, copies / "record")
    return {stage: copies / stage for stage in ASKING}


@pytest.mark.parametrize("plan", [Plan(status=401), Plan(status=404)], ids=["401", "404"])
@pytest.mark.parametrize("stage", ASKING)
def test_what_no_second_try_can_mend_stops_each_stage_at_once(
    stage: str, plan: Plan, before: dict[str, Path], project: Project, server: Server
) -> None:
    shutil.copytree(before[stage], project.folder, dirs_exist_ok=True)
    server.change(plan)
    calls = server.stats()["calls"]
    with pytest.raises(EngineError, match=f"HTTP {plan.status}") as caught:
        project.run("captions", stage)
    assert not caught.value.retryable and caught.value.hint
    assert server.stats()["calls"] - calls <= 8
    server.change(PLAN)
    project.run("captions", *paths.STAGES[paths.STAGES.index(stage) :])
    assert failed()[ROLES]["is_discovery"]


def test_no_file_of_a_whole_study_shows_the_key(
    project: Project, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server.change(replace(PLAN, echo_key=True))
    prepared_failures(project, server).run("captions")
    assert server.stats()["key_seen"]
    assert 'mentions "[key]"' in failed(), "the proposer said it"
    assert giving_away(project.folder) == []
