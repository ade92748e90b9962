"""Where things lie in the pictures of this kind: traits on one plane, accuracies on one axis, tints."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
MOST_POINTS = 25
"""Traits on the plane."""
WIDTH, HEIGHT = 330, 400
"""Pixels of the smallest picture: what does not overlap there does nowhere."""
EDGE = 4.0
"""Percent of the picture that is left free on each side."""
MOST_TINT = 60
"""Percent of colour where an effect is 1: text over it stays readable."""
_FAR = 2.5
"""Times as far as the farthest estimate the axis reaches for the ends of intervals."""
_LABELS = ((9, -7), (-9, -7), (9, 17), (-9, 17), (16, 4), (-16, 4), (0, -9), (0, 20), (22, -7), (-22, -7))
"""Where a number may stand beside its point, in pixels."""
_LETTER, _LINE = 8, 13
"""Width of a digit and height of a line in pixels."""


@dataclass(frozen=True)
class Axis:
    """An axis with round ticks."""

    lo: float
    hi: float
    step: float

    @classmethod
    def over(cls, estimates: Sequence[float], ends: Sequence[float]) -> "Axis":
        """Holds all estimates, zero, and ends of intervals that are not far out."""
        far = _FAR * max([abs(value) for value in estimates] + [0.02])
        within = [min(max(value, -far), far) for value in ends if math.isfinite(value)]
        least, most = min([0.0, *estimates, *within]), max([0.0, *estimates, *within])
        span = max(most - least, 1e-6)
        power = 10 ** math.floor(math.log10(span / 4))
        step = next(times * power for times in (1, 2, 5, 10) if span / (times * power) <= 6)
        return cls(least - EDGE / 100 * span, most + EDGE / 100 * span, step)

    def at(self, value: float) -> float:
        """Percent from the lower end; what lies outside stands at the edge."""
        return 100 * (min(max(value, self.lo), self.hi) - self.lo) / (self.hi - self.lo)

    def ticks(self) -> list[Row]:
        """Round values with their places."""
        first, last = math.ceil(self.lo / self.step), math.floor(self.hi / self.step)
        return [
            {"value": i * self.step, "at": self.at(i * self.step), "label": _label(i * self.step, self.step)}
            for i in range(first, last + 1)
        ]


def _label(value: float, step: float) -> str:
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return "0" if abs(value) < step / 2 else f"{value:+.{digits}f}".replace("-", "−")


def liked(
    found: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    known: Mapping[str, Row],
    alpha: float,
) -> Row | None:
    """Traits across by how they tell models apart, upwards by how liked they are; None without preferences.

    Args:
        found: findings, numbered.
        rows: all that was tested.
        known: predicate_id -> its row of tables.LIKED.
        alpha: up to which q it is clear that a trait is liked or not.
    """
    of = {id_: _with_odds(row, alpha) for id_, row in known.items() if row["coefficient"] is not None}
    lines = [{**row, "liked": of[row["predicate_id"]]} for row in found if row["predicate_id"] in of]
    heads = {line["predicate_id"] for line in lines}
    apart = [
        {**row, "number": None, "liked": of[row["predicate_id"]]}
        for row in rows
        if row["predicate_id"] in of.keys() - heads and of[row["predicate_id"]]["is_clear"]
    ]
    if not lines and not apart:
        return None
    return {
        "lines": [*lines, *apart],
        "n_apart": len(apart),
        "n": max(line["liked"]["n"] for line in (*lines, *apart)),
        "plane": plane(lines[:MOST_POINTS]) if lines else None,
    }


def _with_odds(row: Row, alpha: float) -> Row:
    # An estimate that ran away is no figure to be read.
    odds = f"{math.exp(row['coefficient']):.2f}" if abs(row["coefficient"]) < 5 else "–"
    return {**row, "odds": odds, "is_clear": row["q"] is not None and row["q"] <= alpha}


def plane(lines: Sequence[Mapping[str, Any]]) -> Row:
    """Points with the crosses of their intervals, in percent of the picture."""
    of = [line["liked"] for line in lines]
    x = Axis.over(
        [line["validity"] for line in lines], [e for line in lines for e in (line["lo"], line["hi"])]
    )
    y = Axis.over(
        [one["coefficient"] for one in of],
        [end for one in of for end in (one["lo"], one["hi"]) if end is not None],
    )
    points = [
        {
            "number": line["number"],
            "side": "a" if line["validity"] > 0 else "b",
            "is_clear": line["liked"]["is_clear"],
            "x": x.at(line["validity"]),
            "y": 100 - y.at(line["liked"]["coefficient"]),
            "across": (x.at(line["lo"]), x.at(line["hi"])),
            "upwards": tuple(
                100 - y.at(line["liked"]["coefficient"] if end is None else end)
                for end in (line["liked"]["hi"], line["liked"]["lo"])
            ),
            "title": line["predicate"],
        }
        for line in lines
    ]
    return {
        # The first findings are drawn last, above the others.
        "points": _numbered(points)[::-1],
        "x": x.ticks(),
        # At the lower edge stand the ticks of the other axis.
        "y": [{**tick, "at": 100 - tick["at"]} for tick in y.ticks() if tick["at"] > 2 * EDGE],
        "zero": (x.at(0), 100 - y.at(0)),
    }


def _numbered(points: Sequence[Row]) -> list[Row]:
    """The points with a place for the number of each: none over another, nor over a point."""
    taken = [_box(point["x"], point["y"], 0, 5, 10, 10) for point in points]
    placed = []
    for point in points:
        wide = _LETTER * len(str(point["number"]))
        boxes = [(dx, dy, _box(point["x"], point["y"], dx, dy, wide, _LINE)) for dx, dy in _LABELS]
        free = (one for one in boxes if not any(_overlap(one[2], other) for other in taken))
        dx, dy, box = next(free, boxes[0])
        taken.append(box)
        placed.append({**point, "dx": dx, "dy": dy})
    return placed


def _box(x: float, y: float, dx: float, dy: float, wide: float, high: float) -> tuple[float, ...]:
    middle, base = x / 100 * WIDTH + dx, y / 100 * HEIGHT + dy
    return middle - wide / 2, base - high, middle + wide / 2, base


def _overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def accuracies(lines: Sequence[Row]) -> Row:
    """Accuracies with their intervals in percent of an axis that holds all of them and a half."""
    ends = [end for line in lines for end in (line["lo"], line["hi"], line["accuracy"]) if end is not None]
    least = math.floor(10 * min([0.5, *ends]) - 0.2) / 10
    least = max(0.0, least)

    def at(value: float | None) -> float | None:
        return None if value is None else 100 * (value - least) / (1 - least)

    first = round(10 * least)
    step = 1 if first >= 5 else 2
    return {
        "lines": [
            {**line, "at": at(line["accuracy"]), "from": at(line["lo"]), "to": at(line["hi"])}
            for line in lines
        ],
        "ticks": [{"at": at(i / 10), "label": f"{10 * i}%"} for i in range(first, 11, step)],
        "half": at(0.5),
    }


def tint(value: float, lo: float | None, hi: float | None) -> Row:
    """Whose colour, and how many percent of it; none where the interval holds zero."""
    clear = lo is not None and hi is not None and (lo > 0 or hi < 0)
    return {"side": "a" if value > 0 else "b", "tint": round(MOST_TINT * min(abs(value), 1)) if clear else 0}
