"""What a report of units shows beside the findings: a table of all named ends."""

from tasks.kinds.directions import tables
from tasks.kinds.parts import Outputs, Section
from tasks.store import frames


def section(outputs: Outputs) -> Section:
    """A row for each named end, by unit: its sentence, V with interval, and how well it reads the unit."""
    readings = frames.read(outputs.folder["score"], "readings.parquet", tables.READINGS)
    n_units = frames.read_manifest(outputs.folder["propose"])["n_units"]
    tested = {row["predicate_id"]: row for row in outputs.rows}
    numbers = {row["predicate_id"]: row["number"] for row in outputs.found}
    rows = [
        {**one, "row": tested[one["predicate_id"]], "number": numbers.get(one["predicate_id"])}
        for one in readings.iter_rows(named=True)
    ]
    rows.sort(key=lambda one: (-(one["row"]["is_discovery"]), -abs(one["row"]["validity"] or 0), one["unit"]))
    return Section(
        "Units",
        "units",
        "page.html",
        {"units": rows, "n_units": n_units},
        lead="lead.html",
        needs_findings=False,
        page="What units respond to",
    )
