"""CSV as the world writes it: marks, quotes, encodings, headers, and lines that do not fit."""

import time
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import SourceError
from tasks.store.sources import read_groups, read_verdicts
from tasks.study import Study
from tests.conftest import Project


def study(data: str, **collect: Any) -> Study:
    return Study.model_validate({"name": "s", "goal": "g", "data": data, "collect": collect})


def rows_of(content: str | bytes, name: str = "f.csv", **collect: Any) -> list[tuple[str, str]]:
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    rows, _, _ = read_groups(study(name, **{"group": "g", "a": "A", "b": "B", **collect}))
    return rows.select("text", "group").rows()


BOTH = [("one", "A"), ("two", "B")]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("text,g\none,A\ntwo,B\n", "text"),
        ("text;g\none;A\ntwo;B\n", "text"),
        ("text|g\none|A\ntwo|B\n", "text"),
        ("text\tg\r\none\tA\r\ntwo\tB\r\n", "text"),
        ("text,g\rone,A\rtwo,B\r", "text"),
        ("sep=;\ntext;g\none;A\ntwo;B\n", "text"),
        ("\n\ntext,g\n\none,A\n\ntwo,B", "text"),
        ('"text; a; b; c; d",g\none,A\ntwo,B\n', "text; a; b; c; d"),
        ('"text\na, b, c";g\none;A\ntwo;B\n', "text\na, b, c"),
        ("text , g\none, A\ntwo, B\n", "text"),
        ("te\u0301xt,g\none,A\ntwo,B\n", "t\u00e9xt"),
        ("text, in full;g\none;A\ntwo;B\n", "text, in full"),
        ("text,g,,\none,A,,\ntwo,B,,\n", "text"),
        ('g,text,"x;y;z"\nA,one,\nB,two,"a;b;c;d;e"\n', "text"),
    ],
)
def test_what_parts_the_fields_is_found(project: Project, content: str, text: str) -> None:
    assert rows_of(content, text=text) == BOTH


@pytest.mark.parametrize(
    ("content", "csv"),
    [
        ("text#g\none#A\ntwo#B\n", {"delimiter": "#"}),
        ("'text','g'\n'one','A'\n'two','B'\n", {"quote": "'"}),
        ("one,A\ntwo,B\n", {"header": False}),
        ("text,g\none,A\nbad,line,here\ntwo,B\n", {"skip_bad_lines": True}),
        ('text,g\none,A\n"never closed,A\ntwo,B\n', {"skip_bad_lines": True}),
        ('text,g\none,A\n"closed" early,A\ntwo,B\n', {"skip_bad_lines": True}),
        ('text,g\none,A\n"a,A\nb" c,A\ntwo,B\n', {"skip_bad_lines": True}),
    ],
)
def test_options(project: Project, content: str, csv: dict[str, Any]) -> None:
    named = {} if csv.get("header", True) else {"text": "column_1", "group": "column_2"}
    found = rows_of(content, csv=csv, **named)
    assert [row for row in found if not row[0].startswith('b"')] == BOTH


def test_quotes_may_be_characters_like_others(project: Project) -> None:
    content = 'g\ttext\nA\t"Stopped working, not fun.\nB\tNice 12" speaker\n'
    with pytest.raises(SourceError, match=r'f.tsv, line 2: got a field in quotes that .*csv: .quote: "".'):
        rows_of(content, "f.tsv")
    assert rows_of(content, "f.tsv", csv={"quote": ""}) == [
        ('"Stopped working, not fun.', "A"),
        ('Nice 12" speaker', "B"),
    ]


def test_a_quote_inside_a_field_is_no_fault(project: Project) -> None:
    assert rows_of('text,g\n12" disk,A\n"a ""b"" c",B\n') == [('12" disk', "A"), ('a "b" c', "B")]


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (
            'text,g\none,A\n"two\nlines",B\nthree,A,x\n',
            r"line 5: wanted 2 fields parted by ',', got 3\. .*skip_bad_lines",
        ),
        ('text,g\none,A\n"two,B\nthree,A\n', r"line 3: got a field in quotes that is not closed"),
        (
            'text,g\r\none,A\r\n"two" x,B\r\n',
            r"line 3: got a field in quotes that closes before the field ends",
        ),
        ('"text,g\none,A\n', r"line 1: got a field in quotes"),
        ("\n \n", r"but no rows"),
    ],
)
def test_a_line_that_does_not_fit_is_told_by_number(project: Project, content: str, wanted: str) -> None:
    with pytest.raises(SourceError, match=wanted):
        rows_of(content)


def test_skipped_lines_are_counted(project: Project) -> None:
    content = "text,g\none,A\nb,a,d\nb,a,d,e\ntwo,B\n"
    Path("f.csv").write_text(content)
    _, _, read = read_groups(study("f.csv", group="g", a="A", b="B", csv={"skip_bad_lines": True}))
    assert read["files"] == [{"file": "f.csv", "rows": 2, "bad_lines": 2}]
    assert read["warnings"] == [
        "f.csv: 2 lines (3, 4) skipped, which did not fit (collect.csv.skip_bad_lines)"
    ]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16", "utf-16-le", "shift_jis"])
@pytest.mark.parametrize("name", ["f.csv", "f.jsonl", "f.json", "texts"])
def test_encodings(project: Project, encoding: str, name: str) -> None:
    word = "日本" if encoding == "shift_jis" else "café"
    collect: dict[str, Any] = {"encoding": encoding, "group": "g", "a": "A", "b": "B"}
    if name == "texts":
        for group in "AB":
            Path(name, group).mkdir(parents=True)
            Path(name, group, "1.txt").write_text(f"{word} {group}", encoding=encoding)
        collect["group"] = "folder"
    elif name == "f.csv":
        Path(name).write_text(f"text,g\n{word} A,A\n{word} B,B\n", encoding=encoding)
    else:
        rows = f'{{"text": "{word} A", "g": "A"}}\n{{"text": "{word} B", "g": "B"}}'
        Path(name).write_text(
            rows if name == "f.jsonl" else f"[{rows.replace(chr(10), ',')}]", encoding=encoding
        )
    rows, _, _ = read_groups(study(name, **collect))
    assert rows.sort("text").select("text", "group").rows() == [(f"{word} A", "A"), (f"{word} B", "B")]
    if encoding in {"cp1252", "utf-16"}:
        with pytest.raises(SourceError, match=rf"wanted UTF-8, got byte .*encoding: {encoding}"):
            read_groups(study(name, **{**collect, "encoding": "utf-8"}))


@pytest.mark.parametrize("encoding", ["utf-8", "U8", "utf-16", "utf-16-le", "utf-32-be"])
@pytest.mark.parametrize("name", ["f.csv", "f.json", "f.txt"])
def test_a_byte_order_mark_is_no_part_of_the_text(project: Project, encoding: str, name: str) -> None:
    content = {"f.csv": "text,g\ncafé,A\n", "f.json": '[{"text": "café"}]', "f.txt": "café"}[name]
    mark = "" if encoding == "utf-16" else "\ufeff"
    Path(name).write_text(mark + content, encoding=encoding)
    rows, _, _ = read_groups(study(name, group="random", encoding=encoding))
    assert rows["text"].to_list() == ["café"]


def test_half_a_character_is_none(project: Project) -> None:
    Path("f.csv").write_bytes(b"text,g\n+2AA-,A\n")
    with pytest.raises(SourceError, match=r"f.csv: wanted UTF-7, got "):
        read_groups(study("f.csv", group="random", encoding="utf-7"))


def test_an_encoding_that_does_not_fit(project: Project) -> None:
    Path("f.csv").write_bytes("text,g\ncafé,A\n".encode("cp1252"))
    with pytest.raises(SourceError, match=r"wanted ASCII, got byte 0xe9 at offset 10"):
        read_groups(study("f.csv", group="g", a="A", b="B", encoding="ascii"))


@pytest.mark.parametrize(
    ("collect", "wanted"),
    [
        ({"csv": {"delimiter": "\\t"}}, "wanted one character"),
        ({"csv": {"delimiter": ""}}, "wanted one character"),
        ({"csv": {"quote": "''"}}, "wanted one character"),
        ({"encoding": "utf-9"}, "wanted an encoding such as utf-8"),
        ({"encoding": "base64"}, "wanted an encoding such as utf-8"),
        ({"csv": {"skip": True}}, "Extra inputs"),
    ],
)
def test_options_that_cannot_be_meant(collect: dict[str, Any], wanted: str) -> None:
    with pytest.raises(ValueError, match=wanted):
        study("f.csv", group="random", **collect)


def test_columns_of_csv_have_types_in_filters(project: Project) -> None:
    content = "text,g,n,x,code,flag\none,A,1.0,0.5,01,true\ntwo,B,2.0,1e3,02,false\n"
    for a in ("n = 1", "x < 1", "code = '01'", "flag", "n in (1) and x = 0.5"):
        assert rows_of(content, group=None, a=a, b="n = 2") == BOTH


def test_options_hold_for_recorded_verdicts(project: Project) -> None:
    Path("f.csv").write_bytes("predicate#text#score\nis café#one#1\n".encode("cp1252"))
    asked = {"name": "s", "goal": "g", "engine": "replay", "data": "f.csv", "verdicts": "f.csv"}
    collect = {"group": "random", "encoding": "cp1252", "csv": {"delimiter": "#"}}
    found = read_verdicts(Study.model_validate({**asked, "collect": collect}))
    assert found is not None
    assert found[0].rows() == [("is café", "one", 1.0, "value")]


def test_many_stray_quotes_take_no_time(project: Project) -> None:
    lines = [f'"line {i} never closed\tA' if i % 2 else f"line {i}\tB" for i in range(20_000)]
    Path("f.tsv").write_text("text\tg\n" + "\n".join(lines))
    started = time.process_time()
    _, _, read = read_groups(study("f.tsv", group="random", csv={"skip_bad_lines": True}))
    assert read["files"][0]["bad_lines"] == 10_000
    assert time.process_time() - started < 5


def test_names_may_be_missing_or_stand_twice(project: Project) -> None:
    content = "text,g,,,x,x,x_duplicated_0\none,A,,,1,2,3\ntwo,B,,,4,5,6\n"
    assert rows_of(content) == BOTH
    with pytest.raises(SourceError, match=r"wanted one column 'x' in f.csv, there are two"):
        rows_of(content, document="x")


def test_a_long_field_is_read_whole(project: Project) -> None:
    assert len(rows_of(f'text,g\n"{"x y," * 100_000}",A\ntwo,B\n')[0][0]) == 400_000
