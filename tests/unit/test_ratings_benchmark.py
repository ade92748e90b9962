"""The harness that holds ratings against those of three people, on small tables."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from benchmarks import ratings
from tasks.engines.roles import Rating
from tasks.errors import ParamsError, SourceError
from tasks.records import Predicate
from tests.conftest import PAIR_STUDY, SHARED, Project, shared_file


def table(n: int = 12) -> pl.DataFrame:
    """n hypotheses of three problems; author 1 rates all one higher than author 0, author 2 against both."""
    ranks = [i % 2 for i in range(n)]
    people = {0: ranks, 1: [r + 1 for r in ranks], 2: [2 - r for r in ranks]}
    columns: dict[str, Any] = {
        "hypothesis": [f"mentions thing {i}." for i in range(n)],
        "problem_id": [i % 3 for i in range(n)],
        "target": [f"goal {i % 3}" for i in range(n)],
        "A_desc": ["these"] * n,
        "B_desc": ["those"] * n,
    }
    for short in ratings.RATINGS.values():
        columns |= {f"author{i}_{short}": people[i] for i in ratings.PEOPLE}
    return pl.DataFrame(columns)


def written(tmp_path: Path, frame: pl.DataFrame) -> Path:
    frame.write_csv(tmp_path / "rated.csv")
    return tmp_path / "rated.csv"


class ByNumber:
    """Rates relevance by the number in the hypothesis."""

    rated_by, calls = "test", ()

    def __init__(self, goal: str, user: str | None, names: ratings.Names) -> None:
        self.goal = goal
        assert names == {"A": "these", "B": "those"}

    def rate(self, predicates: Sequence[Predicate]) -> list[Rating]:
        numbers = [int(p.predicate.rsplit(" ", 1)[1]) for p in predicates]
        assert {f"goal {n % 3}" for n in numbers} == {self.goal}
        return [Rating(n / 10, None, None) for n in numbers]


def test_each_problem_is_rated_by_itself_and_rows_keep_their_order(tmp_path: Path) -> None:
    rows = ratings.read(written(tmp_path, table()))
    assert [r.relevance for r in ratings.rated(rows, ByNumber)] == [n / 10 for n in range(12)]


def test_figures_against_the_mean_and_each_person(tmp_path: Path) -> None:
    rows = ratings.read(written(tmp_path, table()))
    given = [Rating(float(r), None, 2.0) for r in rows["author0_rel"]]
    found = ratings.against_people(rows, given)
    assert found["relevance"]["each"] == [1.0, 1.0, -1.0]
    # The mean of r, r + 1 and 2 - r is 1 + r/3.
    assert (found["relevance"]["mean"], found["relevance"]["interval"]) == (1.0, [1.0, 1.0])
    assert (found["relevance"]["n"], found["novelty"]) == (12, None)
    assert found["significance"]["mean"] is None
    assert ratings.between_people(rows, "novelty") == {"mean": -0.333, "pairs": [1.0, -1.0, -1.0]}


def test_what_was_not_rated_is_left_out(tmp_path: Path) -> None:
    rows = ratings.read(written(tmp_path, table()))
    given = [Rating(None if i < 4 else float(r), None, None) for i, r in enumerate(rows["author0_rel"])]
    assert ratings.against_people(rows, given)["relevance"]["n"] == 8


def test_spearman_with_ties_is_scipy_s_and_lies_in_its_interval() -> None:
    from scipy.stats import spearmanr

    rng = np.random.default_rng(1)
    left = rng.integers(0, 3, 150).astype(float)
    right = np.clip(left + rng.integers(-1, 2, 150), 0, 2)
    problems = np.arange(150) // 5
    value = ratings.spearman(left, right)
    assert value == pytest.approx(float(spearmanr(left, right).statistic), abs=5e-4)
    interval = ratings.spearman_ci_bootstrap(left, right, problems)
    assert interval is not None and interval[0] < value < interval[1] < 1
    assert interval == ratings.spearman_ci_bootstrap(left, right, problems)


def test_a_missing_column_and_a_wrong_rating_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="wanted columns target, author2_sig, got hypothesis"):
        ratings.read(written(tmp_path, table().drop("target", "author2_sig")))
    for wrong in ("high", "3", ""):
        column = pl.Series("author1_nov", [wrong] + ["1"] * 11)
        with pytest.raises(SourceError, match="wanted ratings of 0, 1 or 2 in column author1_nov"):
            ratings.read(written(tmp_path, table().with_columns(column)))
    with pytest.raises(SourceError, match="at least 3 rated hypotheses, got 2"):
        ratings.read(written(tmp_path, table()), limit=2)
    with pytest.raises(SourceError, match="wanted a CSV"):
        ratings.read(tmp_path / "nowhere.csv")


def test_a_study_without_a_model_cannot_be_held_against_people(planted: Project) -> None:
    assert PAIR_STUDY.get("engine") is None
    with pytest.raises(ParamsError, match=r"--study news: wanted a study with `engine: llm`, got embedded"):
        ratings.paid("news")


def test_the_last_line_is_json_and_nothing_is_written(
    tmp_path: Path, project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, table())
    monkeypatch.setattr("sys.argv", ["ratings", "--ratings", str(file), "--limit", "6"])
    assert ratings.main() == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["rows"], found["problems"]) == (6, 3)
    assert found["embedded"]["relevance"]["n"] == 6
    assert found["embedded"]["significance"] is None
    assert [path.name for path in tmp_path.iterdir()] == ["rated.csv"]
    monkeypatch.setattr("sys.argv", ["ratings", "--ratings", "nowhere.csv"])
    assert ratings.main() == SourceError.exit_code
    assert "nowhere.csv" in capsys.readouterr().err


@shared_file("human_ratings.csv")
def test_people_agree_more_with_each_other_than_with_the_floor() -> None:
    found = ratings.measured(SHARED / "data" / "human_ratings.csv")
    for name in ("relevance", "novelty"):
        assert found["embedded"][name]["n"] == 200
        assert found["embedded"][name]["mean"] < found["people"][name]["mean"]
