"""Which finished shards of a search propose takes up, and what is not done or paid for twice."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks import paths, propose
from tasks.errors import EngineError, MissingStageError
from tasks.kinds.encoder_failures import mined
from tasks.kinds.encoder_failures.embedded.proposing import EditProposer
from tasks.study import load
from tests import loopback
from tests.conftest import Project
from tests.llm_failures import PLAN, prepared_failures
from tests.mining_shards import NAME, copied, cut, embedded, left, output, params, searched, texts, whole


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return embedded(tmp_path_factory.mktemp(NAME))


@pytest.fixture
def there(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return copied(folder, tmp_path, monkeypatch)


@pytest.fixture
def in_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    cut(monkeypatch)


def test_a_shard_that_is_not_there_is_asked_for(there: Project, in_shards: None) -> None:
    study = load(NAME)
    propose.run_shard(study, 0)
    with pytest.raises(MissingStageError, match=r"part-0001: wanted shard 2, not there\. Rerun propose\."):
        propose.finish(study)
    assert not paths.output(NAME, "propose").exists()


def _other_vectors(view: str) -> None:
    file = paths.output(NAME, "embed") / f"{view}.npy"
    rows = np.load(file)
    explored = (texts()["half"] == "explore").to_numpy()
    rows[np.flatnonzero(explored)[-1], 0] += 0.25
    np.save(file, rows)


def _other_text() -> None:
    frame, file = texts(), paths.output(NAME, "collect") / "texts.parquet"
    last = pl.col("text_id") == frame.filter(half="explore")["text_id"].max()
    new = pl.when(last).then(pl.lit("something else")).otherwise("text")
    frame.with_columns(text=new).write_parquet(file)


@pytest.mark.parametrize(
    ("change", "is_other"),
    [
        (lambda: params(encoder_failures={"threshold": 0.8}), True),
        (lambda: params(encoder_failures={"margin": 0.2}), True),
        (lambda: params(encoder_failures={"top": 61}), True),
        (lambda: params(encoder_failures={"per_text": 1}), True),
        (lambda: _other_vectors("embeddings"), True),
        (lambda: _other_vectors("reference"), True),
        (_other_text, True),
        (lambda: params(encoder_failures={"fresh": 30, "shown": 5, "domain": "the sea"}), False),
        (lambda: params(propose={"max_predicates": 3}, goal="another"), False),
    ],
    ids=lambda value: "" if callable(value) else str(value),
)
def test_shards_of_another_search_are_not_taken_up(
    there: Project, in_shards: None, change: Any, is_other: bool
) -> None:
    before = propose.shards(load(NAME))
    for shard in range(before):
        propose.run_shard(load(NAME), shard)
    change()
    with searched() as found:
        propose.run(load(NAME))
    assert len(found) == (before if is_other else 0)
    assert not left(), "those of the other search are removed as well"


@pytest.mark.parametrize("what", ["code", "blocks"])
def test_shards_of_other_code_or_other_cuts_are_not_taken_up(
    there: Project, in_shards: None, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    propose.run_shard(load(NAME), 0)
    if what == "code":
        propose._read.cache_clear()
        monkeypatch.setattr(mined, "code_version", lambda: "another")
    else:
        cut(monkeypatch, 16, 4_000)
    with searched() as found:
        propose.run(load(NAME))
        assert found[0].start == 0


def test_a_proposer_that_fails_costs_no_second_search(
    there: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsharded = whole(there)
    cut(monkeypatch)

    def failed(*_: Any) -> None:
        raise EngineError("busy", retryable=True)

    with searched() as found:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(EditProposer, "propose", failed)
            with pytest.raises(EngineError, match="busy"):
                propose.run(load(NAME))
        n_shards = len(found)
        propose.run(load(NAME))
    assert n_shards == len(found) > 2
    assert output() == unsharded


def test_a_search_asks_no_model_and_the_same_is_paid_once(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with loopback.serve(PLAN) as server:
        prepared_failures(project, server).run(NAME, "collect", "embed")
        cut(monkeypatch, 8, 500)
        study, before = load(NAME), server.stats()["calls"]
        for shard in range(propose.shards(study)):
            propose.run_shard(study, shard)
        assert server.stats()["calls"] == before and len(left()) > 1
        propose.finish(study)
        paid, file = server.stats()["calls"], paths.output(NAME, "propose") / "proposals.parquet"
        first = file.read_bytes()
        assert paid > before
        shutil.rmtree(file.parent)
        propose.run(study)
        assert server.stats()["calls"] == paid and file.read_bytes() == first
