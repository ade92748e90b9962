"""Every format a source may have gives the same rows."""

import gzip
import json
import os
import pickle
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from tasks.errors import SourceError
from tasks.store.sources import read_groups
from tasks.study import Study
from tests.conftest import Project

ROWS = [
    {"text": 'He said "no", twice', "year": 2020, "page": "p1"},
    {"text": "two\nlines, שלום and 🎈", "year": 2019, "page": "p2"},
    {"text": "plain", "year": 2020, "page": "p1"},
]
FRAME = pl.DataFrame(ROWS)
WANTED = {('He said "no", twice', "A", "p1"), ("two\nlines, שלום and 🎈", "B", "p2"), ("plain", "A", "p1")}
BY_YEAR = {"group": "year", "a": 2020, "b": 2019, "document": "page"}


def study(data: str = "rows.csv", **collect: Any) -> Study:
    return Study.model_validate({"name": "s", "goal": "g", "data": data, "collect": collect or BY_YEAR})


def write_sqlite(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("create table news (text text, year integer, page text)")
        connection.executemany("insert into news values (:text, :year, :page)", ROWS)
    connection.close()


def write_duckdb(file: Path) -> None:
    with duckdb.connect(str(file)) as connection:
        connection.register("rows", FRAME.to_arrow())
        connection.execute("create table news as select * from rows")


WRITERS: dict[str, Callable[[Path], object]] = {
    "rows.csv": FRAME.write_csv,
    "rows.tsv": lambda file: FRAME.write_csv(file, separator="\t"),
    "semicolon.csv": lambda file: FRAME.write_csv(file, separator=";"),
    "rows.csv.gz": lambda file: file.write_bytes(gzip.compress(FRAME.write_csv().encode())),
    "bom.csv": lambda file: file.write_bytes(b"\xef\xbb\xbf" + FRAME.write_csv().encode()),
    "rows.jsonl": FRAME.write_ndjson,
    "rows.ndjson": FRAME.write_ndjson,
    "rows.json": lambda file: file.write_text(json.dumps(ROWS)),
    "columns.json": lambda file: file.write_text(json.dumps({**FRAME.to_dict(as_series=False), "k": 3})),
    "rows.parquet": FRAME.write_parquet,
    "rows.arrow": FRAME.write_ipc,
    "rows.sqlite": write_sqlite,
    "rows.duckdb": write_duckdb,
    "rows.db": write_duckdb,
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_rows(project: Project, name: str) -> None:
    WRITERS[name](project.folder / name)
    query = {"query": "select * from news"} if name.endswith(("sqlite", "db")) else {}
    rows, names, read = read_groups(study(name, **BY_YEAR, **query))
    assert set(rows.rows()) == WANTED
    assert rows.columns == ["text", "group", "document_id"]
    assert names == {"A": "2020", "B": "2019"}
    assert read["rows"] == {"A": 2, "B": 1}
    assert read["files"] == [{"file": name, "rows": 3}]


def test_a_problem_file_gives_both_parts(project: Project) -> None:
    parts = {
        "research": {"A_samples": ["a1", "a2"], "B_samples": ["b1"]},
        "validation": {"A_samples": ["a3"], "B_samples": ["b2"]},
    }
    forms = [parts, {"split": parts, "user": "u"}, [parts], {"A_samples": ["a1"], "B_samples": ["b1", "b2"]}]
    counts = []
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for form in forms:
            (project.folder / "d5.pkl").write_bytes(pickle.dumps(form, protocol=protocol))
            _, _, read = read_groups(study("d5.pkl", group="group", a="A", b="B"))
            counts.append((read["rows"]["A"], read["rows"]["B"]))
    assert counts == [(3, 2), (3, 2), (3, 2), (1, 2)] * (pickle.HIGHEST_PROTOCOL + 1)
    (project.folder / "d5.pkl").write_bytes(pickle.dumps(parts))
    rows, _, _ = read_groups(study("d5.pkl", group="group", a="A", b="B", where="part = 'research'"))
    assert rows["text"].sort().to_list() == ["a1", "a2", "b1"]


class Runs:
    """Pickled, it asks the reader to create a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("it-ran",)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(pickle.dumps(Runs(), protocol=0), id="reduce, protocol 0"),
        pytest.param(pickle.dumps({"A_samples": [Runs()], "B_samples": ["b"]}), id="inside samples"),
        pytest.param(b"cos\nmkdir\n(S'it-ran'\ntR.", id="global"),
        pytest.param(b"(S'it-ran'\nios\nmkdir\n.", id="inst"),
        pytest.param(b"\x80\x02\x82\x01.", id="extension registry"),
        pytest.param(b"Pit-ran\n.", id="persistent id"),
    ],
)
def test_a_pickle_never_runs(project: Project, content: bytes) -> None:
    (project.folder / "d5.pkl").write_bytes(content)
    with pytest.raises(SourceError, match=r"can run code. It was not loaded"):
        read_groups(study("d5.pkl", group="group", a="A", b="B"))
    assert not (project.folder / "it-ran").exists()


def test_the_loader_itself_resolves_no_name(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second lock holds where the first one is open."""
    from tasks.store.sources import problem

    monkeypatch.setattr(problem, "_refuse_programs", lambda file, raw: None)
    (project.folder / "d5.pkl").write_bytes(pickle.dumps(Runs()))
    with pytest.raises(SourceError, match=r"names (posix|nt|os).mkdir"):
        read_groups(study("d5.pkl", group="group", a="A", b="B"))
    assert not (project.folder / "it-ran").exists()


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (pickle.dumps({"A": ["x"]}), "its keys are A"),
        (pickle.dumps([1, 2]), "got list of 2"),
        (pickle.dumps({"A_samples": "abc", "B_samples": []}), "A_samples: wanted a list of texts, got str"),
        (pickle.dumps({"A_samples": ["x", 3], "B_samples": []}), r"A_samples\[1\]: wanted a text, got int"),
        (b"\x80\x04\x95", "damaged"),
        (b"", "damaged"),
        # A small file that would make the loader reserve tens of gigabytes.
        (b"\x80\x02]r\xff\xff\xff\x7f.", "damaged .memo 2147483647"),
    ],
)
def test_a_problem_file_that_is_none(project: Project, content: bytes, wanted: str) -> None:
    (project.folder / "d5.pkl").write_bytes(content)
    with pytest.raises(SourceError, match=wanted):
        read_groups(study("d5.pkl", group="group", a="A", b="B"))


def test_text_folders_name_their_documents(project: Project) -> None:
    for name in ("spam/1.txt", "spam/deep/2.txt", "ham/1.txt", "ham/.hidden.txt", "ham/notes.md"):
        file = project.folder / "mail" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"text of {name}", encoding="utf-8")
    wanted = {
        ("text of spam/1.txt", "A", "spam/1.txt"),
        ("text of spam/deep/2.txt", "A", "spam/deep/2.txt"),
        ("text of ham/1.txt", "B", "ham/1.txt"),
    }
    rows, names, read = read_groups(study("mail", a={"path": "spam"}, b={"path": "ham"}))
    assert set(rows.rows()) == wanted
    assert names == {"A": "spam", "B": "ham"}
    assert read["n_files"] == 3
    by_filter, _, _ = read_groups(study("mail", a="file like 'spam/%'", b="folder = 'ham'"))
    assert set(by_filter.rows()) == wanted


def test_a_glob_reads_every_file_and_tells_them_apart(project: Project) -> None:
    data = project.folder / "news"
    data.mkdir()
    (data / "2020.csv").write_text("text,page\na,1\nb,2\n")
    (data / "2019.jsonl").write_text('{"text": "c", "page": "x"}\n')
    (data / "README.md").write_text("not read")
    rows, _, read = read_groups(
        study("news", path="20*", group="file", a="2020.csv", b="2019.jsonl", document="page")
    )
    assert set(rows.rows()) == {("a", "A", "1"), ("b", "A", "2"), ("c", "B", "x")}
    assert [f["file"] for f in read["files"]] == ["2019.jsonl", "2020.csv"]


def test_json_repairs_nothing_in_silence(project: Project) -> None:
    (project.folder / "rows.jsonl").write_text(
        '{"text": "half \\ud83d of it", "year": 2020}\n\n{"text": "a whole \\ud83c\\udf88", "year": 2019}\n'
    )
    rows, _, read = read_groups(study("rows.jsonl", group="year", a=2020, b=2019))
    assert rows["text"].to_list() == ["half \ufffd of it", "a whole 🎈"]
    assert read["n_surrogates"] == 1


def test_nested_and_mixed_json_values_become_text(project: Project) -> None:
    (project.folder / "rows.json").write_text(
        '[{"text": "a", "year": 2020, "tags": [3], "page": 1}, {"text": "b", "year": "2019", "page": "one"}]'
    )
    rows, _, _ = read_groups(study("rows.json", group="year", a=2020, b=2019, document="page"))
    assert set(rows.rows()) == {("a", "A", "1"), ("b", "B", "one")}


@pytest.mark.parametrize(
    ("name", "content", "wanted"),
    [
        ("r.csv", b"text,year\nabc \xe9,2020\n", r"byte 0xe9 at offset 14.*encoding: cp1252"),
        ("r.csv", "text,year\nabc,2020\n".encode("utf-16"), r"offset 0.*encoding: utf-16"),
        ("r.csv", b"", "the file is empty"),
        ("r.csv", b"text,year\n", "has columns text, year, but no rows"),
        (
            "r.csv",
            b"text,year\na,2020\nb,2019,surplus\n",
            "line 3: wanted 2 fields parted by .,., got 3.*skip_bad_lines",
        ),
        (
            "r.csv",
            b'text,year\n"a,2020\nb,2019\n',
            "line 2: got a field in quotes that is not closed.*quote: .",
        ),
        ("r.csv", b"text,text,year\na,b,2020\nc,d,2019\n", "there are two"),
        ("r.csv.gz", b"text,year\na,2020\n", "cannot be read"),
        ("r.json", b"", "the file is empty"),
        ("r.json", b"[]", "at least one object"),
        ("r.json", b"3", "wanted an array of objects, got int"),
        ("r.json", b'{"text": ["a", "b"], "year": [1]}', "of one length"),
        ("r.json", b"[" * 100_000, "is no JSON"),
        ("r.json", b'[{"text": "a"}, 3]', "row 2 is int"),
        ("r.jsonl", b'{"text": "a", "year": 1}\n{"text": \n', "line 2 is no JSON"),
        ("r.parquet", b"PAR1garbagePAR1", "wanted Parquet, cannot be read"),
        ("r.parquet", b"", "Parquet"),
        ("r.arrow", b"ARROW1garbage", "Arrow"),
        ("r.sqlite", b"SQLite format 3\0 and then garbage", "failed"),
        ("r.db", b"neither", "its first bytes say it is neither"),
        ("r.db", b"        DUCK garbage", "failed"),
        ("r.xlsx", b"x", "Save the sheet as CSV"),
        ("r.zip", b"PK", "Unpack it, or pack a text format as .gz"),
        ("r", b"x", "wanted a name that ends in"),
    ],
)
def test_a_damaged_file_is_one_clear_error(project: Project, name: str, content: bytes, wanted: str) -> None:
    (project.folder / name).write_bytes(content)
    query = {"query": "select * from news"} if name.endswith(("sqlite", "db")) else {}
    with pytest.raises(SourceError, match=rf"(?s){name}.*{wanted}|{wanted}.*{name}"):
        read_groups(study(name, group="year", a=2020, b=2019, **query))


@pytest.mark.parametrize("name", ["rows.sqlite", "rows.duckdb"])
@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (None, "Its tables to select from: news"),
        ("selec 1", "failed: .*selec"),
        ("select txt from news", "failed: .*txt"),
        ("create table other as select 1", "failed: .*read-?only|wanted a query that selects"),
        ("delete from news", "failed: .*read-?only"),
        ("attach 'other.db' as other", "failed"),
        ("select text, text from news", "several columns text"),
    ],
)
def test_a_query_that_cannot_be_used(project: Project, name: str, query: str | None, wanted: str) -> None:
    WRITERS[name](project.folder / name)
    before = (project.folder / name).read_bytes()
    with pytest.raises(SourceError, match=f"(?s){name}.*({wanted})"):
        read_groups(study(name, **BY_YEAR, **({"query": query} if query else {})))
    assert (project.folder / name).read_bytes() == before
    assert sorted(p.name for p in project.folder.iterdir()) == [name]


def test_a_duckdb_query_reaches_no_other_file(project: Project) -> None:
    write_duckdb(project.folder / "rows.duckdb")
    FRAME.write_csv(project.folder / "secret.csv")
    for query in ("select * from 'secret.csv'", "select * from read_csv('secret.csv')", "install httpfs"):
        with pytest.raises(SourceError, match="failed"):
            read_groups(study("rows.duckdb", **BY_YEAR, query=query))
