"""export: what was tested as CSV and Parquet, with a description that holds for both."""

import csv
import hashlib
import json
from pathlib import Path

import polars as pl
import pytest

from tasks.__main__ import main
from tasks.store import duck, listing
from tests.conftest import Project
from tests.recorded_study import FOUND, PRESS, put_study

FORMULA = '=cmd|"/c calc"!A1'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("exported"))
        put_study("press", "run-1", PRESS)
        duck.record("press")
        put_study("sheets", "run-2", [(FORMULA, "A", 0.5, 0.1, 0.001, FOUND, FORMULA)], goal="+1 \u202e")
        duck.record("sheets")
        return Path.cwd()


@pytest.fixture(autouse=True)
def there(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made)


def exported(folder: Path, *arguments: str) -> pl.DataFrame:
    assert main(["export", "--out", str(folder), *arguments]) == 0
    return pl.read_parquet(folder / "discoveries.parquet")


def test_all_that_was_tested_is_in_both_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = exported(tmp_path / "out")
    told = "7 rows of 2 studies (croissant.json, discoveries.csv, discoveries.parquet)"
    assert told in capsys.readouterr().out
    assert table.equals(listing.listed())
    with (tmp_path / "out/discoveries.csv").open(encoding="utf-8-sig", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["predicate_id"] for row in rows] == table["predicate_id"].to_list()
    assert [float(row["validity"]) for row in rows] == table["validity"].to_list()
    assert {row["predicate"] for row in rows if row["study"] == "sheets"} == {f"'{FORMULA}"}, "runs nowhere"
    assert {row["goal"] for row in rows if row["study"] == "sheets"} == {"'+1 \ufffd"}
    assert table.filter(study="sheets")["predicate"].to_list() == [FORMULA], "as it is"


def test_some_of_it_can_be_chosen(tmp_path: Path) -> None:
    assert exported(tmp_path, "--study", "press", "--held")["state"].to_list() == [listing.HELD] * 3
    assert exported(tmp_path, "--kind", "corpus_pair").height == 7, "into the folder that it wrote before"


def test_the_description_holds(tmp_path: Path) -> None:
    table = exported(tmp_path)
    told = json.loads((tmp_path / "croissant.json").read_text(encoding="utf-8"))
    assert told["conformsTo"] == "http://mlcommons.org/croissant/1.0" and told["@type"] == "sc:Dataset"
    files = {one["@id"]: one for one in told["distribution"]}
    assert set(files) == {"discoveries.csv", "discoveries.parquet"}
    for name, one in files.items():
        content = (tmp_path / name).read_bytes()
        assert one["contentUrl"] == name and one["sha256"] == hashlib.sha256(content).hexdigest()
        assert one["contentSize"] == f"{len(content)} B"
    (records,) = told["recordSet"]
    assert [one["source"]["extract"]["column"] for one in records["field"]] == table.columns
    assert {one["source"]["fileObject"]["@id"] for one in records["field"]} == {"discoveries.parquet"}
    types = {one["name"]: one["dataType"] for one in records["field"]}
    assert (types["validity"], types["n_a"], types["is_discovery"]) == (
        "sc:Float",
        "sc:Integer",
        "sc:Boolean",
    )
    assert (types["found_at"], types["goal"]) == ("sc:DateTime", "sc:Text")
    assert all(one["description"] for one in records["field"])


def test_what_is_not_its_own_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    assert main(["export", "--out", str(tmp_path)]) == 17
    assert "nothing was written" in capsys.readouterr().err
    assert [one.name for one in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(("option", "name"), [("--study", "pres"), ("--kind", "corpus_pairs")])
def test_a_name_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str], option: str, name: str) -> None:
    assert main(["export", option, name]) == 10
    assert f"{option} {name}: wanted one that has been recorded" in capsys.readouterr().err


def test_without_a_run_there_is_nothing_to_write(project: Project) -> None:
    assert main(["export"]) == 18
    assert not Path("export").exists()
