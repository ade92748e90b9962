"""End to end, in one process: what was planted is found, and nothing is found where nothing is."""

import hashlib
import shutil
from pathlib import Path

import polars as pl
import pytest

from tasks.store import duck, frames
from tests.conftest import PAIR_STUDY, PLANTED, Project, pair


def _discoveries(folder: Path, study: str = "news") -> pl.DataFrame:
    return frames.read(folder / "data" / study / "7_discoveries", "discoveries.parquet", frames.DISCOVERIES)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished study of a planted difference."""
    project = Project(tmp_path_factory.mktemp("planted"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.folder)
        project.table("news.parquet", pair(300, 0.3, 0.0))
        project.params(news=PAIR_STUDY)
        project.run("news")
    return project.folder


@pytest.fixture
def finished(whole: Path, project: Project) -> Project:
    """A copy of it, as the folder in which the test runs."""
    shutil.copytree(whole, project.folder, dirs_exist_ok=True)
    return project


def test_a_planted_difference_is_found_and_reported(finished: Project) -> None:
    kept = _discoveries(finished.folder).filter("is_discovery")
    found = kept.filter(pl.col("predicate").str.contains("covid|outbreak"))
    assert found.height >= 1
    best = found.row(0, named=True)
    assert best["direction"] == "A"
    assert 0.2 < best["validity"] < 0.4
    assert best["lo"] < best["validity"] < best["hi"]
    assert best["q"] < 0.001
    report = (finished.folder / "reports/news/index.html").read_text(encoding="utf-8")
    assert PLANTED.split()[-1] in report
    assert duck.query("select count(*) n from discoveries where is_discovery", {})["n"].item() == kept.height


def test_no_proposer_text_is_in_the_confirmation_half(finished: Project) -> None:
    data = finished.folder / "data/news"
    texts = frames.read(data / "1_texts", "texts.parquet", frames.TEXTS)
    explored = set(texts.filter(pl.col("half") == "explore")["text_hash"])
    proposals = frames.read(data / "3_proposals", "proposals.parquet", frames.PROPOSALS)
    named = set(proposals["example_ids"].explode().drop_nulls())
    assert named, "words proposals name their example texts"
    assert set(texts.filter(pl.col("text_id").is_in(named))["text_hash"]) <= explored
    verdicts = frames.scan_verdicts(data / "5_verdicts").collect()
    judged = texts.filter(pl.col("text_id").is_in(verdicts["text_id"].unique()))
    assert not explored & set(judged["text_hash"])


def test_the_same_input_gives_the_same_bytes(finished: Project) -> None:
    def hashes() -> dict[str, str]:
        files = sorted(finished.folder.glob("data/news/*/*")) + sorted(finished.folder.glob("reports/news/*"))
        # What a run rests on is told by the bytes of its data.
        of_results = [f for f in files if f.name not in {"files.parquet", "checks.html"}]
        return {f.as_posix(): hashlib.sha256(f.read_bytes()).hexdigest() for f in of_results}

    first = hashes()
    assert first
    rows = pl.read_parquet("news.parquet").sample(fraction=1, shuffle=True, seed=3)
    rows.write_parquet("news.parquet")
    finished.run("news")
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


def test_a_second_run_is_remembered_beside_the_first(finished: Project) -> None:
    finished.run("news")
    assert duck.query("select count(*) n from runs", {})["n"].item() == 1
    finished.params(news={**PAIR_STUDY, "seed": 1})
    finished.run("news")
    assert duck.query("select count(*) n from runs", {})["n"].item() == 2
