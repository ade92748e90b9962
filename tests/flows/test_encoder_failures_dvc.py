"""Kind encoder_failures under the real `dvc repro`: equal tables, no needless rerun, whole after a kill."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.captions_study import captions_study, save_captions
from tests.conftest import STAGES, Project
from tests.dvc_project import change, dvc, environment, hashes, prepare, ran
from tests.tiny_clip import save_tiny_clip
from tests.tiny_encoder import save_tiny_encoder

pytestmark = pytest.mark.long
NAME = "captions"
STUDY = captions_study(
    embed={"encoder": "tiny"},
    encoder_failures={"threshold": 0.98, "margin": 0.0, "transfer": ["clip"]},
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
    prepare(folder)
    project = _prepared(folder)
    dvc(folder, "repro")
    yield project


def test_dvc_and_plain_stages_give_equal_tables(
    dvc_project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plain = _prepared(tmp_path)
    plain.run(NAME, *STAGES[:6])
    there = hashes(dvc_project.folder, NAME)
    files = [f for f in sorted((tmp_path / "data" / NAME).rglob("*")) if f.suffix in {".parquet", ".npy"}]
    assert len(files) > 10
    for file in files:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        assert there[file.relative_to(tmp_path).as_posix()] == digest, file


def test_only_what_is_stale_runs(dvc_project: Project) -> None:
    folder = dvc_project.folder
    assert ran(dvc(folder, "repro"), NAME) == []
    change(dvc_project, NAME, report={"title": "Another title"})
    assert ran(dvc(folder, "repro"), NAME) == ["report"]
    assert "Another title" in (folder / f"reports/{NAME}/index.html").read_text(encoding="utf-8")
    change(dvc_project, NAME, score={"level": 0.9})
    assert ran(dvc(folder, "repro"), NAME) == ["score", "record", "report"]
    change(dvc_project, NAME, encoder_failures={**STUDY["encoder_failures"], "fresh": 12})
    assert ran(dvc(folder, "repro"), NAME)[-4:] == ["verify", "score", "record", "report"]


def test_a_kill_in_the_middle_of_verify_changes_nothing(dvc_project: Project) -> None:
    folder = dvc_project.folder
    change(
        dvc_project,
        NAME,
        verify={"shard_size": 1},
        encoder_failures={**STUDY["encoder_failures"], "fresh": 30},
    )
    killed = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=folder,
        env=environment(),
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
    assert "verify" in ran(dvc(folder, "repro"), NAME)
    assert len(list((folder / f"data/{NAME}/5_verdicts").glob("part-*.parquet"))) > len(left)
    after_kill = hashes(folder, NAME)
    dvc(folder, "repro", "--force")
    assert hashes(folder, NAME) == after_kill
