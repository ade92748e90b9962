"""collect.sample, drawn: files go in, the rows of a few documents come out."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.collect import stage as collect
from tasks.commands import check
from tasks.errors import ParamsError, SourceError
from tasks.store.sources import delimited, read_groups, tables
from tasks.study import load
from tests.conftest import PAIR_STUDY, Project

WORDS = ("rain", "sun", "wind, and rain", "snow", "fog", "hail\nand snow", "storm", "")
ROWS = [
    {
        "document": None if i % 7 == 3 else f"d{i % 40}",
        "text": f"{WORDS[i % 8]} number {i // 3}" if i % 8 != 7 else "",
        "year": 2020 if i % 3 else 2019,
        "place": "here" if i % 5 else "there",
    }
    for i in range(240)
]
GROUPS = {"group": "year", "a": 2020, "b": 2019}
DOCUMENTS = {**GROUPS, "document": "document"}


def parquet(file: Path, rows: list[dict[str, Any]]) -> None:
    pl.DataFrame(rows).write_parquet(file, row_group_size=50)


def arrow(file: Path, rows: list[dict[str, Any]]) -> None:
    pl.DataFrame(rows).write_ipc(file)


def csv(file: Path, rows: list[dict[str, Any]]) -> None:
    written = pl.DataFrame(rows).write_csv().encode()
    file.write_bytes(gzip.compress(written) if file.suffix == ".gz" else written)


def jsonl(file: Path, rows: list[dict[str, Any]]) -> None:
    file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")


def json_array(file: Path, rows: list[dict[str, Any]]) -> None:
    file.write_text(json.dumps(rows), encoding="utf-8")


Write = Callable[[Path, list[dict[str, Any]]], None]
FORMATS: dict[str, Write] = {
    "n.parquet": parquet,
    "n.arrow": arrow,
    "n.csv": csv,
    "n.csv.gz": csv,
    "n.jsonl": jsonl,
    "n.json": json_array,
}


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that every file here is several blocks."""
    monkeypatch.setattr(delimited, "BLOCK", 32)


def read(
    project: Project, collected: dict[str, Any], data: str = "n.parquet", **more: Any
) -> tuple[pl.DataFrame, dict[str, Any]]:
    project.params(news={**PAIR_STUDY, "data": data, "collect": collected, **more})
    rows, _, found = read_groups(load("news"))
    return rows, found


def drawn_of(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of the sample, sorted."""
    kept = rows.filter(pl.col("is_drawn")).drop("is_drawn") if "is_drawn" in rows.columns else rows
    # CSV has no empty text beside none.
    return kept.with_columns(pl.col("text").fill_null("")).sort(pl.all())


def n_documents(rows: list[dict[str, Any]]) -> int:
    """Documents, and texts without one as collect tells them apart."""
    return len({row["document"] or " ".join(row["text"].split()) for row in rows} - {""})


def not_in(few: pl.DataFrame, many: pl.DataFrame) -> pl.DataFrame:
    return few.join(many, on=few.columns, how="anti", nulls_equal=True)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("asked", [GROUPS, DOCUMENTS], ids=["texts", "documents"])
def test_every_format_draws_the_same_documents_and_all_of_them_where_there_are_no_more(
    project: Project, name: str, asked: dict[str, Any]
) -> None:
    FORMATS[name](project.folder / name, ROWS)
    parquet(project.folder / "p.parquet", ROWS)
    whole, read_whole = read(project, asked, name)
    every, read_every = read(project, {**asked, "sample": 1000}, name)
    assert drawn_of(every).equals(drawn_of(whole))
    assert {**read_whole, "sampled": read_every["sampled"]} == read_every
    few, found = read(project, {**asked, "sample": 9}, name)
    assert drawn_of(few).equals(drawn_of(read(project, {**asked, "sample": 9}, "p.parquet")[0]))
    assert {group: one["drawn"] for group, one in found["sampled"].items()} == {"A": 9, "B": 9}
    assert found["sampled"] == {
        group: {"drawn": 9, "of": one["drawn"]} for group, one in read_every["sampled"].items()
    }


def test_a_sample_is_whole_documents_and_the_rest_might_as_well_not_be_there(project: Project) -> None:
    asked = {**DOCUMENTS, "sample": 9}
    parquet(project.folder / "n.parquet", ROWS)
    first = drawn_of(read(project, asked)[0])
    named = set(first["document_id"].drop_nulls())
    whole = drawn_of(read(project, DOCUMENTS)[0])
    for group in "AB":
        of_group = set(first.filter(group=group)["document_id"].drop_nulls())
        wanted = whole.filter(pl.col("document_id").is_in(of_group), group=group)
        assert first.filter(pl.col("document_id").is_not_null(), group=group).equals(wanted)
    # Nor does it matter in which order they stand, in how many files, or what other documents say.
    changed = [row if row["document"] in named | {None} else {**row, "text": "else"} for row in ROWS]
    (project.folder / "two").mkdir()
    parquet(project.folder / "two/b.parquet", changed[:100][::-1])
    parquet(project.folder / "two/a.parquet", changed[100:][::-1])
    assert drawn_of(read(project, asked, "two")[0]).equals(first)
    # A larger sample has all of a smaller one; another seed has others.
    assert not_in(first, drawn_of(read(project, {**asked, "sample": 15})[0])).is_empty()
    assert not drawn_of(read(project, asked, seed=1)[0]).equals(first)


@pytest.mark.parametrize(
    "asked",
    [
        {"where": "place = 'here'", **GROUPS},
        {"where": "text LIKE '%rain%'", **DOCUMENTS},
        {"a": "year > 2019", "b": "year < 2020 and place = 'here'"},
        {"group": "random"},
        {"group": "random", "document": "document"},
        {"a": {"path": "n.csv", "where": "year = 2020"}, "b": {"path": "m.json"}},
    ],
    ids=["where", "where of texts", "filters", "random texts", "random documents", "two sources"],
)
def test_groups_are_told_apart_as_without_a_sample(project: Project, asked: dict[str, Any]) -> None:
    folder = project.folder / "data"
    folder.mkdir()
    csv(folder / "n.csv", ROWS)
    json_array(folder / "m.json", ROWS[:120])
    path = {} if "path" in str(asked) else {"path": "n.csv"}
    whole, _ = read(project, {**asked, **path}, "data")
    every, _ = read(project, {**asked, **path, "sample": 1000}, "data")
    few, found = read(project, {**asked, **path, "sample": 5}, "data")
    assert drawn_of(every).equals(drawn_of(whole))
    assert {one["drawn"] for one in found["sampled"].values()} == {5}
    assert not_in(drawn_of(few), drawn_of(whole)).is_empty()


def test_of_a_text_that_stands_in_both_groups_it_is_known_which_were_not_drawn(project: Project) -> None:
    # A has few texts, so all of its are drawn, and of B a tenth: without the copies in B every text that
    # stands in A would count as one of A, and labels that mean nothing would mean something.
    shared = [f"stock phrase {i}" for i in range(40)]
    rows = [{"text": text, "year": year} for text in shared for year in (2020, 2019, 2019, 2019)]
    rows += [{"text": f"only once {i}", "year": 2019 if i % 8 else 2020} for i in range(800)]
    parquet(project.folder / "n.parquet", rows)

    def texts(sample: int | None) -> pl.DataFrame:
        project.params(news={**PAIR_STUDY, "data": "n.parquet", "collect": {**GROUPS, "sample": sample}})
        return collect.collected(load("news")).texts

    whole, few = texts(None), texts(150)
    in_a = whole.filter(group="A").drop("half", "document_id")
    assert few.filter(group="A").drop("half", "document_id").equals(in_a)
    assert 100 < few.filter(group="B").height <= 150
    assert few.filter(group="B").join(whole, on=["text", "group"], how="anti").is_empty()


def test_a_copy_in_another_document_counts_where_that_document_is_drawn(project: Project) -> None:
    rows = [{"document": f"d{i}", "text": f"alone {i}", "year": 2019 + i % 2} for i in range(200)]
    rows += [{"document": f"d{i}", "text": "thanks", "year": 2019 + i % 2} for i in range(200)]
    parquet(project.folder / "n.parquet", rows)
    asked = {**DOCUMENTS, "overlap": "keep", "sample": 30}
    project.params(news={**PAIR_STUDY, "data": "n.parquet", "collect": asked})
    found = collect.collected(load("news"))
    assert found.texts.filter(text="thanks")["n_merged"].to_list() == [30, 30]
    assert found.manifest["n_texts"] == 2 * 31
    assert found.manifest["read"]["rows"] == {"A": 200, "B": 200}
    # It is what a study of the drawn documents alone would be.
    named = set(found.documents["source_document_id"])
    named |= {f"d{text.removeprefix('alone ')}" for text in found.texts["text"] if text != "thanks"}
    parquet(project.folder / "n.parquet", [row for row in rows if row["document"] in named])
    project.params(news={**PAIR_STUDY, "data": "n.parquet", "collect": {**asked, "sample": None}})
    assert collect.collected(load("news")).texts.equals(found.texts)


def test_a_copy_that_was_not_drawn_says_nothing_of_one_that_was(project: Project) -> None:
    """Documents of both groups, each drawn in one: its rows in the other are read for the overlap alone."""
    rows = [
        {"document": f"d{i}", "text": text, "year": year}
        for i in range(60)
        for year in (2020, 2019)
        for text in (f"alone {i} of {year}", "THANKS " if i % 2 else "thanks", " ")
    ]
    # Of A fewer documents are there, so that more of them are drawn.
    rows = [row for row in rows if row["year"] == 2019 or int(row["document"][1:]) < 40]
    parquet(project.folder / "n.parquet", rows)
    asked = {**DOCUMENTS, "overlap": "keep", "sample": 20}
    project.params(news={**PAIR_STUDY, "data": "n.parquet", "collect": asked})
    found = collect.collected(load("news"))
    drawn = {
        group: {text.split()[1] for text in found.texts.filter(group=group)["text"] if "alone" in text}
        for group in "AB"
    }
    assert drawn["A"] != drawn["B"], "else nothing is tried here"
    own = [row for row in rows if row["document"][1:] in drawn["A" if row["year"] == 2020 else "B"]]
    parquet(project.folder / "n.parquet", own)
    project.params(news={**PAIR_STUDY, "data": "n.parquet", "collect": {**asked, "sample": None}})
    alone = collect.collected(load("news"))
    assert alone.texts.equals(found.texts) and alone.documents.equals(found.documents)
    read_of = {"read", "notes", "warnings"}
    assert {k: v for k, v in alone.manifest.items() if k not in read_of} == {
        k: v for k, v in found.manifest.items() if k not in read_of
    }


def test_what_was_drawn_is_told_before_a_run(project: Project) -> None:
    parquet(project.folder / "n.parquet", ROWS)
    project.params(news={**PAIR_STUDY, "data": "n.parquet", "collect": {**DOCUMENTS, "sample": 30}})
    told = check.lines(check.preview(load("news")))
    of_a, of_b = (n_documents([row for row in ROWS if row["year"] == year]) for year in (2020, 2019))
    assert f"  drawn by chance: 30 of {of_a} documents of 2020, 30 of {of_b} documents of 2019" in told


@pytest.mark.parametrize(
    ("name", "content", "asked"),
    [
        ("n.csv", b"text,year\nfine,2020\nso, it is,2019\n", {}),
        ("n.csv", b'text,year\nfine,2020\n"open,2019\n', {}),
        ("n.csv", b"text,year\n" + b"fine,2020\n" * 90 + b"caf\xe9,2019\n", {}),
        ("n.csv.gz", gzip.compress(b"text,year\n" + b"fine" * 400_000 + b",2020\n"), {"max_unpacked_mb": 1}),
        ("n.csv.gz", gzip.compress(b"text,year\nfine,2020\n")[:-9], {}),
        ("n.jsonl", b'{"text": "a", "year": 2020}\n' * 40 + b"{broken\n", {}),
        ("n.jsonl", b'{"text": "a", "year": 2020}\n' * 40 + b"[1]\n", {}),
        ("n.parquet", b"PAR1 and no more", {}),
        ("n.csv", b"texts,year\nfine,2020\nfine,2019\n", {}),
        ("n.csv", b"text,year\nfine,2020\nfine,2018\n", {}),
        ("n.csv", b"text,year\n1,2020\n2,2019\n", {}),
        ("n.csv", b"text,year\nfine,2020\nfine,2019\n", {"where": "yaer = 2020"}),
    ],
    ids=[
        *("surplus", "quote", "encoding", "large", "cut off", "json", "no object", "parquet"),
        *("no column", "no label", "numbers", "no such column"),
    ],
)
def test_errors_are_those_of_reading_it_whole(
    project: Project, name: str, content: bytes, asked: dict[str, Any]
) -> None:
    (project.folder / name).write_bytes(content)
    said = []
    for sample in ({}, {"sample": 5}):
        with pytest.raises(SourceError) as error:
            read(project, {**GROUPS, **asked, **sample}, name)
        said.append(str(error.value))
    assert said[0] == said[1]


def test_a_file_in_pieces_is_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A character, a line end and a byte order mark are each cut in two somewhere.
    text = "text,year\r\n" + "".join(f'"é 😀{chr(10)}{i}",{i}\r\n' for i in range(40))
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le"):
        file = tmp_path / "n.csv"
        file.write_bytes(text.encode(encoding))
        for size in (1, 3, 2**20):
            monkeypatch.setattr(tables, "_MB", size)
            study_collect = collect.Collect(encoding=encoding)
            assert tables.text_of(file, study_collect) == text
            rows, _ = tables.read_csv(file, study_collect)
            assert rows["text"].to_list() == [f"é 😀\n{i}" for i in range(40)]


@pytest.mark.parametrize("kind", ["model_pair", "explanations", "directions"])
def test_kinds_whose_rows_belong_together_refuse_a_sample(project: Project, kind: str) -> None:
    parquet(project.folder / "n.parquet", ROWS)
    project.params(news={"goal": "g", "data": "n.parquet", "kind": kind, "collect": {"sample": 5}})
    with pytest.raises(ParamsError, match=rf"wanted no collect.sample with `kind: {kind}`"):
        load("news")


def test_a_timeline_and_results_are_sampled_by_document_and_by_item(project: Project) -> None:
    parquet(project.folder / "n.parquet", ROWS)
    project.params(
        news={
            "goal": "g",
            "data": "n.parquet",
            "kind": "timeline",
            "timeline": {"value": "year"},
            "collect": {"document": "document", "sample": 30},
        }
    )
    found = collect.collected(load("news"))
    assert found.manifest["read"]["sampled"] == {"A": {"drawn": 30, "of": n_documents(ROWS)}}
    assert set(found.tables["values"]["text_hash"]) >= set(found.texts["text_hash"])
    answers = [
        {"input": f"question {i}", "item": f"q{i}", "outcome": i % 2 == n % 2, "epoch": n}
        for i in range(60)
        for n in range(2)
    ]
    parquet(project.folder / "r.parquet", answers)
    rows, read_ = read(project, {"results": {"item": "item"}, "sample": 20}, "r.parquet")
    assert read_["sampled"] == {"A": {"drawn": 20, "of": 60}, "B": {"drawn": 20, "of": 60}}
    assert rows["document_id"].n_unique() == 20
    assert rows.height == 40
