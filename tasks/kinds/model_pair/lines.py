"""What `check` says there is to compare."""

from collections.abc import Mapping
from typing import Any

from tasks.kinds import lines
from tasks.kinds.model_pair import pairing


def sizes(found: Mapping[str, Any]) -> list[str]:
    """Pairs, what is missing of each model, and what was left out or changed."""
    n = {half: max(found[f"{half}_texts"].values()) for half in ("explore", "confirm")}
    names, read = found["names"], found["read"]
    gone = [*pairing.left_out(read["left_out"]), _copies(found)]
    missing = [f"{model}: {lacks:,}" for model, lacks in read["missing"].items() if lacks]
    return [
        f"  A {names['A']} against B {names['B']}: {sum(n.values()):,} pairs, {n['explore']:,} to propose "
        f"from, {n['confirm']:,} to test on",
        f"  prompts without an answer: {', '.join(missing) or 'none'}",
        *_preferred(read.get("preferred", {}), names),
        f"  left out: {', '.join(gone)}; cut to length: {found['n_cut']:,}",
        *[f"  {what}: {where}" for what, where in lines.changes(found)],
        *lines.families(found["near_duplicates"], "prompts"),
        *[f"  {note}" for note in [*found["remarks"], *found["notes"]]],
        *lines.masked(found),
    ]


def _preferred(counts: Mapping[str, int], names: Mapping[str, str]) -> list[str]:
    """How often which side is preferred."""
    told = [f"{names.get(side, side)} {n:,}" for side, n in counts.items() if n or side in names]
    return [f"  preferred: {', '.join(told)}"] if told else []


def _copies(found: Mapping[str, Any]) -> str:
    return f"{found['n_merged'] // 2:,} copies of a pair"
