"""Dotted paths into lists and objects, and what is said where they are taken for text."""

import json
import unicodedata
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
    {
        "messages": [
            {"role": "user", "content": f"question {name}"},
            {"role": "assistant", "content": f"answer {name}"},
        ],
        "meta": {"label": "A" if name in "ac" else "B", "who": {"id": n}},
        "meta.dotted": name,
    }
    for n, name in enumerate("abcd")
]
WANTED = {"answer a": "A", "answer c": "A", "answer b": "B", "answer d": "B"}


def study(data: str, **collect: Any) -> Study:
    return Study.model_validate({"name": "s", "goal": "g", "data": data, "collect": collect})


def groups(data: str, **collect: Any) -> dict[str, str]:
    rows, _, _ = read_groups(study(data, **collect))
    return dict(rows.select("text", "group").rows())


def to_csv(file: Path) -> None:
    cells = [
        {name: value if isinstance(value, str) else json.dumps(value) for name, value in row.items()}
        for row in ROWS
    ]
    pl.DataFrame(cells).write_csv(file)


def to_duckdb(file: Path) -> None:
    with duckdb.connect(str(file)) as connection:
        connection.register("f", pl.DataFrame(ROWS).to_arrow())
        connection.execute("create table t as select * from f")


WRITERS: dict[str, Any] = {
    "f.jsonl": lambda file: file.write_text("".join(json.dumps(row) + "\n" for row in ROWS)),
    "f.json": lambda file: file.write_text(json.dumps(ROWS)),
    "f.parquet": lambda file: pl.DataFrame(ROWS).write_parquet(file),
    "f.arrow": lambda file: pl.DataFrame(ROWS).write_ipc(file),
    "f.csv": to_csv,
    "f.duckdb": to_duckdb,
}


def query_for(name: str) -> dict[str, str]:
    return {"query": "select * from t"} if name.endswith("duckdb") else {}


@pytest.mark.parametrize("name", WRITERS)
def test_paths_reach_in(project: Project, name: str) -> None:
    WRITERS[name](project.folder / name)
    text = {"text": "messages.-1.content", **query_for(name)}
    assert groups(name, **text, group="meta.label", a="A", b="B") == WANTED
    assert groups(name, **text, a="meta.label = 'A'", b="meta.label <> 'A'") == WANTED
    assert groups(name, **text, a="meta.who.id in (0, 2)", b="meta.who.id in (1, 3)") == WANTED
    assert groups(name, **text, group="meta.dotted", a=["a", "c"], b="rest") == WANTED
    assert groups(name, **text, a="\"meta.dotted\" <= 'a'", b="messages.0.content like '%b'") == {
        "answer a": "A",
        "answer b": "B",
    }
    first, _, _ = read_groups(
        study(name, **query_for(name), text="messages.0.content", document="meta.who.id", group="random")
    )
    assert first.sort("text").select("text", "document_id").rows() == [
        (f"question {n}", str(i)) for i, n in enumerate("abcd")
    ]


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "f.csv"])
@pytest.mark.parametrize(
    ("collect", "wanted"),
    [
        (
            {"text": "messages"},
            r"wanted text in 'messages' of f\.\w+, got lists of objects with role, content\. "
            r"Write text: messages\.-1\.content for what stands last",
        ),
        ({"text": "meta"}, r"got objects with label, who\. Write text: meta\.label\."),
        ({"text": "messages.0"}, r"got objects with role, content\. Write text: messages\.0\.content"),
        (
            {"text": "messages.0.contnet"},
            r"wanted 'contnet' in messages\.0 of .*did you mean `content`\?; its keys: role, content",
        ),
        ({"text": "messages.content"}, r"wanted 'content' in messages of .*lists: write a place"),
        ({"text": "messages.9.content"}, r"wanted '9' in messages"),
        ({"text": "content"}, r"wanted a column 'content' in .*; is it messages.-1.content\?"),
        ({"text": "messages.0.content", "document": "label"}, r"; is it meta.label\?"),
        ({"text": "message.body"}, r"wanted a column 'message.body'"),
        ({"text": "messages.0.content", "document": "meta"}, r"wanted plain ids in column 'meta'"),
        (
            {"text": "messages.0.content", "document": "meta.dotted.x"},
            r"lists or objects in column 'meta.dotted' .*got text",
        ),
    ],
)
def test_what_to_write_is_told(project: Project, name: str, collect: dict[str, str], wanted: str) -> None:
    WRITERS[name](project.folder / name)
    with pytest.raises(SourceError, match=wanted):
        groups(name, **query_for(name), group="random", **collect)


def test_text_inside_is_no_object(project: Project) -> None:
    rows = [{"text": "a", "meta": {"raw": said}} for said in ("hello", '{"x": "there"}', None)]
    for name in ("f.parquet", "f.jsonl"):
        frame = pl.DataFrame(rows)
        frame.write_parquet(name) if name.endswith("parquet") else frame.write_ndjson(name)
        with pytest.raises(SourceError, match=rf"wanted 'x' in meta.raw of {name}; it holds text"):
            groups(name, text="meta.raw.x", group="random")


def test_a_place_beyond_all_counting_is_none(project: Project) -> None:
    (project.folder / "f.jsonl").write_text('{"m": ["a"]}\n')
    with pytest.raises(SourceError, match=r"wanted '9+' in m of f.jsonl; it holds lists"):
        groups("f.jsonl", text="m." + "9" * 5000, group="random")


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_a_file_without_the_place_has_nothing_there(project: Project, ending: str) -> None:
    for name, rows in {"a": [{"x": 1}], "b": [{"label": "q"}, {"label": "r"}]}.items():
        (project.folder / "parts").mkdir(exist_ok=True)
        frame = pl.DataFrame({"text": [f"{name} {i}" for i in range(len(rows))], "meta": rows})
        frame.write_parquet(f"parts/{name}.parquet") if ending == "parquet" else frame.write_ndjson(
            f"parts/{name}.jsonl"
        )
    wanted = {"b 0": "A", "b 1": "B"}
    assert groups("parts", group="meta.label", a="q", b="r") == wanted
    assert groups("parts", a="meta.label = 'q'", b="meta.label = 'r'") == wanted
    with pytest.raises(SourceError, match=r"wanted 'lable' in meta of 2 files"):
        groups("parts", group="meta.lable", a="q", b="r")


@pytest.mark.parametrize("name", ["f.parquet", "f.jsonl", "f.csv"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_of_columns_are_composed_alike(project: Project, name: str, form: Any) -> None:
    there, asked = (unicodedata.normalize(one, "größe") for one in ("NFD", form))
    frame = pl.DataFrame({"text": ["a", "b"], there: ["x", "y"]})
    {"parquet": frame.write_parquet, "jsonl": frame.write_ndjson, "csv": frame.write_csv}[name[2:]](name)
    assert groups(name, group=asked, a="x", b="y") == {"a": "A", "b": "B"}
    assert groups(name, a=f"{asked} = 'x'", b=f"{asked} = 'y'") == {"a": "A", "b": "B"}


def test_names_that_are_written_alike_are_told(project: Project) -> None:
    pl.DataFrame({"text": ["a"], "e\u0301": [1], "\u00e9": [2]}).write_parquet("f.parquet")
    with pytest.raises(SourceError, match=r"f.parquet: wanted one column 'é', two are written alike"):
        groups("f.parquet", group="random")


def test_a_column_that_is_called_like_a_path_comes_first_in_sql(project: Project) -> None:
    pl.DataFrame({"text": ["a", "b"], "m.x": ["p", "q"], "m": [{"x": "q"}, {"x": "p"}]}).write_parquet(
        "f.parquet"
    )
    assert groups("f.parquet", a="m.x = 'p'", b="m.x = 'q'") == {"a": "A", "b": "B"}


def test_objects_among_texts_are_no_text(project: Project) -> None:
    (project.folder / "f.jsonl").write_text(
        '{"text": "plain"}\n{"text": [{"type": "text", "text": "in parts"}]}\n'
    )
    with pytest.raises(
        SourceError, match=r"wanted text in 'text' of f.jsonl, got lists of objects with type, text"
    ):
        groups("f.jsonl", group="random")


def test_rows_without_a_place_have_no_text(project: Project) -> None:
    rows: list[dict[str, Any]] = [{"m": [{"c": "one"}]}, {"m": []}, {"m": None}, {}, {"m": [{"d": 1}]}]
    (project.folder / "f.json").write_text(json.dumps(rows))
    found, _, _ = read_groups(study("f.json", text="m.0.c", group="random"))
    assert found["text"].to_list() == ["one", None, None, None, None]


def test_cells_that_all_are_json_are_told(project: Project) -> None:
    to_csv(project.folder / "f.csv")
    _, _, read = read_groups(study("f.csv", text="messages", group="random"))
    assert [w for w in read["warnings"] if "every text of f.csv is a JSON list or object" in w]
    pl.DataFrame({"text": ["[deleted]", "{sigh}"]}).write_csv("g.csv")
    assert "warnings" not in read_groups(study("g.csv", group="random"))[2]


def test_halves_of_surrogates_inside_are_counted(project: Project) -> None:
    (project.folder / "f.jsonl").write_text('{"m": {"t": "half \\ud83d of it"}}\n')
    rows, _, read = read_groups(study("f.jsonl", text="m.t", group="random"))
    assert rows["text"].to_list() == ["half \ufffd of it"]
    assert read["n_surrogates"] == 1


def test_files_whose_objects_differ_stand_together(project: Project) -> None:
    folder = project.folder / "data-folder"
    folder.mkdir()
    (folder / "a.jsonl").write_text('{"m": {"t": "one"}, "x": 1}\n')
    pl.DataFrame({"m": [{"t": "two", "u": 1}], "x": ["y"]}).write_parquet(folder / "b.parquet")
    rows, _, _ = read_groups(study("data-folder", path="*", text="m.t", group="random"))
    assert rows["text"].to_list() == ["one", "two"]
