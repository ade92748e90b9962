"""How rows fall into A and B, and what is said when they cannot."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.errors import SourceError
from tasks.store.sources import hashes, normalised, read_groups, uniform
from tasks.store.sources.groups import names_of
from tasks.study import Study
from tasks.study.corpus import Collect
from tests.conftest import Project

FRAME = pl.DataFrame(
    {
        "text": ["one", "two", "three", "four"],
        "year": [2020, 2019, 2018, None],
        "label": ["yes", "no", None, "Yes"],
        "flag": [True, False, None, True],
        "share": [0.5, 1.0, 2.0, None],
        "author": [7, 7, 8, None],
        "tags": [["a"], ["b"], [], None],
        "raw": [b"a", b"b", b"c", b"d"],
    }
)


@pytest.fixture(autouse=True)
def _rows(project: Project) -> None:
    FRAME.write_parquet(project.folder / "rows.parquet")


def study(**collect: Any) -> Study:
    data = collect.pop("data", "rows.parquet")
    seed = collect.pop("seed", 0)
    return Study.model_validate({"name": "s", "goal": "g", "data": data, "seed": seed, "collect": collect})


def groups(**collect: Any) -> dict[str, str]:
    rows, _, _ = read_groups(study(**collect))
    return dict(rows.select("text", "group").rows())


@pytest.mark.parametrize(
    ("collect", "wanted"),
    [
        ({"group": "year", "a": 2020, "b": 2019}, {"one": "A", "two": "B"}),
        ({"group": "year", "a": "2020", "b": "2019"}, {"one": "A", "two": "B"}),
        ({"group": "year", "a": 2020.0, "b": "2019.0"}, {"one": "A", "two": "B"}),
        ({"group": "label", "a": "yes", "b": "no"}, {"one": "A", "two": "B"}),
        ({"group": "flag", "a": True, "b": False}, {"one": "A", "two": "B", "four": "A"}),
        ({"group": "flag", "a": "true", "b": "False"}, {"one": "A", "two": "B", "four": "A"}),
        ({"group": "share", "a": 1, "b": "0.5"}, {"two": "A", "one": "B"}),
        ({"a": "year >= 2019", "b": "year < 2019"}, {"one": "A", "two": "A", "three": "B"}),
        (
            {"a": "label = 'yes' or label = 'Yes'", "b": "year = 2018"},
            {"one": "A", "four": "A", "three": "B"},
        ),
        ({"a": "flag", "b": "not flag"}, {"one": "A", "four": "A", "two": "B"}),
        (
            {"a": {"where": "year = 2020"}, "b": {"where": "year < 2020"}, "where": "author = 7"},
            {"one": "A", "two": "B"},
        ),
    ],
)
def test_rows_fall_into_groups(collect: dict[str, Any], wanted: dict[str, str]) -> None:
    assert groups(**collect) == wanted


def test_two_sources_may_name_their_own_columns(project: Project) -> None:
    folder = project.folder / "both"
    folder.mkdir()
    FRAME.select("text", "author").write_csv(folder / "a.csv")
    FRAME.select(pl.col("text").alias("body"), "year").write_csv(folder / "b.csv")
    rows, names, read = read_groups(
        study(data="both", a={"path": "a.csv", "document": "author"}, b={"path": "b.csv", "text": "body"})
    )
    assert rows.filter(pl.col("group") == "A")["document_id"].to_list() == ["7", "7", "8", None]
    assert rows.filter(pl.col("group") == "B")["document_id"].null_count() == 4
    assert names == {"A": "a", "B": "b"}
    assert [(f["file"], f["group"]) for f in read["files"]] == [("a.csv", "A"), ("b.csv", "B")]


def test_names_are_what_tells_the_groups_apart() -> None:
    assert read_groups(study(a="year = 2020", b="year = 2019"))[1] == {"A": "year = 2020", "B": "year = 2019"}
    named = study(group="year", a=2020, b=2019, a_name="pandemic", b_name="before")
    assert read_groups(named)[1] == {"A": "pandemic", "B": "before"}


def test_random_groups_go_by_document_and_not_by_row() -> None:
    many = pl.DataFrame({"text": [f"text {i}" for i in range(400)], "author": [i % 100 for i in range(400)]})
    many.write_parquet("many.parquet")
    rows, _, _ = read_groups(study(data="many.parquet", group="random", document="author"))
    assert rows.group_by("document_id").agg(pl.col("group").n_unique())["group"].to_list() == [1] * 100
    share = rows["group"].eq("A").mean()
    assert isinstance(share, float)
    assert 0.3 < share < 0.7
    many.reverse().vstack(many.head(7)).write_parquet("many.parquet")
    again, _, _ = read_groups(study(data="many.parquet", group="random", document="author"))
    assert dict(again.select("text", "group").rows()) == dict(rows.select("text", "group").rows())
    other, _, _ = read_groups(study(data="many.parquet", group="random", document="author", seed=1))
    assert dict(other.select("text", "group").rows()) != dict(rows.select("text", "group").rows())


def test_copies_of_a_text_without_a_document_stay_together() -> None:
    copies = pl.DataFrame(
        {"text": [f"{space}Text {i % 50}{space}" for i in range(100) for space in ("", " ")]}
    )
    copies.write_parquet("copies.parquet")
    rows, _, _ = read_groups(study(data="copies.parquet", group="random"))
    by_text = rows.group_by(pl.col("text").str.strip_chars()).agg(pl.col("group").n_unique())
    assert by_text["group"].to_list() == [1] * 50


@pytest.mark.parametrize(
    ("collect", "wanted"),
    [
        (
            {"group": "yaer", "a": 2020, "b": 2019},
            r"collect.group: .*'yaer'.*did you mean `year`.*columns: text",
        ),
        ({"group": "year", "a": 2020, "b": 2019, "text": "Text"}, r"collect.text: .*did you mean `text`"),
        ({"group": "year", "a": 2020, "b": 2019, "document": "autor"}, r"did you mean `author`"),
        (
            {"group": "year", "a": 2020, "b": 2017},
            r"collect.b: .*year = 2017.*none.*Its values: 2018, 2019, 2020",
        ),
        ({"group": "label", "a": "yes", "b": "noo"}, r"did you mean `no`"),
        ({"group": "tags", "a": "a", "b": "b"}, r"wanted plain values in column 'tags'"),
        ({"group": "year", "a": 2020, "b": "2020"}, r"1 of 4 rows .* in both"),
        ({"a": "year > 2018", "b": "year < 2020"}, r"1 of 4 rows .* in both"),
        ({"a": "year", "b": "year < 2020"}, r"collect.a: .*true or false, 'year' gives Int64"),
        ({"a": "year == = 3", "b": "year < 2020"}, r"collect.a: wanted a SQL condition"),
        ({"a": "yaer = 2020", "b": "year < 2020"}, r"collect.a: .*'yaer' is none; did you mean `year`"),
        ({"a": "label = yes", "b": "year < 2020"}, r"'yes' is none.*single quotes"),
        ({"a": "year = 'x'", "b": "year < 2020"}, r"cannot compare"),
        ({"a": "year = 2020; drop", "b": "year < 2020"}, r"wanted a SQL condition"),
        ({"group": "year", "a": 2020, "b": 2019, "where": "nope(year)"}, r"collect.where: .*nope"),
        (
            {"group": "year", "a": 2020, "b": 2019, "text": "share"},
            r"wanted text in column 'share'.*got Float64",
        ),
        ({"group": "year", "a": 2020, "b": 2019, "text": "raw"}, r"got Binary"),
        ({"group": "year", "a": 2020, "b": 2019, "document": "tags"}, r"wanted plain ids"),
        ({"group": "year", "a": 2020, "b": 2019, "query": "select 1"}, r"wanted a DuckDB or SQLite file"),
        ({"group": "year", "a": 2020, "b": 2019, "path": "rows.parquet"}, r"data is the file rows.parquet"),
        ({"a": {"where": "year = 2020"}, "b": {"where": "yaer = 1"}}, r"collect.b.where"),
        (
            {"data": "row.parquet", "group": "random"},
            r"row.parquet is not there; did you mean `rows.parquet`",
        ),
        ({"data": "nowhere/at/all.csv", "group": "random"}, r"nowhere/at/all.csv is not there"),
    ],
)
def test_what_cannot_be_meant_is_told(collect: dict[str, Any], wanted: str) -> None:
    with pytest.raises(SourceError, match=f"(?s){wanted}"):
        read_groups(study(**collect))


def test_a_column_of_numbers_is_no_text_even_in_csv(project: Project) -> None:
    FRAME.select("year", "text").write_csv("rows.csv")
    with pytest.raises(SourceError, match=r"numbers only, such as 2020.*Columns with text: text"):
        read_groups(study(data="rows.csv", text="year", a="text = 'one'", b="text = 'two'"))


@pytest.mark.parametrize("path", ["../rows.parquet", "../*", "inner/../../rows.parquet", "/etc/hosts"])
def test_nothing_outside_the_data_folder_is_read(project: Project, path: str) -> None:
    (project.folder / "data-folder/inner").mkdir(parents=True)
    with pytest.raises(SourceError, match="leaves the data folder"):
        read_groups(study(data="data-folder", path=path, group="random"))


def test_a_link_out_of_the_data_folder_is_not_followed(project: Project) -> None:
    folder = project.folder / "data-folder"
    folder.mkdir()
    (folder / "rows.parquet").symlink_to(project.folder / "rows.parquet")
    with pytest.raises(SourceError, match="links out of the data folder"):
        read_groups(study(data="data-folder", path="rows.parquet", group="random"))


@pytest.mark.parametrize(
    ("files", "path", "wanted"),
    [
        ([], None, r"wanted files that can be read .* the folder has: \(none\)"),
        (["a.md", "b.md"], None, r"the folder has: a.md, b.md"),
        (["a.csv", "b.txt"], None, r"several formats \(a.csv, b.txt\).*Write path"),
        (["a.csv"], "b.csv", r"nothing readable.*did you mean `a.csv`"),
        (["a.csv"], "*.parquet", r"nothing readable.*There: a.csv"),
        (["a.csv"], "**a", r"no glob"),
    ],
)
def test_a_folder_without_a_clear_choice(
    project: Project, files: list[str], path: str | None, wanted: str
) -> None:
    folder = project.folder / "folder"
    folder.mkdir()
    for name in files:
        Path(folder / name).write_text("text\nx\n")
    with pytest.raises(SourceError, match=wanted):
        read_groups(study(data="folder", group="random", **({"path": path} if path else {})))


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("Straße", "STRASSE", True),
        ("ﬁne", "fine", True),
        ("e\u0301t\u00e9", "\u00e9te\u0301", True),
        (" a\t b\n", "a b", True),
        ("a\u00a0b", "A B", True),
        ("ab", "a b", False),
        ("a!", "a", False),
    ],
)
def test_when_two_texts_are_the_same(first: str, second: str, same: bool) -> None:
    folded = normalised(pl.Series([first, second]))
    assert (folded[0] == folded[1]) is same
    assert normalised(folded).to_list() == folded.to_list()


def test_draws_depend_on_the_id_alone() -> None:
    ids = pl.Series([f"document {i}" for i in range(4000)])
    drawn = uniform(ids, "salt")
    assert uniform(ids.reverse(), "salt").reverse().to_list() == drawn.to_list()
    assert uniform(ids.head(3), "salt").to_list() == drawn.head(3).to_list()
    assert uniform(ids, "pepper").to_list() != drawn.to_list()
    counts = (drawn * 10).cast(pl.Int64).value_counts()["count"]
    # Ten cells of 400: five binomial standard errors are 95.
    assert counts.min() > 305  # type: ignore[operator]
    assert counts.max() < 495  # type: ignore[operator]
    assert hashes(ids).n_unique() == 4000


@pytest.mark.parametrize(
    ("a", "b", "named"),
    [
        ("ours/*.txt", "theirs/*.txt", ("ours", "theirs")),
        ("ours.csv", "theirs.csv", ("ours", "theirs")),
        ("2020/part-*.csv", "2019/part-*.csv", ("2020", "2019")),
        ("*.txt", "*.csv", ("*.txt", "*.csv")),
    ],
)
def test_sources_are_named_by_what_differs(a: str, b: str, named: tuple[str, str]) -> None:
    params = Collect.model_validate({"a": {"path": a}, "b": {"path": b}})
    assert names_of(params) == {"A": named[0], "B": named[1]}
