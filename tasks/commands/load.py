"""Rebuild the team's memory from the recorded Parquet."""

import argparse

from tasks import paths
from tasks.store import duck


def run(arguments: argparse.Namespace) -> None:
    """Loads every study that is there."""
    print(f"loaded {duck.load_all()} studies into {paths.discoveries_db()}")
