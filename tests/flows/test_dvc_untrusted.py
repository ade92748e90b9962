"""What stands in params.yaml is never run by the shell that DVC starts, and no study is passed over."""

import subprocess
import sys
from typing import Any

import polars as pl
import pytest
import yaml

from tasks.study import NOBODY
from tests.conftest import PAIR_STUDY, REPO, Project, pair
from tests.dvc_project import dvc, environment, prepare, ran


def test_no_command_of_dvc_yaml_holds_a_value() -> None:
    stages = yaml.safe_load((REPO / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    commands = [stage.get("do", stage)["cmd"] for stage in stages.values()]
    assert len(commands) == 9 and not [command for command in commands if "$" in command]


@pytest.mark.parametrize("folder", ["data/labels", "data"])
def test_what_dvc_watches_in_place_of_nothing_is_not_empty(folder: str) -> None:
    """It would warn of it for each study and stage that reads labels, or may rest on another study."""
    assert (REPO / folder / NOBODY).stat().st_size > 0


@pytest.fixture(scope="module")
def under_dvc(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("untrusted"))
    prepare(project.folder)
    return project


def refused(project: Project) -> str:
    """What `dvc repro` says of a study that cannot be."""
    command = [sys.executable, "-m", "dvc", "repro", "--keep-going"]
    done = subprocess.run(
        command, cwd=project.folder, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 255, done.stdout
    return done.stdout + done.stderr


def test_no_shell_reads_a_study_name_or_a_path(under_dvc: Project) -> None:
    names = [
        "x; touch pwned;",
        "$(touch pwned)",
        "`touch pwned`",
        "a' ; touch pwned; '",
        'b"; touch pwned; "',
    ]
    names += ["c\ntouch pwned\n", "d' && touch pwned #"]
    hostile = {**PAIR_STUDY, "data": "d; touch pwned;.parquet", "labels": "$(touch pwned)"}
    under_dvc.params(**dict.fromkeys(names, hostile))
    said = refused(under_dvc)
    assert "lower-case letters" in said and "exited with 10" in said
    assert not list(under_dvc.folder.rglob("pwned*"))


def test_a_study_that_dvc_passes_over_is_named(under_dvc: Project) -> None:
    under_dvc.params(other=PAIR_STUDY)
    file = under_dvc.folder / "params.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("  other:", "  2020:"), encoding="utf-8")
    said = refused(under_dvc)
    assert "wanted text as a key, got 2020" in said and "exited with 10" in said


def test_odd_paths_and_yaml_words_go_through(under_dvc: Project) -> None:
    rows: list[dict[str, Any]] = [
        {**row, "year": "no" if row["year"] == 2020 else "yes"} for row in pair(60, 0.3, 0.0)
    ]
    odd = "export [1] $HOME 'x' {y} #2; touch pwned;.csv"
    pl.DataFrame(rows).write_csv(under_dvc.folder / odd)
    collect = {"group": "year", "a": "WORD", "b": "yes"}
    under_dvc.params(news={**PAIR_STUDY, "data": odd, "collect": collect})
    file = under_dvc.folder / "params.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("WORD", "no").replace("'yes'", "yes"), "utf-8")
    said = dvc(under_dvc.folder, "repro", "studies", "collect@news")
    assert ran(said, "news") == ["collect"]
    assert "WARNING" not in said and "is empty" not in said
    assert not (under_dvc.folder / "pwned").exists()
