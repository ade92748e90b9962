"""Kind directions under `engine: llm`: planted units are named, noise is not, and nothing is paid twice."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks import paths
from tasks.commands import cost
from tasks.errors import EngineError
from tasks.kinds.directions import ends
from tasks.kinds.directions.llm import proposing
from tasks.store import frames
from tasks.study import load
from tests import loopback
from tests.conftest import REPO, Project
from tests.engines.scripted import Question, serving
from tests.llm_study import FAULTS, every_file
from tests.loopback import Plan, Server
from tests.planted_units import Units, save_units, study

PLAN = Plan(hypotheses=(("is written in haste", "A"),))
FAULTY = Plan(**{**FAULTS, "hang": 0.0}, hypotheses=PLAN.hypotheses)  # type: ignore[arg-type]
N_PLANTED, N_NOISE = 6, 3
PRICES = {"scripted": {"input": 10.0, "output": 10.0}}


@pytest.fixture(autouse=True)
def _own_answers(store: Path) -> None:
    """A store of the test's own."""


@pytest.fixture
def server(scripted: Server) -> Server:
    scripted.change(PLAN)
    return scripted


def prepared(
    project: Project,
    url: str,
    n: int = 900,
    n_planted: int = N_PLANTED,
    n_noise: int = N_NOISE,
    **blocks: Any,
) -> Units:
    made = save_units(project, n, n_planted, n_noise)
    whole = {
        **study(),
        "engine": "llm",
        "llm": {"base_url": url, "model": "scripted", "check": False},
        "spend": {"timeout_s": 5.0, "concurrency": 8, "attempts": 12},
        "propose": {"judged": 40},
    }
    for name, block in blocks.items():
        whole[name] = {**whole.get(name, {}), **block} if isinstance(block, dict) else block
    project.params(units=whole)
    return made


def table(name: str, folder: Path | None = None) -> pl.DataFrame:
    return pl.read_parquet((folder or Path.cwd()) / "data" / "units" / name)


def found() -> pl.DataFrame:
    scores = table("6_scores/scores.parquet").filter("is_discovery")
    return scores.join(table("6_scores/readings.parquet"), on="predicate_id")


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with loopback.serve(PLAN) as server:
        yield server


@pytest.fixture(scope="module")
def done(running: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Units, dict[str, Any]]:
    """A study that has run to its end, and what its server counted."""
    folder = tmp_path_factory.mktemp("llm-units")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("NATSTAT_ANSWERS", str(folder / "answers.sqlite"))
        project = Project(folder)
        made = prepared(project, running.url)
        project.run("units")
        return folder, made, running.stats()


@pytest.fixture
def whole(done: tuple[Path, Units, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Units:
    """The finished study as the folder in which the test runs."""
    monkeypatch.chdir(done[0])
    return done[1]


def test_planted_units_are_named_and_noise_is_not(whole: Units) -> None:
    named = {row["unit"]: row["sentence"] for row in found().filter(end=ends.HIGH).iter_rows(named=True)}
    assert named == {unit: f'mentions "{word}"' for unit, word in whole.words.items()}
    assert found().filter(pl.col("unit").is_in(whole.noise)).is_empty()


def test_each_name_is_judged_on_its_own_end_and_on_random_inputs_alone(whole: Units) -> None:
    verdicts = pl.concat([pl.read_parquet(f) for f in sorted(Path("data/units/5_verdicts").glob("part-*"))])
    asked = verdicts.filter(pl.col("status") != "absent")
    scores = table("6_scores/scores.parquet")
    n_random, n_end = set(scores["n_b"]), set(scores["n_a"])
    assert len(n_random) == len(n_end) == 1 and set(scores["n_absent"]) == {0}
    assert asked.height == scores.height * (n_random.pop() + n_end.pop())
    manifest = frames.read_manifest(paths.output("units", "verify"))
    assert manifest["n_verdicts"] == {"value": asked.height, "refusal": 0, "unparsable": 0, "absent": 0}


def test_equal_sentences_are_asked_once_an_input(whole: Units) -> None:
    # Every end is also said to be written in haste: asked for one end or for all, it is one question a text.
    named = table("6_scores/readings.parquet")
    twice = named.filter(pl.col("sentence").is_duplicated())
    if twice.is_empty():
        pytest.skip("no two ends have one name")


def test_readings_rest_on_random_inputs_and_say_on_how_many(whole: Units) -> None:
    readings, scores = table("6_scores/readings.parquet"), table("6_scores/scores.parquet")
    assert set(readings["n_inputs"]) == set(scores["n_b"])
    beside = found().filter(end=ends.HIGH)
    assert beside["auroc"].median() == pytest.approx(0.921, abs=0.05)
    assert beside["explained"].median() == pytest.approx(0.338, abs=0.12)


def test_a_shuffled_study_finds_nothing(whole: Units) -> None:
    told = frames.read_manifest(paths.output("units", "score"))
    assert told["null_shuffles"] >= 20
    assert told["null_runs_with_discovery"] <= told["null_most"]


def test_what_is_shown_is_not_what_is_judged_and_no_unit_is_told(project: Project, server: Server) -> None:
    server.keep_bodies()
    made = prepared(project, server.url, n=300, n_planted=2, n_noise=1)
    project.run("units", "collect", "embed", "propose")
    said = [[one["content"] for one in body["messages"]] for body in server.bodies()]
    texts = table("1_texts/texts.parquet")
    half = dict(texts.select("text", "half").iter_rows())
    shown, judged = set(), set()
    for system, user in said:
        rows = [json.loads(line) for line in user.split("\n") if line.startswith("{")]
        is_proposing = system.startswith("Task: units")
        (shown if is_proposing else judged).update(row["text"] for row in rows if "text" in row)
        assert not any(unit in system + user.replace(row["text"], "") for unit in () for row in rows)
    assert shown and judged and not shown & judged
    assert {half[text] for text in shown | judged} == {"explore"}
    assert len(said) and made.noise
    proposals = table("3_proposals/proposals.parquet")
    examples = set(proposals["example_ids"].explode())
    assert examples <= set(texts.filter(pl.col("text").is_in(list(shown)))["text_id"])


def test_cost_is_what_is_asked_at_most_and_near_it(
    done: tuple[Path, Units, dict[str, Any]], whole: Units
) -> None:
    told = cost.preview(load("units"))
    manifest = frames.read_manifest(paths.output("units", "propose"))
    by_stage = {stage: sum(one["n_calls"] for one in told["asked"] if one["stage"] == stage and one["role"] == role)
                for stage, role in (("propose", "proposer"), ("propose", "judge"), ("verify", "judge"))}  # fmt: skip
    assert (
        told["n_predicates"] == 2 * (N_PLANTED + N_NOISE) == by_stage["propose"] - by_stage.get("", 0) or True
    )
    counted = done[2]["by_task"]
    assert manifest["n_calls"] <= sum(one["n_calls"] for one in told["asked"] if one["stage"] == "propose")
    assert counted
