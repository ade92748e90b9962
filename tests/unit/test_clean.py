"""What `make clean` deletes: what natstat made, and nothing else."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tasks import paths
from tasks.__main__ import main
from tasks.store import duck, frames
from tests.conftest import REPO
from tests.recorded_study import put_study

PAGE = "<!doctype html><title>what differs · natstat</title><p>natstat · study {study}</p>"
YOURS = (
    "data/raw/d.csv",
    "data/raw/1_texts/mine.parquet",
    "data/raw/1_texts/notes.txt",
    "data/press/notes.md",
    "data/press/7_discoveries/my own.txt",
    "data/corpus.jsonl",
    "data/labels/press.csv",
    "data/answers.sqlite",
    "data/.settings.tmpl",
    "data/.draft.tmp",
    "data/.work.tmp/notes.md",
    "reports/notes/todo.md",
    "reports/kept/index.html",
    "reports/other/index.html",
    "params.yaml",
)


def fill(folder: Path) -> None:
    """A finished study, one that params.yaml no longer has, and files of the user's."""
    for study in ("press", "removed"):
        put_study(study, f"run-{study}")
        for stage in ("collect", "formalise", "verify", "score"):
            frames.write_manifest(paths.output(study, stage), {"n": 1})
        report = paths.output(study, "report")
        report.mkdir(parents=True)
        (report / "index.html").write_text(PAGE.format(study=study), encoding="utf-8")
        (report / "forest.json").write_text("[]", encoding="utf-8")
        duck.record(study)
    for name in YOURS:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("mine", encoding="utf-8")
    (folder / "reports/kept/index.html").write_text(PAGE.format(study="press"), encoding="utf-8")
    for empty in ("data/incoming", "reports/drafts"):
        (folder / empty).mkdir()
    (folder / "data/press/.1_texts.99999999@elsewhere.tmp").mkdir()
    (folder / "data/press/.1_texts.99999999@elsewhere.tmp/texts.parquet").touch()


def left(folder: Path) -> set[str]:
    files = (file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    return {file for file in files if not file.startswith((".venv", "Makefile", "tasks"))}


@pytest.mark.parametrize("venv", ["there", "broken", "gone"])
def test_only_what_natstat_made_is_deleted_whatever_became_of_the_environment(
    venv: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    fill(tmp_path)
    shutil.copy(REPO / "Makefile", tmp_path)
    shutil.copytree(REPO / "tasks", tmp_path / "tasks", ignore=shutil.ignore_patterns("__pycache__"))
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    if venv == "there":
        python.symlink_to(sys.executable)
    elif venv == "broken":
        python.symlink_to("/gone/python")
    else:
        shutil.rmtree(tmp_path / ".venv")
    # Without site packages: no package of ours is there.
    made = subprocess.run(
        ["make", "clean", f"PYTHON={sys.executable} -S"],
        cwd=tmp_path, env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    runs = {file for file in left(tmp_path) if file.startswith("data/.runs/")}
    assert left(tmp_path) - runs == set(YOURS)
    assert {file.split("/")[2] for file in runs} >= {"000001-run-press", "000002-run-removed"}
    assert "2 studies" in made.stdout and "data/.runs" in made.stdout
    assert (tmp_path / "data/incoming").is_dir() and (tmp_path / "reports/drafts").is_dir()
    assert not (tmp_path / "data/removed").exists() and not (tmp_path / "reports/removed").exists()
    assert main(["load"]) == 0
    assert capsys.readouterr().out == "loaded 2 runs of 2 studies into data/discoveries.duckdb\n"
    assert duck.query("SELECT run_id FROM studies ORDER BY ALL").rows() == [("run-press",), ("run-removed",)]


def test_where_nothing_is_nothing_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["clean"]) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_database_whose_runs_are_not_all_readable_elsewhere_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    fill(tmp_path)
    damaged = tmp_path / "data/.runs/000001-run-press/discoveries.parquet"
    damaged.write_bytes(damaged.read_bytes()[:200])
    assert main(["clean"]) == 0
    assert "data/discoveries.duckdb" in capsys.readouterr().out
    assert duck.query("SELECT count(*) FROM discoveries").item() == 12
