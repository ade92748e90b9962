"""End to end, in one process: what was planted is found, and nothing is found where nothing is."""

import hashlib
from pathlib import Path

import polars as pl

from tasks.store import duck, frames
from tests.conftest import PAIR_STUDY, PLANTED, Project, pair


def _discoveries(folder: Path, study: str = "news") -> pl.DataFrame:
    return frames.read(folder / "data" / study / "7_discoveries", "discoveries.parquet", frames.DISCOVERIES)


def test_a_planted_difference_is_found_and_reported(planted: Project) -> None:
    planted.run("news")
    kept = _discoveries(planted.folder).filter("is_discovery")
    found = kept.filter(pl.col("predicate").str.contains("covid|outbreak"))
    assert found.height >= 1
    best = found.row(0, named=True)
    assert best["direction"] == "A"
    assert 0.2 < best["validity"] < 0.4
    assert best["lo"] < best["validity"] < best["hi"]
    assert best["q"] < 0.001
    report = (planted.folder / "reports/news/index.html").read_text(encoding="utf-8")
    assert PLANTED.split()[-1] in report
    assert duck.query("select count(*) n from discoveries where is_discovery", {})["n"].item() == kept.height


def test_no_proposer_text_is_in_the_confirmation_half(planted: Project) -> None:
    planted.run("news")
    data = planted.folder / "data/news"
    texts = frames.read(data / "1_texts", "texts.parquet", frames.TEXTS)
    explored = set(texts.filter(pl.col("half") == "explore")["text_hash"])
    proposals = frames.read(data / "3_proposals", "proposals.parquet", frames.PROPOSALS)
    named = set(proposals["example_ids"].explode().drop_nulls())
    assert named, "words proposals name their example texts"
    assert set(texts.filter(pl.col("text_id").is_in(named))["text_hash"]) <= explored
    verdicts = frames.scan_verdicts(data / "5_verdicts").collect()
    judged = texts.filter(pl.col("text_id").is_in(verdicts["text_id"].unique()))
    assert not explored & set(judged["text_hash"])


def test_the_same_input_gives_the_same_bytes(planted: Project) -> None:
    def hashes() -> dict[str, str]:
        files = sorted(planted.folder.glob("data/news/*/*")) + sorted(planted.folder.glob("reports/news/*"))
        return {f.as_posix(): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}

    planted.run("news")
    first = hashes()
    rows = pl.read_parquet("news.parquet").sample(fraction=1, shuffle=True, seed=3)
    rows.write_parquet("news.parquet")
    planted.run("news")
    assert hashes() == first


def test_equal_corpora_give_nothing(project: Project) -> None:
    project.table("news.parquet", pair(300, 0.2, 0.2, seed=11))
    project.params(news=PAIR_STUDY)
    project.run("news")
    found = _discoveries(project.folder)
    assert found.height >= 1
    assert not found["is_discovery"].any()
    report = (project.folder / "reports/news/index.html").read_text(encoding="utf-8").lower()
    assert "nothing" in report


def test_a_second_run_is_remembered_beside_the_first(planted: Project) -> None:
    planted.run("news")
    planted.run("news")
    assert duck.query("select count(*) n from runs", {})["n"].item() == 1
    planted.params(news={**PAIR_STUDY, "seed": 1})
    planted.run("news")
    assert duck.query("select count(*) n from runs", {})["n"].item() == 2
