"""apply: a study's discoveries judged on new texts, each in a column of the table that comes back."""

import csv
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks import paths
from tasks.__main__ import main
from tasks.engines.embedded.judging import NAME
from tasks.store import frames
from tasks.store.sources import delimited
from tests.conftest import PAIR_STUDY, Project
from tests.recorded_study import FOUND, NOT_FOUND, put_study
from tests.tiny_encoder import save_tiny_encoder

COVID, LONG, REJECTED = 'mentions "covid"', "is longer than 4 words", 'mentions "garden"'
ROWS = [(COVID, "A", 0.4, 0.1, 0.001, FOUND, COVID), (LONG, "B", -0.2, 0.1, 0.001, FOUND, LONG)]
ROWS.append((REJECTED, "A", 0.0, 0.1, 0.9, NOT_FOUND, REJECTED))
DEFINED = {
    COVID: {"kind": "words", "terms": ["covid"]},
    LONG: {"kind": "style", "program": "words", "more_than": 4},
    REJECTED: {"kind": "words", "terms": ["garden"]},
}
NEW = ["Covid is here", "the garden of our old town hall", "covid and the garden of the school", "", None]
WANTED = {COVID: [1, 0, 1, None, None], LONG: [0, 1, 1, None, None]}


def put(project: Project, defined: dict[str, dict[str, Any]] = DEFINED, **params: Any) -> None:
    """A finished study whose predicates can be judged."""
    project.params(press={**PAIR_STUDY, **params})
    put_study("press", rows=ROWS)
    folder = paths.output("press", "formalise")
    frozen = frames.read(folder, "predicates.parquet", frames.PREDICATES)
    definitions = [json.dumps(defined[one]) for one in frozen["predicate"]]
    frozen = frozen.with_columns(definition=pl.Series(definitions), judge=pl.lit(NAME))
    frames.write(frozen, folder / "predicates.parquet", frames.PREDICATES)


@pytest.fixture
def press(project: Project) -> Project:
    put(project)
    pl.DataFrame({"id": range(5), "text": NEW}).write_parquet("new.parquet")
    return project


def refused(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> str:
    assert main(["apply", *arguments]) == code
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    return error


def of_sheet(name: str, mark: str = ",") -> pl.DataFrame:
    """A CSV as Python's own reader has it; empty cells are null."""
    with Path(name).open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened, delimiter=mark))
    return pl.DataFrame(rows).with_columns(pl.when(pl.all() != "").then(pl.all()))


def verdicts(table: pl.DataFrame) -> dict[str, list[int | None]]:
    return table.select(*WANTED).cast(pl.Int64).to_dict(as_series=False)


def test_the_table_comes_back_with_a_column_for_each_discovery(
    press: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["apply", "press", "--data", "new.parquet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "new-press.parquet: 5 rows of new.parquet (2 without text), a column for each of 2 discoveries of "
        "press"
    )
    assert lines[1:] == [f"   1  holds for 2 of 3 (67%): {COVID}", f"   2  holds for 2 of 3 (67%): {LONG}"]
    table = pl.read_parquet("new-press.parquet")
    assert table.columns == ["id", "text", COVID, LONG], "what was rejected is not asked"
    assert table["text"].to_list() == NEW
    assert verdicts(table) == WANTED


def written(name: str) -> Path:
    """The new texts in a file of that format."""
    file, table = Path(name), pl.DataFrame({"id": range(5), "text": NEW})
    content = (
        table.write_ndjson()
        if ".json" in name
        else table.write_csv(separator="\t" if ".tsv" in name else ",")
    )
    if name.endswith(".json"):
        content = json.dumps(table.to_dicts())
    if name.endswith(".arrow"):
        table.write_ipc(file)
    elif name.endswith(".gz"):
        file.write_bytes(gzip.compress(content.encode()))
    else:
        file.write_text(content, encoding="utf-8-sig")
    return file


@pytest.mark.parametrize(
    ("name", "out"),
    [
        ("new.csv", "new-press.csv"),
        ("new.csv.gz", "new-press.csv"),
        ("new.tsv", "new-press.tsv"),
        ("new.jsonl", "new-press.jsonl"),
        ("new.json", "new-press.parquet"),
        ("new.arrow", "new-press.parquet"),
    ],
)
def test_every_format_is_read_in_batches_and_written_back(project: Project, name: str, out: str) -> None:
    put(project, verify={"shard_size": 2})
    assert main(["apply", "press", "--data", str(written(name))]) == 0
    if out.endswith(".jsonl"):
        table = pl.read_ndjson(out)
    elif out.endswith(".parquet"):
        table = pl.read_parquet(out)
    else:
        table = of_sheet(out, "\t" if out.endswith(".tsv") else ",")
    assert table["id"].cast(pl.Int64).to_list() == [0, 1, 2, 3, 4]
    assert verdicts(table) == WANTED


def test_texts_are_read_as_collect_reads_them(project: Project) -> None:
    put(project, collect={**PAIR_STUDY["collect"], "text": "body", "ignore": ["covid"], "max_chars": 100})
    pl.DataFrame({"body": ["covid is here", "a" * 98 + " two three four five"]}).write_csv("new.csv")
    assert main(["apply", "press", "--data", "new.csv", "--out", "told.parquet"]) == 0
    assert pl.read_parquet("told.parquet").select(*WANTED).rows() == [(0, 0), (0, 0)]


def test_a_discovery_by_meaning_is_judged_by_vectors_which_are_kept(project: Project) -> None:
    from tasks.engines.encoders import encoder
    from tasks.study import load

    folder = save_tiny_encoder(project.folder / "tiny")
    embed = {"encoder": "tiny"}
    put(project, embed=embed)
    model = encoder.load(load("press"))
    vector = model.encode([NEW[0] or ""])[0].astype(float)
    like = {
        "kind": "similarity",
        "basis": "theme",
        "encoder": model.name,
        "vector": [*vector],
        "threshold": 0.999,
    }
    put(project, {**DEFINED, COVID: like}, embed=embed)
    pl.DataFrame({"id": range(5), "text": NEW}).write_csv("new.csv")
    assert main(["apply", "press", "--data", "new.csv"]) == 0
    told = of_sheet("new-press.csv")[COVID].cast(pl.Int64).to_list()
    each = model.encode([text for text in NEW if text])
    assert told == [*(each @ np.array(vector) >= 0.999).astype(int), None, None]
    assert told[0] == 1 and sum(told[:3]) < 3
    assert paths.vector_cache().is_file()
    put(project, {**DEFINED, COVID: {**like, "encoder": "another"}}, embed=embed)
    assert main(["apply", "press", "--data", "new.csv", "--out", "again.csv"]) == 14
    assert folder.is_dir() and not Path("again.csv").exists()


def test_a_column_that_is_called_like_a_predicate_stays(press: Project) -> None:
    pl.DataFrame({"text": NEW, COVID: "mine"}).write_csv("new.csv")
    assert main(["apply", "press", "--data", "new.csv"]) == 0
    table = of_sheet("new-press.csv")
    assert set(table[COVID]) == {"mine"}
    assert table.columns[2] == f"{COVID} ({frames.hashed(COVID)})"


def test_no_cell_of_csv_runs_as_a_formula_and_no_name_of_a_column(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sentence of a language model, a text from anywhere; numbers are none, and other formats hold all."""
    formula = "=cmd|' /C calc'!A1"
    monkeypatch.setitem(DEFINED, formula, DEFINED[COVID])
    monkeypatch.setattr(f"{__name__}.ROWS", [(formula, "A", 0.4, 0.1, 0.001, FOUND, formula)])
    put(project)
    cells = ["=1+1", "@SUM(A1)", "-5.2", "+3e-4", "-2+3", "covid"]
    pl.DataFrame({"text": cells, "=mine": cells, "n": [-1, 2, 3, 4, 5, 6]}).write_csv("new.csv")
    for out in ("new-press.csv", "new-press.tsv", "new-press.jsonl"):
        assert main(["apply", "press", "--data", "new.csv", "--out", out]) == 0
    for out, mark in (("new-press.csv", ","), ("new-press.tsv", "\t")):
        with Path(out).open(encoding="utf-8", newline="") as opened:
            header, *rows = csv.reader(opened, delimiter=mark)
        assert header == ["text", "'=mine", "n", f"'{formula}"]
        guarded = ["'=1+1", "'@SUM(A1)", "-5.2", "+3e-4", "'-2+3", "covid"]
        assert [row[:2] for row in rows] == [[one, one] for one in guarded]
        assert [row[2:] for row in rows] == [[n, str(int(n == "6"))] for n in ("-1", "2", "3", "4", "5", "6")]
    table = pl.read_ndjson("new-press.jsonl")
    assert table.columns == ["text", "=mine", "n", formula] and table["text"].to_list() == cells


BAD: Sequence[tuple[str, str, tuple[str, ...], int, str]] = [
    ("new.csv", "body\nx\n", (), 11, "wanted a column 'text' in new.csv"),
    ("new.csv", "text\n", (), 11, "wanted rows, the file has none"),
    ("new.csv", "", (), 11, "the file is empty"),
    ("new.csv", "text,n\na,1\nb,2,3\n", (), 11, "new.csv, line 3: wanted 2 fields parted by ',', got 3"),
    ("new.csv", 'text,n\na,1\n"b,2\n', (), 11, "new.csv, line 3: got a field in quotes that is not closed"),
    ("new.jsonl", '{"text": "a"}\n{"text": ', (), 11, "line 2 is no JSON"),
    ("new.jsonl", '{"text": 3}\n', (), 11, "wanted text in column 'text' of new.jsonl, got Int64"),
    ("new.parquet", "no parquet", (), 11, "wanted Parquet, cannot be read"),
    ("new.xlsx", "x", (), 11, "wanted a table (.csv"),
    ("new.csv", "text\na\n", ("--out", "new.csv"), 17, "is there, nothing was judged"),
    ("new.csv", "text\na\n", ("--out", "new.docx"), 11, "wanted a name that ends in .csv"),
    ("new.csv", "text\na\n", ("--text", "txt"), 11, "did you mean `text`?"),
]


@pytest.mark.parametrize(("name", "content", "more", "code", "said"), BAD)
def test_what_cannot_be_is_one_line(
    project: Project,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: str,
    more: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    put(project)
    Path(name).write_text(content, encoding="utf-8")
    assert said in refused(capsys, code, "press", "--data", name, *more)
    assert {one.name for one in project.folder.iterdir()} == {"params.yaml", "data", name}, "nothing is left"


def test_keys_of_json_lines_may_be_missing_but_not_come_late(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "BLOCK", 1)
    put(project, verify={"shard_size": 1})
    lines = [{"text": "covid", "n": 1}, {"text": "covid"}]
    Path("new.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    assert main(["apply", "press", "--data", "new.jsonl"]) == 0
    assert pl.read_ndjson("new-press.jsonl")["n"].to_list() == [1, None]
    Path("new.jsonl").write_text("\n".join(map(json.dumps, lines[::-1])), encoding="utf-8")
    capsys.readouterr()
    told = refused(capsys, 11, "press", "--data", "new.jsonl", "--out", "other.jsonl")
    assert "'n' comes late. Write it in the first line" in told and not Path("other.jsonl").exists()


def test_lists_go_into_no_line_of_text(press: Project, capsys: pytest.CaptureFixture[str]) -> None:
    pl.DataFrame({"text": ["a"], "tags": [["x", "y"]]}).write_parquet("nested.parquet")
    told = refused(capsys, 11, "press", "--data", "nested.parquet", "--out", "judged.csv")
    assert "column 'tags' holds lists or objects" in told and not Path("judged.csv").exists()


def test_a_file_in_another_encoding_says_so(press: Project, capsys: pytest.CaptureFixture[str]) -> None:
    Path("new.csv").write_bytes("text\nvoilà\n".encode("latin-1"))
    assert "wanted UTF-8" in refused(capsys, 11, "press", "--data", "new.csv")


def test_studies_that_have_nothing_to_apply_say_so(
    press: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "not there" in refused(capsys, 11, "press", "--data", "missing.csv")
    put_study("press", rows=ROWS[2:])
    assert "it has none" in refused(capsys, 10, "press", "--data", "new.parquet")
    put(press, engine="llm", llm={"model": "another", "base_url": "http://127.0.0.1:9"})
    assert "frozen for judge" in refused(capsys, 14, "press", "--data", "new.parquet")
    press.params(press={**PAIR_STUDY, "kind": "encoder_failures", "collect": {}, "embed": {}, "propose": {}})
    told = refused(capsys, 10, "press", "--data", "new.parquet")
    assert "classes, clusters, corpus_pair, timeline" in told and "pair of texts" in told
    press.params(press=PAIR_STUDY)
