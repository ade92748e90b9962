"""A fingerprint changes with everything that dvc.yaml lists for the stage, and with nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from flows import fingerprint
from tasks import paths
from tasks.errors import ParamsError, SourceError
from tasks.store import frames
from tests.conftest import REPO, Project

DVC = """
stages:
  collect:
    foreach: ${studies}
    do:
      cmd: python -m flows collect
      deps:
        - ${item.data}
        - tasks/kinds/${item.kind}
        - tasks/stats
      params:
        - studies.${key}.collect
      outs:
        - data/${key}/1_texts
      metrics:
        - reports/${key}/metrics.json:
            cache: false
"""


@pytest.fixture
def small(project: Project) -> Project:
    (project.folder / "dvc.yaml").write_text(DVC, encoding="utf-8")
    project.params(
        one={"data": "rows.csv", "collect": {"a": 1}}, two={"data": "rows.csv", "collect": {"a": 1}}
    )
    for name in (
        "rows.csv",
        "tasks/kinds/corpus_pair/__init__.py",
        "tasks/kinds/other/__init__.py",
        "tasks/stats/a.py",
        "tasks/score/stage.py",
    ):
        _write(name, "as it was")
    return project


def _write(name: str, content: str) -> None:
    file = Path(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content, encoding="utf-8")


def _set(study: str, key: str, value: object) -> None:
    content = yaml.safe_load(paths.params_file().read_text(encoding="utf-8"))
    content["studies"][study][key] = value
    paths.params_file().write_text(yaml.safe_dump(content), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "is_stale"),
    [
        (lambda: _write("rows.csv", "as it is"), True),
        (lambda: _write("tasks/kinds/corpus_pair/__init__.py", "as it is"), True),
        (lambda: _write("tasks/stats/a.py", "as it is"), True),
        (lambda: _write("tasks/stats/new.py", ""), True),
        (lambda: Path("tasks/stats/a.py").rename("tasks/stats/b.py"), True),
        (lambda: Path("rows.csv").unlink(), True),
        (lambda: _set("one", "collect", {"a": 2}), True),
        (lambda: _write("dvc.yaml", DVC.replace("flows collect", "flows collect -v")), True),
        (lambda: _write("tasks/stats/__pycache__/a.pyc", "compiled"), False),
        (lambda: _write("tasks/kinds/other/__init__.py", "as it is"), False),
        (lambda: _write("tasks/score/stage.py", "as it is"), False),
        (lambda: Path("rows.csv").touch(), False),
        (lambda: _set("one", "score", {"alpha": 0.01}), False),
        (lambda: _set("two", "collect", {"a": 2}), False),
    ],
)
def test_what_changes_a_fingerprint(small: Project, change: Callable[[], object], is_stale: bool) -> None:
    before = fingerprint.of("one", "collect")
    change()
    assert (fingerprint.of("one", "collect") != before) is is_stale


def test_studies_do_not_share_a_fingerprint(small: Project) -> None:
    assert fingerprint.of("one", "collect") != fingerprint.of("two", "collect")


def test_the_output_is_hashed_only_when_whole(small: Project) -> None:
    assert fingerprint.output_hash("one", "collect") is None
    _write("data/one/1_texts/texts.parquet", "rows")
    assert fingerprint.output_hash("one", "collect") is None, "the metrics file is an output too"
    _write("reports/one/metrics.json", "{}")
    before = fingerprint.output_hash("one", "collect")
    assert before is not None
    _write("data/one/1_texts/texts.parquet", "other rows")
    assert fingerprint.output_hash("one", "collect") not in (before, None)


def test_errors_name_the_place_and_the_remedy(small: Project) -> None:
    with pytest.raises(ParamsError, match=r"wanted `stages\.verify`"):
        fingerprint.of("one", "verify")
    _set("one", "data", None)
    with pytest.raises(ParamsError, match=r"uses \$\{item\.data\}.*`studies: one:`"):
        fingerprint.of("one", "collect")
    Path("dvc.yaml").unlink()
    with pytest.raises(ParamsError, match=r"dvc\.yaml: wanted in .*Start natstat in the project folder"):
        fingerprint.of("one", "collect")


def test_an_unreadable_dependency_is_a_source_error(small: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(file: Path) -> str:
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(frames, "file_hash", denied)
    with pytest.raises(SourceError, match=r"rows\.csv: cannot be read: Permission denied"):
        fingerprint.of("one", "collect")


def test_every_stage_of_the_project_resolves(project: Project) -> None:
    (project.folder / "dvc.yaml").write_text(
        (REPO / "dvc.yaml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    project.params(news={"data": "news.csv"})
    blocks = {stage: fingerprint.read_block("news", stage) for stage in paths.STAGES}
    for stage, block in blocks.items():
        assert block.cmd == f"python -m flows {stage}"
        assert not any("$" in name for name in (*block.deps, *block.outs, *(n for n, _ in block.params)))
        folder = paths.output("news", stage).relative_to(project.folder)
        assert all(Path(out).is_relative_to(folder) for out in block.outs)
    assert blocks["collect"].deps[0] == "news.csv"
    assert "tasks/kinds/corpus_pair" in blocks["collect"].deps
