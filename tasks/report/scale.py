"""The one axis on which every effect of a report is drawn."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_STEPS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
_UNDER = 4
"""The part of the axis over zero is this many times as long as that under it, or more."""


@dataclass(frozen=True)
class Scale:
    """Where an effect lies on the one axis that every bar of a report shares."""

    lo: float
    hi: float
    ticks: tuple[float, ...]

    @classmethod
    def over(cls, rows: Sequence[Mapping[str, Any]], min_effect: float, from_zero: bool = False) -> "Scale":
        """The shortest axis with round ticks that holds all intervals, zero and the minimum effect.

        Args:
            rows: with lo and hi.
            min_effect: least effect worth a discovery.
            from_zero: what is under zero is no effect the other way: of it a little is shown, what lies
                further stands at the edge.
        """
        ends = [value for row in rows for value in (row["lo"], row["hi"]) if math.isfinite(value)]
        least, most = min([-1.5 * min_effect, -0.01, *ends]), max([1.5 * min_effect, 0.01, *ends])
        if from_zero:
            least = max(min([0.0, *ends]), -most / _UNDER)
        span = most - least
        step = next((s for s in _STEPS if span / s <= 6), 100.0)
        first, last = math.ceil(least / step - 1e-9), math.floor(most / step + 1e-9)
        pad = 0.03 * span
        return cls(least - pad, most + pad, tuple(round(i * step, 3) for i in range(first, last + 1)))

    def label(self, tick: float) -> str:
        """The tick with its sign and no more digits than the step has."""
        return f"{tick:+.3f}".rstrip("0").rstrip(".").replace("-", "−") if tick else "0"

    def at(self, value: float) -> str:
        """Percent of the axis from its left end."""
        share_of_axis = (min(max(value, self.lo), self.hi) - self.lo) / (self.hi - self.lo)
        return f"{100 * share_of_axis:.2f}"
