"""What commands print: nothing that steers a terminal, nothing that it cannot show, no noise in a pipe."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasks import progress, terminal
from tasks.__main__ import exit_code
from tasks.store import duck
from tests.conftest import REPO, Project, pair
from tests.recorded_study import FOUND, put_study

NASTY = "\x1b]0;owned\x07\x1b[31mred\u202edesrever\u2066 \x9b2J\r\x00 K\u00f6ln \U0001f600"
GOAL = f"what differs {NASTY}".replace("\x00", "")
"""As params.yaml may have it: \\0 is refused there."""


@pytest.fixture
def nasty(project: Project) -> Project:
    """A recorded study whose predicate and goal steer a terminal."""
    put_study("press", rows=[(NASTY, "A", 0.3, 0.1, 0.001, FOUND, NASTY)], goal=GOAL)
    duck.record("press")
    project.table("news.parquet", pair(60, 0.3, 0.0))
    project.params(
        press={"goal": GOAL, "data": "news.parquet", "collect": {"group": "year", "a": 2020, "b": 2019},
               "embed": {"encoder": "none"}}
    )  # fmt: skip
    return project


def run(project: Project, *arguments: str, encoding: str = "utf-8", **options: Any) -> str:
    environment = {**os.environ, "PYTHONPATH": str(REPO), "PYTHONIOENCODING": encoding}
    done = subprocess.run(
        [sys.executable, "-m", "tasks", *arguments],
        cwd=project.folder, env=environment, capture_output=True, check=False, **options,
    )  # fmt: skip
    assert b"Traceback" not in done.stderr, done.stderr
    return (done.stdout + done.stderr).decode(encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_what_a_corpus_says_neither_steers_a_terminal_nor_stops_it(nasty: Project, encoding: str) -> None:
    printed = run(nasty, "query", "SELECT predicate, goal FROM discoveries", encoding=encoding)
    assert terminal.plain(printed) == printed
    assert "\\u001b]0;owned\\u0007" in printed and "\\u202edesrever" in printed
    assert ("Köln" in printed) == (encoding != "ascii")
    rows = json.loads(run(nasty, "query", "SELECT predicate FROM discoveries", "--json", encoding=encoding))
    assert rows == [{"predicate": NASTY}]


def test_studies_errors_and_json_of_commands_are_plain_too(nasty: Project) -> None:
    (told,) = json.loads(run(nasty, "studies", "--json", encoding="ascii"))
    assert told["goal"] == GOAL
    for arguments in (["studies"], ["query", f"SELECT '{NASTY[:5]}' + no"], ["show", "--study", NASTY[1:4]]):
        printed = run(nasty, *arguments, encoding="latin-1")
        assert terminal.plain(printed) == printed and printed


def test_half_a_sign_and_one_beyond_two_bytes_are_read_back_by_json() -> None:
    for text in ("\udcff", "\U0001f600", "\U000e0041", "a\x7fb\x85c"):
        assert json.loads(terminal.plain(json.dumps(text, ensure_ascii=False), "ascii")) == text
    assert terminal.plain("naïve\n\tمرحبا 👩‍👧 ‹ok›") == "naïve\n\tمرحبا 👩‍👧 ‹ok›"


def test_a_closed_pipe_is_silent(nasty: Project) -> None:
    environment = {**os.environ, "PYTHONPATH": str(REPO), "PYTHONUNBUFFERED": ""}
    for command in ("explain", "query 'SELECT repeat(predicate, 99) FROM discoveries, range(3000)'"):
        done = subprocess.run(
            ["bash", "-c", f"{sys.executable} -m tasks {command} | head -1; exit ${{PIPESTATUS[0]}}"],
            cwd=nasty.folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.stderr == "" and done.returncode in {0, 141}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_behind_standard_output_is_one_line(nasty: Project) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tasks", "studies"], cwd=nasty.folder, stdout=full,
            env={**os.environ, "PYTHONPATH": str(REPO)}, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.stderr == "error: No space left on device. Free space, then rerun.\n"
    assert done.returncode == 17


def test_bars_still_move_and_lines_above_them_are_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    shown = Screen()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setattr(progress, "SHOW_AFTER_S", 1e-9)
    monkeypatch.setattr(progress, "DRAW_EVERY_S", 0.0)

    def work() -> None:
        with progress.bar("judge", 2) as advance:
            advance()
            print(f"warning: {NASTY}", file=sys.stderr)

    assert exit_code(work) == 0
    assert "\r" in shown.getvalue() and "\\u001b[31mred" in shown.getvalue()
    assert "\x1b[31m" not in shown.getvalue() and sys.stderr is shown
