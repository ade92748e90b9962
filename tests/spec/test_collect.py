"""collect, drawn: rows as read go in, texts with a half come out."""

import json
from typing import Any

import polars as pl
import pytest

from tasks.collect import stage as collect
from tasks.commands import check
from tasks.errors import CorpusError, GuardError
from tasks.store import expectations, frames
from tasks.study import load
from tasks.study.corpus import Collect
from tests.conftest import PAIR_STUDY, Project, pair

SHORT = Collect(max_chars=100)


def rows(*drawn: tuple[str | None, str, str | None]) -> pl.DataFrame:
    schema = {"text": pl.String, "group": pl.String, "document_id": pl.String}
    return pl.DataFrame(drawn, schema=schema, orient="row")


def test_texts_are_cleaned_and_every_change_is_counted() -> None:
    cleaned, counts = collect.clean(
        rows(
            ("line\r\nend\rs", "A", "d"),
            ("a\0b\0", "A", None),
            ("é" * 120, "A", "d"),
            (None, "A", "d"),
            (" \n\t\u00a0", "B", "d"),
            ("שלום", "B", "d"),
        ),
        SHORT,
    )
    assert cleaned["text"].to_list() == ["line\nend\ns", "ab", "é" * 100, "שלום"]
    changed = counts.pop("changed")
    assert counts == {"n_blank": 2, "n_cut": 1, "n_without_document": 1}
    assert changed == {
        "line_ends": {"n": {"A": 1, "B": 0}, "share": {"A": 0.25, "B": 0.0}},
        "controls": {"n": {"A": 1, "B": 0}, "share": {"A": 0.25, "B": 0.0}},
        "spaces": {"n": {"A": 0, "B": 1}, "share": {"A": 0.0, "B": 0.5}},
    }


def test_duplicates_are_merged_within_a_group() -> None:
    cleaned, _ = collect.clean(
        rows(
            ("The End", "A", "d2"),
            ("the  end", "A", "d1"),
            ("ＴＨＥ END\n", "A", None),
            ("the end", "B", None),
            ("other", "B", "d9"),
        ),
        SHORT,
    )
    merged = collect.merge(cleaned).select("group", "text", "document_id", "n_merged")
    same = frames.hashed("the end")
    assert set(merged.rows()) == {
        ("A", "THE END\n", "d1", 3),
        ("B", "the end", f"text:{same}", 1),
        ("B", "other", "d9", 1),
    }


def test_ids_are_hashes_of_the_normalised_text() -> None:
    cleaned, _ = collect.clean(rows(("The End", "A", None), ("the end", "B", None)), SHORT)
    merged = collect.merge(cleaned).sort("group")
    assert merged["text_hash"].to_list() == [frames.hashed("the end")] * 2
    assert merged["text_id"].to_list() == [frames.hashed("A", "the end"), frames.hashed("B", "the end")]


def test_a_text_of_both_groups_can_be_left_out_or_kept_in_both() -> None:
    cleaned, _ = collect.clean(
        rows(("x", "A", "1"), ("X", "B", "2"), ("y", "A", "1"), ("z", "B", "3")), SHORT
    )
    merged = collect.merge(cleaned)
    dropped, n = collect.resolve_overlap(merged, "drop", 0)
    assert (sorted(dropped["text"]), n) == (["y", "z"], 1)
    kept, n = collect.resolve_overlap(merged, "keep", 0)
    assert (kept.height, n) == (4, 1)


def linked(*drawn: tuple[str | None, str, str | None], near: float | None = None) -> pl.DataFrame:
    return collect.link(collect.merge(collect.clean(rows(*drawn), SHORT)[0]), near)


def test_kept_overlaps_join_their_documents_into_one_draw() -> None:
    """d1 - x - d2 - y - d3 are a chain: all three are one document, and land on one side by d1's draw."""
    drawn = [("x", "A", "d1"), ("x", "B", "d2"), ("y", "A", "d3"), ("y", "B", "d2"), ("z", "A", "d4")]
    chained, alone = linked(*drawn), linked(("x", "A", "d1"))
    assert set(chained["document_id"]) == {"d1", "d4"}
    assert set(chained["source_document_id"]) == {"d1", "d2", "d3", "d4"}
    for seed in range(20):
        texts = collect.split(chained, seed, 0.5).filter(pl.col("document_id") == "d1")
        assert texts["half"].unique().to_list() == collect.split(alone, seed, 0.5)["half"].to_list()


def test_the_share_of_explored_documents_is_the_one_asked_for() -> None:
    texts = linked(*[(f"text {i}", "AB"[i % 2], f"d{i}") for i in range(4000)])
    for share in (0.2, 0.5, 0.8):
        explored = collect.split(texts, 0, share)["half"].eq("explore").mean()
        least, most = expectations.split_bounds(4000, share)
        assert least <= explored <= most


def test_run_writes_texts_and_counts(project: Project) -> None:
    table = pair(60, 0.3, 0.0)
    extra: list[dict[str, Any]] = [
        {"text": None, "year": 2020},
        {"text": "In Both", "year": 2020},
        {"text": "in both", "year": 2019},
        {"text": table[0]["text"].upper(), "year": 2020},
        {"text": "of no group", "year": 1999},
    ]
    project.table("news.parquet", [*table, *extra])
    project.params(news=PAIR_STUDY)
    manifest = collect.run(load("news"))
    texts = frames.read(project.folder / "data/news/1_texts", "texts.parquet", frames.TEXTS)
    assert texts["text_id"].is_sorted()
    assert manifest == frames.read_manifest(project.folder / "data/news/1_texts")
    wanted = {"n_rows": 124, "n_blank": 1, "n_merged": 1, "n_overlap": 1, "n_texts": 121}
    assert {key: manifest[key] for key in wanted} == wanted
    assert sorted(manifest["texts"].values()) == [60, 61]
    assert manifest["n_documents"] == texts["document_id"].n_unique()
    assert manifest["names"] == {"A": "2020", "B": "2019"}
    assert manifest["read"]["rows_of_neither"] == 1
    assert manifest["split_hash"] == frames.split_hash(texts)
    halves = {(half, group): n for half, group, n in texts.group_by("half", "group").len().iter_rows()}
    for half in ("explore", "confirm"):
        assert manifest[f"{half}_texts"] == {g: halves[half, g] for g in "AB"}
    assert json.loads(json.dumps(manifest)) == manifest


def test_preview_tells_the_same_and_writes_nothing(planted: Project) -> None:
    seen = check.preview(load("news"))
    assert sorted(p.name for p in planted.folder.iterdir()) == ["news.parquet", "params.yaml"]
    effect, judged = seen.pop("smallest_effect"), seen.pop("judge")
    assert (seen.pop("kind"), seen.pop("base_share")) == ("corpus_pair", 0.1)
    assert (seen.pop("languages"), seen.pop("unread"), seen.pop("asked")) == ({"en": 1.0}, "", [])
    assert 0 < effect["alone"] < effect["of_many"] < 0.5
    assert judged["alone"] > effect["alone"]  # a judge that errs hides small differences
    assert collect.run(load("news")) == seen


def test_preview_counts_documents_and_the_sample_only(project: Project) -> None:
    table = [{**row, "page": i % 60} for i, row in enumerate(pair(600, 0.3, 0.0))]
    project.table("news.parquet", table)
    by_text, by_page, sampled = PAIR_STUDY, dict(PAIR_STUDY), {**PAIR_STUDY, "verify": {"max_texts": 100}}
    by_page["collect"] = {**PAIR_STUDY["collect"], "document": "page"}
    project.params(text=by_text, page=by_page, sampled=sampled)
    effects = {
        name: check.preview(load(name))["smallest_effect"]["alone"] for name in ("text", "page", "sampled")
    }
    assert effects["text"] < effects["sampled"] < effects["page"]


@pytest.mark.parametrize(
    ("table", "params", "wanted"),
    [
        ([{"text": "same", "year": y} for y in (2020, 2019) * 50], {}, "all 50 texts are the same one"),
        (
            [{"text": f"t{i}", "year": y} for i in range(50) for y in (2020, 2019)],
            {},
            r"50 texts stand in both groups.*same corpus twice",
        ),
        (
            [{"text": " " if y == 2019 else f"t{i}", "year": y} for i in range(50) for y in (2020, 2019)],
            {},
            r"group B \(2019\) has only empty texts",
        ),
        ([{"text": f"t{i}", "year": 2020 - i % 2} for i in range(8)], {}, "at least 5 texts of each group"),
        (
            [{"text": f"t{i}", "year": 2020 - i % 2, "page": 1} for i in range(80)],
            {"document": "page"},
            r"80 texts of 1 document\).*finer collect.document",
        ),
        (
            [{"text": f"t{i}", "year": 2020 - i % 2} for i in range(80)],
            {"where": "text = 't3'"},
            "wanted rows with year = 2020",
        ),
        (
            [{"text": f"t{i}", "year": 2020 - i % 2} for i in range(80)],
            {"group": None, "a": "year = 2020", "b": "year = 1066"},
            r"group B \(year = 1066\) has no rows",
        ),
    ],
)
def test_texts_that_cannot_answer(
    project: Project, table: list[Any], params: dict[str, Any], wanted: str
) -> None:
    project.table("news.parquet", table)
    project.params(news={**PAIR_STUDY, "collect": {**PAIR_STUDY["collect"], **params}})
    with pytest.raises(CorpusError if "wanted rows" not in wanted else Exception, match=wanted):
        collect.run(load("news"))
    assert not (project.folder / "data").exists()


def test_a_breach_writes_nothing(planted: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = collect.split

    def leaky(texts: pl.DataFrame, seed: int, share: float) -> pl.DataFrame:
        split = honest(texts, seed, share)
        twin = split.head(1).with_columns(pl.lit("f" * 16).alias("text_id"))
        other = pl.when(pl.col("half") == "explore").then(pl.lit("confirm")).otherwise(pl.lit("explore"))
        return split.vstack(twin.with_columns(other.alias("half")))

    monkeypatch.setattr(collect, "split", leaky)
    with pytest.raises(GuardError, match="n_halves"):
        collect.run(load("news"))
    assert not list(planted.folder.glob("data/news/*"))


def verdicts(*drawn: tuple[str, str, float | None]) -> pl.DataFrame:
    frame = pl.DataFrame(
        drawn, schema={"predicate": pl.String, "text": pl.String, "score": pl.Float64}, orient="row"
    )
    return frame.with_columns(
        pl.when(pl.col("score").is_null()).then(pl.lit("absent")).otherwise(pl.lit("value")).alias("status")
    )


def test_recorded_verdicts_are_found_by_the_hash_of_their_text() -> None:
    recorded = collect.by_hash(
        verdicts(("q", "The\r\nEnd", 0.5), ("p", "the end", 0.25), ("p", "The End", 0.75), ("p", "x", None)),
        SHORT,
    )
    end, x = frames.hashed("the end"), frames.hashed("x")
    # Among spellings of one text the smallest decides, as it does for the text itself.
    assert set(recorded.rows()) == {
        ("q", end, 0.5, "value"),
        ("p", end, 0.75, "value"),
        ("p", x, None, "absent"),
    }
    assert recorded.equals(recorded.sort("predicate", "text_hash"))


def test_verdicts_on_texts_that_masks_make_one_are_one(project: Project) -> None:
    masks = SHORT.model_copy(update={"mask": ("handles",)})
    recorded = collect.by_hash(verdicts(("p", "hi @bob", 1.0), ("p", "hi @ann", 0.0)), masks)
    assert recorded["score"].to_list() == [0.0], "that of the smallest spelling"
    with pytest.raises(CorpusError, match="'hi @bob'"):
        collect.by_hash(verdicts(("p", "hi @bob", 1.0), ("p", "hi @bob", 0.0)), masks)


def test_recorded_verdicts_that_contradict_each_other_are_refused() -> None:
    same = collect.by_hash(verdicts(("p", "x", 0.5), ("p", "x", 0.5)), SHORT)
    assert same.height == 1
    with pytest.raises(CorpusError, match=r"got value 0.5 and value 0.6 for 'p' and 'x'"):
        collect.by_hash(verdicts(("p", "x", 0.5), ("p", "x", 0.6)), SHORT)


def test_recorded_verdicts_of_other_texts_are_refused(project: Project) -> None:
    folder = project.folder / "news"
    folder.mkdir()
    pl.DataFrame(pair(60, 0.3, 0.0)).write_parquet(folder / "texts.parquet")
    verdicts(("p", "unheard of", 1.0)).write_parquet(folder / "verdicts.parquet")
    study = {**PAIR_STUDY, "engine": "replay", "data": "news", "verdicts": "news/verdicts.parquet"}
    project.params(news=study)
    with pytest.raises(CorpusError, match=r"none of the 1 verdicts is about a text"):
        collect.run(load("news"))
