"""What a report of units shows: a card for each finding with its inputs, and a table of all named ends."""

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
            # A language model judges random inputs, and each name's own end; all else is a sample's figure.
            "is_partly": outputs.study.engine == "llm",
        },
        also=[("Inputs", "inputs")] if shown else [],
        is_evidence=True,
        lead="lead.html",
        needs_findings=False,
        style="units.css",
        page="What units respond to",
    )
