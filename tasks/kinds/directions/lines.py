"""What `check` says of this kind: inputs and units."""

from collections.abc import Mapping
from typing import Any

from tasks.kinds import lines
from tasks.kinds.directions.ends import ALSO, FIRST


def sizes(found: Mapping[str, Any]) -> list[str]:
    """One pile of inputs, the units, and what was left out."""
    explore, confirm = (found[half][FIRST] for half in ("explore_texts", "confirm_texts"))
    elsewhere = found["confirm_texts"].get(ALSO)
    return [
        _units(found["read"]["activations"]),
        f"  {explore:,} inputs to propose from, {confirm:,} to test on",
        *([f"  {elsewhere:,} inputs of the other corpus, to test on as well"] if elsewhere else []),
        f"  left out: {found['n_merged']:,} duplicates, {found['n_blank']:,} blank; cut to length: "
        f"{found['n_cut']:,}",
        *[f"  {what}: {where}" for what, where in lines.changes(found)],
        *lines.families(found["near_duplicates"], "inputs"),
        *[f"  {note}" for note in found["notes"]],
        *lines.masked(found),
    ]


def _units(read: Mapping[str, Any]) -> str:
    if "file" in read:
        return f"  {read['units']:,} units of {read['file']}, each with a high and a low end"
    return f"  {read['units'] or 'all'} {read['parts']} of {read['target']}"
