"""The real `dvc repro`: it reruns what is stale and nothing else, and survives being killed."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import PAIR_STUDY, REPO, STAGES, Project, pair


@pytest.fixture(scope="module")
def dvc_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project under DVC with one finished study."""
    folder = tmp_path_factory.mktemp("dvc")
    for name in ("tasks", "flows"):
        shutil.copytree(REPO / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", ".dvcignore"):
        shutil.copy(REPO / name, folder / name)
    (folder / "data" / "labels").mkdir(parents=True)
    project = Project(folder)
    project.table("news.parquet", pair(300, 0.3, 0.0))
    project.params(news=PAIR_STUDY)
    _dvc(folder, "init", "--no-scm")
    _dvc(folder, "repro")
    yield project


def _environment() -> dict[str, str]:
    bin_folder = Path(sys.executable).parent
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    environment.update(PATH=f"{bin_folder}{os.pathsep}{environment['PATH']}", DVC_NO_ANALYTICS="1")
    return environment


def _dvc(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=folder,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _ran(output: str) -> list[str]:
    return re.findall(r"Running stage '([a-z]+)@news'", output)


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted((folder / "data" / "news").rglob("*.parquet"))
    assert files
    return {f.relative_to(folder).as_posix(): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def _change(project: Project, **blocks: dict[str, Any]) -> None:
    file = project.folder / "params.yaml"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    content["studies"]["news"].update(blocks)
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


@pytest.mark.slow
def test_only_what_is_stale_runs(dvc_project: Project) -> None:
    folder = dvc_project.folder
    assert _ran(_dvc(folder, "repro")) == []
    _change(dvc_project, report={"title": "Another title"})
    assert _ran(_dvc(folder, "repro")) == ["report"]
    assert "Another title" in (folder / "reports/news/index.html").read_text(encoding="utf-8")
    _change(dvc_project, score={"alpha": 0.01})
    assert _ran(_dvc(folder, "repro")) == ["score", "record", "report"]
    assert "n_discoveries" in _dvc(folder, "metrics", "show")


@pytest.mark.slow
def test_a_kill_in_the_middle_of_verify_changes_nothing(dvc_project: Project) -> None:
    folder = dvc_project.folder
    # Many small shards, so that the kill can land between two of them; and verify is stale.
    _change(dvc_project, verify={"shard_size": 3})
    killed = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=folder,
        env=_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    parts = folder / "data/.cache/parts/news"
    deadline = time.monotonic() + 120
    while not list(parts.rglob("part-*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    left = {file: file.stat().st_mtime_ns for file in parts.rglob("part-*.parquet")}
    assert left, "verify ended before it could be killed"
    assert not (folder / "data/news/5_verdicts").exists(), "a killed stage must leave no output"
    assert "verify" in _ran(_dvc(folder, "repro"))
    assert len(list((folder / "data/news/5_verdicts").glob("part-*.parquet"))) > len(left)
    after_kill = _hashes(folder)
    _dvc(folder, "repro", "--force")
    assert _hashes(folder) == after_kill


def test_dvc_lists_eight_stages_per_study() -> None:
    content = yaml.safe_load((REPO / "dvc.yaml").read_text(encoding="utf-8"))
    assert tuple(content["stages"]) == STAGES
