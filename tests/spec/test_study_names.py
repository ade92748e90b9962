"""A study name that YAML, DVC or a shell takes for something else is refused by every command."""

import os
import re
import subprocess
import sys

import pytest

from flows.__main__ import main as run_under_dvc
from flows.study import main as run_study
from tasks import api
from tasks.__main__ import main
from tasks.errors import ParamsError
from tests.conftest import PAIR_STUDY, REPO, STAGES, Project

AS_WRITTEN = {
    "2020": r"params.yaml: not valid YAML: line \d+: wanted text as a key, got 2020",
    "2020-01-01": "wanted text as a key, got 2020-01-01",
    "1e3": "wanted text as a key, got 1e3",
    "010": "wanted text as a key, got 010",
    "null": "wanted text as a key, got null",
    "true": "wanted text as a key",
    ".inf": "wanted text as a key",
    '"2020"': "that YAML and DVC read as text, got '2020'. Write e.g. study-2020",
    "yes": "that YAML and DVC read as text, got 'yes'. Write e.g. study-yes",
    '"x; touch pwned;"': "lower-case letters .*got 'x; touch pwned;'. Write e.g. x-touch-pwned",
    "-rf": "lower-case letters .*Write e.g. rf",
    "News": "lower-case letters .*Write e.g. news",
    "labels": "data/labels holds people's verdicts",
}


def beside(project: Project, name: str) -> None:
    """A good study, and another under that name."""
    project.params(news=PAIR_STUDY, other=PAIR_STUDY)
    file = project.folder / "params.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("  other:", f"  {name}:"), encoding="utf-8")


@pytest.mark.parametrize(("name", "words"), AS_WRITTEN.items(), ids=AS_WRITTEN)
def test_a_bad_name_stops_the_studies_beside_it_too(
    project: Project, capsys: pytest.CaptureFixture[str], name: str, words: str
) -> None:
    beside(project, name)
    for arguments in (["studies"], ["check", "--study", "news"]):
        assert main(arguments) == ParamsError.exit_code
        (line,) = capsys.readouterr().err.splitlines()
        assert re.search(words, line), line


COMMANDS = ["studies", "studies --names --json"]
COMMANDS += [f"{name} --study news" for name in (*STAGES, "check", "cost", "judge", "label", "show")]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_it(project: Project, capsys: pytest.CaptureFixture[str], command: str) -> None:
    beside(project, '"x; touch pwned;"')
    assert main(command.split()) == ParamsError.exit_code
    assert "got 'x; touch pwned;'" in capsys.readouterr().err


def test_so_do_flows_and_notebooks(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    beside(project, '"x; touch pwned;"')
    assert run_under_dvc(["collect", "--study", "news"]) == run_study(["news"]) == ParamsError.exit_code
    assert capsys.readouterr().err.count("got 'x; touch pwned;'") == 2
    for ask in (api.studies, lambda: api.open("news")):
        with pytest.raises(ParamsError, match="touch pwned"):
            ask()
    served = subprocess.run(
        [sys.executable, "-m", "flows.serve"],
        cwd=project.folder,
        env={**os.environ, "PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert served.returncode == ParamsError.exit_code and "touch pwned" in served.stderr


@pytest.mark.parametrize("stage", ["collect@news", "sub/dvc.yaml:collect@news"])
def test_under_dvc_its_stage_names_the_study(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    project.table("news.parquet", [{"text": f"text number {i}", "year": 2019 + i % 2} for i in range(60)])
    project.params(news={**PAIR_STUDY, "collect": {**PAIR_STUDY["collect"], "near_duplicates": None}})
    with pytest.raises(SystemExit):
        run_under_dvc(["collect"])
    assert "--study" in capsys.readouterr().err
    monkeypatch.setenv("DVC_STAGE", stage)
    assert run_under_dvc(["collect"]) == 0
    assert capsys.readouterr().out.startswith("collect news: ")
