"""What `check` says of this kind: explained inputs and explainers."""

from collections.abc import Mapping
from typing import Any

from tasks.kinds import lines


def sizes(found: Mapping[str, Any]) -> list[str]:
    """Explained inputs, who explains, and what was left out."""
    explore, confirm = (sum(found[half].values()) for half in ("explore_texts", "confirm_texts"))
    explainers = found["read"]["explainers"]
    shown = ", ".join(explainers[:5]) + (" ..." if len(explainers) > 5 else "")
    return [
        f"  {len(explainers):,} explainer{'s' * (len(explainers) != 1)}: {shown}",
        f"  {explore:,} explained inputs to propose from, {confirm:,} to test on",
        f"  left out: {found['n_blank']:,} blank; cut to length: {found['n_cut']:,}",
        *[f"  {what}: {where}" for what, where in lines.changes(found)],
        *lines.families(found["near_duplicates"], "explained inputs"),
        *[f"  {note}" for note in found["notes"]],
        *lines.masked(found),
    ]
