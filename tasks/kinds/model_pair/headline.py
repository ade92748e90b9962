"""The headline of a study: how well its traits tell whose answer is which, and which is preferred."""

from collections.abc import Mapping
from typing import Any

from tasks import paths
from tasks.kinds.model_pair import tables
from tasks.store import frames
from tasks.study import Study


def headline(study: Study) -> dict[str, Mapping[str, Any]]:
    """By target (model, preference): how much is told by traits, its interval lo and hi, and by each baseline.

    Empty of a sequential plan.

    Raises:
        MissingStageError: score has not run.
        StoreError: its table is damaged.
    """
    folder = paths.output(study.name, "score")
    if study.verify.plan != "fixed":
        return {}
    told = frames.read(folder, "telling.parquet", tables.TELLING)
    found = {}
    for target in told["target"].unique(maintain_order=True):
        rows = {row["by"]: row for row in told.filter(target=target).to_dicts()}
        ends = {name: rows["traits"][name] for name in ("n", "lo", "hi")}
        found[target] = {by: row["accuracy"] for by, row in rows.items()} | ends
    return found
