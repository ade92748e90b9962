"""The script that `natstat completion` prints, in the shell it is for."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.__main__ import main
from tests.conftest import PAIR_STUDY, REPO, STAGES, Project


def offered(script: Path, *words: str) -> list[str]:
    """What bash offers after these words, the last of them unfinished."""
    ask = (
        f"source {script}; COMP_WORDS=({' '.join(words[:-1])} '{words[-1]}'); COMP_CWORD={len(words) - 1}; "
        '_shtab_natstat; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    bin_folder = script.parent / "bin"
    done = subprocess.run(
        ["bash", "-c", ask],
        env={**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.split()


def test_bash_completes_commands_options_and_studies(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.params(news=PAIR_STUDY, newer=PAIR_STUDY, other=PAIR_STUDY)
    assert main(["completion", "bash"]) == 0
    script = project.folder / "natstat.bash"
    script.write_text(capsys.readouterr().out, encoding="utf-8")
    # The command as it is installed, but of this checkout.
    natstat = project.folder / "bin" / "natstat"
    natstat.parent.mkdir()
    natstat.write_text(f'#!/bin/sh\nexec {sys.executable} -m tasks "$@"\n', encoding="utf-8")
    natstat.chmod(0o755)
    assert {*offered(script, "natstat", "")} >= {*STAGES, "check", "new", "completion"}
    assert offered(script, "natstat", "ch") == ["check"]
    assert "--study" in offered(script, "natstat", "check", "--")
    assert offered(script, "natstat", "check", "--study", "new") == ["news", "newer"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_a_script_of_theirs(
    capsys: pytest.CaptureFixture[str], shell: str, tmp_path: Path
) -> None:
    assert main(["completion", shell]) == 0
    told = capsys.readouterr().out
    assert "natstat studies --names" in told and "formalise" in told
    if found := shutil.which(shell):
        (tmp_path / "script").write_text(told, encoding="utf-8")
        assert subprocess.run([found, "-n", tmp_path / "script"], check=False).returncode == 0
