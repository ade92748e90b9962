"""Rebuild the team's memory from the recorded Parquet."""

import argparse

from tasks import paths
from tasks.store import duck


def run(arguments: argparse.Namespace) -> None:
    """Loads every study that is there."""
    n_studies = duck.load_all()
    file = paths.discoveries_db().relative_to(paths.root())
    print(f"loaded {n_studies} {'study' if n_studies == 1 else 'studies'} into {file}")
