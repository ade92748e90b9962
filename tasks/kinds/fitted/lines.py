"""What `check` says of a pile of texts with a model: its size, what is explained, what could be found."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from tasks.kinds import lines

_SHOWN = 12
"""Classes whose sizes are told."""
_LONG = 40
"""Characters of a label that are shown."""
_SMALL_GAIN = 0.3
"""Bits up to which a gain is told as guesses, too."""
_TIMES = ("date", "year", "number", "version")
"""What values are that are times."""
_BEFORE = 0.1
"""Share before the jump by which a gain is told."""
_NOUN = {
    "date": "dates",
    "year": "years",
    "number": "numbers",
    "version": "versions",
    "score": "scores",
    "label": "labels",
}


def sizes(found: Mapping[str, Any]) -> list[str]:
    """The pile, the values, and what was left out or changed."""
    explore, confirm = (sum(found[f"{half}_texts"].values()) for half in ("explore", "confirm"))
    return [
        f"  {explore + confirm:,} {lines.corpus(found)}: {explore:,} to propose from, {confirm:,} to test on",
        *_values(found),
        f"  left out: {', '.join(_left_out(found))}; cut to length: {found['n_cut']:,}",
        *[f"  {what}: {where}" for what, where in (*lines.drawn(found), *lines.changes(found))],
        *lines.families(found["near_duplicates"], lines.corpus(found)),
        *[f"  {note}" for note in found["notes"]],
        *lines.masked(found),
    ]


def _values(found: Mapping[str, Any]) -> list[str]:
    """What is to be explained."""
    read, known = found["read"].get("values"), found.get("values")
    if not read or not known:
        return []
    head = f"  explained: {_NOUN[read['is']]} in column {read['column']!r}"
    if "classes" in known:
        told = f"{head}, {len(known['classes']):,} classes: {_classes(known['classes'])}"
    else:
        tied = (
            f"; {known['n_tied']:,} {lines.corpus(found)} share theirs with another"
            if known["n_tied"]
            else ""
        )
        told = f"{head}, {known['first']} to {known['last']}, {known['n_distinct']:,} different ones{tied}"
    return [told, *[f"  {one}" for one in read["told"]]]


def _classes(classes: list[Mapping[str, Any]]) -> str:
    told = [f"{_in_line(one['value'])} {one['explore']:,} + {one['confirm']:,}" for one in classes[:_SHOWN]]
    more = f" and {len(classes) - _SHOWN:,} more" if len(classes) > _SHOWN else ""
    return f"{', '.join(told)}{more} (to propose from + to test on)"


def _in_line(value: str) -> str:
    """A label as part of a line, whatever stands in it."""
    shown = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    return shown if len(shown) <= _LONG else f"{shown[: _LONG - 1]}…"


def _left_out(found: Mapping[str, Any]) -> list[str]:
    read = found["read"].get("values", {})
    gone = {
        "without a value": read.get("n_missing"),
        "with an unreadable one": read.get("n_unreadable"),
        "of too small classes": read.get("n_small"),
    }
    return [
        f"{found['n_merged']:,} duplicates",
        f"{found['n_blank']:,} blank",
        *[f"{n:,} {what}" for what, n in gone.items() if n],
    ]


def effect(found: Mapping[str, Any]) -> list[str]:
    """The smallest gain that is found in 4 of 5 cases; nothing where none can be told."""
    smallest = found["smallest_effect"]
    if smallest["alone"] is None:
        return []
    one, many = (_bits(smallest[name]) for name in ("alone", "of_many"))
    is_time = found["read"].get("values", {}).get("is") in _TIMES
    alike = (_as_jump if is_time else _as_guesses)(smallest["alone"])
    row = lines.corpus(found).removesuffix("s")
    return [
        f"  smallest gain found in 4 of 5 cases: about {one} bits a {row} for one hypothesis{alike}, {many} "
        "among many"
    ]


def _bits(gain: float) -> str:
    return f"{gain:.2g}" if gain < 1 else f"{gain:.1f}"


def _as_guesses(gain: float) -> str:
    """The gain as what a guess of one of two even things would gain by it."""
    if gain > _SMALL_GAIN:
        return ""
    right = 0.5 + np.sqrt(gain * np.log(2) / 2)
    return f" (as much as guessing one of two even things with {right:.0%} right)"


def _as_jump(gain: float) -> str:
    """The gain as the jump of a share halfway through the texts, which tells as much of what comes when."""
    after = np.linspace(_BEFORE, 1, 901)
    told = _entropy((_BEFORE + after) / 2) - (_entropy(after) + _entropy(np.array(_BEFORE))) / 2
    if gain > told[-1]:
        return ""
    return (
        f" (as much as a share that jumps from {_BEFORE:.0%} to {after[np.argmax(told >= gain)]:.0%} halfway)"
    )


def _entropy(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bits that a verdict takes which is yes in this share."""
    return np.asarray((special.entr(share) + special.entr(1 - share)) / np.log(2))
