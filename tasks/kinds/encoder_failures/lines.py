"""What `check` says of this kind: the pile, what would be written, and what would be found."""

from collections.abc import Mapping
from typing import Any

from tasks.kinds import lines


def sizes(found: Mapping[str, Any]) -> list[str]:
    """One pile of texts, and what would be written."""
    explore, confirm = (sum(found[half].values()) for half in ("explore_texts", "confirm_texts"))
    n_searched = explore * (explore - 1) // 2
    written = found["written"]
    return [
        f"  {explore:,} texts to propose from, {n_searched:,} pairs of them to mine; {confirm:,} texts that "
        "a search is tried on",
        f"  left out: {found['n_merged']:,} duplicates, {found['n_blank']:,} blank; cut to length: "
        f"{found['n_cut']:,}",
        *[f"  {what}: {where}" for what, where in (*lines.drawn(found), *lines.changes(found))],
        f"  to be written: at most {written['n_predicates']:,} failures x {written['n_fresh']:,} new pairs = "
        f"{written['n_pairs']:,}, and as many controls; to be judged: at most {written['n_judged']:,} pairs",
    ]


def effect(found: Mapping[str, Any]) -> list[str]:
    """The smallest success above the control that is found in 4 of 5 cases."""
    smallest, n_fresh = found["smallest_effect"], found["written"]["n_fresh"]
    alone, of_many = (
        "none" if smallest[name] is None else f"{smallest[name]:.3f}" for name in ("alone", "of_many")
    )
    return [
        f"  smallest success above control found in 4 of 5 cases, of {n_fresh:,} pairs: {alone} for one "
        f"failure, {of_many} among many (where {found['base_share']:.0%} of the controls fail)"
    ]
