"""The benchmark of judges measures what a scripted judge does, on the same pairs in every packing."""

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import judge
from tasks.errors import SourceError
from tests import loopback
from tests.conftest import REPO
from tests.loopback import Plan, Server

WORDS = ("sport", "market", "chips", "vote")


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with loopback.serve() as server:
        yield server


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A problem of 200 texts, each with one or two of four words."""
    rng = random.Random(0)
    labels = [
        [float(word in some) for word in WORDS] for some in (rng.sample(WORDS, 1 + i % 2) for i in range(200))
    ]
    texts = [
        " ".join([f"text {i} on", *(w for w, holds in zip(WORDS, row, strict=True) if holds)])
        for i, row in enumerate(labels)
    ]
    content = {
        "goal": "what is reported",
        "texts": texts,
        "reference_phi_denotation": labels,
        "reference_phi_predicate_strings": [f'mentions "{word}".' for word in WORDS],
    }
    made = tmp_path / "problem.json"
    made.write_text(json.dumps(content), encoding="utf-8")
    return made


def printed(file: Path, server: Server) -> dict[str, Any]:
    """What the command's last line says."""
    command = [sys.executable, "-m", "benchmarks.judge", "--problem", str(file), "--base-url", server.url]
    command += ["--model", "scripted-large", "--texts", "60"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPO, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def figures(file: Path, server: Server, packing: str) -> dict[str, Any]:
    """Those of one packing."""
    asked = judge.problem(file, 60, 0)
    study = judge.study_of(server.url, "scripted-large", asked.goal, 4)
    of: dict[str, Any] = judge.measured(study, asked, [packing])["packings"][packing]
    return of


def test_a_judge_that_is_right_is_right_in_every_packing(file: Path, running: Server) -> None:
    running.change(Plan(logprobs=True))
    running.keep_bodies()
    found = printed(file, running)
    assert list(found["packings"]) == list(judge.PACKINGS)
    assert found["judgements"] == 240 and 0.2 < found["share_true"] < 0.6
    assert found["default"] in judge.PACKINGS
    for of in found["packings"].values():
        assert set(of) == set(judge.FIGURES)
        assert of["balanced_accuracy"] == of["accuracy"] == of["auroc"] == of["in_form"] == 1.0
        assert of["tokens_in"] > 0 and of["seconds"] >= 0
    tokens = {name: of["tokens_in"] for name, of in found["packings"].items()}
    assert tokens["several"] < 0.7 * tokens["one"] and tokens["texts"] < tokens["one"]


def test_what_a_judge_gets_wrong_is_measured(file: Path, running: Server) -> None:
    running.change(Plan(error_rate=0.2))
    of = figures(file, running, "one")
    assert of["accuracy"] == pytest.approx(0.8, abs=0.08)
    running.change(Plan(verdict="yes"))
    of = figures(file, running, "several")
    assert (of["sensitivity"], of["specificity"], of["balanced_accuracy"]) == (1.0, 0.0, 0.5)
    assert of["auroc"] == 0.5


def test_what_cannot_be_read_is_no_verdict(file: Path, running: Server) -> None:
    running.change(Plan(refusals=0.5))
    of = figures(file, running, "one")
    assert of["in_form"] == pytest.approx(0.5, abs=0.2) and of["accuracy"] == 1.0


@pytest.mark.parametrize(("disjunctions", "n"), [(False, 4 + 4), (True, 4 + 6)])
def test_none_one_or_several_predicates_of_a_text_may_be_true(file: Path, disjunctions: bool, n: int) -> None:
    asked = judge.problem(file, 100, 0, disjunctions)
    assert len(asked.predicates) == n and (asked.drawn.sum(axis=1) == judge.DRAWN).all()
    n_true = (asked.truth & asked.drawn).sum(axis=1)
    assert {0, 1, 2, 3} <= set(n_true.tolist())
    for column, predicate in enumerate(asked.predicates):
        words = [word for word in WORDS if word in predicate.predicate]
        holds = np.array([any(word in text for word in words) for text in asked.texts["text"]])
        assert (asked.truth[:, column] == holds).all() and not predicate.predicate.endswith(".")
    again = judge.problem(file, 100, 0, disjunctions)
    assert (again.drawn == asked.drawn).all() and again.texts.equals(asked.texts)


def test_another_file_is_an_error(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps({"texts": ["a"], "reference_phi_predicate_strings": ["b"]}))
    with pytest.raises(SourceError, match="wanted a problem with texts and reference labels"):
        judge.problem(wrong, 10, 0)
    labels = {"texts": ["a"], "reference_phi_predicate_strings": ["b"], "reference_phi_denotation": [[1, 0]]}
    wrong.write_text(json.dumps(labels))
    with pytest.raises(SourceError, match="wanted a label for"):
        judge.problem(wrong, 10, 0)
