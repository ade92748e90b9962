"""Where estimates and their intervals lie in a picture, in percent of it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
EDGE = 0.03
"""Of the axis that is left free at each end."""
_FAR = 2.5
"""Times as far as the farthest estimate the axis reaches for the ends of intervals."""


@dataclass(frozen=True)
class Axis:
    """An axis with round ticks."""

    lo: float
    hi: float
    step: float

    @classmethod
    def over(cls, rows: Iterable[Mapping[str, Any]], name: str, n_ticks: int = 5) -> "Axis":
        """Holds zero, all estimates, and the ends of intervals as far as they are not far out.

        Args:
            rows: with the estimate under `name`, and lo and hi.
            name: of the estimate.
            n_ticks: at most.
        """
        known = [row for row in rows if is_known(row[name])]
        estimates = [0.0, *(float(row[name]) for row in known)]
        far = _FAR * max(0.01, *(abs(value) for value in estimates))
        ends = [float(end) for row in known for end in (row["lo"], row["hi"]) if is_known(end)]
        within = [min(max(end, -far), far) for end in ends]
        least, most = min([*estimates, *within]), max([*estimates, *within])
        span = max(most - least, 1e-3)
        return cls(least - EDGE * span, least + span * (1 + EDGE), round_step(span, n_ticks))

    def at(self, value: float) -> float:
        """Percent from the lower end; what lies outside stands at the edge."""
        return round(100 * (min(max(value, self.lo), self.hi) - self.lo) / (self.hi - self.lo), 2)

    def ticks(self, signed: bool = True) -> list[Row]:
        """Round values with their places, with a sign or without."""
        first, last = math.ceil(self.lo / self.step - 1e-9), math.floor(self.hi / self.step + 1e-9)
        return [
            {
                "at": self.at(i * self.step),
                "label": _label(i * self.step, self.step, signed),
                "is_zero": i == 0,
            }
            for i in range(first, last + 1)
        ]

    def placed(self, row: Mapping[str, Any], name: str) -> Row:
        """The row with the places of its estimate (`place`) and of its ends (`from`, `to`), or None."""
        places = {"place": name, "from": "lo", "to": "hi"}
        return {
            **row,
            **{key: self.at(row[of]) if is_known(row[of]) else None for key, of in places.items()},
        }


def round_step(span: float, n_ticks: int) -> float:
    """The least round step of which at most so many fit into the span."""
    power = 10.0 ** math.floor(math.log10(span / n_ticks))
    return next(times * power for times in (1, 2, 5, 10, 20) if span / (times * power) <= n_ticks)


def is_known(value: float | None) -> bool:
    """Whether it is a number."""
    return value is not None and math.isfinite(value)


def shape(row: Mapping[str, Any]) -> str:
    """a: the interval is over zero; b: under it; flat: it holds zero, or is not known."""
    if not (is_known(row["lo"]) and is_known(row["hi"])):
        return "flat"
    return "a" if row["lo"] > 0 else "b" if row["hi"] < 0 else "flat"


def table(rows: Sequence[Mapping[str, Any]], name: str, signed: bool = True) -> Row:
    """Rows on one axis, each with its shape, and the ticks; what `rows.html` draws."""
    axis = Axis.over(rows, name)
    return {
        "lines": [{**axis.placed(row, name), "shape": shape(row)} for row in rows],
        "ticks": axis.ticks(signed),
        "zero": axis.at(0.0),
    }


def _label(value: float, step: float, signed: bool) -> str:
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    if abs(value) < step / 2:
        return "0"
    return (f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}").replace("-", "−")
