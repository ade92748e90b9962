"""The shuffles of score in shards: in any order and after a kill they give what one process gives."""

from pathlib import Path

import pytest

from tasks import paths
from tasks.score import shards, stage
from tasks.study import load
from tests.conftest import PAIR_STUDY, STAGES, Project


def left() -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(paths.output("news", "score").iterdir())}


def kept() -> list[Path]:
    return sorted((paths.cache() / "parts/news").rglob("shuffles-*.parquet"))


def test_shards_in_any_order_leave_what_one_process_does(
    planted: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted.run("news", *STAGES[:6])
    whole, study = left(), load("news")
    monkeypatch.setattr(shards, "PER_SHARD", 6)
    n_shards = stage.shards(study)
    assert n_shards == 4, "twenty shuffles"
    assert [stage.run_shard(study, shard) for shard in (3, 0, 2)] == [True] * 3
    assert not stage.run_shard(study, 3), "it is there"
    kept()[0].write_bytes(b"damaged")
    kept()[1].write_bytes(kept()[2].read_bytes())  # of fewer shuffles: half written by another version
    assert stage.run_shard(study, 0) and stage.run_shard(study, 2)
    assert stage.finish(study)["null_shuffles"] == 20
    assert left() == whole and not kept()


def test_parts_of_other_verdicts_or_params_are_not_used(
    planted: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "PER_SHARD", 6)
    planted.run("news", *STAGES[:5])
    assert stage.run_shard(load("news"), 0)
    planted.params(news={**PAIR_STUDY, "score": {"alpha": 0.01}})
    assert stage.run_shard(load("news"), 0), "of another alpha"
    planted.params(news={**PAIR_STUDY, "seed": 3})
    planted.run("news", *STAGES[:5])
    assert stage.run_shard(load("news"), 0), "of other verdicts"


def test_little_to_do_and_a_walk_have_no_shards(planted: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    planted.run("news", *STAGES[:5])
    monkeypatch.setattr(shards, "PER_SHARD", 20)
    assert stage.shards(load("news")) == 0
    planted.params(news={**PAIR_STUDY, "verify": {"plan": "sequential"}})
    assert stage.shards(load("news")) == 0
