"""A run that is killed loses the calls in flight and nothing else."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tasks import paths
from tests import loopback
from tests.conftest import REPO, Project
from tests.llm_study import HYPOTHESES, every_file, prepared
from tests.loopback import Plan, Server

CONCURRENCY = 8
QUICK = Plan(hypotheses=HYPOTHESES, error_rate=0.1)
# No fault that changes a content: which of two answers to a body is kept would depend on the moment.
SLOW = replace(QUICK, latency_s=0.02, rate_limited=0.05, dropped=0.01)
BLOCKS = {
    "spend": {"concurrency": CONCURRENCY, "timeout_s": 10.0},
    "verify": {"predicates_per_call": 2, "shard_size": 100},
}


def started(
    project: Project, answers: Path | str, stage: str = "verify", study: str = "news"
) -> subprocess.Popen[str]:
    """`python -m tasks verify`, or another stage, as a user starts it."""
    at = filter(None, (str(REPO), os.environ.get("PYTHONPATH")))
    return subprocess.Popen(
        [sys.executable, "-m", "tasks", stage, "--study", study],
        cwd=project.folder,
        env={**os.environ, "NATSTAT_ANSWERS": str(answers), "PYTHONPATH": os.pathsep.join(at)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def killed(process: subprocess.Popen[str], server: Server, at_call: int, after_s: float) -> bool:
    """Kills the process a while after the server has had so many calls; whether it was still running."""
    ends_at = time.monotonic() + 60
    while server.stats()["calls"] < at_call and process.poll() is None:
        assert time.monotonic() < ends_at
        time.sleep(0.01)
    time.sleep(after_s)
    was_running = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    while server.stats()["in_flight"]:
        assert time.monotonic() < ends_at
        time.sleep(0.005)
    return was_running


def finished(project: Project, answers: Path | str) -> dict[str, bytes]:
    """The stage's files after a run to the end, in this process: a new one would import for seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NATSTAT_ANSWERS", str(answers))
        project.run("news", "verify")
    return every_file(paths.output("news", "verify"))


def forget_outputs() -> None:
    """Everything of the stage but the answers."""
    shutil.rmtree(paths.output("news", "verify"), ignore_errors=True)
    shutil.rmtree(paths.cache() / "parts", ignore_errors=True)


@dataclass(frozen=True)
class Undisturbed:
    """A study up to verify, what that leaves where nobody kills it, and how many calls it takes."""

    folder: Path
    files: dict[str, bytes]
    n_calls: int


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    with pytest.MonkeyPatch.context() as patch, loopback.serve(QUICK) as server:
        patch.chdir(tmp_path_factory.mktemp("undisturbed"))
        project = prepared(Project(Path.cwd()), server, n=250, **BLOCKS)
        project.run("news", *paths.STAGES[:4])
        before = server.stats()["answered"]
        files = finished(project, project.folder / "undisturbed.sqlite")
        forget_outputs()
        return Undisturbed(project.folder, files, server.stats()["answered"] - before)


@pytest.mark.slow
@pytest.mark.parametrize("kills", [6, pytest.param(20, marks=pytest.mark.long)])
def test_killed_at_random_moments_a_run_repeats_at_most_what_was_in_flight(
    kills: int, whole: Undisturbed, project: Project
) -> None:
    shutil.copytree(whole.folder, project.folder, dirs_exist_ok=True)
    undisturbed, n_calls = whole.files, whole.n_calls
    rng, answers, interrupted = random.Random(kills), project.folder / "answers.sqlite", 0
    with loopback.serve(SLOW) as server:
        prepared(project, server, n=250, **BLOCKS)
        for kill in range(1, kills + 1):
            # From before the first call to the middle of the stage, and at any point of a call.
            at_call = server.stats()["calls"] + rng.randrange(0, 120)
            interrupted += killed(started(project, answers), server, at_call, rng.uniform(0, 0.04))
            assert not paths.output("news", "verify").exists()
            assert server.stats()["repeated"] <= kill * CONCURRENCY
        assert interrupted == kills
        assert finished(project, answers) == undisturbed
        counted = server.stats()
        assert counted["max_in_flight"] <= CONCURRENCY
        assert counted["repeated"] <= kills * CONCURRENCY
        assert counted["answered"] - counted["repeated"] == n_calls

        forget_outputs()
        assert finished(project, answers) == undisturbed
        assert server.stats()["calls"] == counted["calls"]
