"""Tests are collected in one order: where its workers find them in another, a parallel run stops at once."""

import os
import subprocess
import sys

import pytest

from tests.conftest import REPO


@pytest.mark.slow
def test_the_order_of_tests_does_not_depend_on_the_hash_seed() -> None:
    # Without rewritten asserts: nothing is run, and to rewrite them takes most of the time.
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "--assert=plain",
        "-m",
        "",
        str(REPO / "tests"),
    ]
    runs = [
        subprocess.Popen(
            command, cwd=REPO, env={**os.environ, "PYTHONHASHSEED": seed}, stdout=subprocess.PIPE, text=True
        )
        for seed in ("1", "2")
    ]
    first, second = ([line for line in run.communicate()[0].splitlines() if "::" in line] for run in runs)
    assert [run.returncode for run in runs] == [0, 0]
    assert len(first) > 3000
    assert first == second
