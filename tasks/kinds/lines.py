"""What `check` says of two groups of texts: what there is, and what a fixed plan could find."""

import json
from collections.abc import Mapping
from typing import Any

from tasks.kinds import answered
from tasks.store.canonical import CHANGES

OVERLAP = {
    "draw": "each put in one by chance",
    "drop": "left out of both",
    "keep": "counted once in each",
}
"""What was done with texts that stood in both groups, by collect.overlap."""


def corpus(found: Mapping[str, Any]) -> str:
    """What the rows are."""
    return "pictures" if "pictures" in found else "texts"


def sizes(found: Mapping[str, Any]) -> list[str]:
    """A line a group, and what was left out."""
    lines = []
    width = max(len(name) for name in found["names"].values())
    for group, name in found["names"].items():
        explore, confirm = found["explore_texts"][group], found["confirm_texts"][group]
        lines.append(
            f"  {group}  {name:<{width}}  {explore + confirm:>9,} {corpus(found)}: {explore:,} to propose "
            f"from, {confirm:,} to test on"
        )
    return [
        *lines,
        f"  left out: {found['n_merged']:,} duplicates, {found['n_blank']:,} blank; in neither group: "
        f"{found['read'].get('rows_of_neither', 0):,}; cut to length: {found['n_cut']:,}",
        f"  {corpus(found)} that stand in both groups, {OVERLAP[found['overlap']]}: {found['n_overlap']:,}",
        *[f"  {what}: {where}" for what, where in (*drawn(found), *pictures(found), *changes(found))],
        *families(found["near_duplicates"], corpus(found)),
        *[f"  {line}" for line in answered.lines(found["read"])],
        *[f"  {note}" for note in found["notes"]],
        *masked(found),
    ]


def masked(found: Mapping[str, Any]) -> list[str]:
    """What was cut out or replaced, and in how many texts."""
    return [
        f"  {json.dumps(entry, ensure_ascii=False)} is hidden in {n:,} texts"
        for entry, n in found.get("masked", {}).items()
    ]


def changes(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was changed so that texts that look the same are the same, and in how many rows of each group."""
    return [
        (CHANGES[kind], ", ".join(_of_group(found, counted, group) for group in counted["n"]))
        for kind, counted in found.get("changed", {}).items()
    ]


def drawn(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How many documents were drawn of how many (collect.sample); nothing where all were taken."""
    if not (told := found["read"].get("sampled")):
        return []
    names = found["names"] if len(told) > 1 else {}
    said = [
        f"{one['drawn']:,} of {one['of']:,} documents" + (f" of {names[group]}" if names else "")
        for group, one in told.items()
    ]
    return [("drawn by chance", ", ".join(said))]


def pictures(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How many pictures were read, in which formats, and how large they are."""
    if not (told := found.get("pictures")):
        return []
    formats = ", ".join(f"{n:,} {name}" for name, n in told["formats"].items())
    n_bad = sum(one["n"] for one in told["unreadable"].values())
    left = f"; {n_bad:,} could not be read" if n_bad else ""
    sides = " x ".join(_range(told[side]) for side in ("width", "height"))
    return [("pictures", f"{formats}{left}"), ("pixels, width x height", sides)]


def _range(side: Mapping[str, float]) -> str:
    if side["least"] == side["most"]:
        return f"{side['least']:,}"
    return f"{side['least']:,} to {side['most']:,} (median {side['median']:,.0f})"


def _of_group(found: Mapping[str, Any], counted: Mapping[str, Any], group: str) -> str:
    of = f" of {found['names'][group]}" if len(counted["n"]) > 1 else ""
    return f"{counted['n'][group]:,} rows{of} ({counted['share'][group]:.0%})"


def families(copied: Mapping[str, Any], alike: str) -> list[str]:
    """Near-duplicates, with some to look at; `alike` is what they are."""
    if not copied["n_families"]:
        return []
    return [
        f"  near-duplicates: {copied['n_texts']:,} {alike} ({copied['share']:.0%}) in "
        f"{copied['n_families']:,} families, at most {copied['largest']:,} in one; a family counts "
        "as one document",
        *[
            f"    {one['n_texts']:,} like "
            + " and ".join(json.dumps(t, ensure_ascii=False) for t in one["texts"])
            for one in copied["examples"]
        ],
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
