"""Shares over time: a panel for each predicate, with its band and where it jumps."""

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.kinds.fitted.axis import is_known, round_step
from tasks.kinds.timeline.calendar import Calendar

Row = dict[str, Any]


def panel(
    row: Mapping[str, Any],
    shares: Sequence[Mapping[str, Any]],
    changes: Sequence[Mapping[str, Any]],
    calendar: Calendar,
) -> Row | None:
    """What is drawn of a predicate; None where its shares at fewer than two times are known.

    Places are percent of the picture, downwards.

    Args:
        row: the predicate.
        shares: rows of fitted.tables.COVERAGE with the `time` of each, in the order of time.
        changes: its rows of fitted.tables.CHANGES.
        calendar: of the study.
    """
    known = [one for one in shares if is_known(one["share"])]
    if len(known) < 2:
        return None
    most = max(one["hi"] if is_known(one["hi"]) else one["share"] for one in known)
    step = round_step(max(most, 0.002), 3)
    top = max(most * 1.06, step)

    def place(time: float, share: float) -> str:
        return f"{calendar.at(time):g},{_down(share, top):g}"

    banded = [one for one in known if is_known(one["lo"]) and is_known(one["hi"])]
    upper = [place(one["time"], one["hi"]) for one in banded]
    lower = [place(one["time"], one["lo"]) for one in reversed(banded)]
    return {
        "row": row,
        "told": told(shares, changes, calendar),
        "line": " ".join(place(one["time"], one["share"]) for one in known),
        "area": " ".join([*upper, *lower]),
        "jumps": [_jump(one, calendar) for one in changes],
        "y": [
            {"at": _down(i * step, top), "share": round(i * step, 6)}
            for i in range(int(top / step + 1e-9) + 1)
        ],
    }


def _jump(change: Mapping[str, Any], calendar: Calendar) -> Row:
    left, right = (calendar.at(change[end]) for end in ("lo", "hi"))
    return {"at": calendar.at(change["at"]), "from": left, "wide": round(max(right - left, 0.6), 2)}


def _down(share: float, top: float) -> float:
    return round(100 * (1 - min(share, top) / top), 2)


def told(
    shares: Sequence[Mapping[str, Any]], changes: Sequence[Mapping[str, Any]], calendar: Calendar
) -> str:
    """The course of a share in words: from where to where, or that it is not clear, and its jumps.

    Args:
        shares, changes: as of `panel`.
        calendar: of the study.
    """
    known = [one for one in shares if all(is_known(one[name]) for name in ("share", "lo", "hi"))]
    parts = [_course(known, calendar)] if known else []
    parts += [jump_words(one, calendar) for one in sorted(changes, key=lambda one: one["at"])]
    return "; ".join(parts)


def _course(known: Sequence[Mapping[str, Any]], calendar: Calendar) -> str:
    first, last = known[0], known[-1]
    highest = max(known, key=lambda one: one["share"])
    lowest = min(known, key=lambda one: one["share"])
    if last["lo"] > first["hi"]:
        trend = "rose"
    elif last["hi"] < first["lo"]:
        trend = "fell"
    elif highest["lo"] > max(first["hi"], last["hi"]):
        return (
            f"rose from {_at(first, calendar)} to {_at(highest, calendar)} and fell again to "
            f"{_at(last, calendar)}"
        )
    elif lowest["hi"] < min(first["lo"], last["lo"]):
        return (
            f"fell from {_at(first, calendar)} to {_at(lowest, calendar)} and rose again to "
            f"{_at(last, calendar)}"
        )
    else:
        return f"shows no clear rise or fall between {_at(first, calendar)} and {_at(last, calendar)}"
    return f"{trend} from {_at(first, calendar)} to {_at(last, calendar)}"


def jump_words(change: Mapping[str, Any], calendar: Calendar) -> str:
    """When it jumped, with the interval of the place, and from which share to which."""
    at, lo, hi = (calendar.said(change[end], is_fine=True) for end in ("at", "lo", "hi"))
    between = f" [{lo}, {hi}]" if lo != hi else ""
    return f"jumps at {at}{between} from {_share(change['before'])} to {_share(change['after'])}"


def _at(one: Mapping[str, Any], calendar: Calendar) -> str:
    return f"{_share(one['share'])} ({calendar.said(one['time'])})"


def _share(value: float) -> str:
    return f"{100 * value:.{int(0 < value < 0.1)}f}%"
