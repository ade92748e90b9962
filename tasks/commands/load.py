"""Rebuild the team's memory from the recorded Parquet."""

import argparse
from collections.abc import Mapping
from typing import Any

from tasks import paths
from tasks.commands import output
from tasks.store import duck


def run(arguments: argparse.Namespace) -> None:
    """Loads every study that is there."""
    file = paths.discoveries_db().relative_to(paths.root())
    found = {"n_studies": duck.load_all(), "file": file.as_posix()}
    output(found, lines, arguments.json)


def lines(found: Mapping[str, Any]) -> list[str]:
    """What was loaded."""
    n = found["n_studies"]
    return [f"loaded {n} {'study' if n == 1 else 'studies'} into {found['file']}"]
