"""Where shards run changes no byte: threads, Dask workers, Ray workers, and no Prefect at all."""

import os
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.captions_study import captions_study, save_captions
from tests.conftest import PAIR_STUDY, REPO, STAGES, Project, pair
from tests.model_pairs import long, wide
from tests.picture_study import pictures
from tests.tiny_encoder import save_tiny_encoder

N = 60
SHARDED: dict[str, dict[str, Any]] = {"embed": {"shard_size": 50}, "verify": {"shard_size": 20}}
STUDIES: dict[str, dict[str, Any]] = {
    "pair": {**PAIR_STUDY, **SHARDED},
    "classes": {
        "kind": "classes",
        "goal": "g",
        "data": "news.parquet",
        "classes": {"value": "year"},
        **SHARDED,
    },
    "answers": {
        "kind": "model_pair",
        "goal": "g",
        "data": "answers.parquet",
        "model_pair": {"prompt": "prompt", "model": "model", "answer": "answer"},
        **SHARDED,
    },
    "pictures": {
        "goal": "how do the pictures differ",
        "data": "photographs",
        "collect": {"a": {"path": "set_a"}, "b": {"path": "set_b"}},
        **SHARDED,
    },
    "captions": captions_study(
        embed={"encoder": "tiny", **SHARDED["embed"]},
        encoder_failures={"threshold": 0.98, "margin": 0.0},
        verify=SHARDED["verify"],
        record={"max_refusal_share": 1.0},
    ),
}


def made(folder: Path, monkeypatch: pytest.MonkeyPatch, runner: dict[str, Any]) -> Project:
    folder.mkdir()
    monkeypatch.chdir(folder)
    project = Project(folder)
    project.table("news.parquet", pair(N, 0.4, 0.0))
    project.table("answers.parquet", long(wide(N)))
    pictures(folder / "photographs", N)
    save_captions(folder)
    save_tiny_encoder(folder / "tiny")
    project.params(**{name: {**study, "runner": runner} for name, study in STUDIES.items()})
    shutil.copy(REPO / "dvc.yaml", folder)
    # DVC would watch the code; a fingerprint reads it where it is.
    for name in ("tasks", "flows"):
        (folder / name).symlink_to(REPO / name)
    return project


def left(folder: Path) -> dict[str, bytes]:
    """Bytes of tables and vectors up to score: what is recorded names the run."""
    files = [file for stage in "123456" for file in folder.glob(f"data/*/{stage}_*/**/*") if file.is_file()]
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in files
        if file.suffix in {".parquet", ".npy"}
    }


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, bytes]]:
    """What a study's stages leave without Prefect."""

    @cache
    def of(name: str) -> dict[str, bytes]:
        with pytest.MonkeyPatch.context() as patch:
            folder = tmp_path_factory.mktemp("bare") / "project"
            made(folder, patch, {}).run(name, *STAGES[:6])
            return left(folder)

    return of


@pytest.mark.parametrize(
    "on",
    ["threads", pytest.param("dask", marks=pytest.mark.long), pytest.param("ray", marks=pytest.mark.long)],
)
def test_a_runner_changes_no_byte(
    prefect_api: None,
    bare: Callable[[str], dict[str, bytes]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    on: str,
) -> None:
    if on != "threads":
        pytest.importorskip(f"prefect_{on}")
    from flows import pipeline

    monkeypatch.setenv("PYTHONPATH", str(REPO), prepend=os.pathsep)
    folder = tmp_path / "project"
    made(folder, monkeypatch, {"on": on, "workers": 2})
    names = ["pair"] if on == "threads" else list(STUDIES)
    for name in names:
        for stage in STAGES[:6]:
            pipeline.start_stage(name, stage)
    found = left(folder)
    wanted = {file: content for name in names for file, content in bare(name).items()}
    assert sorted(found) == sorted(wanted)
    assert [file for file in wanted if found[file] != wanted[file]] == []
    assert {file.split("/")[1] for file in found if "part-0001" in file} == {*names}, "several shards"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"on": "slurm"}, "runner.on"),
        ({"on": "threads", "address": "tcp://127.0.0.1:8786"}, "got threads"),
        ({"on": "dask", "address": "http://user:secret@host"}, "like tcp://127.0.0.1:8786"),
        ({"on": "dask", "workers": 0}, "runner.workers"),
    ],
)
def test_what_is_no_runner_is_one_error(
    project: Project, capsys: pytest.CaptureFixture[str], written: dict[str, Any], told: str
) -> None:
    from tasks.__main__ import main

    project.params(news={**PAIR_STUDY, "runner": written})
    assert main(["check", "--study", "news"]) == 10
    said = capsys.readouterr().err
    assert told in said and said.count("\n") <= 2 and "secret" not in said


def test_a_runner_that_is_not_installed_says_what_to_install(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:

    from flows import runners
    from tasks.errors import EngineError
    from tasks.study import load

    for on in ("dask", "ray"):
        monkeypatch.setitem(sys.modules, f"prefect_{on}", None)
        project.table("news.parquet", pair(20, 0.4, 0.0))
        project.params(news={**PAIR_STUDY, "runner": {"on": on}})
        with pytest.raises(EngineError, match=rf"natstat\[{on}\]"):
            runners.of(load("news"))


def test_a_cluster_whose_worker_is_killed_before_it_is_up_is_started_anew(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from flows import runners

    ends = [RuntimeError("Nanny failed to start."), RuntimeError("Nanny failed to start."), None]
    given: list[dict[str, Any]] = []

    def cluster(**options: Any) -> str:
        given.append(options)
        if (end := ends[len(given) - 1]) is not None:
            raise end
        return "a cluster"

    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(LocalCluster=cluster))
    assert runners._started(n_workers=2) == "a cluster"
    assert given == [{"n_workers": 2}] * 3
    assert capsys.readouterr().err.count("started anew") == 2
    ends[2:] = [RuntimeError("Nanny failed to start.")] * 2
    given.clear()
    with pytest.raises(RuntimeError):
        runners._started(n_workers=2)


def test_what_ends_a_cluster_is_one_error_and_what_ends_a_shard_is_its_own(project: Project) -> None:
    from flows import runners
    from tasks.errors import EngineError, SourceError
    from tasks.study import load

    project.table("news.parquet", pair(20, 0.4, 0.0))
    project.params(news={**PAIR_STUDY, "runner": {"on": "dask", "workers": 3}})
    study = load("news")
    killed = type("KilledWorker", (Exception,), {"__module__": "distributed.scheduler"})
    words = r"wanted 3 workers of its own, got: gone\. .*rerun"
    with pytest.raises(EngineError, match=words) as told, runners.waiting(study):
        raise killed("gone.\nand more")
    assert told.value.retryable
    with pytest.raises(EngineError, match="got: Timed out"), runners.submitting(study):
        raise OSError("Timed out trying to connect to tcp://127.0.0.1:1 after 30 s")
    for context in (runners.waiting, runners.submitting):
        with pytest.raises(SourceError, match="a column"), context(study):
            raise SourceError("a column")
    with pytest.raises(ZeroDivisionError), runners.waiting(study):
        raise ZeroDivisionError
