"""What a user can get wrong: each ends in one clear message, its exit code, and no partial output.

Every case is a project folder and the command line; the table is the specification.
"""

import json
import os
import pickle
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.__main__ import main
from tasks.store import frames
from tests.conftest import PAIR_STUDY, REPO, Project, pair

PARAMS, SOURCE, CORPUS, STORE, MISSING = 10, 11, 12, 17, 18


def table(name: str = "news.parquet", rows: list[dict[str, Any]] | None = None) -> Callable[[Project], None]:
    return lambda project: _write(project, name, rows)


def _write(project: Project, name: str, rows: list[dict[str, Any]] | None) -> None:
    frame = pl.DataFrame(pair(60, 0.3, 0.0) if rows is None else rows, infer_schema_length=None)
    file = project.folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".csv":
        frame.write_csv(file)
    else:
        frame.write_parquet(file)


def _good_table(project: Project) -> None:
    _write(project, "news.parquet", None)


def raw(name: str, content: bytes | str) -> Callable[[Project], None]:
    return lambda project: _raw(project, name, content.encode() if isinstance(content, str) else content)


def _raw(project: Project, name: str, content: bytes) -> None:
    file = project.folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


class RunsCode:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("it-ran",)


def _empty_sqlite(project: Project) -> None:
    connection = sqlite3.connect(project.folder / "news.sqlite")
    connection.execute("create table news (text text, year integer)")
    connection.commit()
    connection.close()


def _cut_off(project: Project) -> None:
    _write(project, "news.parquet", None)
    whole = (project.folder / "news.parquet").read_bytes()
    _raw(project, "news.parquet", whole[: len(whole) // 2])


def _data_is_a_file(project: Project) -> None:
    _write(project, "news.parquet", None)
    _raw(project, "data", b"in the way")


@dataclass(frozen=True)
class Case:
    """One thing a user gets wrong."""

    name: str
    exit_code: int
    wanted: str
    """Regular expression the message on stderr must match."""
    prepare: Callable[[Project], None] = _good_table
    study: dict[str, Any] = field(default_factory=dict)
    """Keys over a good study; `collect` is merged key by key, None removes."""
    params: str | None = None
    """The whole params.yaml instead."""
    argv: tuple[str, ...] = ("collect", "--study", "news")


def same(n: int, *groups: int) -> list[dict[str, Any]]:
    return [{"text": f"text {i}", "year": year} for i in range(n) for year in groups]


CASES = [
    # params.yaml
    Case("no params.yaml", PARAMS, "params.yaml: wanted in .*not there", params=""),
    Case("YAML syntax", PARAMS, "params.yaml: not valid YAML", params="studies: {news: ["),
    Case("no studies block", PARAMS, "wanted a `studies:` block", params="study: 3\n"),
    Case("key twice", PARAMS, "`seed` stands twice", params="studies:\n  news:\n    seed: 1\n    seed: 2\n"),
    Case("study without defaults", PARAMS, "`<<: \\*defaults`", params="studies: {news: {data: x, goal: g}}"),
    Case("study beside studies", PARAMS, "belongs under `studies:`", params="studies: {}\nnews: {data: x}\n"),
    Case(
        "key one level too high",
        PARAMS,
        "group: unknown key; it belongs under `collect:`",
        study={"group": "year"},
    ),
    Case("params.yaml is no UTF-8", PARAMS, "params.yaml: cannot be read", params="\udcff"),
    Case(
        "unknown study", PARAMS, "wanted one of news; did you mean `news`", argv=("collect", "--study", "nws")
    ),
    Case(
        "unknown block",
        PARAMS,
        "studies.news.colect: unknown key; did you mean `collect`",
        study={"colect": {}},
    ),
    Case(
        "unknown key",
        PARAMS,
        "collect.grup: unknown key; did you mean `group`",
        study={"collect": {"grup": "year"}},
    ),
    Case(
        "no label",
        PARAMS,
        "^error: studies.news.collect.a: wanted at least one value in the list, got none.\n$",
        study={"collect": {"a": []}},
    ),
    Case(
        "list in a list of labels",
        PARAMS,
        "^error: studies.news.collect.b.1: wanted text, a number, true, false or a date, got .3..\n$",
        study={"collect": {"b": [2, [3]]}},
    ),
    Case(
        "delimiter of two characters",
        PARAMS,
        "collect.csv.delimiter: wanted one character such as",
        study={"collect": {"csv": {"delimiter": "::"}}},
    ),
    Case(
        "alpha = 5",
        PARAMS,
        "score.alpha: wanted .*less than 1, got 5. Write 0.05",
        study={"score": {"alpha": 5}},
    ),
    Case("alpha in words", PARAMS, "score.alpha: wanted .*got 'small'", study={"score": {"alpha": "small"}}),
    Case(
        "a number as a column",
        PARAMS,
        'collect.document: .*Quote it: "7"',
        study={"collect": {"document": 7}},
    ),
    Case("a truth value as a goal", PARAMS, 'goal: wanted .*Quote it: "true"', study={"goal": True}),
    Case(
        "a number among words", PARAMS, 'ignore.*Quote it: "404"', study={"collect": {"ignore": ["a", 404]}}
    ),
    Case("a date", PARAMS, "line 2: 2020-01-01 is a date.*Quote it", params="studies:\n  a: 2020-01-01\n"),
    Case("share of 0", PARAMS, "collect.explore_share: wanted", study={"collect": {"explore_share": 0}}),
    Case("negative seed", PARAMS, "studies.news.seed: wanted", study={"seed": -1}),
    Case("no goal", PARAMS, "studies.news.goal: wanted", study={"goal": None}),
    Case("a block that is a list", PARAMS, "studies.news.embed: wanted", study={"embed": [1]}),
    Case("unknown engine", PARAMS, "studies.news.engine: wanted .*got 'magic'", study={"engine": "magic"}),
    Case("unknown kind", PARAMS, "studies.news.kind: wanted", study={"kind": "triples"}),
    Case("one group twice", PARAMS, "two different groups", study={"collect": {"b": 2020}}),
    Case("only one group", PARAMS, "wanted a and b", study={"collect": {"b": None}}),
    Case("replay without verdicts", PARAMS, "wanted `verdicts: FILE`", study={"engine": "replay"}),
    # files
    Case(
        "missing file",
        SOURCE,
        "news.parqet is not there; did you mean `news.parquet`",
        study={"data": "news.parqet"},
    ),
    Case("empty file", SOURCE, "news.csv: .*the file is empty", raw("news.csv", ""), {"data": "news.csv"}),
    Case("only a header", SOURCE, "but no rows", raw("news.csv", "text,year\n"), {"data": "news.csv"}),
    Case(
        "ragged CSV",
        SOURCE,
        "news.csv, line 3: wanted 2 fields",
        raw("news.csv", "text,year\na,2020\nb,2019,x\n"),
        {"data": "news.csv"},
    ),
    Case(
        "not UTF-8",
        SOURCE,
        "byte 0xe9 at offset 13.*encoding: cp1252",
        raw("news.csv", "text,year\ncaf\xe9,2020\n".encode("latin-1")),
        {"data": "news.csv"},
    ),
    Case("corrupt Parquet", SOURCE, "news.parquet: wanted Parquet", raw("news.parquet", b"PAR1\0\0\0\0PAR1")),
    Case("Parquet cut off", SOURCE, "news.parquet: wanted Parquet", _cut_off),
    Case(
        "unknown format", SOURCE, "wanted a name that ends in", raw("news.docx", "x"), {"data": "news.docx"}
    ),
    Case(
        "broken JSON line",
        SOURCE,
        "line 1 is no JSON",
        raw("news.jsonl", "{text: 1}"),
        {"data": "news.jsonl"},
    ),
    Case(
        "folder without texts",
        SOURCE,
        "wanted files that can be read",
        raw("news/a.md", "x"),
        {"data": "news"},
    ),
    Case(
        "path leaves the data folder",
        SOURCE,
        "leaves the data folder",
        table("news/2020.csv"),
        {"data": "news", "collect": {"path": "../secret.csv"}},
    ),
    Case(
        "pickle that runs code",
        SOURCE,
        "can run code. It was not loaded",
        raw("d5.pkl", pickle.dumps(RunsCode())),
        {"data": "d5.pkl", "collect": {"group": "group", "a": "A", "b": "B"}},
    ),
    Case(
        "pickle without samples",
        SOURCE,
        "its keys are A, B",
        raw("d5.pkl", pickle.dumps({"A": ["x"], "B": ["y"]})),
        {"data": "d5.pkl", "collect": {"group": "group", "a": "A", "b": "B"}},
    ),
    Case("database without query", SOURCE, "Its tables .*news", _empty_sqlite, {"data": "news.sqlite"}),
    Case(
        "bad query",
        SOURCE,
        "query .* failed: .*txt",
        _empty_sqlite,
        {"data": "news.sqlite", "collect": {"query": "select txt from news"}},
    ),
    Case(
        "query without rows",
        SOURCE,
        "but no rows",
        _empty_sqlite,
        {"data": "news.sqlite", "collect": {"query": "select * from news"}},
    ),
    # columns, filters, groups
    Case("missing column", SOURCE, "'body'.*Its columns: text, year", study={"collect": {"text": "body"}}),
    Case(
        "missing document column", SOURCE, "collect.document: .*'url'", study={"collect": {"document": "url"}}
    ),
    Case("numbers as text", SOURCE, "wanted text in column 'year'", study={"collect": {"text": "year"}}),
    Case(
        "value that is not there",
        SOURCE,
        "there are none.*Its values: 2019, 2020",
        study={"collect": {"b": 2021}},
    ),
    Case(
        "bad SQL", SOURCE, "collect.where: wanted a SQL condition", study={"collect": {"where": "year = = 1"}}
    ),
    Case("filter that is no condition", SOURCE, "true or false", study={"collect": {"where": "year + 1"}}),
    Case(
        "rows in both groups",
        SOURCE,
        "60 of 120 rows .* in both",
        study={"collect": {"group": None, "a": "year > 2000", "b": "year = 2019"}},
    ),
    Case(
        "one filter twice, spelt differently",
        SOURCE,
        "in both",
        study={"collect": {"group": None, "a": "year=2020", "b": "year = 2020"}},
    ),
    # texts
    Case(
        "no rows in B",
        CORPUS,
        "group B .* has no rows",
        study={"collect": {"group": None, "a": "year = 2020", "b": "year < 1000"}},
    ),
    Case(
        "NULL texts",
        CORPUS,
        r"group B \(2019\) has only empty texts",
        table(
            rows=[
                {"text": f"t{i}" if y == 2020 else None, "year": y} for i in range(50) for y in (2020, 2019)
            ]
        ),
    ),
    Case(
        "all duplicates",
        CORPUS,
        "all 50 texts are the same one",
        table(rows=[{"text": "Same ", "year": y} for y in (2020, 2019) * 50]),
    ),
    Case("same corpus twice", CORPUS, "50 texts stand in both groups", table(rows=same(50, 2020, 2019))),
    Case("too few texts", CORPUS, "at least 5 texts", table(rows=[*same(6, 2020), *same(8, 2019)[6:]])),
    Case(
        "all rows one document",
        CORPUS,
        "of 1 document",
        table(rows=[{**row, "page": 1} for row in pair(60, 0.3, 0.0)]),
        {"collect": {"document": "page"}},
    ),
    # the machine
    Case("data folder cannot be made", STORE, "data.*cannot be written", _data_is_a_file),
    Case(
        "stage before its input",
        MISSING,
        "1_texts.*wanted from an earlier stage",
        argv=("embed", "--study", "news"),
    ),
]


def _prepared(project: Project, case: Case) -> None:
    case.prepare(project)
    if case.params is not None:
        if case.params:
            content = case.params.encode("utf-8", "surrogateescape")
            (project.folder / "params.yaml").write_bytes(content)
        return
    collect = {**PAIR_STUDY["collect"], **case.study.get("collect", {})}
    study = {**PAIR_STUDY, **case.study, "collect": {k: v for k, v in collect.items() if v is not None}}
    study = {key: value for key, value in study.items() if value is not None}
    project.params(news=study)


def _nothing_was_written(folder: Path) -> None:
    left = [p.relative_to(folder).as_posix() for p in folder.rglob("*")]
    assert not [p for p in left if p.startswith(("data/news", "reports")) or ".tmp" in p], left
    assert not (folder / "it-ran").exists()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input_is_one_clear_error(
    project: Project, case: Case, capfd: pytest.CaptureFixture[str]
) -> None:
    _prepared(project, case)
    assert main(case.argv) == case.exit_code
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert "Traceback" not in err
    assert pl.Series([err]).str.contains(f"(?s){case.wanted}").all(), err
    _nothing_was_written(project.folder)


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.exit_code in {PARAMS, SOURCE, CORPUS}][::7], ids=lambda case: case.name
)
def test_check_says_the_same_as_collect(
    project: Project, case: Case, capfd: pytest.CaptureFixture[str]
) -> None:
    _prepared(project, case)
    assert main(("check", *case.argv[1:])) == main(case.argv)
    first, second = capfd.readouterr().err.splitlines()
    assert first == second


def test_the_exit_code_reaches_the_shell(project: Project) -> None:
    _write(project, "news.parquet", None)
    project.params(news={**PAIR_STUDY, "score": {"alpha": 5}})
    done = subprocess.run(
        [sys.executable, "-m", "tasks", "collect", "--study", "news"],
        cwd=project.folder,
        env={**os.environ, "PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (PARAMS, "")
    assert done.stderr.startswith("error: studies.news.score.alpha: ")
    assert done.stderr.count("\n") == 1


ODD_TEXTS = {
    "5 MB": ("word " * 1_000_000, "n_cut", 1),
    "NUL": ("a\0b", "changed", {"controls": {"n": {"A": 1, "B": 0}, "share": {"A": 0.0164, "B": 0.0}}}),
    "right to left": ("שלום עולם مرحبا", "n_cut", 0),
    "emoji": ("👩‍👩‍👧‍👦 🎈 é", "n_cut", 0),
    "markup": ("<script>alert(1)</script> &amp; {{x}} `rm`", "n_cut", 0),
}


@pytest.mark.parametrize("name", ODD_TEXTS)
def test_odd_texts_are_taken_and_what_changed_is_counted(project: Project, name: str) -> None:
    """Odd is not wrong: these end well."""
    text, counted, n = ODD_TEXTS[name]
    _write(project, "news.parquet", [*pair(60, 0.3, 0.0), {"text": text, "year": 2020}])
    project.params(news=PAIR_STUDY)
    assert main(["collect", "--study", "news"]) == 0
    folder = project.folder / "data/news/1_texts"
    assert frames.read_manifest(folder)[counted] == n
    texts = frames.read(folder, "texts.parquet", frames.TEXTS)
    assert texts.height == 121
    assert texts["text"].str.len_chars().max() == (
        100_000 if name == "5 MB" else max(map(len, texts["text"]))
    )
    if not n:
        assert text in texts["text"].to_list()


def test_half_a_surrogate_pair_is_replaced_and_counted(project: Project) -> None:
    rows = [*pair(60, 0.3, 0.0), {"text": "half \ud83d pair", "year": 2020}]
    lines = "\n".join(json.dumps(row) for row in rows)
    (project.folder / "news.jsonl").write_text(lines, encoding="utf-8")
    project.params(news={**PAIR_STUDY, "data": "news.jsonl"})
    assert main(["collect", "--study", "news"]) == 0
    folder = project.folder / "data/news/1_texts"
    assert frames.read_manifest(folder)["read"]["n_surrogates"] == 1
    assert "half \ufffd pair" in frames.read(folder, "texts.parquet", frames.TEXTS)["text"].to_list()


def test_a_failed_rerun_leaves_the_last_good_output(project: Project) -> None:
    _write(project, "news.parquet", None)
    project.params(news=PAIR_STUDY)
    assert main(["collect", "--study", "news"]) == 0
    good = (project.folder / "data/news/1_texts/texts.parquet").read_bytes()
    project.params(news={**PAIR_STUDY, "collect": {"group": "year", "a": 2020, "b": 1999}})
    assert main(["collect", "--study", "news"]) == SOURCE
    assert (project.folder / "data/news/1_texts/texts.parquet").read_bytes() == good
