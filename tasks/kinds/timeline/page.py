"""What a report of texts with times shows: shares over time, and where they jump."""

from collections.abc import Sequence
from typing import Any

from tasks.kinds.fitted import page
from tasks.kinds.parts import Outputs, Section
from tasks.kinds.timeline import picture
from tasks.kinds.timeline.calendar import Calendar

Row = dict[str, Any]
MOST_PANELS = 24
_WORDS = {
    "evidence": "Beside each its time.",
    "supports": "For: it holds, at a time when the model says that it is frequent",
    "contradicts": "Against: it holds, at a time when the model says that it is rare",
}


def section(outputs: Outputs) -> Section:
    """The page's part of kind `timeline`."""
    of = page.read(outputs)
    calendar = Calendar.of(of.values)
    courses = {row["predicate_id"]: course(of, row["predicate_id"], calendar) for row in of.found}
    panels = [
        picture.panel(row, courses[row["predicate_id"]], of.changes.get(row["predicate_id"], []), calendar)
        for row in of.found[:MOST_PANELS]
    ]
    shared = page.shared(of)
    listed = jumps(of, calendar)
    own = {
        **shared,
        "words": _WORDS,
        "panels": [panel for panel in panels if panel],
        "has_jumps": any(panel["jumps"] for panel in panels if panel),
        "ticks": calendar.ticks(),
        "jumps": listed,
        "headings": [("Jumps", "jumps")] if listed else [],
    }
    ends = f"{calendar.said(calendar.lo)} to {calendar.said(calendar.hi)}"
    return page.section(
        outputs,
        own,
        page=f"What changed, {ends}",
        answer=page.answer(
            shared["together"], len(outputs.rows), "tell {bits} bits per text of which texts come when"
        ),
        said={
            id_: f"its share {told}"
            for id_, shares in courses.items()
            if (told := picture.told(shares, of.changes.get(id_, []), calendar))
        },
    )


def course(of: page.Read, predicate_id: str, calendar: Calendar) -> list[Row]:
    """Its shares over time, each with its `time` as a number, in order."""
    slots = of.coverage.get(predicate_id, {})
    timed = [{**row, "time": calendar.number(slot)} for slot, row in slots.items() if slot]
    return sorted((row for row in timed if row["time"] is not None), key=lambda row: row["time"])


def jumps(of: page.Read, calendar: Calendar) -> Sequence[Row]:
    """All jumps of tested predicates, findings first."""
    numbers = {row["predicate_id"]: row["number"] for row in of.found}
    order = [*of.found, *(row for row in of.outputs.rows if row["predicate_id"] not in numbers)]
    return [
        {
            **change,
            **{end: calendar.said(change[end], is_fine=True) for end in ("at", "lo", "hi")},
            "number": numbers.get(row["predicate_id"], "–"),
            "predicate": row["predicate"],
        }
        for row in order
        for change in sorted(of.changes.get(row["predicate_id"], []), key=lambda one: one["at"])
    ]
