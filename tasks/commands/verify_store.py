"""Prove that the database holds exactly what the recorded Parquet holds."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.commands import output
from tasks.errors import MismatchError
from tasks.store import equal


def run(arguments: argparse.Namespace) -> None:
    """Prints what was compared.

    Raises:
        MismatchError: something differs.
    """
    found = [one.as_dict() for one in equal.compared()]
    wrong = [one for one in found if one["state"] == "differs"]
    is_proven = all(one["state"] == "equal" for one in found)
    output({"is_equal": not wrong, "is_proven": is_proven, "compared": found}, lines, arguments.json)
    if wrong:
        raise MismatchError(
            f"verify-store: wanted DuckDB equal to the Parquet it came from; {len(wrong)} of {len(found)} "
            "comparisons differ. `natstat load` writes down what DuckDB alone has. Where the Parquet is "
            "right, delete data/discoveries.duckdb first; where DuckDB is, the run's folder in data/.runs."
        )


def lines(found: Mapping[str, Any]) -> Sequence[str]:
    """What was compared, and what differs."""
    told = []
    for one in found["compared"]:
        what = f"{one['table']}: {one['n_rows']:,} {'files' if ' ' in one['table'] else 'rows'}"
        if one["state"] == "equal":
            told.append(f"  equal    {what}, as in {one['parquet']}")
        elif one["state"] == "skipped":
            told.append(f"  skipped  {one['parquet']}: {one['skipped']}")
        else:
            told.append(f"  DIFFERS  {what}, not as in {one['parquet']}")
            told += [f"             {difference}" for difference in one["differences"]]
    n_skipped = sum(one["state"] == "skipped" for one in found["compared"])
    if n_skipped:
        told.append(f"{n_skipped} of {len(found['compared'])} skipped: nothing is proven of them")
    return told
