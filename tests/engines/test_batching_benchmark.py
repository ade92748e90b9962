"""The benchmark of batching measures what was injected, and looks at exploration texts alone."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks import batching
from tasks import paths
from tasks.errors import EngineError, ParamsError
from tasks.store import frames
from tests import loopback
from tests.conftest import PAIR_STUDY, STAGES, Project
from tests.llm_study import HYPOTHESES, prepared, rows
from tests.loopback import Plan, Server


@pytest.fixture(autouse=True)
def _own_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NATSTAT_ANSWERS", str(tmp_path / "answers.sqlite"))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with loopback.serve(Plan(hypotheses=HYPOTHESES, error_per_item=0.02)) as running:
        yield running


def test_the_injected_disagreement_is_measured() -> None:
    found = batching.against_loopback(None, 40, (1, 8))
    alone, again, predicates, texts = found["ways"]
    assert found["target_met"] and again["equal"] == 1.0
    assert (alone["calls"], predicates["calls"], texts["calls"]) == (800, 40 * 3, 20 * 5)
    # 7 others in a full call of 8, and the last four of twenty predicates make a call of 4.
    assert 1 - predicates["equal"] == pytest.approx(batching.ERROR_PER_ITEM * (16 * 7 + 4 * 3) / 20, abs=0.02)
    assert predicates["tokens"]["in"] < alone["tokens"]["in"] / 2.5
    assert predicates["cost_usd"] < alone["cost_usd"] and predicates["seconds"] is not None


def test_another_disagreement_than_the_injected_one_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    rate = batching.ERROR_PER_ITEM
    real = loopback.Plan
    monkeypatch.setattr(loopback, "Plan", lambda **fields: real(**fields | {"error_per_item": 4 * rate}))
    with pytest.raises(EngineError, match="8 predicates, 8 texts is not the injected one"):
        batching.against_loopback(None, 40, (8,))


def test_a_study_is_measured_on_its_exploration_half_and_a_rerun_pays_nothing(
    project: Project, server: Server
) -> None:
    prepared(project, server, n=60).run("news", *STAGES[:4])
    server.keep_bodies()
    found = batching.of_study("news", 30, (1, 4))
    texts = frames.read(paths.output("news", "collect"), "texts.parquet", frames.TEXTS)
    held_out = texts.filter(pl.col("half") == "confirm")["text"]
    sent = "\n".join(message["content"] for body in server.bodies() for message in body["messages"])
    assert "week" in sent and not any(text in sent for text in held_out)
    assert found["texts"] == 30 and found["predicates"] == len(HYPOTHESES)
    assert all(way["equal"] < 1 for way in found["ways"][2:])
    calls = server.stats()["calls"]
    again = batching.of_study("news", 30, (1, 4))
    assert server.stats()["calls"] == calls
    assert [way["seconds"] for way in again["ways"]] == [None] * 4
    assert [way["tokens"] for way in again["ways"]] == [way["tokens"] for way in found["ways"]]


def test_only_a_judge_that_can_be_batched_is_measured(project: Project) -> None:
    project.table("news.parquet", rows(20))
    project.params(news=PAIR_STUDY)
    with pytest.raises(ParamsError, match="engine: llm"):
        batching.of_study("news", 30, (1, 4))


def test_kappa_is_agreement_beyond_chance() -> None:
    left, right = np.array([1, 1, 0, 0, 1], dtype=bool), np.array([1, 0, 0, 0, 1], dtype=bool)
    # 4 of 5 agree; by chance 0.6 * 0.4 + 0.4 * 0.6 = 0.48.
    assert batching.cohens_kappa(left, right) == pytest.approx((0.8 - 0.48) / 0.52)
    assert batching.cohens_kappa(left, ~left) < 0
    assert batching.cohens_kappa(left[:0], right[:0]) is None
    assert batching.cohens_kappa(np.ones(3, dtype=bool), np.ones(3, dtype=bool)) is None
