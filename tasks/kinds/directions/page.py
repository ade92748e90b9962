"""What a report of units shows: a card for each finding with its inputs, and a table of all named ends."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tasks.kinds.directions import tables
from tasks.kinds.directions.cards import N_SHOWN, cards
from tasks.kinds.directions.params import own
from tasks.kinds.parts import Outputs, Section
from tasks.store import frames


def section(outputs: Outputs) -> Section:
    """A row for each named end: its test, and how well it reads the unit; a card for each finding."""
    readings = frames.read(outputs.folder["score"], "readings.parquet", tables.READINGS)
    n_units = frames.read_manifest(outputs.folder["propose"])["n_units"]
    tested = {row["predicate_id"]: row for row in outputs.rows}
    numbers = {row["predicate_id"]: row["number"] for row in outputs.found}
    rows = [
        {**one, "row": tested[one["predicate_id"]], "number": numbers.get(one["predicate_id"])}
        for one in readings.iter_rows(named=True)
    ]
    rows.sort(key=lambda one: (-(one["row"]["is_discovery"]), -abs(one["row"]["validity"] or 0), one["unit"]))
    also = own(outputs.study).also_on
    found = [one for one in rows if one["row"]["is_discovery"]]
    n_hold = sum((one["also_lo"] or 0) > 0 for one in found)
    shown = cards(outputs, {one["predicate_id"]: one for one in rows})
    further = [("What is lost without them", "causal")] if (lost := _causal(outputs, rows)) else []
    further += [("The repair", "repair")] if (made := _repair(outputs)) else []
    return Section(
        "Units",
        "units",
        "page.html",
        {
            "units": rows,
            "n_units": n_units,
            "cards": shown,
            "n_shown": N_SHOWN,
            "also": also and {"name": also.path, "n": len(found), "n_hold": n_hold},
            "causal": lost,
            "repair": made,
            # A language model judges random inputs, and each name's own end; all else is a sample's figure.
            "is_partly": outputs.study.engine == "llm",
        },
        also=[("Inputs", "inputs")] * bool(shown) + further,
        is_evidence=True,
        lead="lead.html",
        needs_findings=False,
        style="units.css",
        page="What units respond to",
        inputs=[one["text_id"] for card in shown for side in card["columns"] for one in side["inputs"]],
    )


def _causal(outputs: Outputs, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The causal test of each discovery, by unit; empty where units are no parts of an encoder."""
    if not (outputs.folder["score"] / "causal.parquet").is_file():
        return []
    table = frames.read(outputs.folder["score"], "causal.parquet", tables.CAUSAL)
    of, alpha = {one["predicate_id"]: one for one in rows}, outputs.study.score.alpha
    lost = [
        {
            **one,
            **{key: of[one["predicate_id"]][key] for key in ("sentence", "number")},
            "does": one["q"] is not None and one["q"] <= alpha and one["lo"] > 0,
        }
        for one in table.iter_rows(named=True)
    ]
    return sorted(lost, key=lambda one: one["number"] or 0)


def _repair(outputs: Outputs) -> dict[str, Any] | None:
    """The repair with what it did to the pairs of the fit; None where none was asked for."""
    if own(outputs.study).repair is None:
        return None
    made = json.loads((outputs.folder["score"] / "repair.json").read_text(encoding="utf-8"))
    pairs = frames.read(outputs.folder["score"], "repair_pairs.parquet", tables.REPAIR_PAIRS)
    near = [(pl.col(side) >= (made["threshold"] or 1)).mean() for side in ("before", "after")]
    told = pairs.group_by("differs", "failure", maintain_order=True).agg(pl.len().alias("n"), *near)
    return {
        "study": outputs.study.name,
        "base": made["base"],
        "threshold": made["threshold"],
        "ablated": sorted(made["means"]),
        "pairs": told.to_dicts(),
    }
