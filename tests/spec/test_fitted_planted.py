"""Whole studies of texts with known effects: what is there is found, and how large it is."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks import kinds
from tasks.errors import FrozenError
from tasks.study import load
from tests import written_texts
from tests.conftest import Project
from tests.written_texts import ASKED, WORDS

STAGES = ("collect", "embed", "propose", "formalise", "verify", "score")


@pytest.fixture(autouse=True)
def _one_shuffle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.score.baselines.NULL_SHUFFLES", 1)


def scored(project: Project, kind: str, rows: pl.DataFrame, **block: Any) -> dict[str, pl.DataFrame]:
    """Tables of a study that tests the four words, by name."""
    rows.write_parquet("rows.parquet")
    study = {
        "kind": kind,
        "goal": "what there is",
        "data": "rows.parquet",
        "embed": {"encoder": "none"},
        "propose": {"also": ASKED, "only": True},
        kind: block,
    }
    project.params(planted=study)
    project.run("planted", *STAGES)
    folder = project.folder / "data/planted"
    of = pl.read_parquet(folder / "4_predicates/predicates.parquet").select("predicate_id", "definition")
    word = pl.Series([next(w for w in WORDS if w in one) for one in of["definition"]])
    names = of.select("predicate_id", word=word)
    read = {
        name: pl.read_parquet(folder / f"6_scores/{name}.parquet")
        for name in ("scores", "weights", "coverage", "changes", "baselines")
    }
    return {
        name: one.join(names, on="predicate_id", how="left", maintain_order="left")
        if "predicate_id" in one.columns
        else one
        for name, one in read.items()
    }


def found(tables: dict[str, pl.DataFrame]) -> set[str]:
    """Words that are discoveries."""
    return set(tables["scores"].filter("is_discovery")["word"])


def test_three_groups_and_a_rare_one(project: Project) -> None:
    rng = np.random.default_rng(1)
    start = np.array([0.0, 0.0, 0.0, -3.8])
    weight = np.array([[1.5, 0.0, 0.0, 0.0], [0.0, 1.2, 0.0, 0.0], [0.0, 0.0, 0.0, 3.0], [0.0] * 4])
    rows = written_texts.labelled(2000, start.tolist(), weight, rng)
    assert 0.01 < (rows["label"] == "d").mean() < 0.05
    tables = scored(project, "classes", rows)
    assert found(tables) == {"rocket", "garden", "violin"}
    true = weight - weight.mean(axis=1, keepdims=True)
    told = tables["weights"].filter(pl.col("predicate_id") != "")
    covered = [
        row["lo"] <= true[WORDS.index(row["word"]), "abcd".index(row["slot"])] <= row["hi"]
        for row in told.iter_rows(named=True)
    ]
    assert len(covered) == 16
    assert sum(covered) >= 14
    by_class = tables["coverage"].filter(word="rocket")
    assert by_class["slot"].to_list() == ["", "a", "b", "c", "d"]
    assert by_class.filter(slot="a")["lo"].item() > by_class.filter(slot="b")["hi"].item()
    share = tables["coverage"].filter(predicate_id="unexplained", slot="")["share"].item()
    assert share == pytest.approx(0.6 * 0.7 * 0.7, abs=0.05)
    beside = dict(tables["baselines"].select("baseline", "validity").iter_rows())
    assert beside["always true"] == 0
    assert beside["all sentences together"] > 0.1 > beside["surface features"]


def test_a_rating_of_one_to_five_as_a_score(project: Project) -> None:
    weight = [0.8, -0.6, 0.0, 0.6]
    rows = written_texts.rated(1200, weight, 0.7, np.random.default_rng(2))
    tables = scored(project, "classes", rows, value_is="score")
    assert found(tables) == {"rocket", "garden", "harbour"}
    told = tables["weights"].filter(pl.col("predicate_id") != "")
    assert told["slot"].unique().to_list() == ["score"]
    # Rounding to 1 to 5 takes a little off: what the weights are, very many texts say.
    held, rating = written_texts.ratings(200_000, weight, 0.7, np.random.default_rng(0))
    true = np.linalg.lstsq(np.column_stack([np.ones(len(held)), held]), rating, rcond=None)[0][1:]
    covered = [row["lo"] <= true[WORDS.index(row["word"])] <= row["hi"] for row in told.iter_rows(named=True)]
    assert sum(covered) >= 3
    told = kinds.load("classes").headline(load("planted"))
    (line,) = kinds.load("classes").headline_lines(told)
    # Normal errors: the variance that is left is what so many bits leave.
    left = rating - np.column_stack([np.ones(len(held)), held]) @ [rating.mean() - held.mean(0) @ true, *true]
    assert told["together"]["share"] == pytest.approx(1 - left.var() / rating.var(), abs=0.1)
    assert told["together"]["best_bits"] < 0.05
    assert "of the variance of the score" in line
    _another_model_is_refused(project)


def _another_model_is_refused(project: Project) -> None:
    """The model was frozen with the predicates, and so were all values: score uses no others."""
    for name, column in (("1_texts/values", "number"), ("3_proposals/model", "weight")):
        file = project.folder / f"data/planted/{name}.parquet"
        was = file.read_bytes()
        pl.read_parquet(file).with_columns(pl.col(column) * 1.1).write_parquet(file)
        with pytest.raises(FrozenError, match="not the one that was frozen"):
            project.run("planted", "score")
        file.write_bytes(was)


def test_a_drift_and_a_jump(project: Project) -> None:
    rows = written_texts.dated(1600, 0.6, np.random.default_rng(3))
    tables = scored(project, "timeline", rows)
    assert found(tables) == {"rocket", "garden"}
    jump = tables["changes"].row(0, named=True)
    assert tables["changes"]["word"].to_list() == ["garden"]
    assert jump["said_lo"] <= "2016-01-01" <= jump["said_hi"]
    assert jump["before"] < 0.2 < 0.5 < jump["after"]
    course = tables["coverage"].filter(word="rocket").filter(pl.col("slot") != "")
    assert course["slot"].is_sorted()
    assert course.height <= 60
    assert course["n"].sum() == tables["scores"]["n_a"][0]
    true = np.linspace(0.1, 0.6, 11)
    year = course["slot"].str.head(4).cast(pl.Int64).to_numpy() - 2010
    covered = (course["lo"] <= true[year + 1]) & (course["hi"] >= true[year])
    assert covered.mean() > 0.9
    assert tables["weights"].filter(word="rocket")["slot"].to_list() == course["slot"].to_list()
