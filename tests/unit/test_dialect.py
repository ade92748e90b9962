"""YAML as DVC reads it: one file means one thing to both; what could mean two is an error."""

import math
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import load_yaml

from tasks.study import dialect, naming
from tests.conftest import REPO

READ: dict[str, Any] = {
    "no": "no",
    "OFF": "OFF",
    "yes": "yes",
    "y": "y",
    "1:30": "1:30",
    "1e-3": 0.001,
    "1E5": 1e5,
    ".5": 0.5,
    "-3": -3,
    "0": 0,
    ".inf": math.inf,
    "true": True,
    "~": None,
    "": None,
    '"2020-01-01"': "2020-01-01",
    "'010'": "010",
    "!!str 2020-01-01": "2020-01-01",
    "2020-1": "2020-1",
}


@pytest.mark.parametrize("word", READ)
def test_a_word_means_what_dvc_reads(word: str, tmp_path: Path) -> None:
    content = f"a: {word}\nb: [x]\n"
    (tmp_path / "params.yaml").write_text(content, encoding="utf-8")
    assert dialect.read(content) == load_yaml(tmp_path / "params.yaml") == {"a": READ[word], "b": ["x"]}


def test_merge_keys_and_anchors_are_read_as_dvc_reads_them() -> None:
    for name in ("params.yaml", "dvc.yaml", "demo/captions.yaml"):
        assert dialect.read((REPO / name).read_text(encoding="utf-8")) == load_yaml(REPO / name)
    assert dialect.read("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\n")["b"] == {"x": 1, "y": 3}


REFUSED = {
    "date": ("x: 1\na: 2020-01-01\n", 'line 2: 2020-01-01 is a date.*Quote it: "2020-01-01"'),
    "the first of two": ("a: x\nb: 2020-01-01\nc: 2020-01-02\n", "line 2: 2020-01-01 is a date"),
    "date in a list": ("a: [2020-01-01]", "line 1: 2020-01-01 is a date"),
    "time": ("a: 2020-01-01 10:00:00", "line 1: 2020-01-01 10:00:00 is a date"),
    "leading zero": ("a: 010", 'line 1: 010 may be a code or a number. Quote it: "010"'),
    "leading zero of a share": ("a: 00.5", 'Quote it: "00.5"'),
    "octal": ("a: 0o10", 'Quote it: "0o10"'),
    "hexadecimal": ("a: 0x1F", 'Quote it: "0x1F"'),
    "underscores": ("a: 1_000", 'Quote it: "1_000"'),
    "number as a key": ("x: 1\n2020: {}\n", "line 2: wanted text as a key, got 2020"),
    "date as a key": ("2020-01-01: {}", "wanted text as a key, got 2020-01-01"),
    "null as a key": ("null: {}", "wanted text as a key, got null"),
    "list as a key": ("? [a]\n: b", "wanted text as a key"),
    "twice": ("a: 1\nb: 2\na: 3\n", "line 3: `a` stands twice"),
    "twice beside a merge": ("b: {<<: {a: 1}, a: 2, a: 3}", "`a` stands twice"),
    "two documents": ("a: 1\n---\nb: 2\n", "line 2: .*another document"),
    "tab": ("a:\n\tb: 1\n", "line 2: "),
    "runs code": ("a: !!python/object/apply:os.mkdir [it-ran]", "line 1: wanted plain values"),
    "bytes": ("a: !!binary aGk=", "wanted plain values, got the tag binary"),
    "set": ("a: !!set {x, y}", "wanted plain values"),
    "half a character": ('x: 1\na: "b\\ud800"', "line 2: wanted characters, got .* half of one"),
    "no character": ('a: "b\\0"', "line 1: wanted characters"),
    "no truth value": ("a: !!bool maybe", "cannot be read"),
    "thousands of digits": (f"a: {'9' * 5000}", "cannot be read"),
    "inside of itself": ("a: &a [*a]", "an alias stands inside"),
    "thousands of brackets": ("[" * 5000, "nested too deeply"),
}


@pytest.mark.parametrize(("content", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_in_one_way_is_one_line(content: str, words: str) -> None:
    with pytest.raises(dialect.NotYaml, match=words) as raised:
        dialect.read(content)
    assert len(str(raised.value)) < 300 and "\n" not in str(raised.value)
    assert not Path("it-ran").exists()


@pytest.mark.parametrize("form", ["[{}]", "{{<<: [{}]}}"], ids=["lists", "merges"])
def test_aliases_of_aliases_take_no_memory(form: str) -> None:
    first = "a0: &a0 [x, y]\n" if form == "[{}]" else "a0: &a0 {x: 1, y: 2}\n"
    bomb = first + "".join(f"a{i}: &a{i} {form.format(','.join([f'*a{i - 1}'] * 9))}\n" for i in range(1, 12))
    with pytest.raises(dialect.NotYaml, match="wanted at most 200,000 values"):
        dialect.read(bomb)


def test_what_is_written_is_read_the_same(tmp_path: Path) -> None:
    words = [
        *READ,
        "2020-01-01",
        "010",
        "0x1F",
        "1_000",
        "=",
        "<<",
        "a: b # c",
        "\x1b[31m\u2028",
        " x ",
        "a\nb\n",
    ]
    content = {"studies": {"news": {"words": words, "small": 1e-7, "none": None, "empty": {}, "list": []}}}
    (tmp_path / "params.yaml").write_text(dialect.written(content), encoding="utf-8")
    assert dialect.read(dialect.written(content)) == load_yaml(tmp_path / "params.yaml") == content


NAMES = {
    "2020": "study-2020",
    "1e3": "study-1e3",
    "010": "study-010",
    "2020-01-01": "study-2020-01-01",
    "yes": "study-yes",
    "null": "study-null",
    ".inf": "inf",
    "x; touch pwned;": "x-touch-pwned",
    "it's $(rm)": "it-s-rm",
    "a b": "a-b",
    "a/b": "a-b",
    "../up": "up",
    ".cache": "cache",
    "-rf": "rf",
    "News": "news",
    "labels": "study-labels",
    "a@b": "a-b",
    "a.b": "a-b",
    "x" * 65: "x" * 58,
    "": "study",
    "été": "ete",
    "新闻": "study",
    "a\nb": "a-b",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_something_takes_for_something_else_is_refused(name: str) -> None:
    told = naming.problem(name)
    assert told is not None and told.endswith(f"Write e.g. {NAMES[name]}")
    assert naming.problem(NAMES[name]) is None


@pytest.mark.parametrize("name", ["press", "2020-vs-2019", "a_1", "x" * 64, "e3", "norway"])
def test_a_name_that_is_a_name_is_taken(name: str) -> None:
    assert naming.problem(name) is None
