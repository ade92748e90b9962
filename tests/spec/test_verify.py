"""verify: what it refuses, and how verdicts become rows."""

import numpy as np
import polars as pl
import pytest

from tasks.engines import roles
from tasks.errors import EngineError, FrozenError, MissingStageError, SplitError
from tasks.records import Predicate
from tasks.store import frames
from tasks.study import load
from tasks.verify.rows import verdict_frame
from tasks.verify.stage import check_halves
from tests.conftest import Project

TEXTS = pl.DataFrame(
    {
        "text_id": ["t1", "t2", "t3", "t4"],
        "text_hash": ["h1", "h2", "h3", "h4"],
        "text": ["one", "two", "three", "four"],
        "group": ["A", "B", "A", "B"],
        "document_id": ["d1", "d2", "d3", "d4"],
        "half": ["explore", "explore", "confirm", "confirm"],
        "n_merged": [1, 1, 1, 1],
        "context": [None] * 4,
        "media": [None] * 4,
    },
    schema=frames.TEXTS,
)


def predicate(name: str, texts: pl.DataFrame = TEXTS) -> Predicate:
    return Predicate(
        predicate_id=name,
        predicate=f"mentions {name}",
        direction="A",
        family="words",
        grade="exact",
        definition="{}",
        judge="test/1",
        threshold=0.5,
        planned_test="fisher_mn",
        split_hash=frames.split_hash(texts),
        prompt_hash="",
        explore_effect=0.1,
        explore_z=2.0,
    )


def test_halves_that_share_a_text_are_refused() -> None:
    leaked = TEXTS.with_columns(
        pl.when(pl.col("text_id") == "t3").then(pl.lit("h1")).otherwise("text_hash").alias("text_hash")
    )
    with pytest.raises(SplitError, match="h1"):
        check_halves(leaked, [predicate("x", leaked)])


def test_another_split_than_the_frozen_one_is_refused() -> None:
    moved = TEXTS.with_columns(
        pl.when(pl.col("text_id") == "t3").then(pl.lit("explore")).otherwise("half").alias("half")
    )
    check_halves(TEXTS, [predicate("x")])
    with pytest.raises(FrozenError, match="split changed"):
        check_halves(moved, [predicate("x")])


def test_verdicts_become_rows_and_gaps_stay_visible() -> None:
    score = np.array([[1.0, np.nan], [0.0, np.nan]])
    status = np.array([[roles.VALUE, roles.REFUSAL], [roles.VALUE, roles.UNPARSABLE]], dtype=np.uint8)
    rows = verdict_frame(
        [predicate("x"), predicate("y")], TEXTS["text_id"].head(2), roles.Judgements(score, status)
    )
    assert rows.rows() == [
        ("x", "t1", 1.0, "value"),
        ("x", "t2", 0.0, "value"),
        ("y", "t1", None, "refusal"),
        ("y", "t2", None, "unparsable"),
    ]


@pytest.mark.parametrize(
    ("score", "wanted"), [(np.nan, "not a number"), (1.5, "outside 0-1"), (-0.1, "outside 0-1")]
)
def test_a_judge_that_lies_is_an_error(score: float, wanted: str) -> None:
    judged = roles.Judgements(np.full((4, 1), score), np.zeros((4, 1), dtype=np.uint8))
    with pytest.raises(EngineError, match=wanted):
        verdict_frame([predicate("x")], TEXTS["text_id"], judged)


def test_a_predicate_changed_after_the_freeze_is_refused(planted: Project) -> None:
    planted.run("news", "collect", "embed", "propose", "formalise")
    file = planted.folder / "data/news/4_predicates/predicates.parquet"
    frame = pl.read_parquet(file)
    frames.write(frame.with_columns(pl.lit("B").alias("direction")), file, frames.PREDICATES)
    with pytest.raises(FrozenError, match="changed after"):
        planted.run("news", "verify")


def test_a_stage_before_its_input_says_which_is_missing(planted: Project) -> None:
    with pytest.raises(MissingStageError, match="1_texts"):
        planted.run("news", "verify")


def test_shards_do_not_change_the_rows(planted: Project) -> None:
    from tasks.verify import stage as verify
    from tests.conftest import PAIR_STUDY

    planted.run("news", "collect", "embed", "propose", "formalise", "verify")
    folder = planted.folder / "data/news/5_verdicts"
    whole = frames.scan_verdicts(folder).sort("predicate_id", "text_id").collect()
    # formalise lists `verify` among its params, so the freeze is made again.
    planted.params(news={**PAIR_STUDY, "verify": {"shard_size": 37}})
    planted.run("news", "formalise")
    study = load("news")
    for shard in reversed(range(verify.shards(study))):
        verify.run_shard(study, shard)
    verify.finish(study)
    assert len(list(folder.glob("part-*.parquet"))) > 1
    assert frames.scan_verdicts(folder).sort("predicate_id", "text_id").collect().equals(whole)


def test_parts_of_other_texts_are_not_taken_up(planted: Project) -> None:
    """A change that the split does not see (case only) must reach the verdicts of an unfinished run."""
    from tasks.verify import stage as verify
    from tests.conftest import PAIR_STUDY

    study = {**PAIR_STUDY, "verify": {"shard_size": 50}, "propose": {"families": ["style"]}}
    planted.params(news=study)
    planted.run("news", "collect", "embed", "propose", "formalise")
    verify.run_shard(load("news"), 0)
    rows = pl.read_parquet("news.parquet").with_columns(pl.col("text").str.to_uppercase())
    rows.write_parquet("news.parquet")
    planted.run("news", "collect", "embed", "verify")
    folder = planted.folder / "data/news/5_verdicts"
    resumed = frames.scan_verdicts(folder).sort("predicate_id", "text_id").collect()
    planted.run("news", "verify")
    assert frames.scan_verdicts(folder).sort("predicate_id", "text_id").collect().equals(resumed)
