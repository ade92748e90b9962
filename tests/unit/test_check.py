"""What `python -m tasks check` tells."""

import json
from typing import Any

import polars as pl
import pytest

from tasks import paths
from tasks.__main__ import main
from tasks.collect import stage as collect
from tasks.store import frames
from tasks.study import load
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
    project.params(news={**PAIR_STUDY, "seed": 22})
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
    project.params(news={**PAIR_STUDY, "seed": 22, **SEQUENTIAL})
    for command in ("check", "cost"):
        assert main([command, "--study", "news"]) == 0
        assert capsys.readouterr().out.startswith(first)


def checked(capsys: pytest.CaptureFixture[str]) -> tuple[str, dict[str, Any]]:
    """What `check` tells, in words and as figures."""
    assert main(["check", "--study", "news"]) == 0
    words = capsys.readouterr().out
    assert main(["check", "--study", "news", "--json"]) == 0
    return words, json.loads(capsys.readouterr().out)


def scored_with(**gold: Any) -> None:
    """A run that is there, whose gold verdicts measured the judge."""
    folder = paths.output("news", "score")
    folder.mkdir(parents=True)
    frames.write_manifest(folder, {"gold": gold})


def test_a_judge_that_errs_hides_small_differences(
    planted: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    words, found = checked(capsys)
    assert "by a judge that errs (sensitivity 0.90, specificity 0.95: an example" in words
    right, judge = found["smallest_effect"], found["judge"]
    assert right["alone"] < judge["alone"] < judge["of_many"] and not judge["is_measured"]
    assert "corrected" not in judge
    scored_with(sensitivity=1.0, specificity=1.0)
    words, found = checked(capsys)
    assert "sensitivity 1.00, specificity 1.00: as gold verdicts measured it" in words
    assert {name: found["judge"][name] for name in right} == right, "a perfect judge hides nothing"


def test_a_judge_measured_to_be_useless_is_told_before_all_else(
    planted: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    scored_with(sensitivity=0.3, specificity=0.7)
    words, _ = checked(capsys)
    assert words.startswith("this study cannot find anything with a judge that errs as this one does")
    assert "none for one hypothesis, none among many" in words


def test_a_fixed_study_that_is_too_small_says_so_before_all_else(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.table("news.parquet", pair(11, 0.5, 0.0))
    project.params(news={**PAIR_STUDY, "seed": 22, "score": {"alpha": 0.0001}})
    assert checked(capsys)[0].startswith("this study cannot find anything: the largest difference of one")


GOLD = {"llm": {"gold": {"model": "strong"}}, "gold": {"texts": 30, "decides": True}}


def test_where_gold_decides_its_number_counts(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.table("news.parquet", pair(1000, 0.5, 0.0))
    found = {}
    for n in (30, 200, 100_000):
        project.params(news={**PAIR_STUDY, **GOLD, "gold": {"texts": n, "decides": True}})
        words, found[n] = checked(capsys)
    right = found[30]["smallest_effect"]
    few, many, every = (found[n]["judge"]["corrected"] for n in (30, 200, 100_000))
    assert 30 <= few["n_gold"]["A"] < 60 and 200 <= many["n_gold"]["A"] < 400
    assert few["of_many"] > many["of_many"] > every["of_many"] == pytest.approx(right["of_many"], abs=1e-3)
    assert "corrected by gold verdicts on" in words and "which decide" in words


def test_labels_that_decide_are_counted_once_they_are_there(
    planted: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    planted.params(news={**PAIR_STUDY, "labels": "news.csv", "gold": {"decides": True}})
    assert "not known before there are labels" in checked(capsys)[0]
    rows = collect.collected(load("news")).texts.filter(half="confirm").select("text", "text_id")
    filled = rows.head(40).with_columns(predicate=pl.lit("x"), verdict=pl.lit("1"))
    blank = rows.tail(5).with_columns(predicate=pl.lit("x"), verdict=pl.lit(""))
    paths.labels().mkdir(parents=True)
    pl.concat([filled, blank]).write_csv(paths.labels() / "news.csv")
    counted = checked(capsys)[1]["judge"]["corrected"]["n_gold"]
    assert sum(counted.values()) == 40


def test_a_walk_with_a_judge_that_errs_finds_less(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.table("news.parquet", pair(1500, 0.5, 0.0))
    project.params(news={**PAIR_STUDY, **SEQUENTIAL})
    words, found = checked(capsys)
    assert found["sequential"]["smallest_effect"] < found["judge"]["walk"] < 0.5
    assert f"about {found['judge']['walk']:.2g}" in words


def test_an_encoder_that_does_not_read_the_texts_is_told_before_all_else(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {
            "year": year,
            "text": f"Der Bürgermeister eröffnete am {day}. Tag die neue Brücke von {year}, mit Musik.",
        }
        for year in (2019, 2020)
        for day in range(40)
    ]
    project.table("news.parquet", rows)
    study = {**PAIR_STUDY, "collect": {**PAIR_STUDY["collect"], "near_duplicates": None}}
    project.params(news={**study, "embed": {"encoder": "bundled"}})
    assert main(["check", "--study", "news"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(
        "the encoder `bundled` reads English, and texts are in other languages (German 100%)."
    )
    assert "not proposed" in told and "intfloat/multilingual-e5-small" in told
    assert main(["check", "--study", "news", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["languages"] == {"de": 1.0}
    project.params(news={**study, "embed": {"encoder": "intfloat/multilingual-e5-small"}})
    assert main(["check", "--study", "news"]) == 0
    assert "reads English" not in capsys.readouterr().out
