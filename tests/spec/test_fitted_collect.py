"""What collect and check make of texts with times, labels or scores."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.__main__ import main
from tasks.collect.stage import Collected, collected
from tasks.errors import CorpusError, NatstatError, ParamsError, SourceError
from tasks.kinds import load as load_kind
from tasks.study import load
from tests.conftest import Project, sentences

N = 120
NEWS = sentences(N, 0.3, 0)
LABELLED = [{"text": text, "label": ("sport", "trade", "court")[i % 3]} for i, text in enumerate(NEWS)]
DATED = [{"text": text, "time": f"20{10 + i % 10}-0{1 + i % 9}-15"} for i, text in enumerate(NEWS)]


def read(project: Project, kind: str, rows: Sequence[dict[str, Any]], **study: Any) -> Collected:
    """What a study of that kind collects of the rows."""
    pl.DataFrame(rows, infer_schema_length=None).write_parquet(project.folder / "news.parquet")
    return of_file(project, kind, "news.parquet", **study)


def of_file(project: Project, kind: str, data: str, **study: Any) -> Collected:
    project.params(news={"goal": "what tells them", "data": data, **study, "kind": kind})
    return collected(load("news"))


def values(found: Collected) -> dict[str, str]:
    """Value by text."""
    known = found.texts.join(found.tables["values"], on="text_hash", how="left")
    return dict(known.select("text", "value").iter_rows())


def _csv(folder: Path, rows: pl.DataFrame) -> str:
    rows.write_csv(folder / "news.csv")
    return "news.csv"


def _jsonl(folder: Path, rows: pl.DataFrame) -> str:
    rows.write_ndjson(folder / "news.jsonl")
    return "news.jsonl"


def _arrow(folder: Path, rows: pl.DataFrame) -> str:
    rows.write_ipc(folder / "news.arrow")
    return "news.arrow"


def _of_dates(folder: Path, rows: pl.DataFrame) -> str:
    rows.with_columns(pl.col("time").str.to_date()).write_parquet(folder / "news.parquet")
    return "news.parquet"


def _folder(folder: Path, rows: pl.DataFrame) -> str:
    """Two files that write the same dates in two ways."""
    (folder / "news").mkdir()
    rows.head(60).write_csv(folder / "news/one.csv")
    dotted = pl.col("time").str.to_date().dt.strftime("%d.%m.%Y")
    rows.tail(-60).with_columns(dotted).write_csv(folder / "news/two.csv")
    return "news"


def _database(folder: Path, rows: pl.DataFrame) -> str:
    with sqlite3.connect(folder / "news.sqlite") as base:
        base.execute("CREATE TABLE news (text TEXT, time TEXT)")
        base.executemany("INSERT INTO news VALUES (?, ?)", rows.select("text", "time").rows())
    return "news.sqlite"


@pytest.mark.parametrize("form", [_csv, _jsonl, _arrow, _of_dates, _folder, _database])
def test_times_are_read_from_every_form_of_table(
    project: Project, form: Callable[[Path, pl.DataFrame], str]
) -> None:
    data = form(project.folder, pl.DataFrame(DATED))
    query = {"query": "SELECT * FROM news"} if data.endswith("sqlite") else {}
    assert values(of_file(project, "timeline", data, collect=query)) == {
        row["text"]: row["time"] for row in DATED
    }


def test_filters_and_paths_reach_values(project: Project) -> None:
    rows = [{"text": r["text"], "meta": {"when": r["time"]}, "n": i} for i, r in enumerate(DATED)]
    found = read(project, "timeline", rows, collect={"where": "n < 90"}, timeline={"value": "meta.when"})
    assert values(found) == {row["text"]: row["time"] for row in DATED[:90]}


@pytest.mark.parametrize(
    "as_written", [lambda i: i % 2 == 0, lambda i: i % 2, lambda i: float(i % 2), lambda i: str(i % 2)]
)
def test_a_label_is_the_same_whatever_its_type(project: Project, as_written: Callable[[int], Any]) -> None:
    found = read(project, "classes", [{"text": text, "label": as_written(i)} for i, text in enumerate(NEWS)])
    assert set(values(found).values()) in ({"0", "1"}, {"true", "false"})


def test_a_version_keeps_its_zero(project: Project) -> None:
    rows = pl.DataFrame(
        [{"text": text, "time": ("1.9", "1.10", "1.1")[i % 3]} for i, text in enumerate(NEWS)]
    )
    _csv(project.folder, rows)
    found = of_file(project, "timeline", "news.csv", timeline={"unit": "version"})
    assert dict(found.tables["values"].select("value", "number").unique().iter_rows()) == {
        "1.1": 0.0,
        "1.9": 1.0,
        "1.10": 2.0,
    }


@pytest.mark.parametrize("near_duplicates", [0.7, None])
@pytest.mark.parametrize("again", ["{}", "{}!", "RT {}"])
def test_a_text_at_several_times_is_several_rows_of_one_document(
    project: Project, near_duplicates: float | None, again: str
) -> None:
    rows = [*DATED, *[{"text": again.format(row["text"]), "time": "1999-01-01"} for row in DATED]]
    found = read(project, "timeline", rows, collect={"near_duplicates": near_duplicates})
    assert found.texts.height == 2 * N
    if again == "{}" or near_duplicates is not None:
        assert found.texts["document_id"].n_unique() <= N
        pairs = found.texts.with_columns(
            plain=pl.col("text").str.strip_prefix("RT ").str.strip_chars_end("!")
        )
        assert pairs.group_by("plain").agg(pl.col("half").n_unique())["half"].max() == 1


@pytest.mark.parametrize("near_duplicates", [0.7, None])
def test_equal_short_texts_of_long_documents_are_never_in_both_halves(
    project: Project, near_duplicates: float | None
) -> None:
    rows = [{**row, "thread": f"t{i // 2}"} for i, row in enumerate(DATED)]
    rows += [{"text": "Thanks!", "time": f"20{10 + i}-01-01", "thread": f"t{i}"} for i in range(20)]
    rows += [{"text": "thanks!", "time": "2001-01-01", "thread": "t55"}]
    collect = {"document": "thread", "near_duplicates": near_duplicates}
    found = read(project, "timeline", rows, collect=collect)
    thanks = found.texts.filter(pl.col("text").str.to_lowercase() == "thanks!")
    assert thanks.height == 21 and thanks["half"].n_unique() == 1


def test_what_is_masked_does_not_tell_texts_apart(project: Project) -> None:
    rows = [*LABELLED, *[{**row, "text": f"{row['text']} @someone"} for row in LABELLED]]
    found = read(project, "classes", rows, collect={"ignore": ["/@someone/"]})
    assert found.texts.height == N and found.manifest["n_merged"] == N


def test_rows_without_a_value_are_left_out_and_counted(project: Project) -> None:
    rows = [
        {**row, "label": None if i < 7 else "" if i < 10 else row["label"]} for i, row in enumerate(LABELLED)
    ]
    found = read(project, "classes", rows)
    assert found.texts.height == N - 10 and found.manifest["read"]["values"]["n_missing"] == 10


def test_the_order_of_rows_changes_nothing(project: Project) -> None:
    forward, back = read(project, "timeline", DATED), read(project, "timeline", DATED[::-1])
    assert forward.texts.equals(back.texts)
    assert forward.tables["values"].equals(back.tables["values"])


MANY = [{**row, "label": str(i)} for i, row in enumerate(LABELLED)]
SAME, BLANK = ([{**row, "text": text} for row in LABELLED] for text in ("same", " "))
ONE_CLASS, NONE, LISTS = ([{**row, "label": label} for row in LABELLED] for label in ("a", "", ["a"]))
ONE_TIME = [{**row, "time": "2020"} for row in DATED]
LONE_TIME = [*ONE_TIME[1:], {**ONE_TIME[0], "time": "1999"}]
BAD: list[tuple[type[NatstatError], str, list[dict[str, Any]], dict[str, Any]]] = [
    (
        SourceError,
        r"classes\.value: wanted a column 'labl' .*did you mean `label`",
        LABELLED,
        {"kind": "classes", "classes": {"value": "labl"}},
    ),
    (SourceError, r"timeline\.value: wanted a column 'time' .*: text, label", LABELLED, {"kind": "timeline"}),
    (
        SourceError,
        r"timeline\.value: wanted times in column 'label'",
        LABELLED,
        {"kind": "timeline", "timeline": {"value": "label"}},
    ),
    (CorpusError, r"two different values .*, all 120 rows have 2020\.", ONE_TIME, {"kind": "timeline"}),
    (CorpusError, r"the half to \w+ \w+ has '2020' alone", LONE_TIME, {"kind": "timeline"}),
    (
        CorpusError,
        r"classes\.value: wanted two classes .*all 120 values are 'a'",
        ONE_CLASS,
        {"kind": "classes"},
    ),
    (CorpusError, r"got 120 classes", MANY, {"kind": "classes", "classes": {"value_is": "label"}}),
    (SourceError, r"wanted values in column 'label' of .*, no row has one", NONE, {"kind": "classes"}),
    (SourceError, r"classes\.value: wanted plain values in column 'label'", LISTS, {"kind": "classes"}),
    (CorpusError, r"^wanted at least 5 texts in each half, got explore", LABELLED[:7], {"kind": "clusters"}),
    (
        CorpusError,
        r"clusters\.predicates: wanted at most as many predicates as there are different texts",
        LABELLED[:20],
        {"kind": "clusters", "clusters": {"predicates": 12}},
    ),
    (CorpusError, r"^the corpus: all 120 texts are the same one", SAME, {"kind": "clusters"}),
    (CorpusError, r"^the corpus has only empty texts", BLANK, {"kind": "clusters"}),
    (
        ParamsError,
        r"wanted no group, a, b or results under collect with `kind: classes`",
        LABELLED,
        {"kind": "classes", "collect": {"group": "label", "a": "sport", "b": "trade"}},
    ),
    (
        ParamsError,
        r"timeline: wanted `format` for dates or `unit` for numbers",
        DATED,
        {"kind": "timeline", "timeline": {"format": "%Y", "unit": "number"}},
    ),
    (
        ParamsError,
        r"timeline\.values.*`value`",
        DATED,
        {"kind": "timeline", "timeline": {"values": "time"}},
    ),
]


@pytest.mark.parametrize(("error", "message", "rows", "study"), BAD, ids=[case[1][:40] for case in BAD])
def test_bad_input(
    project: Project,
    error: type[NatstatError],
    message: str,
    rows: list[dict[str, Any]],
    study: dict[str, Any],
) -> None:
    with pytest.raises(error, match=message):
        read(project, rows=rows, **study)


def _told(project: Project, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    assert main(["check", "--study", "news", *more]) == 0
    return capsys.readouterr().out


def test_check_tells_classes_of_each_half(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    read(project, "classes", [*LABELLED, {"text": "one more of its own kind", "label": "rare"}])
    told = _told(project, capsys)
    for said in (
        "news: 120 rows give 120 texts in 120 documents",
        "explained: labels in column 'label', 3 classes: ",
        "1 of too small classes",
        "classes of fewer than 10 texts are left out: 'rare' (1)",
        "smallest gain found in 4 of 5 cases: about ",
    ):
        assert said in told
    assert "group" not in told and "with it" not in told
    known = json.loads(_told(project, capsys, "--json"))
    assert sum(one["explore"] + one["confirm"] for one in known["values"]["classes"]) == N
    assert 0 < known["smallest_effect"]["alone"] < known["smallest_effect"]["of_many"]


def test_check_tells_the_range_of_times(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    read(project, "timeline", DATED)
    assert (
        "explained: dates in column 'time', 2010-01-15 to 2019-09-15, 90 different ones; 60 texts share "
        "theirs with another"
    ) in _told(project, capsys)


def test_check_and_cost_of_a_pile_without_values(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    read(project, "clusters", LABELLED, clusters={"predicates": 4})
    told = _told(project, capsys)
    assert "120 texts: " in told and "explained" not in told and "cannot find anything" not in told
    assert main(["cost", "--study", "news"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("at most 4 sentences x ") and "cannot find anything" not in told


def test_new_knows_texts_with_times_and_no_groups(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.params()
    params = project.folder / "params.yaml"
    params.write_text("defaults: &defaults\n  corpus_pair:\n  timeline:\nstudies:\n", encoding="utf-8")
    pl.DataFrame(DATED).rename({"time": "Date"}).write_csv(project.folder / "letters.csv")
    assert main(["new", "letters.csv", "--yes"]) == 0
    told = capsys.readouterr().out
    assert "kind   timeline: when did what texts say change?" in told and "value  Date" in told
    assert "the corpus (120 rows)" in told
    assert "kind: timeline" in params.read_text(encoding="utf-8")


def test_new_compares_groups_where_there_are_some(project: Project) -> None:
    frame = pl.DataFrame([{**row, "side": "ab"[i % 2]} for i, row in enumerate(DATED)])
    assert load_kind("timeline").guessed(frame) is None
    assert load_kind("timeline").guessed(frame.drop("side")) == {"value": "time"}
    assert load_kind("timeline").guessed(frame.select("text")) is None
