"""`natstat new` of pictures: folders, a zip, and columns of paths, bytes or data URIs become a study."""

import base64
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import study
from tasks.__main__ import main
from tasks.collect import stage as collect
from tests.conftest import REPO, Project
from tests.drawn_pictures import folder_of

N = 20


@pytest.fixture
def here(project: Project) -> Path:
    """The project's own params.yaml, and a folder with the folders a and b."""
    shutil.copy(REPO / "params.yaml", project.folder)
    folder_of(project.folder / "photos/a", N)
    folder_of(project.folder / "photos/b", N, first=N)
    return project.folder


def made(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """What is told of a study that is then collected."""
    assert main(["new", *words, "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def test_folders_are_groups(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "photos", "--yes"]) == 0
    told = capsys.readouterr().out
    assert "picture   each file" in told and "A is a (20 rows), B is b (20 rows)" in told
    assert "none: each picture is its own" in told and "_picture" not in told
    said = (here / "params.yaml").read_text()
    assert (
        "  # Pictures in 2 folders; `group: folder` goes by these. See docs/pictures.md.\n  photos:\n" in said
    )
    assert collect.collected(study.load("photos")).manifest["texts"] == {"A": N, "B": N}


def test_a_zip_is_read_as_its_folders(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with zipfile.ZipFile(here / "packed.zip", "w") as packed:
        for file in (here / "photos").rglob("*.png"):
            packed.write(file, file.relative_to(here / "photos"))
    assert made(capsys, "packed.zip")["rows"] == {"A": N, "B": N}
    assert collect.collected(study.load("packed")).manifest["texts"] == {"A": N, "B": N}


def test_of_more_folders_the_fullest_two_are_compared(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder_of(here / "photos/c", N + 1, first=2 * N)
    assert made(capsys, "photos")["entry"]["collect"] == {"group": "folder", "a": "c", "b": "a"}


def test_one_folder_is_one_pile(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = made(capsys, "photos/a", "--name", "pile")
    assert told["entry"]["kind"] == "clusters" and "collect" not in told["entry"]
    assert collect.collected(study.load("pile")).manifest["texts"] == {"A": N}
    told = made(capsys, "photos", "--name", "sorted", "--kind", "classes")
    assert told["entry"]["classes"] == {"value": "folder"}


@pytest.mark.parametrize("form", ["paths.csv", "bytes.parquet", "structs.parquet", "uris.jsonl"])
@pytest.mark.parametrize("has_captions", [True, False])
def test_a_column_of_pictures_is_seen(
    here: Path, capsys: pytest.CaptureFixture[str], form: str, has_captions: bool
) -> None:
    folder = here / "photos"
    files = sorted(folder.rglob("*.png"))
    cells: dict[str, list[Any]] = {
        "paths": [str(file.relative_to(folder)) for file in files],
        "bytes": [file.read_bytes() for file in files],
        "structs": [{"bytes": file.read_bytes(), "path": file.name} for file in files],
        "uris": [f"data:image/png;base64,{base64.b64encode(file.read_bytes()).decode()}" for file in files],
    }
    kind, ending = form.split(".")
    rows = pl.DataFrame(
        {
            "image": cells[kind],
            "label": [file.parent.name for file in files],
            "said": [f"picture number {n}" for n in range(len(files))],
        }
    ).drop([] if has_captions else ["said"])
    write = {"csv": rows.write_csv, "parquet": rows.write_parquet, "jsonl": rows.write_ndjson}[ending]
    write(folder / f"rows.{ending}")
    told = made(capsys, f"photos/rows.{ending}", "--name", "seen")
    block = {"picture": "image", "group": "label", "a": "a", "b": "b"}
    assert told["entry"]["data"] == ("photos" if kind == "paths" else f"photos/rows.{ending}")
    assert told["entry"]["collect"] == (
        block | ({"path": "rows.csv"} if kind == "paths" else {}) | ({"text": "said"} if has_captions else {})
    )
    found = collect.collected(study.load("seen"))
    assert found.manifest["texts"] == {"A": N, "B": N}
    assert ("" not in found.texts["text"]) == has_captions


def test_the_table_of_a_folder_names_its_pictures(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = sorted((here / "photos").rglob("*.png"))
    names = [str(file.relative_to(here / "photos")) for file in files]
    rows = pl.DataFrame({"file_name": names, "label": ["cat", "dog"] * N})
    rows.write_csv(here / "photos/metadata.csv")
    told = made(capsys, "photos")
    assert (told["name"], told["entry"]["data"]) == ("photos", "photos")
    assert told["entry"]["collect"]["path"] == "metadata.csv"
    rows.write_csv(here / "photos/other.csv")
    assert main(["new", "photos", "--name", "more", "--json"]) == 10
    assert "got metadata.csv, other.csv" in capsys.readouterr().err


def test_paths_that_lead_to_nothing_are_no_pictures(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"https://example.org/{n}.png" for n in range(2 * N)]
    rows = {"image": names, "label": ["cat", "dog"] * N, "said": [f"words of row {n}" for n in range(2 * N)]}
    pl.DataFrame(rows).write_csv(here / "rows.csv")
    assert "picture" not in made(capsys, "rows.csv")["entry"]["collect"]


def test_pictures_beside_params_are_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder_of(here, 2)
    pl.DataFrame({"image": ["0000.png", "0001.png"]}).write_csv(here / "rows.csv")
    assert main(["new", "rows.csv", "--json"]) == 10
    assert "Move both into a new one" in capsys.readouterr().err


def test_a_kind_that_knows_its_columns_says_what_it_lacks(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pl.DataFrame({"text": ["a", "b"] * N, "side": ["x", "y"] * N}).write_csv(here / "rows.csv")
    assert main(["new", "rows.csv", "--kind", "model_pair", "--json"]) == 10
    assert "--kind model_pair: wanted columns of that kind" in capsys.readouterr().err
    assert main(["new", "photos", "--kind", "cluster", "--json"]) == 10
    assert "did you mean" in capsys.readouterr().err
    assert main(["new", "photos", "--kind", "directions", "--json"]) == 10
    assert "directions: {target: FOLDER}" in capsys.readouterr().err


def test_folders_are_models_only_where_that_is_asked_for(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in (here / "photos/b").iterdir():
        file.rename(file.with_name(f"{int(file.stem) - N:04}.png"))
    assert "kind" not in made(capsys, "photos", "--name", "sets")["entry"]
    told = made(capsys, "photos", "--name", "models", "--kind", "model_pair")
    assert (told["entry"]["kind"], told["entry"]["model_pair"]) == ("model_pair", None)
    assert sorted(told["names"].values()) == ["a", "b"]
    assert collect.collected(study.load("models")).manifest["texts"] == {"A": N, "B": N}
