"""What `check` says of two groups of texts: what there is, and what a fixed plan could find."""

from collections.abc import Mapping
from typing import Any


def sizes(found: Mapping[str, Any]) -> list[str]:
    """A line a group, and what was left out."""
    lines = []
    width = max(len(name) for name in found["names"].values())
    for group, name in found["names"].items():
        explore, confirm = found["explore_texts"][group], found["confirm_texts"][group]
        lines.append(
            f"  {group}  {name:<{width}}  {explore + confirm:>9,} texts: {explore:,} to propose from, "
            f"{confirm:,} to test on"
        )
    return [
        *lines,
        f"  left out: {found['n_merged']:,} duplicates, {found['n_blank']:,} blank; in both groups: "
        f"{found['n_overlap']:,}; in neither: {found['read'].get('rows_of_neither', 0):,}; cut to length: "
        f"{found['n_cut']:,}",
    ]


def effect(found: Mapping[str, Any]) -> list[str]:
    """The smallest difference that is found in 4 of 5 cases."""
    alone, of_many = found["smallest_effect"]["alone"], found["smallest_effect"]["of_many"]
    if alone is None:
        return ["  too small to find any difference in 4 of 5 cases; collect more documents"]
    beside = "none" if of_many is None else f"{of_many:.3f}"
    return [
        f"  smallest difference found in 4 of 5 cases: {alone:.3f} for one hypothesis, {beside} among many"
    ]
