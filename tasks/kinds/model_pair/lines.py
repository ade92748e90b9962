"""What `check` says there is of prompts with two answers."""

import json
from collections.abc import Mapping
from typing import Any

from tasks.kinds import lines


def sizes(found: Mapping[str, Any]) -> list[str]:
    """Prompts by half, whose answers, how many are empty, and what was left out or joined."""
    explore, confirm = found["explore_texts"]["A"], found["confirm_texts"]["A"]
    empty = found.get("n_empty") or {}
    width = max(len(name) for name in found["names"].values())
    return [
        f"  {explore + confirm:,} prompts with two answers: {explore:,} to propose from, {confirm:,} to "
        "test on",
        *[
            f"  {group}  {name:<{width}}  {empty.get(group, 0):>6,} empty answers"
            for group, name in found["names"].items()
        ],
        f"  left out: {found['n_merged'] // 2:,} pairs that stand twice; cut to length: "
        f"{found['n_cut']:,} answers",
        *[f"  {what}: {where}" for what, where in lines.changes(found)],
        *_families(found["near_duplicates"]),
        *[f"  {note}" for note in found["notes"]],
    ]


def _families(copied: Mapping[str, Any]) -> list[str]:
    if not copied["n_families"]:
        return []
    return [
        f"  near-duplicate prompts: {copied['share']:.0%} in {copied['n_families']:,} families; a family "
        "counts as one document",
        *[
            f"    {one['n_texts']:,} like "
            + " and ".join(json.dumps(text, ensure_ascii=False) for text in one["texts"])
            for one in copied["examples"]
        ],
    ]
