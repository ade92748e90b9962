"""gold, from stage to stage: what score reads and writes, and what record remembers of it."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks import paths
from tasks.engines import roles
from tasks.errors import FrozenError
from tasks.score.stage import score_judged
from tasks.store import frames
from tasks.study import Study
from tasks.verdicts.judged import Judged
from tests.conftest import PAIR_STUDY, Project
from tests.spec.test_score import column, held_out
from tests.spec.test_verify import predicate

BEFORE = paths.STAGES[:5]
OF_MODEL: dict[str, Any] = {"gold": {"texts": 40}, "llm": {"gold": {"model": "better"}}}
OF_FILE: dict[str, Any] = {"labels": "news.csv"}


def folder(stage: str) -> Path:
    return paths.output("news", stage)


def table(stage: str, name: str, schema: pl.Schema) -> pl.DataFrame:
    return frames.read(folder(stage), f"{name}.parquet", schema)


def manifest(stage: str) -> dict[str, Any]:
    return frames.read_manifest(folder(stage))


def verdicts() -> pl.DataFrame:
    return frames.scan_verdicts(folder("verify")).sort("predicate_id", "text_id").collect()


@pytest.fixture
def judged(planted: Project) -> Project:
    """A study with a planted difference, judged without gold."""
    planted.run("news", *BEFORE)
    return planted


def put_gold(rows: pl.DataFrame) -> None:
    """As verify leaves it."""
    frames.write(rows, folder("verify") / "gold.parquet", frames.GOLD)
    of = {"judge": judge_name(), "texts": 40, "choose": "random"}
    frames.write_manifest(folder("verify"), {**manifest("verify"), "gold": of})


def judge_name() -> str:
    """Of the model under llm.gold, as `with_model` writes it."""
    study = {"name": "news", **PAIR_STUDY, **OF_MODEL}
    return roles.gold_judge(Study.model_validate(study)).name


def third() -> pl.DataFrame:
    """Every third text, about which the gold judge agrees but for a refusal of each predicate."""
    texts = verdicts()["text_id"].unique().sort().gather_every(3)
    agree = verdicts().filter(pl.col("text_id").is_in(texts.implode())).with_columns(chance=pl.lit(1 / 3))
    refused = pl.col("text_id") == texts[0]
    return agree.with_columns(
        score=pl.when(refused).then(None).otherwise("score"),
        status=pl.when(refused).then(pl.lit("refusal")).otherwise("status"),
    )


def with_model(project: Project, **more: Any) -> None:
    project.params(news={**PAIR_STUDY, **OF_MODEL, **more})


def test_a_gold_judge_who_agrees_supports_what_was_found(judged: Project) -> None:
    put_gold(third())
    with_model(judged)
    judged.run("news", "score")
    rows = table("score", "judges", frames.JUDGES)
    scores = table("score", "scores", frames.SCORES)
    assert rows["predicate_id"].equals(scores["predicate_id"])
    told = manifest("score")["gold"]
    assert told["judge"] == judge_name()
    assert (told["sensitivity"], told["specificity"]) == (1, 1)
    assert told["n_gold"] == rows.select(pl.sum_horizontal("n_gold_a", "n_gold_b").sum()).item()
    assert told["n_refused"] == rows.height
    assert told["n_supported"] + told["n_open"] == rows.height
    assert told["n_contradicted"] == 0
    supported = scores.filter("is_discovery").join(rows, on="predicate_id")["bearing"]
    assert "supported" in supported.to_list()


def test_a_file_of_labels_may_contradict_what_was_found(judged: Project) -> None:
    judged.run("news", "score")
    found = table("score", "scores", frames.SCORES).filter("is_discovery")["predicate_id"].to_list()
    assert found
    # People see none of it anywhere.
    labels = paths.labels() / "news.csv"
    labels.parent.mkdir(parents=True)
    verdicts().select("predicate_id", "text_id", verdict=pl.lit(0)).write_csv(labels)
    judged.params(news={**PAIR_STUDY, **OF_FILE})
    judged.run("news", "score", "record")
    told = manifest("score")["gold"]
    assert told["n_contradicted"] == len(found)
    assert told["file"].endswith("labels/news.csv")
    assert told["sensitivity"] is None
    assert "judge" not in told
    scores = table("score", "scores", frames.SCORES)
    assert not scores["is_discovery"].any()
    assert scores.filter(pl.col("predicate_id").is_in(found))["validity"].abs().min() > 0.02
    assert manifest("score")["n_discoveries"] == 0
    recorded = table("record", "discoveries", frames.DISCOVERIES)
    assert set(recorded["corrected_validity"]) == {0.0}


def test_without_gold_or_a_panel_nothing_is_told_of_judges(judged: Project) -> None:
    judged.run("news", "score")
    assert {file.name for file in folder("score").glob("*.parquet")} == {
        "scores.parquet",
        "baselines.parquet",
        "groups.parquet",
    }
    assert not {"gold", "panel"} & set(manifest("score"))
    rows = table("score", "groups", frames.GROUPS)
    scores = table("score", "scores", frames.SCORES)
    assert set(rows["group_id"]) == set(scores["group_id"])
    assert rows["n_predicates"].sum() == scores.height


def test_verdicts_of_a_verify_without_gold_are_refused(judged: Project) -> None:
    with_model(judged)
    with pytest.raises(FrozenError, match="without the gold judge"):
        judged.run("news", "score")


def test_a_panel_is_told_by_its_agreement(judged: Project) -> None:
    both = verdicts().drop_nulls("score").select("predicate_id", "text_id", "score")
    for part, rows in enumerate((both.head(100), both.slice(100))):
        said = pl.concat(rows.with_columns(judge=pl.lit(name)) for name in ("one", "two"))
        frames.write(said, folder("verify") / f"panel-{part:04d}.parquet", frames.PANEL)
    judged.run("news", "score")
    rows = table("score", "agreement", frames.AGREEMENT)
    assert set(rows["measure"]) == {"alpha", "kappa"}
    assert set(rows["estimate"]) <= {1.0, None}
    assert manifest("score")["panel"]["judges"] == ["one", "two"]
    assert manifest("score")["panel"]["alpha"] == 1
    assert manifest("score")["panel"]["n_pairs"] == both.height


def test_tables_follow_from_rows_alone(judged: Project) -> None:
    with_model(judged)
    seen = []
    for rows in (third(), third().sample(fraction=1.0, shuffle=True, seed=1)):
        put_gold(rows)
        judged.run("news", "score")
        seen.append({file.name: file.read_bytes() for file in sorted(folder("score").iterdir())})
    assert seen[0] == seen[1]


def test_what_gold_says_is_recorded_and_makes_another_run(judged: Project) -> None:
    runs = []
    for rows in (third(), third().with_columns(score=1 - pl.col("score"))):
        put_gold(rows)
        with_model(judged)
        judged.run("news", "score", "record")
        found = table("record", "discoveries", frames.DISCOVERIES)
        judges = table("score", "judges", frames.JUDGES)
        for name in ("validity", "lo", "hi"):
            assert found[f"corrected_{name}"].equals(judges[name].alias(f"corrected_{name}"))
        runs.append(manifest("record")["run_id"])
        # Asked is asked, refused or not.
        asked = dict(rows.group_by("predicate_id").len().iter_rows())
        alone = verdicts().group_by("predicate_id").len()
        assert dict(found.select("predicate_id", "n_judgements").iter_rows()) == {
            name: n + asked[name] for name, n in alone.iter_rows()
        }
        assert manifest("record")["n_judgements"] == found["n_judgements"].sum()
    assert runs[0] != runs[1]


def test_labels_of_people_count_where_they_entered_the_effect(judged: Project) -> None:
    labels = paths.labels() / "news.csv"
    labels.parent.mkdir(parents=True)
    rows = third().select("predicate_id", "text_id", verdict=pl.col("score").cast(pl.String).fill_null("?"))
    rows.write_csv(labels)
    judged.params(news={**PAIR_STUDY, **OF_FILE})
    judged.run("news", "score", "record")
    found = table("record", "discoveries", frames.DISCOVERIES)
    judges = table("score", "judges", frames.JUDGES)
    n_gold = judges.select(pl.sum_horizontal("n_gold_a", "n_gold_b")).to_series()
    n_texts = verdicts()["text_id"].n_unique()
    assert found["n_judgements"].to_list() == [n + n_texts for n in n_gold]
    assert json.loads(table("record", "runs", frames.RUNS)["params"].item())["labels"] == "news.csv"


@pytest.mark.usefixtures("all_shuffles")
def test_where_gold_decides_scores_are_the_corrected_ones_and_so_is_the_null(planted: Project) -> None:
    with_model(planted, gold={"texts": 40, "decides": True})
    planted.run("news", *paths.STAGES[:4])
    frozen = table("formalise", "predicates", frames.PREDICATES)
    assert all(test.endswith("+ppi") for test in frozen["planned_test"])
    texts = table("collect", "texts", frames.TEXTS).filter(pl.col("half") == "confirm")
    holds = pl.col("text").str.contains("covid").cast(pl.Float64)
    pairs = texts.select("text_id", score=holds).join(frozen.select("predicate_id"), how="cross")
    value = pairs.with_columns(status=pl.lit("value"), chance=pl.lit(1.0))
    folder("verify").mkdir(parents=True)
    frames.write(value, folder("verify") / "part-0000.parquet", frames.VERDICTS)
    frames.write_manifest(folder("verify"), {"frozen_hash": frames.frozen_hash(frozen)})
    put_gold(value.filter(pl.col("text_id").hash() % 2 == 0).with_columns(chance=pl.lit(0.5)))
    planted.run("news", "score", "record")
    scores, judges = table("score", "scores", frames.SCORES), table("score", "judges", frames.JUDGES)
    for name in ("validity", "lo", "hi", "p", "q", "method"):
        assert scores[name].equals(judges[name])
    assert set(scores["method"]) == {"ppi_score"}
    assert (judges["bearing"] == "supported").to_list() == scores["is_discovery"].to_list()
    assert scores["is_discovery"].any()
    # An effect at equal length is of the judge's verdicts, which are not what decides.
    assert scores.select("^adjusted_.*$").null_count().row(0) == (scores.height,) * 3
    told = manifest("score")
    assert told["null_shuffles"] == 100
    assert told["null_runs_with_discovery"] <= 12


def test_two_labellers_who_disagree_say_nothing_and_are_told(judged: Project) -> None:
    """At the judge's threshold of a half, their mean would say yes for both; else they say what it does."""
    rows = third().select("predicate_id", "text_id", verdict=pl.col("score").cast(pl.String).fill_null("?"))
    other = pl.when(pl.col("text_id").hash() % 4 == 0).then(pl.lit("1")).otherwise("verdict")
    both = [
        rows.with_columns(labeller=pl.lit("Ann")),
        rows.with_columns(verdict=other, labeller=pl.lit("Bo")),
    ]
    labels = paths.labels() / "news.csv"
    labels.parent.mkdir(parents=True)
    pl.concat(both).write_csv(labels)
    judged.params(news={**PAIR_STUDY, **OF_FILE})
    judged.run("news", *paths.STAGES[5:])
    told = manifest("score")["gold"]
    assert told["n_ties"] > 0 and told["n_refused"] >= told["n_ties"]
    assert (told["sensitivity"], told["specificity"]) == (1, 1)
    page = (paths.reports() / "news" / "index.html").read_text(encoding="utf-8")
    assert f"About {told['n_ties']} pairs as many said yes as no" in page


def test_a_finding_and_its_opposite_do_not_explain_each_other_away() -> None:
    rng = np.random.default_rng(0)
    n = 1000
    holds = column(n, n, 500, 300)
    opposite = np.where(rng.random(2 * n) < 0.02, holds, 1 - holds)
    texts = held_out(n, n)
    texts = texts.with_columns(text=pl.Series(["x" * k for k in rng.integers(30, 300, 2 * n)]))
    for score in (holds[:, None], np.column_stack([holds, opposite])):
        both = [predicate("p0"), dataclasses.replace(predicate("p1"), direction="B")]
        of = both[: score.shape[1]]
        study = Study.model_validate(
            {
                "name": "s",
                "data": "x",
                "goal": "g",
                "collect": {"group": "random"},
                "score": {"group_phi": 0.7},
            }
        )  # fmt: skip
        status = np.zeros(score.shape, dtype=np.uint8)
        found = score_judged(Judged(study, texts, of, score, status)).scores
        assert all(one.is_discovery for one in found)
        first = found[0]
        assert first.adjusted_validity == pytest.approx(0.2, abs=0.03)
        assert first.adjusted_lo is not None and first.adjusted_lo > 0.1
