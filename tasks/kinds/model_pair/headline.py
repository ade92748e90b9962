"""The headline of a study: how well its traits tell whose answer is which, and which is preferred."""

from collections.abc import Mapping
from typing import Any

from tasks import paths
from tasks.kinds.model_pair import tables
from tasks.store import frames
from tasks.study import Study

_TARGETS = {"model": "which model wrote it", "preference": "which answer is preferred"}
_BESIDE = {"surface": "surface counts", "length": "length alone", "size": "size alone"}


def headline(study: Study) -> dict[str, Mapping[str, Any]]:
    """By target (model, preference): what traits tell, with lo and hi of its interval, and what baselines do.

    Empty of a sequential plan.

    Raises:
        MissingStageError: score has not run.
        StoreError: its table is damaged.
    """
    folder = paths.output(study.name, "score")
    if study.verify.plan != "fixed":
        return {}
    told = frames.read(folder, "telling.parquet", tables.TELLING)
    found: dict[str, Mapping[str, Any]] = {}
    for target in told["target"].unique(maintain_order=True):
        rows = {row["by"]: row for row in told.filter(target=target).to_dicts()}
        ends = {name: rows["traits"][name] for name in ("n", "lo", "hi")}
        found[target] = {by: row["accuracy"] for by, row in rows.items()} | ends
    return found


def line(target: str, told: Mapping[str, Any]) -> str:
    """How often traits tell it right, and how often what needs none does."""
    ends = "" if told["lo"] is None else f" [{told['lo']:.0%}, {told['hi']:.0%}]"
    always = "always the same one" if target == "preference" else "a coin"
    names = _BESIDE | {"majority": always}
    beside = ", ".join(f"{said} {told[by]:.0%}" for by, said in names.items() if told.get(by) is not None)
    return (
        f"  {_TARGETS[target]}: told right by traits alone in {told['traits']:.0%}{ends} of {told['n']:,} "
        f"pairs; by {beside}"
    )
