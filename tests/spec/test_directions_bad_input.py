"""Kind directions: what a user gets wrong ends in one clear line and its exit code."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.__main__ import main
from tests.conftest import Project
from tests.planted_units import save_units, study

PARAMS, SOURCE, CORPUS = 10, 11, 12
Change = Callable[[Project], dict[str, Any]]


def table(change: Callable[[pl.DataFrame], pl.DataFrame], name: str = "activations") -> Change:
    """Another table of activations, or of texts."""

    def write(project: Project) -> dict[str, Any]:
        file = project.folder / "inputs" / f"{name}.parquet"
        change(pl.read_parquet(file)).write_parquet(file)
        return {}

    return write


def params(**directions: Any) -> Change:
    return lambda project: {"directions": directions}


def keys(**changed: Any) -> Change:
    return lambda project: changed


def arrays(**saved: Any) -> Change:
    def write(project: Project) -> dict[str, Any]:
        np.savez(project.folder / "inputs" / "a.npz", **saved)
        return {"directions": {"activations": "a.npz"}}

    return write


def array(name: str, ids: bytes = b"a\nb") -> Change:
    """A file as .npy files are, under any name, with its ids."""

    def write(project: Project) -> dict[str, Any]:
        folder = project.folder / "inputs"
        with (folder / name).open("wb") as file:
            np.save(file, np.zeros((2, 2)))
        (folder / "ids.txt").write_bytes(ids)
        return {"directions": {"activations": name} | ({"ids": "ids.txt"} if name.endswith(".npy") else {})}

    return write


def archive_as_array(project: Project) -> dict[str, Any]:
    with (project.folder / "inputs" / "a.npy").open("wb") as file:
        np.savez(file, activations=np.zeros((2, 2)))
    (project.folder / "inputs" / "ids.txt").write_bytes(b"a\nb")
    return {"directions": {"activations": "a.npy", "ids": "ids.txt"}}


def bank(project: Project) -> dict[str, Any]:
    pl.DataFrame({"sentence": [["a"]]}).write_parquet(project.folder / "inputs" / "bank.parquet")
    return {"directions": {"target": "bundled", "bank": "bank.parquet"}, "embed": {"encoder": "bundled"}}


def text_file(name: str, content: str) -> Change:
    def write(project: Project) -> dict[str, Any]:
        (project.folder / "inputs" / name).write_text(content, encoding="utf-8")
        return {"directions": {"activations": name}}

    return write


def nan(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(p0=pl.when(pl.col("id") == "input 3").then(float("nan")).otherwise("p0"))


def also(which: str) -> Change:
    """The same corpus once more, or with activations of other units."""

    def write(project: Project) -> dict[str, Any]:
        rows = pl.read_parquet(project.folder / "inputs" / FILE)
        if which == "other":
            rows = rows.rename({"p0": "q0"})
        rows.write_parquet(project.folder / "inputs" / "also.parquet")
        return {
            "directions": {
                "activations": FILE,
                "also_on": {"path": "texts.parquet", "activations": "also.parquet"},
            }
        }

    return write


FILE = "activations.parquet"
CASES: dict[str, tuple[Change, int, str]] = {
    "one number": (arrays(ids=np.array(["a"]), activations=np.float64(3)), SOURCE, "the shape ()"),
    "an array called .npz": (array("b.npz"), SOURCE, "b.npz cannot be read: it is one array"),
    "an archive called .npy": (archive_as_array, SOURCE, "a.npy cannot be read: it is an archive"),
    "ids in no UTF-8": (array("a.npy", b"\xff\n"), SOURCE, "directions.ids: inputs/ids.txt cannot be read"),
    "lists for sentences": (bank, SOURCE, "bank.parquet cannot be read: cannot cast List"),
    "no activations": (params(), PARAMS, "activations: FILE"),
    "unknown key": (params(activation=FILE), PARAMS, "activations"),
    "top of a half": (params(activations=FILE, top=0.5), PARAMS, "top"),
    "unit named twice": (params(activations=FILE, units=["p0", "p0"]), PARAMS, "'p0' twice"),
    "file is not there": (params(activations="activation.parquet"), SOURCE, "is not there"),
    "file outside data": (params(activations="../params.yaml"), SOURCE, "inside"),
    "unknown unit": (params(activations=FILE, units=["p9"]), SOURCE, "got 'p9'"),
    "too many units": (params(activations=FILE, most_units=2), SOURCE, "at most 2 units"),
    "unknown id column": (params(activations=FILE, id="key"), SOURCE, "key"),
    "groups": (keys(collect={"path": "texts.parquet", "group": "random"}), PARAMS, "one pile of texts"),
    "recorded verdicts": (keys(engine="replay", verdicts="v.csv"), PARAMS, "engine: embedded"),
    "language model with a bank": (
        keys(engine="llm", llm={"model": "x"}, directions={"target": "bundled", "bank": "bank.txt"}),
        PARAMS,
        "engine: embedded",
    ),
    "own sentences": (keys(propose={"also": ["mentions x"]}), PARAMS, "no propose.also"),
    "another corpus without activations": (
        params(activations=FILE, also_on={"path": "texts.parquet"}), PARAMS, "directions.also_on as well",
    ),
    "another corpus with other units": (also("other"), SOURCE, "wanted units of the file, got 'p0'"),
    "another corpus that is this one": (also("same"), CORPUS, "no texts of its own"),
    "sequential": (keys(verify={"plan": "sequential"}), PARAMS, "plan: fixed"),
    "data is a file": (keys(data="inputs/texts.parquet", collect={}), SOURCE, "a folder"),
    "an id is missing": (table(lambda rows: rows[1:]), SOURCE, "1 of 200 ids"),
    "id twice in activations": (table(lambda rows: pl.concat([rows, rows[:1]])), SOURCE, "'input 0' twice"),
    "id twice in texts": (table(lambda r: pl.concat([r, r[:1]]), "texts"), SOURCE, "'input 0' twice"),
    "not a number": (table(nan), SOURCE, "finite"),
    "constant unit": (table(lambda rows: rows.with_columns(p0=1.0)), SOURCE, "unit 'p0' has one value"),
    "words for numbers": (table(lambda rows: rows.with_columns(p0=pl.lit("x"))), SOURCE, "wanted numbers"),
    "ids alone": (table(lambda rows: rows.select("id")), SOURCE, "one unit at least"),
    "wrong shape": (arrays(ids=["a", "b"], activations=np.ones(3)), SOURCE, "the shape (3,)"),
    "no ids": (arrays(activations=np.ones((2, 3))), SOURCE, "ids and activations"),
    "pickled ids": (
        arrays(ids=np.array([{}], dtype=object), activations=np.ones((1, 1))), SOURCE, "cannot be read",
    ),
    "no archive": (text_file("a.npz", "no"), SOURCE, "cannot be read"),
    "unknown format": (text_file("a.txt", "1 2"), SOURCE, "a .parquet, .csv, .npz or .npy file"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_one_line_says_what_to_write(case: str, project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    change, code, said = CASES[case]
    save_units(project, 200, 2, 1)
    project.params(units={**study(), **change(project)})
    assert main(["collect", "--study", "units"]) == code
    told = capsys.readouterr().err.strip()
    assert said in told
    assert "\n" not in told
    assert not (project.folder / "data" / "units" / "1_texts").exists()
