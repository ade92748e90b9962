"""The SQL conditions in docs/data.md give the rows that stand beside them, from every format."""

import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.errors import SourceError
from tasks.store.sources import read_groups
from tasks.study import Study
from tests.conftest import Project
from tests.docs import pages

SECTION = pages.text("docs/data.md").split("## SQL filters")[1].split("\n## ")[0]
ROWS = re.findall(r"```csv\n(.*?)```", SECTION, re.DOTALL)[0]
EXAMPLES = re.findall(r"^\| `(.*)` \| ([\d ]+) \|$", SECTION, re.MULTILINE)


def ids(data: str, condition: str) -> str:
    collect = {"where": condition, "document": "id", "group": "random"}
    study = Study.model_validate({"name": "s", "goal": "g", "data": data, "collect": collect})
    return " ".join(read_groups(study)[0]["document_id"])


@pytest.fixture
def _files(project: Project) -> None:
    Path("f.csv").write_text(ROWS)
    frame = pl.read_csv("f.csv", schema_overrides={"code": pl.String, "date": pl.String})
    frame.write_parquet("f.parquet")
    Path("f.json").write_text(json.dumps(frame.to_dicts()))


@pytest.mark.usefixtures("_files")
@pytest.mark.parametrize(("condition", "wanted"), EXAMPLES)
def test_conditions_in_the_docs_hold(condition: str, wanted: str) -> None:
    for data in ("f.csv", "f.parquet", "f.json"):
        assert ids(data, condition) == wanted


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 15


def test_dates_that_have_a_type_are_compared_alike(project: Project) -> None:
    text = pl.Series("text", ["a", "b", "c"])
    day = pl.Series("day", ["2020-01-31", "2020-02-01", None]).str.to_date()
    for dtype in (pl.Date, pl.Datetime, pl.Datetime("ns", "UTC")):
        pl.DataFrame([text, day.cast(dtype), pl.Series("id", [1, 2, 3])]).write_parquet("f.parquet")
        assert ids("f.parquet", "day >= '2020-02-01'") == "2"
        assert ids("f.parquet", "day = '2020-01-31'") == "1"
        assert ids("f.parquet", "day between '2020-01-01' and '2020-01-31'") == "1"


def dates(*values: Any) -> str:
    rows = {"text": [f"text {i}" for i, _ in enumerate(values)], "id": range(len(values)), "date": values}
    pl.DataFrame(rows).write_csv("f.csv")
    return "f.csv"


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (("03/04/2020", "12/04/2020"), r"column 'date' of f.csv, got '03/04/2020' \(2 such rows\).*strptime"),
        (("1.2.20", "12.12.2020"), "got '1.2.20'"),
        (("2020-01-01", "2020-01-02", "n/a"), r"got 'n/a' \(1 such rows\)"),
    ],
)
def test_dates_in_another_order_are_not_compared(
    project: Project, values: tuple[str, ...], wanted: str
) -> None:
    with pytest.raises(SourceError, match=wanted):
        ids(dates(*values), "date >= '2020-01-01'")


def test_other_dates_can_be_read(project: Project) -> None:
    data = dates("03/04/2020", "12/04/2019")
    assert ids(data, "strptime(date, '%d/%m/%Y') >= '2020-01-01'") == "0"
    assert ids(data, "date = '03/04/2020'") == "0"
