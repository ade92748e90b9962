"""What `check` says of this kind: inputs and units."""

from collections.abc import Mapping
from typing import Any

from tasks.kinds import lines


def sizes(found: Mapping[str, Any]) -> list[str]:
    """One pile of inputs, the units, and what was left out."""
    explore, confirm = (sum(found[half].values()) for half in ("explore_texts", "confirm_texts"))
    return [
        _units(found["read"]["activations"]),
        f"  {explore:,} inputs to propose from, {confirm:,} to test on",
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
