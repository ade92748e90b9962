"""`natstat new FILE`: columns are guessed, an entry is added, and nothing else in params.yaml changes."""

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import study
from tasks.__main__ import main
from tasks.kinds import load as load_kind
from tasks.store.sources import read_groups
from tasks.study import dialect
from tests.conftest import REPO, Project, sentences
from tests.results_table import answers

ROWS = [
    {"nr": i, "liked": ("yes", "no")[i % 2], "who": f"author {i % 30}", "review": text, "score": i / 7}
    for i, text in enumerate(sentences(120, 0.3, 0))
]


@pytest.fixture
def here(project: Project) -> Project:
    """The project's own params.yaml, and a file beside it."""
    shutil.copy(REPO / "params.yaml", project.folder)
    pl.DataFrame(ROWS).write_csv(project.folder / "My Reviews.csv")
    return project


def params(project: Project) -> str:
    return (project.folder / "params.yaml").read_bytes().decode()


def test_a_file_becomes_a_study_that_can_be_checked(
    here: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    before = params(here)
    assert main(["new", "My Reviews.csv", "--yes"]) == 0
    told = capsys.readouterr().out
    assert "120 rows, columns nr, liked, who, review, score" in told
    assert "A is no (60 rows), B is yes (60 rows)" in told
    assert told.splitlines()[-2] == "  natstat check --study my-reviews"
    assert params(here).startswith(before.rstrip())
    assert params(here)[len(before) :] == (
        "\n  my-reviews:\n    <<: *defaults\n    goal: how no and yes differ\n    data: My Reviews.csv\n"
        "    collect:\n      text: review\n      document: who\n      group: liked\n"
        "      a: no\n      b: yes\n"
    )
    assert main(["check", "--study", "my-reviews"]) == 0


def test_what_is_asked_for_is_taken(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    said = {"name": "mine", "goal": "why: #1?", "document": "none", "a": "yes"}
    options = [word for key, value in said.items() for word in (f"--{key}", value)]
    assert main(["new", "My Reviews.csv", *options, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["name"] == "mine" and found["rows"] == {"A": 60, "B": 60}
    read = study.load("mine")
    assert (read.goal, read.collect.document) == ("why: #1?", None)
    assert (read.collect.a, read.collect.b) == ("yes", "no")


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_numbers_and_truth_values_are_written_as_such(here: Project, ending: str) -> None:
    for name, values in {
        "n": (2019, 2020),
        "good": (True, False),
        "code": ("01", "02"),
        "stars": (0.5, 1.5),
    }.items():
        rows = pl.DataFrame([{"text": r["review"], name: values[i % 2]} for i, r in enumerate(ROWS)])
        file = here.folder / f"{name}.{ending}"
        rows.write_parquet(file) if ending == "parquet" else rows.write_ndjson(file)
        assert main(["new", file.name, "--yes", "--name", f"by-{name}"]) == 0
        read = study.load(f"by-{name}").collect
        assert {read.a, read.b} == set(values) and isinstance(read.a, type(values[0]))


LABELS: dict[str, tuple[pl.Series, Any, Any, int]] = {
    "the word for all others": (pl.Series(["other", "rest"] * 30), "other", ["rest"], 60),
    "blanks around": (pl.Series(["Yes ", "Yes", "no"] * 20), "Yes", "no", 60),
    "accents": (pl.Series(["e\u0301", "\u00e9", "o"] * 20), "\u00e9", "o", 60),
    "blanks alone": (pl.Series([" ", " ", "x", "y"] * 15), "x", "y", 30),
    "not to be printed": (pl.Series(["\x07a", "b\u2028c"] * 30), "a", "b\nc", 60),
    "floats of 32 bits": (pl.Series([0.1, 2.0] * 30, dtype=pl.Float32), 0.1, 2, 60),
    "signs of YAML": (pl.Series(["=", "<<"] * 30), "<<", "=", 60),
}


@pytest.mark.parametrize(("column", "a", "b", "n"), LABELS.values(), ids=LABELS)
def test_groups_are_read_as_collect_reads_them(
    here: Project, column: pl.Series, a: Any, b: Any, n: int
) -> None:
    rows = pl.DataFrame(ROWS).head(60).select("review", column.alias("label"))
    rows.write_parquet(here.folder / "f.parquet")
    assert main(["new", "f.parquet", "--name", "made", "--group", "label", "--yes"]) == 0
    entry, made = dialect.read(params(here))["studies"]["made"], study.load("made")
    assert (entry["collect"]["a"], entry["collect"]["b"]) == (a, b)
    assert sum(read_groups(made)[2]["rows"].values()) == n


def test_a_column_called_random_is_not_taken_for_chance(
    here: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = pl.DataFrame(ROWS).select("review", pl.col("liked").alias("random"))
    rows.write_csv(here.folder / "f.csv")
    assert main(["new", "f.csv", "--yes"]) == 12
    assert "wanted a column with 2 to 20 values" in capsys.readouterr().err


def test_paths_reach_into_what_is_nested(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"m": {"t": row["review"], "g": row["liked"]}, "by": row["who"]} for row in ROWS]
    (here.folder / "talk.json").write_text(json.dumps(rows))
    assert main(["new", "talk.json", "--text", "m.t", "--group", "m.g", "--yes"]) == 0
    assert main(["check", "--study", "talk"]) == 0
    assert main(["new", "talk.json", "--name", "t2", "--text", "m.u", "--group", "m.g", "--yes"]) == 11
    assert "wanted 'u' in m of talk.json" in capsys.readouterr().err


def test_a_group_of_lists_is_refused(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"text": row["review"], "tags": [row["liked"]]} for row in ROWS]
    pl.DataFrame(rows).write_parquet(here.folder / "tags.parquet")
    assert main(["new", "tags.parquet", "--group", "tags", "--yes"]) in {10, 11}
    assert "error: " in capsys.readouterr().err


def test_a_folder_of_texts_has_its_folders_as_groups(here: Project) -> None:
    for i, row in enumerate(ROWS[:40]):
        file = here.folder / "mail" / ("ours", "theirs")[i % 2] / f"{i}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(row["review"], encoding="utf-8")
    assert main(["new", "mail", "--yes"]) == 0
    assert (study.load("mail").collect.group, study.load("mail").collect.text) == ("folder", "text")


CHATS = [
    {
        "id": row["nr"],
        "meta": {"model": row["liked"], "tags": ["a", "b"], "a.b": row["nr"] % 2},
        "messages": [{"role": "user", "content": row["who"]}, {"role": "model", "content": row["review"]}],
    }
    for row in ROWS
]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_what_is_nested_is_found_by_its_path(
    here: Project, capsys: pytest.CaptureFixture[str], ending: str
) -> None:
    if ending == "jsonl":
        (here.folder / "chats.jsonl").write_text("\n".join(map(json.dumps, CHATS)), encoding="utf-8")
    else:
        pl.DataFrame(CHATS).write_parquet(here.folder / "chats.parquet")
    assert main(["new", f"chats.{ending}", "--yes"]) == 0
    told = capsys.readouterr().out
    assert "text      messages.-1.content\n" in told and "group     meta.model: A is no (60 rows)" in told
    assert main(["new", f"chats.{ending}", "--name", "two", "--document", "messages.0.content", "--yes"]) == 0
    read = study.load("two").collect
    assert (read.text, read.document) == ("messages.-1.content", "messages.0.content")
    assert main(["check", "--study", "two"]) == 0
    assert "120 rows give" in capsys.readouterr().out
    assert main(["new", f"chats.{ending}", "--name", "three", "--text", "messages", "--yes"]) == 11
    assert "Write text: messages.-1.content" in capsys.readouterr().err
    assert main(["new", f"chats.{ending}", "--name", "three", "--group", "meta.modle", "--yes"]) == 11
    assert "did you mean `model`" in capsys.readouterr().err


def test_a_file_in_another_encoding_is_read_by_its_name(
    here: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"{i};{bool(i % 2)};schön, gewiß {i}" for i in range(60)]
    (here.folder / "alt.csv").write_bytes("\n".join(["nr;is new;text", *rows]).encode("cp1252"))
    assert main(["new", "alt.csv", "--yes"]) == 11
    assert "--encoding cp1252" in capsys.readouterr().err
    assert main(["new", "alt.csv", "--encoding", "cp1252", "--yes"]) == 0
    read = study.load("alt")
    assert (read.collect.encoding, read.collect.group, read.collect.text) == ("cp1252", "is new", "text")
    # A reader of "true" would not know what is true.
    assert {read.collect.a_name, read.collect.b_name} == {"is new", "not is new"}
    assert read.goal == "how not is new and is new differ"
    assert "A is not is new (30 rows)" in capsys.readouterr().out
    assert main(["check", "--study", "alt"]) == 0


def csv(*rows: str) -> str:
    return "\n".join(rows) + "\n"


BAD: dict[str, tuple[str, list[str], int, str]] = {
    "no file": ("", ["nix.csv"], 11, "nix.csv is not there"),
    "empty": ("", ["bad.csv"], 11, "the file is empty"),
    "only a header": (csv("text,g"), ["bad.csv"], 11, "but no rows"),
    "no texts": (csv("x,g", *(f"{i},{i % 2}" for i in range(20))), ["bad.csv"], 11, "a column of texts"),
    "no group": (csv("t,g", *(f"word {i},{i}" for i in range(40))), ["bad.csv"], 12, "--group random"),
    "one label": (
        csv("t,g", *(f"word {i},a" for i in range(20))),
        ["bad.csv", "--group", "g"],
        12,
        "wanted two values of column 'g', got a",
    ),
    "no such column": ("", ["My Reviews.csv", "--text", "revew"], 10, "did you mean `review`"),
    "no such value": ("", ["My Reviews.csv", "--a", "maybe"], 10, "Its values: no, yes"),
    "numbers as text": ("", ["My Reviews.csv", "--text", "score"], 11, "wanted text in column 'score'"),
    "a name that is there": ("", ["My Reviews.csv", "--name", "captions"], 10, "Write --name captions-2"),
    "a name that is none": ("", ["My Reviews.csv", "--name", "2020"], 10, "Write e.g. study-2020"),
    "a format nobody reads": ("x", ["bad.docx"], 11, "wanted a name that ends in"),
    "nothing": ("", [], 10, "wanted a file"),
}


@pytest.mark.parametrize(("content", "arguments", "code", "words"), BAD.values(), ids=BAD)
def test_what_cannot_be_a_study_is_one_line_and_nothing_is_written(
    here: Project,
    capsys: pytest.CaptureFixture[str],
    content: str,
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    before = params(here)
    for name in ("bad.csv", "bad.docx"):
        (here.folder / name).write_text(content, encoding="utf-8")
    assert main(["new", *arguments, "--yes"]) == code
    captured = capsys.readouterr()
    assert captured.out == "" and words in captured.err and len(captured.err.splitlines()) == 1
    assert params(here) == before


HEAD = "defaults: &d\n  labels: .gitkeep\n  corpus_pair:\n"
ONE = "  one:\n    <<: *d\n    goal: g\n    data: d.csv\n"
FILES = {
    "no study yet": "defaults: &d {labels: .gitkeep, corpus_pair: }\nstudies: {}  # none\n",
    "an empty block": f"{HEAD}studies:\n",
    "byte order mark": f"\ufeff{HEAD}studies:\n{ONE}",
    "wide": f"{HEAD}studies:\n{ONE.replace('  ', '    ')}",
    "a comment at the end": f"{HEAD}studies:\n{ONE}  # the last\n",
    "no line end": f"{HEAD}studies:\n{ONE}".rstrip(),
    "carriage returns": f"{HEAD}studies:\n{ONE}".replace("\n", "\r\n"),
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_however_params_yaml_is_written_the_rest_stays(here: Project, content: str) -> None:
    (here.folder / "params.yaml").write_bytes(content.encode())
    before = dialect.read(content)
    assert main(["new", "My Reviews.csv", "--yes"]) == 0
    after = dialect.read(params(here))
    added = after["studies"].pop("my-reviews")
    assert added["data"] == "My Reviews.csv" and added["labels"] == ".gitkeep"
    assert after == {**before, "studies": before["studies"] or {}}
    kept = [line for line in content.splitlines() if line.strip() and "{}  # none" not in line]
    written = iter(params(here).splitlines())
    assert all(line in written for line in kept), "in the same order"
    assert ("\r\n" in params(here)) == ("\r\n" in content)


def test_defaults_that_are_none_are_told(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    (here.folder / "params.yaml").write_text("defaults: &d [1]\nstudies:\n", encoding="utf-8")
    assert main(["new", "My Reviews.csv", "--yes"]) == 10
    assert "wanted the block of its kind" in capsys.readouterr().err


def test_a_file_that_cannot_take_an_entry_is_left_alone(
    here: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    content = "{defaults: &d {corpus_pair: , labels: .gitkeep}, studies: {one: {<<: *d, goal: g, data: d}}}\n"
    (here.folder / "params.yaml").write_text(content, encoding="utf-8")
    assert main(["new", "My Reviews.csv", "--yes"]) == 10
    assert "Add this entry by hand:\n  my-reviews:\n" in capsys.readouterr().err
    assert params(here) == content


def asked(project: Project, typed: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What the command says on a terminal where that is typed."""
    terminal, other_end = pty.openpty()
    os.write(terminal, typed.encode())
    done = subprocess.run(
        [sys.executable, "-m", "tasks", "new", *arguments],
        cwd=project.folder,
        env={**os.environ, "PYTHONPATH": str(REPO)},
        stdin=other_end,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    os.close(terminal)
    os.close(other_end)
    return done


def test_on_a_terminal_it_asks(here: Project) -> None:
    before: Any = params(here)
    refused = asked(here, "My Reviews.csv\n\nn\n")
    assert refused.returncode == 10 and "nothing was written" in refused.stderr
    assert params(here) == before
    done = asked(here, "what is liked\ny\n", "My Reviews.csv")
    assert done.returncode == 0, done.stderr
    assert "text      review" in done.stdout and "natstat check --study my-reviews" in done.stdout
    assert dialect.read(params(here))["studies"]["my-reviews"]["goal"] == "what is liked"


def test_without_a_terminal_it_says_how(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "My Reviews.csv"]) == 10
    assert "Write --yes" in capsys.readouterr().err
    assert not list(Path.cwd().glob(".params*"))


def test_a_table_of_results_is_recognised(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    rows = answers(120, 0.6, 0.2, "{}, mostly")
    rows = [{**row, "model": model} for model in ("one", "two") for row in rows]
    pl.DataFrame(rows).write_csv(here.folder / "answers.csv")
    assert main(["new", "answers.csv", "--yes"]) == 0
    told = capsys.readouterr().out
    assert "answers of models: what was wrong, and what right" in told
    assert "A is one wrong (" in told
    found = study.load("answers").collect
    assert found.results is not None and found.near_duplicates is None
    assert (found.results.input, found.results.outcome, found.results.of) == ("question", "is_correct", "one")
    assert main(["check", "--study", "answers"]) == 0
    assert main(["new", "answers.csv", "--yes", "--name", "by-model", "--group", "model"]) == 0
    assert study.load("by-model").collect.results is None


def test_a_kind_with_a_model_is_taken_where_it_is_asked_for(
    here: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    letters = [
        {"sent": f"{1 + i % 28:02d}/{1 + i % 12:02d}/{1990 + i % 30}", "nr": i, "body": row["review"]}
        for i, row in enumerate(ROWS)
    ]
    pl.DataFrame(letters).write_csv(here.folder / "letters.csv")
    assert main(["new", "letters.csv", "--yes"]) == 0
    assert "text   body" in capsys.readouterr().out, "dates are seen, whatever they are called"
    read = study.load("letters")
    assert (read.kind, read.collect.text, load_kind("timeline").params(read).value) == (
        "timeline",
        "body",
        "sent",
    )
    assert main(["new", "letters.csv", "--name", "pile", "--kind", "clusters", "--yes"]) == 0
    assert (study.load("pile").kind, study.load("pile").collect.text) == ("clusters", "body")
    assert main(["new", "My Reviews.csv", "--kind", "classes", "--group", "score", "--yes"]) == 0
    read = study.load("my-reviews")
    assert (read.kind, read.collect.text, load_kind("classes").params(read).value) == (
        "classes",
        "review",
        "score",
    )
    assert main(["check", "--study", "my-reviews"]) == 0
    assert main(["new", "letters.csv", "--name", "units", "--kind", "directions", "--yes"]) == 0
    read = study.load("units")
    assert (read.collect.text, load_kind("directions").params(read).target) == ("body", "bundled")
    assert main(["new", "letters.csv", "--name", "other", "--kind", "cluster", "--yes"]) == 10
    assert "did you mean `clusters`" in capsys.readouterr().err
