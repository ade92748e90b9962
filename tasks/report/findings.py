"""Findings: discoveries with paraphrases folded under one of them, and the number that each goes by.

The page, `show` and the Prefect UI number them alike: they all ask here.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

Row = dict[str, Any]
"""One tested predicate: its rows of predicates, scores and discoveries side by side."""


def by_certainty(row: Mapping[str, Any]) -> tuple[bool, float, str]:
    """Sort key: the end of the interval nearest to zero, in the claimed direction, largest first."""
    nearest = row["lo"] if row["direction"] == "A" else -row["hi"]
    return (not row["is_discovery"], -nearest if math.isfinite(nearest) else math.inf, row["predicate_id"])


def findings(rows: Sequence[Row]) -> list[Row]:
    """Discoveries by paraphrase group: the leader (or the best that held) with `members` folded under it.

    Each has its `number`: 1, 2, ... of the findings, 1.1, 1.2, ... of those folded under the first.
    """
    groups: dict[str, list[Row]] = {}
    for row in sorted((row for row in rows if row["is_discovery"]), key=by_certainty):
        groups.setdefault(row["group_id"], []).append(row)
    heads = []
    for group_id, members in groups.items():
        head = next((row for row in members if row["predicate_id"] == group_id), members[0])
        heads.append((head, [row for row in members if row is not head]))
    heads.sort(key=lambda one: by_certainty(one[0]))
    return [
        {
            **head,
            "number": number,
            "members": [{**row, "number": f"{number}.{i}"} for i, row in enumerate(folded, start=1)],
        }
        for number, (head, folded) in enumerate(heads, start=1)
    ]


def rejected(rows: Sequence[Row]) -> list[Row]:
    """What is no discovery, closest first. Its numbers go on where findings end."""
    others = [row for row in rows if not row["is_discovery"]]
    others.sort(key=lambda row: (_last(row["q"]), _last(row["p"]), row["predicate_id"]))
    return [{**row, "number": number} for number, row in enumerate(others, start=len(findings(rows)) + 1)]


def numbers(rows: Sequence[Row]) -> dict[str, str]:
    """predicate_id -> number, of all that was tested, in the order of the numbers."""
    numbered = [one for head in findings(rows) for one in (head, *head["members"])]
    return {row["predicate_id"]: str(row["number"]) for row in (*numbered, *rejected(rows))}


def _last(value: float | None) -> float:
    return value if value is not None and math.isfinite(value) else math.inf
