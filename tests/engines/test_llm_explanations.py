"""Models that answer, explain, write inputs and guess under `engine: llm`: asked once, killed and resumed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import paths
from tasks.__main__ import main
from tasks.commands import cost
from tasks.kinds.explanations import asking
from tasks.study import load
from tests import loopback
from tests.conftest import REPO, Project
from tests.explained import ANSWERS, inputs
from tests.loopback import Plan, Server

N, TRIED = 60, 4
WAYS = {"plainly": "Name the word that decided.", "vaguely": "Be vague."}
ROLES = ("subject", "explainer", "generator", "reader")
TASKS = ("answer", "explain", "counterfactuals", "neighbours", "guess")
PRICES = {"scripted": {"input": 1.0, "output": 2.0}}


@pytest.fixture(autouse=True)
def _own_answers(store: Path) -> None:
    """A store of the test's own."""


@pytest.fixture
def server(scripted: Server) -> Server:
    scripted.change(Plan())
    return scripted


@pytest.mark.parametrize(
    ("written", "inputs"),
    [
        ('1. One\n- two\n\n* "three"', ["One", "two", "three"]),
        (
            '{"input": "a  late\\nparcel", "answer": "negative", "explanation": "It is late."}',
            ["a late parcel"],
        ),
        ('```json\n{"answer": "negative"}\n"a box"\n{"input": "a par\n```', ["a box"]),
        ("{not json}\n" + "[" * 9999, ["{not json}", "[" * 9999]),
    ],
    ids=["lists", "whole rows of JSON", "a block", "what only looks like JSON"],
)
def test_inputs_are_lines_however_they_are_dressed(written: str, inputs: list[str]) -> None:
    assert asking._inputs(written) == inputs


def prepared(project: Project, url: str, **blocks: Any) -> Project:
    project.table("rows.parquet", [{"text": text} for text, _ in inputs(N)])
    made: dict[str, Any] = {
        "kind": "explanations",
        "engine": "llm",
        "goal": "whether the model can be foreseen",
        "data": "rows.parquet",
        "llm": {"base_url": url, "model": "scripted"},
        "spend": {"timeout_s": 5.0, "concurrency": 4, "attempts": 12, "prices": PRICES},
        "explanations": {
            "task": "Where is this?", "answers": list(ANSWERS), "ways": WAYS, "tried": TRIED, "apart": 0.3,
        },
    }  # fmt: skip
    for name, block in blocks.items():
        made[name] = {**made.get(name, {}), **block}
    project.params(news=made)
    return project


def collected() -> dict[str, bytes]:
    """Tables of collect by name, calls left out: these differ where a call was repaired."""
    folder = paths.output("news", "collect")
    return {file.name: file.read_bytes() for file in folder.glob("*.parquet") if file.name != "calls.parquet"}


def asked(server: Server) -> dict[str, int]:
    counts = server.stats()["by_task"]
    return {task: counts.get(task, 0) for task in TASKS}


def test_four_roles_are_asked_and_a_plain_explanation_foretells(project: Project, server: Server) -> None:
    before = asked(server)
    prepared(project, server.url).run("news")
    after = asked(server)
    n_explained = N * len(WAYS)
    tried = pl.read_parquet(paths.output("news", "collect") / "counterfactuals.parquet")
    assert after["explain"] - before["explain"] == n_explained
    assert after["counterfactuals"] - before["counterfactuals"] == n_explained
    assert after["guess"] - before["guess"] == tried.height
    outcomes = tried["counterfactual"].n_unique()
    assert after["answer"] - before["answer"] == N + outcomes
    rows = pl.read_parquet(paths.output("news", "score") / "explainers.parquet").sort("explainer")
    plain, vague = rows.iter_rows(named=True)
    assert plain["precision"] == 1 and plain["coverage"] == pytest.approx(0.5) and plain["lo"] > 0.3
    assert vague["coverage"] == 0 and vague["validity"] is None
    calls = pl.read_parquet(paths.output("news", "collect") / "calls.parquet")
    assert set(calls["role"]) == set(ROLES)
    done = asked(server)
    project.run("news")
    assert asked(server) == done, "a rerun asks nothing"


def test_what_will_be_asked_is_counted_for_all_four(project: Project, server: Server) -> None:
    prepared(project, server.url)
    told = cost.preview(load("news"))
    before = asked(server)
    project.run("news", "collect")
    after = asked(server)
    n = {task: after[task] - before[task] for task in TASKS}
    of = {one["name"]: one["n_missing"] for one in told["unasked"]}
    assert n["answer"] <= of["subject"] and n["explain"] == of["explainer"]
    assert n["counterfactuals"] + n["neighbours"] == of["generator"] and n["guess"] <= of["reader"]
    assert told["cost_usd"] > 0
    left = cost.preview(load("news"))
    assert sum(one["cost_usd"] for one in left["unasked"]) < 0.5 * told["cost_usd"], "paid once"


def test_the_budget_holds_refusals_are_counted_and_a_rerun_goes_on(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    few = {"inputs": 24, "tried": 2, "ways": {"plainly": WAYS["plainly"]}}
    with loopback.serve(Plan(refusals=0.2)) as server:
        prepared(project, server.url, spend={"budget_usd": 0.012, "concurrency": 1}, explanations=few)
        assert main(["collect", "--study", "news"]) == 16
        assert "budget" in capsys.readouterr().err
        assert not paths.output("news", "collect").exists()
        n = server.stats()["answered"]
        assert n > 0
        prepared(project, server.url, explanations=few)
        assert main(["collect", "--study", "news"]) == 0
        counted = server.stats()
        assert counted["answered"] > n and counted["repeated"] == 0, (
            "what was paid or refused is not asked again"
        )
    read = json.loads((paths.output("news", "collect") / "manifest.json").read_text())["read"]
    assert 0 < read["in_vain"]["answers"] < 24 + 24
    assert any("answers of models" in one for one in read["warnings"])


def test_faults_on_the_way_change_nothing(project: Project, server: Server, tmp_path: Path) -> None:
    prepared(project, server.url).run("news", "collect")
    calm = collected()
    shutil.rmtree(paths.output("news", "collect"))
    (tmp_path / "answers.sqlite").unlink()
    server.change(Plan(rate_limited=0.1, server_error=0.03, dropped=0.02, half_body=0.02, hang=0.005))
    prepared(project, server.url, spend={"timeout_s": 1.0}).run("news", "collect")
    assert collected() == calm


def test_a_run_that_is_killed_goes_on_where_it_was(project: Project, tmp_path: Path) -> None:
    answers = tmp_path / "killed.sqlite"
    plan = Plan()
    with loopback.serve(plan) as calm:
        prepared(project, calm.url).run("news", "collect")
        whole, n_calls = collected(), calm.stats()["answered"]
    shutil.rmtree(paths.output("news", "collect"))
    with loopback.serve(replace(plan, latency_s=0.02)) as slow:
        prepared(project, slow.url)
        for share in (0.2, 0.7):
            with _collecting(project, answers) as process:
                ends_at = time.monotonic() + 120
                while slow.stats()["calls"] < n_calls * share:
                    assert process.poll() is None and time.monotonic() < ends_at
                    time.sleep(0.005)
                process.send_signal(signal.SIGKILL)
            assert not paths.output("news", "collect").exists()
            while slow.stats()["in_flight"]:
                time.sleep(0.005)
        with _collecting(project, answers) as process:
            said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
        counted = slow.stats()
    assert collected() == whole
    # What was in flight at a kill is asked again, and nothing else.
    assert counted["repeated"] <= 2 * 4
    assert counted["answered"] - counted["repeated"] == n_calls


def _collecting(project: Project, answers: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tasks", "collect", "--study", "news"],
        cwd=project.folder,
        env={**os.environ, "NATSTAT_ANSWERS": str(answers), "PYTHONPATH": str(REPO)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_answers_that_are_none_are_counted_and_end_the_study(
    project: Project, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared(project, server.url, explanations={"answers": ["here", "there"]})
    assert main(["collect", "--study", "news"]) != 0
    said = capsys.readouterr().err
    assert "answer" in said and "Traceback" not in said
