"""Stages under Prefect: run when stale, retried when that may help, resumed at the shard that failed.

The stages here are stand-ins that count their calls; the server, the flows and the cache are real.
"""

import logging
import sqlite3
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from filelock import Timeout

from tasks import paths
from tasks import run as stage
from tasks.errors import EngineError, NatstatError, SourceError, StoreError
from tasks.study import Study, load
from tests.conftest import PAIR_STUDY, Project

DVC = """
stages:
  collect:
    foreach: ${studies}
    do:
      cmd: python -m flows collect
      deps: ["@item.data"]
      params: ["studies.@key.collect"]
      outs: ["data/@key/1_texts"]
  verify:
    foreach: ${studies}
    do:
      cmd: python -m flows verify
      deps: ["data/@key/1_texts"]
      outs: ["data/@key/5_verdicts"]
""".replace("@item.data", "${item.data}").replace("@key", "${key}")

N_SHARDS = 4


class StandIns:
    """Stages that copy their input, count their calls and raise what they are told to."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.raises: dict[str, list[Exception]] = {}

    def module(self, name: str) -> Any:
        if name == "collect":
            return SimpleNamespace(run=self.collect)
        return SimpleNamespace(shards=lambda study: N_SHARDS, run_shard=self.run_shard, finish=self.finish)

    def note(self, call: str) -> None:
        self.calls[call] += 1
        if self.raises.get(call):
            raise self.raises[call].pop(0)

    def collect(self, study: Study) -> dict[str, Any]:
        self.note("collect")
        folder = paths.output(study.name, "collect")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "texts").write_text(study.data_path.read_text() + str(study.collect.b))
        return {"n_texts": 3}

    def run_shard(self, study: Study, shard: int) -> bool:
        part = paths.parts(study.name, "verify", "x") / f"part-{shard}"
        if part.is_file():
            return False
        self.note(f"shard {shard}")
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(str(shard))
        return True

    def finish(self, study: Study) -> dict[str, Any]:
        self.note("finish")
        parts = paths.parts(study.name, "verify", "x")
        folder = paths.output(study.name, "verify")
        folder.mkdir(parents=True)
        (folder / "verdicts").write_text("".join((parts / f"part-{s}").read_text() for s in range(N_SHARDS)))
        return {"n_verdicts": N_SHARDS}


@pytest.fixture
def toy(project: Project, prefect_api: None, monkeypatch: pytest.MonkeyPatch) -> StandIns:
    from flows import stages

    (project.folder / "dvc.yaml").write_text(DVC, encoding="utf-8")
    project.params(toy={**PAIR_STUDY, "data": "rows.txt"})
    Path("rows.txt").write_text("rows")
    stand_ins = StandIns()
    monkeypatch.setattr(stage, "module", stand_ins.module)
    monkeypatch.setattr(stages, "RETRY_DELAYS_S", (0.01, 0.01))
    return stand_ins


def start(name: str) -> None:
    from flows import pipeline

    pipeline.start_stage("toy", name)


def task_runs(name: str, n: int) -> dict[str, Any]:
    """The n task runs of the latest flow run of that name, once the server has heard of their ends."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, FlowRunFilterName
    from prefect.client.schemas.sorting import FlowRunSort

    by_name = FlowRunFilter(name=FlowRunFilterName(any_=[name]))
    deadline = time.monotonic() + 60
    with get_client(sync_client=True) as client:
        latest = client.read_flow_runs(flow_run_filter=by_name, sort=FlowRunSort.START_TIME_DESC)[0].id
        while time.monotonic() < deadline:
            runs = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[latest])))
            if len(runs) == n and all(run.state is not None and run.state.is_final() for run in runs):
                return {run.name: run for run in runs}
            time.sleep(0.1)
    raise AssertionError(f"wanted {n} finished task runs, got {[(run.name, run.state_name) for run in runs]}")


def progress_percent(key: str) -> float:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
    from prefect.client.schemas.sorting import ArtifactSort

    with get_client(sync_client=True) as client:
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])), sort=ArtifactSort.UPDATED_DESC
        )
    return float(str(found[0].data))


def change_data() -> None:
    Path("rows.txt").write_text("other rows")


def change_param() -> None:
    paths.params_file().write_text(paths.params_file().read_text().replace("b: 2019", "b: 2018"))


def change_output() -> None:
    """As a run of other parameters outside Prefect would."""
    (paths.output("toy", "collect") / "texts").write_text("of another run")


def remove_output() -> None:
    """As DVC does before it runs a stage."""
    (paths.output("toy", "collect") / "texts").unlink()
    paths.output("toy", "collect").rmdir()


def test_a_stage_runs_again_only_when_stale(toy: StandIns, capsys: pytest.CaptureFixture[str]) -> None:
    start("collect")
    start("collect")
    assert toy.calls["collect"] == 1
    assert task_runs("toy / collect", 1)["collect"].state_name == "Cached"
    assert capsys.readouterr().out == "collect toy: n_texts 3\n" * 2, "a cached stage says the same"
    for change in (change_data, change_param, change_output, remove_output):
        n_before = toy.calls["collect"]
        change()
        start("collect")
        start("collect")
        assert toy.calls["collect"] == n_before + 1, change.__name__
        assert (paths.output("toy", "collect") / "texts").read_text().startswith(Path("rows.txt").read_text())


def test_force_runs_what_is_up_to_date(toy: StandIns, prefect_api: None) -> None:
    from prefect import flow

    from flows import stages

    start("collect")
    flow(lambda: stages.run(load("toy"), "collect", force=True), name="forced")()
    assert toy.calls["collect"] == 2


def test_shards_are_tasks_with_progress(toy: StandIns) -> None:
    start("collect")
    start("verify")
    runs = task_runs("toy / verify", N_SHARDS + 1)
    assert set(runs) == {"verify", *(f"verify shard {shard}/{N_SHARDS}" for shard in range(1, N_SHARDS + 1))}
    assert all({"toy", "corpus_pair", "embedded", "verify"} <= set(run.tags) for run in runs.values())
    assert progress_percent("toy-verify-progress") == 100
    assert (paths.output("toy", "verify") / "verdicts").read_text() == "0123"


@pytest.mark.parametrize(
    ("error", "n_calls"),
    [
        (lambda: EngineError("busy", retryable=True), 3),
        (lambda: EngineError("no such model"), 1),
        (lambda: SourceError("rows.txt: wanted rows, got none."), 1),
        (lambda: StoreError("damaged"), 1),
        (lambda: _caused(OSError(28, "No space left")), 1),
        (lambda: _caused(OSError(5, "Input/output error")), 3),
        (lambda: _caused(sqlite3.OperationalError("database is locked")), 3),
        (lambda: _caused(duckdb.IOException("IO Error: Could not set lock on file")), 3),
        (lambda: _caused(Timeout("duckdb.lock")), 3),
        (lambda: _caused(sqlite3.DatabaseError("file is not a database")), 1),
        (lambda: _caused(PermissionError(13, "Permission denied")), 1),
    ],
)
def test_only_what_may_pass_is_retried(toy: StandIns, error: Any, n_calls: int) -> None:
    toy.raises["collect"] = [error() for _ in range(5)]
    with pytest.raises(type(error())):
        start("collect")
    assert toy.calls["collect"] == n_calls


def _caused(cause: OSError) -> StoreError:
    error = StoreError("cannot be written")
    error.__cause__ = cause
    return error


def test_progress_stops_where_the_shards_do(toy: StandIns) -> None:
    start("collect")
    toy.raises["shard 1"] = [EngineError("no such model")]
    with pytest.raises(EngineError):
        start("verify")
    assert progress_percent("toy-verify-progress") == 75


def test_a_shard_that_fails_once_is_retried_alone(toy: StandIns) -> None:
    start("collect")
    toy.raises["shard 2"] = [EngineError("busy", retryable=True)]
    start("verify")
    assert toy.calls == {"collect": 1, "shard 0": 1, "shard 1": 1, "shard 2": 2, "shard 3": 1, "finish": 1}
    assert task_runs("toy / verify", N_SHARDS + 1)["verify shard 3/4"].run_count == 2


def test_a_rerun_takes_up_at_the_shard_that_failed(toy: StandIns) -> None:
    start("collect")
    toy.raises["shard 1"] = [EngineError("no such model")]
    with pytest.raises(EngineError, match="no such model"):
        start("verify")
    assert not paths.output("toy", "verify").exists()
    states = {name: run.state_name for name, run in task_runs("toy / verify", N_SHARDS).items()}
    assert states == {
        "verify shard 1/4": "Completed",
        "verify shard 2/4": "Failed",
        "verify shard 3/4": "Completed",
        "verify shard 4/4": "Completed",
    }
    start("verify")
    assert toy.calls == {"collect": 1, "shard 0": 1, "shard 1": 2, "shard 2": 1, "shard 3": 1, "finish": 1}
    states = {name: run.state_name for name, run in task_runs("toy / verify", N_SHARDS + 1).items()}
    assert states == {
        "verify shard 1/4": "Cached",
        "verify shard 2/4": "Completed",
        "verify shard 3/4": "Cached",
        "verify shard 4/4": "Cached",
        "verify": "Completed",
    }


def test_the_log_in_the_ui_has_no_traceback_of_a_user_error() -> None:
    from flows.pipeline import _OneLine

    def logged(error: Exception) -> str:
        record = logging.LogRecord(
            "a", logging.ERROR, "a", 1, "Encountered: %r", (error,), (type(error), error, None)
        )
        assert _OneLine().filter(record)
        return logging.Formatter().format(record)

    assert logged(SourceError("no rows")) == "SourceError: no rows"
    assert "ValueError: a bug" in logged(ValueError("a bug")).splitlines()[-1]
    assert not isinstance(ValueError(), NatstatError)
