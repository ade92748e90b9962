"""Recorded verdicts: what is taken, and what is refused."""

from typing import Any

import polars as pl
import pytest

from tasks.errors import SourceError
from tasks.store.sources import read_verdicts
from tasks.study import Study
from tests.conftest import Project

ROWS: list[dict[str, Any]] = [
    {"predicate": "is short", "text": "one", "score": 1.0005},
    {"predicate": "is short", "text": "two", "score": -1e-9},
    {"predicate": "is long ", "text": "one", "score": None},
]


def study(verdicts: str = "v.parquet", data: str = "v.parquet") -> Study:
    return Study.model_validate(
        {
            "name": "s",
            "goal": "g",
            "engine": "replay",
            "data": data,
            "verdicts": verdicts,
            "collect": {"group": "random"},
        }
    )


@pytest.mark.parametrize("name", ["v.parquet", "v.csv", "v.tsv", "v.jsonl"])
@pytest.mark.parametrize("column", ["predicate", "hypothesis"])
def test_scores_are_kept_as_written_and_gaps_are_absent(project: Project, name: str, column: str) -> None:
    frame = pl.DataFrame(ROWS).rename({"predicate": column})
    match name:
        case "v.parquet":
            frame.write_parquet(name)
        case "v.jsonl":
            frame.write_ndjson(name)
        case _:
            frame.write_csv(name, separator="\t" if name.endswith("tsv") else ",")
    found = read_verdicts(study(name, name))
    assert found is not None
    verdicts, noted = found
    assert verdicts.rows() == [
        ("is short", "one", 1.0005, "value"),
        ("is short", "two", -1e-9, "value"),
        ("is long", "one", None, "absent"),
    ]
    assert noted == {"file": name, "rows": 3, "n_outside": 2}


def test_a_status_is_taken_as_written(project: Project) -> None:
    status = ["value", "refusal", None, "value"]
    scores = [0.5, None, 1.0, None]
    pl.DataFrame(
        {"predicate": ["p"] * 4, "text": list("abcd"), "score": scores, "status": status}
    ).write_parquet("v.parquet")
    found = read_verdicts(study())
    assert found is not None
    assert found[0]["status"].to_list() == ["value", "refusal", "value", "absent"]


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"score": 1.01}, r"between 0 and 1, or empty, got 1.01 in row 2 \(1 such rows\)"),
        ({"score": -0.002}, "got -0.002"),
        ({"score": float("nan")}, "got nan"),
        ({"score": float("inf")}, "got inf"),
        ({"status": "maybe"}, "'status' .* wanted value, refusal, unparsable, absent, got maybe"),
        ({"status": "refusal", "score": 0.5}, "row 2 .* status refusal and score 0.5"),
        ({"predicate": " "}, "wanted a predicate in every row .* row 2"),
        ({"predicate": None}, "wanted a predicate in every row .* row 2"),
    ],
)
def test_a_row_that_cannot_be_meant(project: Project, change: dict[str, Any], wanted: str) -> None:
    rows: list[dict[str, Any]] = [
        {"predicate": "p", "text": f"text {i}", "score": 0.5, "status": "value"} for i in range(3)
    ]
    rows[1].update(change)
    pl.DataFrame(rows).write_parquet("v.parquet")
    with pytest.raises(SourceError, match=wanted):
        read_verdicts(study())


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ({"predicate": ["p"], "text": ["t"], "scor": [1.0]}, "'score'.*did you mean `scor`"),
        ({"predicate": ["p"], "texts": ["t"], "score": [1.0]}, "'text'.*did you mean `texts`"),
        ({"predicates": ["p"], "text": ["t"], "score": [1.0]}, "'predicate'.*did you mean `predicates`"),
        ({"predicate": ["p"], "text": ["t"], "score": ["high"]}, "wanted numbers in column 'score'"),
        (
            {"predicate": ["p"], "text": ["t"], "score": [1.0], "status": [["value"]]},
            "wanted plain words in column 'status'",
        ),
    ],
)
def test_a_column_that_is_missing(project: Project, columns: dict[str, Any], wanted: str) -> None:
    pl.DataFrame(columns).write_parquet("v.parquet")
    with pytest.raises(SourceError, match=wanted):
        read_verdicts(study())


def test_the_file_lies_where_dvc_looks(project: Project) -> None:
    folder = project.folder / "news"
    folder.mkdir()
    for file in (folder / "v.parquet", project.folder / "outside.parquet"):
        pl.DataFrame(ROWS).write_parquet(file)
    for named in ("news/v.parquet", "v.parquet"):
        found = read_verdicts(study(named, "news"))
        assert found is not None
        assert found[1]["file"] == "news/v.parquet"
    for named in ("outside.parquet", "../outside.parquet", "nowhere.parquet"):
        with pytest.raises(SourceError, match=r"verdicts: wanted a file that is data .news. or inside it"):
            read_verdicts(study(named, "news"))
