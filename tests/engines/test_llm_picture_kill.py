"""A study of pictures is killed while they are described, while it proposes, and while it judges."""

import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tasks import paths
from tests import loopback
from tests.conftest import Project
from tests.engines.test_llm_kill import started
from tests.loopback import Plan, Server
from tests.picture_study import prepared

CONCURRENCY = 4
QUICK = Plan(hypotheses=(("is badly lit", "B"),))
SLOW = replace(QUICK, latency_s=0.1)
BLOCKS = {
    "llm": {"check": False},
    "spend": {"concurrency": CONCURRENCY},
    "propose": {"rounds": 1, "error_rounds": 0, "judged": 8},
}
KILLS = (
    ("propose", "description"),
    ("propose", "hypotheses"),
    ("propose", "verdicts"),
    ("verify", "verdicts"),
)
"""In which stage, and after which question was asked."""


def killed_at(task: str, process: subprocess.Popen[str], server: Server) -> None:
    """Kills the process once the server was asked such a question anew; it must not have ended before."""
    before, ends_at = server.stats()["by_task"].get(task, 0), time.monotonic() + 240
    while server.stats()["by_task"].get(task, 0) < before + 2:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < ends_at
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    while server.stats()["in_flight"]:
        assert time.monotonic() < ends_at
        time.sleep(0.02)


def outputs() -> dict[str, bytes]:
    """What both stages leave: proposals and what they cost, and verdicts."""
    files = {stage: paths.output("looks", stage).glob("*.parquet") for stage in ("propose", "verify")}
    return {f"{stage}/{file.name}": file.read_bytes() for stage, of in files.items() for file in sorted(of)}


@pytest.mark.slow
def test_killed_while_describing_proposing_and_judging_it_pays_at_most_what_was_in_flight(
    project: Project, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with loopback.serve(QUICK) as server:
        prepared(project, server, n=30, **BLOCKS).run("looks", *paths.STAGES[:5])
        undisturbed, n_calls = outputs(), server.stats()["answered"]
    again = project.folder / "again.sqlite"
    monkeypatch.setenv("NATSTAT_ANSWERS", str(again))
    with loopback.serve(SLOW) as server:
        prepared(project, server, **BLOCKS)
        for stage, task in KILLS:
            if stage == "verify":
                project.run("looks", "propose", "formalise")
            killed_at(task, started(project, again, stage, "looks"), server)
        project.run("looks", "verify")
        counted = server.stats()
    assert outputs() == undisturbed
    assert counted["repeated"] <= len(KILLS) * CONCURRENCY
    assert counted["answered"] - counted["repeated"] == n_calls
