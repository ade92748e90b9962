"""Rebuild the team's memory from the recorded Parquet."""

import argparse
from collections.abc import Mapping
from typing import Any

from tasks import paths
from tasks.commands import output
from tasks.store import duck


def run(arguments: argparse.Namespace) -> None:
    """Loads every study and past run that is there."""
    duck.load_all()
    counted = duck.query("SELECT count(*) AS n_runs, count(DISTINCT study) AS n_studies FROM runs")
    file = paths.discoveries_db().relative_to(paths.root())
    output({**counted.row(0, named=True), "file": file.as_posix()}, lines, arguments.json)


def lines(found: Mapping[str, Any]) -> list[str]:
    """What the database holds now."""
    runs, studies = found["n_runs"], found["n_studies"]
    return [
        f"loaded {runs} {'run' if runs == 1 else 'runs'} of {studies} "
        f"{'study' if studies == 1 else 'studies'} into {found['file']}"
    ]
