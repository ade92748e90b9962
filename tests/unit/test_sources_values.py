"""Ids and labels: what is equal is written alike, whatever type and format it comes in."""

import datetime as dt
import decimal
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from tasks.errors import SourceError
from tasks.store.sources import read_groups
from tasks.store.sources.values import written
from tasks.study import Study
from tests.conftest import Project

SNOWFLAKE = 1234567890123456789


def study(data: str, **collect: Any) -> Study:
    return Study.model_validate({"name": "s", "goal": "g", "data": data, "collect": collect})


def labelled(data: str, a: Any, b: Any, **collect: Any) -> dict[str, str]:
    rows, _, _ = read_groups(study(data, group="label", a=a, b=b, **collect))
    return dict(rows.select("text", "group").rows())


def table(values: list[Any], dtype: Any = None) -> pl.DataFrame:
    text = pl.Series("text", [f"text {chr(97 + i)}" for i in range(len(values))])
    return pl.DataFrame([text, pl.Series("label", values, dtype=dtype)])


@pytest.mark.parametrize(
    ("column", "wanted"),
    [
        (pl.Series([7, None, 2**63 - 1]), ["7", None, "9223372036854775807"]),
        (pl.Series([2**64 - 1], dtype=pl.UInt64), ["18446744073709551615"]),
        (pl.Series([2**100], dtype=pl.Int128), [str(2**100)]),
        (pl.Series([7.0, None, float("nan"), 0.5, -0.0]), ["7", None, None, "0.5", "0"]),
        (pl.Series([7.0, 0.1], dtype=pl.Float32), ["7", "0.1"]),
        (pl.Series([decimal.Decimal("7.00"), decimal.Decimal("10.50")]), ["7", "10.5"]),
        (pl.Series([True, False, None]), ["true", "false", None]),
        (pl.Series([dt.date(2020, 1, 1)]), ["2020-01-01"]),
        (
            pl.Series([dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 1, 10)]),
            ["2020-01-01", "2020-01-01T10:00:00"],
        ),
        (pl.Series([dt.datetime(2020, 1, 1, 1)]).dt.replace_time_zone("Europe/Berlin"), ["2020-01-01"]),
        (pl.Series([dt.time(10, 0), dt.time(0, 0, 0, 5)]), ["10:00:00", "00:00:00.000005"]),
        (pl.Series(["01", "1", " 1 ", "", " ", None]), ["01", "1", "1", None, None, None]),
        (pl.Series(["Zu\u0308rich"]), ["Zürich"]),
        (pl.Series(["2020-01-01 00:00:00", "2020-01-02T10:30"]), ["2020-01-01", "2020-01-02T10:30:00"]),
        (pl.Series(["2020-01-01T02:00:00+02:00", "2020-01-01T00:00:00Z"]), ["2020-01-01", "2020-01-01"]),
        (pl.Series(["2020-02-30 00:00"]), ["2020-02-30 00:00"]),
        (
            pl.Series(["2020-01-02 10:30:00", "n/a", "2020-01-02"]),
            ["2020-01-02T10:30:00", "n/a", "2020-01-02"],
        ),
        (
            pl.Series(["2020-01-02T10:30:00.123456780+0100", "2020-01-02 09:30:00.123456789Z"]),
            ["2020-01-02T09:30:00.12345678", "2020-01-02T09:30:00.123456789"],
        ),
        (pl.Series(["b", "a"], dtype=pl.Categorical), ["b", "a"]),
        (pl.Series([None, None]), [None, None]),
    ],
)
def test_each_type_has_one_written_form(column: pl.Series, wanted: list[str | None]) -> None:
    assert written(column, "ids", "file", "where").to_list() == wanted


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (["7.0", "8", "nan", None], ["7", "8", None, None]),
        (["7.0", "08", "nan"], ["7.0", "08", "nan"]),
        (["12345678901234567890123.0"], ["12345678901234567890123"]),
        (["1e5", "2"], ["1e5", "2"]),
        (["nan", "inf"], ["nan", "inf"]),
        (["NaN"], ["NaN"]),
    ],
)
def test_what_has_no_type_is_numbers_where_all_of_it_is(cells: list[Any], wanted: list[Any]) -> None:
    column = pl.Series("id", cells, dtype=pl.String)
    assert written(column, "ids", "file", "where", untyped=True).to_list() == wanted


@pytest.mark.parametrize(
    ("dtype", "rounded", "digits"), [(pl.Float64, SNOWFLAKE, 15), (pl.Float32, 16_777_217, 7)]
)
def test_a_float_that_has_rounded_ids_is_refused(dtype: Any, rounded: int, digits: int) -> None:
    column = pl.Series("user", [rounded, rounded - 1, None]).cast(dtype)
    wanted = rf"wanted exact numbers .* as a {dtype}, which rounds numbers of over {digits} digits. Save the"
    with pytest.raises(SourceError, match=wanted):
        written(column, "ids", "file", "where")


def to_sqlite(frame: pl.DataFrame, file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("create table t (text text, label)")
        connection.executemany("insert into t values (?, ?)", frame.rows())
    connection.close()


def to_duckdb(frame: pl.DataFrame, file: Path) -> None:
    with duckdb.connect(str(file)) as connection:
        connection.register("f", frame.to_arrow())
        connection.execute("create table t as select * from f")


WRITERS: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    "f.csv": lambda frame, file: frame.write_csv(file),
    "f.tsv": lambda frame, file: frame.write_csv(file, separator="\t"),
    "f.json": lambda frame, file: file.write_text(json.dumps(frame.to_dicts())),
    "f.jsonl": lambda frame, file: frame.write_ndjson(file),
    "f.parquet": lambda frame, file: frame.write_parquet(file),
    "f.arrow": lambda frame, file: frame.write_ipc(file),
    "f.sqlite": to_sqlite,
    "f.duckdb": to_duckdb,
}


def query_for(name: str) -> dict[str, str]:
    return {"query": "select * from t"} if name.endswith(("sqlite", "duckdb")) else {}


@pytest.mark.parametrize("said", ["1e-5", "1e-05", "0.00001"])
def test_a_small_number_is_found_however_it_is_written(project: Project, said: str) -> None:
    (project.folder / "f.csv").write_text(f"text,label\ntext a,{said}\ntext b,0.001\n")
    assert labelled("f.csv", 1e-5, 0.001) == {"text a": "A", "text b": "B"}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize(
    ("values", "a", "b"),
    [
        pytest.param([7, 8], 7, "8", id="integers"),
        pytest.param([7.0, 8.0, None], 7, "8", id="floats for want of one"),
        pytest.param([7.0, 8.0, float("nan")], 7, "8", id="floats that are none"),
        pytest.param([SNOWFLAKE, SNOWFLAKE + 1, SNOWFLAKE + 2], str(SNOWFLAKE), SNOWFLAKE + 1, id="64 bits"),
        pytest.param(["01", "1", "001"], "01", "1", id="codes"),
        pytest.param(["x ", "y"], "x", " y", id="blanks"),
        pytest.param(["Zu\u0308rich", "y"], "Zürich", "y", id="accents"),
        pytest.param(["2020-01-01", "2020-01-02"], dt.date(2020, 1, 1), "2020-01-02", id="dates as text"),
        pytest.param(
            ["2020-01-01 00:00:00", "2020-01-02 00:00:00"], "2020-01-01", dt.date(2020, 1, 2), id="times"
        ),
    ],
)
def test_labels_are_compared_exactly(project: Project, name: str, values: list[Any], a: Any, b: Any) -> None:
    WRITERS[name](table(values), project.folder / name)
    assert labelled(name, a, b, **query_for(name)) == {"text a": "A", "text b": "B"}


@pytest.mark.parametrize("dtype", [pl.Date, pl.Datetime, pl.Datetime("ms", "UTC")])
@pytest.mark.parametrize(
    "a", ["2020-01-01", dt.date(2020, 1, 1), dt.datetime(2020, 1, 1), "2020-01-01 00:00:00"]
)
def test_a_date_finds_dates_and_midnights(project: Project, dtype: Any, a: Any) -> None:
    frame = table([dt.date(2020, 1, 1), dt.date(2020, 1, 2)]).with_columns(pl.col("label").cast(dtype))
    frame.write_parquet("f.parquet")
    assert labelled("f.parquet", a, "2020-01-02") == {"text a": "A", "text b": "B"}


@pytest.mark.parametrize("name", ["label", "n", "value", "text", "answer", "self", "file"])
def test_a_column_may_be_called_as_anything(project: Project, name: str) -> None:
    frame = pl.DataFrame([pl.Series("say", ["one", "two"]), pl.Series(name, ["A", "B"])])
    frame.write_csv("f.csv")
    for collect in ({"group": name, "a": "A", "b": "B"}, {"a": f"{name} = 'A'", "b": f"{name} = 'B'"}):
        rows, _, _ = read_groups(study("f.csv", text="say", **collect))
        assert rows["group"].to_list() == ["A", "B"]
    with pytest.raises(SourceError, match=rf"with {name} = 'C' .*Its values: A, B"):
        read_groups(study("f.csv", text="say", group=name, a="C", b="B"))


@pytest.mark.parametrize("value", [2**70, str(2**70), -(2**70), 1e30])
def test_a_label_beyond_all_integers_is_in_no_row(project: Project, value: Any) -> None:
    table([1, 2]).write_csv("f.csv")
    with pytest.raises(SourceError, match=r"collect.a: wanted rows with label = .*none.*Its values: 1, 2"):
        labelled("f.csv", value, 2)


def test_numbers_that_no_column_holds_are_exact_all_the_same(project: Project) -> None:
    (project.folder / "f.json").write_text(
        json.dumps(
            [
                {"text": "text a", "label": 2**200},
                {"text": "text b", "label": 2**70},
                {"text": "text c", "label": 1.5},
            ]
        )
    )
    assert labelled("f.json", 2**200, 2**70) == {"text a": "A", "text b": "B"}


@pytest.mark.parametrize("name", [name for name in WRITERS if not query_for(name)])
def test_an_id_is_one_document_in_two_files(project: Project, name: str) -> None:
    """An integer in one file, a float in the other, as an id was missing there."""
    folder = project.folder / "data-folder"
    folder.mkdir()
    table([7, 8, 9]).write_parquet(folder / "a.parquet")
    WRITERS[name](table([7.0, None, 8.0]), folder / f"b{Path(name).suffix}")
    source = {"path": f"b{Path(name).suffix}"}
    for collect in ({"a": {"path": "a.parquet"}, "b": source}, {"a": source, "b": {"path": "a.parquet"}}):
        rows, _, _ = read_groups(study("data-folder", document="label", **collect))
        assert sorted(rows["document_id"].drop_nulls()) == ["7", "7", "8", "8", "9"]


def test_ids_of_one_glob_are_read_file_by_file(project: Project) -> None:
    """Under each other, integers of 64 bits beside floats would be rounded."""
    folder = project.folder / "data-folder"
    folder.mkdir()
    table([SNOWFLAKE, SNOWFLAKE + 1]).write_parquet(folder / "a.parquet")
    table([7.0, None]).write_parquet(folder / "b.parquet")
    rows, _, _ = read_groups(study("data-folder", document="label", group="random"))
    assert rows["document_id"].to_list() == [str(SNOWFLAKE), str(SNOWFLAKE + 1), "7", None]


@pytest.mark.parametrize(
    "query", ["select text, label::hugeint as label from t", "select text, label::uhugeint as label from t"]
)
def test_128_bits_of_duckdb_are_exact(project: Project, query: str) -> None:
    to_duckdb(table([SNOWFLAKE, SNOWFLAKE + 1]), project.folder / "f.duckdb")
    assert labelled("f.duckdb", str(SNOWFLAKE), SNOWFLAKE + 1, query=query) == {"text a": "A", "text b": "B"}


def test_a_type_without_a_column_is_told(project: Project) -> None:
    to_duckdb(table([1, 2]), project.folder / "f.duckdb")
    with pytest.raises(SourceError, match=r"f.duckdb: the query .* failed: .*interval"):
        labelled("f.duckdb", 1, 2, query="select text, label, interval 1 day as i from t")


LABELS = table(["pos", "neg", "neutral", "rest of it", None, " "])


@pytest.mark.parametrize(
    ("a", "b", "wanted", "names"),
    [
        ("pos", ["neg", "neutral"], "ABB___", ("pos", "neg or neutral")),
        ("pos", "rest", "ABBB__", ("pos", "rest")),
        ("rest", ["pos", "neg"], "BBAA__", ("rest", "pos or neg")),
        (["pos"], ["neg"], "AB____", ("pos", "neg")),
    ],
)
def test_a_group_may_be_several_labels_or_the_rest(
    project: Project, a: Any, b: Any, wanted: str, names: tuple[str, str]
) -> None:
    LABELS.write_parquet("f.parquet")
    rows, named, read = read_groups(study("f.parquet", group="label", a=a, b=b))
    found = dict(rows.select("text", "group").rows())
    assert "".join(found.get(text, "_") for text in LABELS["text"]) == wanted
    assert tuple(named.values()) == names
    assert read["rows_of_neither"] == wanted.count("_")


@pytest.mark.parametrize(
    ("values", "a", "b", "wanted"),
    [
        (["x", "y"], "x", ["y", "z"], r"collect.b: wanted rows with label = 'z'.*none"),
        (["x", "y"], ["x", "y"], ["y"], r"1 of 2 rows .* in both"),
        (["x", None], "x", "rest", r"collect.b: wanted rows of another label .* there are none"),
        (["x", "rest"], "x", "rest", r"collect.b: .*a value 'rest'. Write \[rest\]"),
    ],
)
def test_lists_and_rest_that_cannot_be_meant(
    project: Project, values: list[Any], a: Any, b: Any, wanted: str
) -> None:
    table(values).write_parquet("f.parquet")
    with pytest.raises(SourceError, match=wanted):
        labelled("f.parquet", a, b)


def test_a_value_that_is_called_rest_can_be_named(project: Project) -> None:
    table(["x", "rest", "y"]).write_parquet("f.parquet")
    assert labelled("f.parquet", "x", ["rest"]) == {"text a": "A", "text b": "B"}


@pytest.mark.parametrize(
    "collect",
    [
        {"a": "rest", "b": "x = 1"},
        {"group": "g", "a": "rest", "b": "rest"},
        {"group": "g", "a": [], "b": "x"},
    ],
)
def test_params_refuse_a_rest_of_nothing(collect: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"wanted|at least 1"):
        study("f.parquet", **collect)
