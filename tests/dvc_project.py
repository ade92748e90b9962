"""A project folder under the real DVC, as a clone is one."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import REPO, Project


def prepare(folder: Path, *, scm: bool = False) -> None:
    """Puts there what a clone has beside params.yaml and its data; with `scm` the folder is under git."""
    for name in ("tasks", "flows"):
        shutil.copytree(REPO / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", ".dvcignore"):
        shutil.copy(REPO / name, folder / name)
    (folder / "data" / "labels").mkdir(parents=True)
    for name in ("data/.gitkeep", "data/labels/.gitkeep"):
        shutil.copy(REPO / name, folder / name)
    shutil.copytree(REPO / "hypotheses", folder / "hypotheses")
    dvc(folder, "init", *([] if scm else ["--no-scm"]))


def environment() -> dict[str, str]:
    """Without a server that the machine may have; what a process compiled of natstat, the next one finds."""
    bin_folder = Path(sys.executable).parent
    found = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    found.pop("PYTHONDONTWRITEBYTECODE", None)
    found.update(PATH=f"{bin_folder}{os.pathsep}{found['PATH']}", DVC_NO_ANALYTICS="1", HF_HUB_OFFLINE="1")
    return found


def dvc(folder: Path, *arguments: str) -> str:
    """What the command said; it must end well."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def ran(output: str, study: str) -> list[str]:
    """The stages that `dvc repro` ran."""
    return re.findall(rf"Running stage '([a-z]+)@{study}'", output)


def hashes(folder: Path, study: str) -> dict[str, str]:
    """Of all tables and vectors."""
    files = [f for f in sorted((folder / "data" / study).rglob("*")) if f.suffix in {".parquet", ".npy"}]
    assert {f.parent.name[0] for f in files} == set("1234567")
    return {f.relative_to(folder).as_posix(): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def change(project: Project, study: str, **blocks: dict[str, Any]) -> None:
    """Writes other blocks into params.yaml."""
    file = project.folder / "params.yaml"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    content["studies"][study].update(blocks)
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
