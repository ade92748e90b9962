"""The search of pairs under Prefect: its shards are tasks, and it leaves the bytes of a bare run."""

import shutil
from pathlib import Path

import pytest

from tasks import propose
from tasks.study import load
from tests.conftest import REPO
from tests.flows.test_prefect_stages import progress_percent, task_runs
from tests.mining_shards import NAME, copied, cut, embedded, left, output, whole


def test_shards_of_a_search_are_tasks(
    prefect_api: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows import pipeline

    (tmp_path / "made").mkdir()
    there = copied(embedded(tmp_path / "made"), tmp_path, monkeypatch)
    shutil.copy(REPO / "dvc.yaml", "dvc.yaml")
    unsharded = whole(there)
    cut(monkeypatch)
    n_shards = propose.shards(load(NAME))
    assert n_shards > 2
    pipeline.start_stage(NAME, "propose")
    runs = task_runs(f"{NAME} / propose", n_shards + 1)
    assert set(runs) == {"propose", *(f"propose shard {k + 1}/{n_shards}" for k in range(n_shards))}
    assert progress_percent(f"{NAME}-propose-progress") == 100
    assert output() == unsharded and not left()
    pipeline.start_stage(NAME, "propose")
    assert task_runs(f"{NAME} / propose", 1)["propose"].state_name == "Cached"
