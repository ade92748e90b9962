"""What benchmarks.propose counts, with a server whose suggestions are known."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from benchmarks import propose
from tasks.engines.encoders import encoder
from tasks.errors import SourceError
from tests.conftest import Project
from tests.engines.scripted import Question, serving

pytestmark = pytest.mark.usefixtures("project")


class Blind:
    """Every text is as typical as any other."""

    name, dim = "blind", 0

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return np.zeros((len(texts), 0), dtype=np.float32)


@pytest.fixture(autouse=True)
def _blind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "load", lambda study: Blind())


def measured(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *options: str) -> Any:
    monkeypatch.setattr(sys, "argv", ["propose", "--model", "m-1b", *options])
    assert propose.main() == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def careful(question: Question) -> Any:
    """Two good ones, one that is mended, one that hands a text back, one of nothing."""
    task = question.system.split("\n")[0].removeprefix("Task: ")
    if task == "rewrites":
        ids = [json.loads(line)["id"] for line in question.user.split("\n") if line.startswith("{")]
        return {id_: f"The text mentions prices {id_}" for id_ in ids}
    (first, *_) = question.texts
    if "sickness" in first["text"]:
        return {
            "hypotheses": [
                "The text mentions sickness",
                f"The text {first['text']}",
                "The text mentions prices more often",
            ]
        }
    return {
        "hypotheses": ["The text mentions sunshine", "The text mentions the", "The text mentions sunshine"]
    }


def rows(n: int) -> list[dict[str, Any]]:
    word = {2020: "sickness", 2019: "sunshine"}
    return [
        {"text": f"{word[year]} " + " ".join(f"{letter}{i}{year}" for letter in "klmnopqr"), "year": year}
        for year in word
        for i in range(n)
    ]


def test_a_table_of_two_groups_is_counted(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = project.folder / "news.parquet"
    pl.DataFrame(rows(40)).write_parquet(file)
    goal = project.folder / "goal.json"
    goal.write_text(json.dumps({"target": "what changed", "example_hypotheses": ["mentions a war"]}))
    with serving(careful) as server:
        found = measured(
            capsys, monkeypatch, "--problem", str(file), "--base-url", server.url, "--texts", "40",
            "--seeds", "2", "--group", "year", "--a", "2020", "--b", "2019", "--goal-file", str(goal),
            "--wanted", "SICK|ill",
        )  # fmt: skip
        assert "what changed" in server.asked[0].user
    assert found["suggested"] == 2 * 2 * 6 and found["seeds_with_wanted"] == 2
    assert found["unfit"] == {"says nothing, or breaks off": 2 * 2}
    assert (found["in_form"], found["at_once"]) == (pytest.approx(5 / 6, abs=1e-3), 0.5)
    # Of ten sentences that went on, six say again what one before them says.
    assert found["distinct"] == 0.4
    assert found["echoes"] == 0 and found["references"] is None


def test_references_are_matched_by_verdicts_on_other_texts(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.engines import roles

    class Judge:
        name = "j"

        def __init__(self, study: object, stage: str) -> None:
            pass

        def judge(self, predicates: Any, texts: pl.DataFrame, vectors: np.ndarray) -> roles.Judgements:
            holds = [[p.predicate.split()[-1] in text for p in predicates] for text in texts["text"]]
            score = np.array(holds, dtype=float)
            return roles.Judgements(score, np.zeros(score.shape, dtype=np.uint8))

    monkeypatch.setattr(propose, "LlmJudge", Judge)
    texts = [row["text"] for row in rows(40)]
    content = {
        "texts": texts,
        "reference_phi_predicate_strings": ["is about sickness", "is about an even number"],
        "reference_phi_denotation": [[float("sickness" in t), float(i % 2)] for i, t in enumerate(texts)],
        "goal": "which subject",
    }
    file = project.folder / "problem.json"
    file.write_text(json.dumps(content))
    with serving(careful) as server:
        found = measured(
            capsys, monkeypatch, "--problem", str(file), "--base-url", server.url, "--texts", "60",
            "--seeds", "1", "--matched", "10",
        )  # fmt: skip
    assert found["references"] == 0.5


def test_a_file_of_another_form_is_told(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text("{}")
    with pytest.raises(SourceError, match=r"no problem of this benchmark"):
        propose.read(argparse.Namespace(problem=file, goal="", goal_file=None))
