"""The real `dvc repro`: it reruns what is stale and nothing else, and survives being killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import yaml

from tests.conftest import PAIR_STUDY, REPO, STAGES, Project, pair
from tests.dvc_project import change, dvc, environment, hashes, prepare, ran
from tests.toy_kind import TOY_STUDY, toy_files


@pytest.fixture(scope="module")
def dvc_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project under DVC with two finished studies: one of them of a kind that was added to it."""
    folder = tmp_path_factory.mktemp("dvc")
    prepare(folder)
    for name, content in toy_files():
        (folder / "tasks/kinds" / name).parent.mkdir(exist_ok=True)
        (folder / "tasks/kinds" / name).write_text(content, encoding="utf-8")
    project = Project(folder)
    project.table("news.parquet", pair(300, 0.3, 0.0))
    project.params(news=PAIR_STUDY, openings=TOY_STUDY)
    dvc(folder, "repro")
    yield project


@pytest.mark.slow
def test_only_what_is_stale_runs(dvc_project: Project) -> None:
    folder = dvc_project.folder
    assert ran(dvc(folder, "repro"), "news") == []
    change(dvc_project, "news", report={"title": "Another title"})
    assert ran(dvc(folder, "repro"), "news") == ["report"]
    assert "Another title" in (folder / "reports/news/index.html").read_text(encoding="utf-8")
    change(dvc_project, "news", score={"alpha": 0.01})
    assert ran(dvc(folder, "repro"), "news") == ["score", "record", "report"]
    assert "n_discoveries" in dvc(folder, "metrics", "show")


@pytest.mark.slow
def test_a_kinds_file_reruns_its_studies_and_a_template_the_report_alone(dvc_project: Project) -> None:
    folder = dvc_project.folder
    kind, template = (
        folder / "tasks/kinds/openings/__init__.py",
        folder / "tasks/report/templates/verdict.html",
    )
    dvc(folder, "repro")
    kind.write_text(kind.read_text(encoding="utf-8") + "# another comment\n", encoding="utf-8")
    output = dvc(folder, "repro")
    assert ran(output, "news") == [] and ran(output, "openings") == list(STAGES)
    template.write_text(template.read_text(encoding="utf-8") + "{# another comment #}\n", encoding="utf-8")
    output = dvc(folder, "repro")
    assert ran(output, "news") == ran(output, "openings") == ["report"]


@pytest.mark.slow
def test_a_kill_in_the_middle_of_verify_changes_nothing(dvc_project: Project) -> None:
    folder = dvc_project.folder
    # Many small shards, so that the kill can land between two of them; and verify is stale.
    change(dvc_project, "news", verify={"shard_size": 3})
    killed = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=folder,
        env=environment(),
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
    assert "verify" in ran(dvc(folder, "repro"), "news")
    assert len(list((folder / "data/news/5_verdicts").glob("part-*.parquet"))) > len(left)
    after_kill = hashes(folder, "news")
    dvc(folder, "repro", "--force", "report@news")
    assert hashes(folder, "news") == after_kill


def test_dvc_lists_eight_stages_per_study() -> None:
    content = yaml.safe_load((REPO / "dvc.yaml").read_text(encoding="utf-8"))
    assert tuple(name for name, stage in content["stages"].items() if "foreach" in stage) == STAGES
