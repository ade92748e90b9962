"""Pairs that a repair is fitted on: which are taken, and what is said of those that cannot be."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import paths
from tasks.errors import NatstatError
from tasks.kinds.directions.pairs import MOST_PAIRS, drawn, read
from tasks.study import Study, load
from tests.conftest import Project, sentences


def pairs(n: int = 25, **columns: Any) -> pl.DataFrame:
    rows = {
        "left": [f"The farmer sells {i} cows." for i in range(2 * n)],
        "right": [f"The farmer buys {i} cows." for i in range(2 * n)],
        "differs": [1, 0] * n,
        **columns,
    }
    return pl.DataFrame(rows, strict=False)


def study(project: Project, name: str = "pairs.csv", table: pl.DataFrame | str | None = None) -> Study:
    """A study whose folder of data holds this file."""
    folder = project.folder / "data-folder"
    folder.mkdir(exist_ok=True)
    if isinstance(table, str):
        (folder / name).write_text(table, encoding="utf-8")
    elif table is not None:
        table.write_parquet(folder / name) if name.endswith("parquet") else table.write_csv(folder / name)
    block = {"target": "bundled", "repair": {"pairs": name}}
    project.params(mend={"kind": "directions", "goal": "g", "data": "data-folder", "directions": block})
    return load("mend")


def test_pairs_of_both_formats_are_equal(project: Project) -> None:
    wanted = pairs(failure=["tense", None] * 25)
    for name in ("pairs.csv", "pairs.parquet"):
        found, threshold = read(study(project, name, wanted))
        assert found.select(wanted.columns).equals(wanted.cast({"differs": pl.Int64}))
        assert threshold == 0.9


def test_failures_have_equal_shares_of_what_is_fitted(project: Project) -> None:
    n = 3 * MOST_PAIRS
    many = pairs(n, failure=(["tense"] + [None] + ["roles", None] * 2) * (n // 3))
    of = study(project, "pairs.csv", pairs())
    found = drawn(of, many)
    counts = dict(found.filter(differs=1)["failure"].value_counts().iter_rows())
    assert counts == {"tense": MOST_PAIRS // 2, "roles": MOST_PAIRS // 2}
    assert found.filter(differs=0).height == MOST_PAIRS
    assert found.equals(drawn(of, many.sample(fraction=1, shuffle=True, seed=1)))


BAD: dict[str, tuple[str, Any, str]] = {
    "no file": ("gone.csv", None, "'gone.csv' is not there"),
    "outside": ("../params.yaml", None, "wanted a file inside"),
    "format": ("pairs.txt", "left,right,differs\n", "wanted a .parquet or .csv file"),
    "broken": ("pairs.parquet.pq", "no parquet", "cannot be read"),
    "column": (
        "pairs.csv",
        pairs().rename({"right": "rigth"}),
        "'right' is not there; did you mean `rigth`?",
    ),
    "no number": ("pairs.csv", pairs(differs=["yes", "no"] * 25), "0 or 1 under differs"),
    "a half": ("pairs.csv", pairs(differs=[0.5, 0] * 25), "wanted 0 or 1 under differs in every row"),
    "two": ("pairs.csv", pairs(differs=[2, 0] * 25), "wanted 0 or 1 under differs in every row"),
    "missing": ("pairs.csv", pairs(differs=[None, 0] * 25), "wanted 0 or 1 under differs in every row"),
    "blank": ("pairs.csv", pairs(left=[" ", "a"] * 25), "wanted a text under left and under right"),
    "few": ("pairs.csv", pairs(19), "wanted 20 pairs or more that differ in meaning (differs 1), got 19"),
    "one kind": ("pairs.csv", pairs(differs=[1, 1] * 25), "that mean the same (differs 0), got 0"),
    "empty": ("pairs.csv", "", "cannot be read"),
}


@pytest.mark.parametrize(("name", "table", "said"), BAD.values(), ids=BAD)
def test_pairs_that_cannot_be_are_one_line(project: Project, name: str, table: Any, said: str) -> None:
    with pytest.raises(NatstatError) as caught:
        read(study(project, name, table))
    message = str(caught.value)
    assert said in message
    assert "\n" not in message
    assert Path("params.yaml").is_file()


def test_other_pairs_are_another_output_of_collect_so_that_score_runs_again(project: Project) -> None:
    told = []
    for word in ("cows", "hens"):
        of = study(project, "pairs.csv", pairs(right=[f"The farmer buys {i} {word}." for i in range(50)]))
        rows = [{"text": one} for one in sentences(60, 0.5, 0)]
        pl.DataFrame(rows).write_csv(project.folder / "data-folder" / "texts.csv")
        project.params(
            mend={
                "kind": "directions", "goal": "g", "data": "data-folder", "collect": {"path": "texts.csv"},
                "directions": {"target": "bundled", "repair": {"pairs": "pairs.csv"}},
            }
        )  # fmt: skip
        project.run("mend", "collect")
        told.append({file.name: file.read_bytes() for file in paths.output(of.name, "collect").iterdir()})
    assert told[0]["texts.parquet"] == told[1]["texts.parquet"]
    assert told[0]["manifest.json"] != told[1]["manifest.json"]
