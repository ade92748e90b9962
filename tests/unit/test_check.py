"""What `python -m tasks check` tells."""

import json

import pytest

from tasks.__main__ import main
from tests.conftest import PAIR_STUDY, Project, pair


def test_sizes_are_told_and_nothing_is_written(planted: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--study", "news"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("news: 600 rows give 600 texts in 600 documents")
    assert "2020" in told
    assert "0 duplicates" in told
    assert not (planted.folder / "data/news").exists()


def test_json_holds_every_count(planted: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--study", "news", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["texts"] == {"A": 300, "B": 300}
    assert 0 < found["smallest_effect"]["alone"] < found["smallest_effect"]["of_many"]


def test_a_study_too_small_for_many_hypotheses_says_so(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.table("news.parquet", pair(11, 0.5, 0.0))
    project.params(news={**PAIR_STUDY, "seed": 3})
    assert main(["check", "--study", "news"]) == 0
    assert "for one hypothesis, none among many" in capsys.readouterr().out


SEQUENTIAL = {"verify": {"plan": "sequential"}}


def test_a_sequential_plan_tells_how_far_judging_would_go(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.table("news.parquet", pair(3000, 0.5, 0.0))
    wanted = {
        "score": {"min_effect": 0.05},
        "verify": {"plan": "sequential", "sequential": {"min_effect": 0.05}},
    }
    project.params(news={**PAIR_STUDY, **wanted})
    assert main(["check", "--study", "news"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("news: 6,000 rows"), "it finds what it is about: no warning"
    assert "0.05 (the minimum)" in told and "0.2 (4 x)" in told
    assert main(["check", "--study", "news", "--json"]) == 0
    ahead = json.loads(capsys.readouterr().out)["sequential"]
    none, least, _, most = ahead["walks"]
    assert (none["effect"], least["effect"], most["effect"]) == (0, 0.05, 0.2)
    assert none["share_found"] == 0 and none["share_dropped"] > 0.9
    assert (
        most["share_found"] == 1 and most["n_texts"] < none["n_texts"] < least["n_texts"] < ahead["n_texts"]
    )
    assert ahead["n_judgements_null"] == pytest.approx(20 * none["n_texts"], abs=1)
    assert ahead["n_judgements_null"] < 0.7 * ahead["n_grid"]
    assert 0.05 < ahead["smallest_effect"] < 0.1


@pytest.mark.parametrize(
    ("n", "first"),
    [
        (11, "this study cannot find anything"),
        (200, "this study finds only large differences: one hypothesis"),
    ],
)
def test_a_sequential_study_that_is_too_small_says_so_before_all_else(
    project: Project, capsys: pytest.CaptureFixture[str], n: int, first: str
) -> None:
    project.table("news.parquet", pair(n, 0.5, 0.0))
    project.params(news={**PAIR_STUDY, "seed": 3, **SEQUENTIAL})
    for command in ("check", "cost"):
        assert main([command, "--study", "news"]) == 0
        assert capsys.readouterr().out.startswith(first)
