"""Kind encoder_failures under the real `dvc repro`: equal tables, no needless rerun, whole after a kill."""

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

from tests.captions_study import captions_study, save_captions
from tests.conftest import REPO, STAGES, Project
from tests.tiny_clip import save_tiny_clip
from tests.tiny_encoder import save_tiny_encoder

pytestmark = pytest.mark.slow
NAME = "captions"
STUDY = captions_study(
    embed={"encoder": "tiny"},
    failures={"threshold": 0.98, "margin": 0.0, "transfer": ["clip"]},
    record={"max_refusal_share": 1.0},
)


def _prepared(folder: Path) -> Project:
    save_tiny_encoder(folder / "tiny")
    save_tiny_clip(folder / "clip")
    save_captions(folder)
    project = Project(folder)
    project.params(**{NAME: STUDY})
    return project


@pytest.fixture(scope="module")
def dvc_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project under DVC with a finished study of a tiny encoder, and another to compare it with."""
    folder = tmp_path_factory.mktemp("dvc")
    for name in ("tasks", "flows"):
        shutil.copytree(REPO / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", ".dvcignore"):
        shutil.copy(REPO / name, folder / name)
    (folder / "data" / "labels").mkdir(parents=True)  # as in a clone
    project = _prepared(folder)
    _dvc(folder, "init", "--no-scm")
    _dvc(folder, "repro")
    yield project


def _environment() -> dict[str, str]:
    bin_folder = Path(sys.executable).parent
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    environment.update(
        PATH=f"{bin_folder}{os.pathsep}{environment['PATH']}", DVC_NO_ANALYTICS="1", HF_HUB_OFFLINE="1"
    )
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
    return re.findall(rf"Running stage '([a-z]+)@{NAME}'", output)


def _hashes(folder: Path) -> dict[str, str]:
    """Of all tables and vectors."""
    files = [f for f in sorted((folder / "data" / NAME).rglob("*")) if f.suffix in {".parquet", ".npy"}]
    assert {f.parent.name[0] for f in files} == set("1234567")
    return {f.relative_to(folder).as_posix(): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def _change(project: Project, **blocks: dict[str, Any]) -> None:
    file = project.folder / "params.yaml"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    content["studies"][NAME].update(blocks)
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def test_dvc_and_plain_stages_give_equal_tables(
    dvc_project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plain = _prepared(tmp_path)
    plain.run(NAME, *STAGES[:6])
    there = _hashes(dvc_project.folder)
    files = [f for f in sorted((tmp_path / "data" / NAME).rglob("*")) if f.suffix in {".parquet", ".npy"}]
    assert len(files) > 10
    for file in files:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        assert there[file.relative_to(tmp_path).as_posix()] == digest, file


def test_only_what_is_stale_runs(dvc_project: Project) -> None:
    folder = dvc_project.folder
    assert _ran(_dvc(folder, "repro")) == []
    _change(dvc_project, report={"title": "Another title"})
    assert _ran(_dvc(folder, "repro")) == ["report"]
    assert "Another title" in (folder / f"reports/{NAME}/index.html").read_text(encoding="utf-8")
    _change(dvc_project, score={"level": 0.9})
    assert _ran(_dvc(folder, "repro")) == ["score", "record", "report"]
    _change(dvc_project, failures={**STUDY["failures"], "fresh": 12})
    assert _ran(_dvc(folder, "repro"))[-4:] == ["verify", "score", "record", "report"]


def test_a_kill_in_the_middle_of_verify_changes_nothing(dvc_project: Project) -> None:
    folder = dvc_project.folder
    _change(dvc_project, verify={"shard_size": 1}, failures={**STUDY["failures"], "fresh": 30})
    killed = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=folder,
        env=_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    parts = folder / "data/.cache/parts" / NAME
    deadline = time.monotonic() + 240
    while not list(parts.rglob("part-*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    left = list(parts.rglob("part-*.parquet"))
    assert left, "verify ended before it could be killed"
    assert len(list(parts.rglob("fresh.parquet"))) == 1
    assert not (folder / f"data/{NAME}/5_verdicts").exists(), "a killed stage must leave no output"
    assert "verify" in _ran(_dvc(folder, "repro"))
    assert len(list((folder / f"data/{NAME}/5_verdicts").glob("part-*.parquet"))) > len(left)
    after_kill = _hashes(folder)
    _dvc(folder, "repro", "--force")
    assert _hashes(folder) == after_kill
