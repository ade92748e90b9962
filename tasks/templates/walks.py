"""The path of a predicate through a sequential plan as points of a small picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT, EDGE = 220, 52, 6
"""Of the picture and of the room left around what is drawn, in pixels."""
MOST_POINTS = 40
"""Looks drawn of a path, evenly picked, the last one among them: the page stays small."""


@dataclass(frozen=True)
class Frame:
    """What all pictures of a report share: judgements across, effects upwards."""

    n_texts: int
    lo: float
    hi: float

    def across(self, n_judged: float) -> str:
        """Pixels from the left."""
        return _pixel(EDGE + (WIDTH - 2 * EDGE) * min(n_judged / max(self.n_texts, 1), 1))

    def down(self, effect: float) -> str:
        """Pixels from the top; what lies outside is drawn at the edge."""
        inside = min(max(effect, self.lo), self.hi)
        return _pixel(EDGE + (HEIGHT - 2 * EDGE) * (self.hi - inside) / (self.hi - self.lo))


@dataclass(frozen=True)
class Drawn:
    """One path: the interval as an area, the estimate as a line, and its last look."""

    area: str
    line: str
    x: str
    y: str


def drawn(path: Sequence[dict[str, Any]], frame: Frame) -> Drawn | None:
    """The path as SVG points; None where nothing was ever known of it."""
    known = [look for look in path if _known(look["lo"], look["hi"], look["estimate"])]
    if not known:
        return None
    step = -(-len(known) // MOST_POINTS)
    looks = known[::-1][::step][::-1]
    # Before the first judgement the effect can be anything.
    ends = [(0, -1.0, 1.0), *((look["n_judged"], look["lo"], look["hi"]) for look in looks)]
    upper = [f"{frame.across(n)},{frame.down(hi)}" for n, _, hi in ends]
    lower = [f"{frame.across(n)},{frame.down(lo)}" for n, lo, _ in reversed(ends)]
    line = [f"{frame.across(look['n_judged'])},{frame.down(look['estimate'])}" for look in looks]
    last = looks[-1]
    return Drawn(
        " ".join([*upper, *lower]),
        " ".join(line),
        frame.across(last["n_judged"]),
        frame.down(last["estimate"]),
    )


def _known(*values: float | None) -> bool:
    return all(value is not None and math.isfinite(value) for value in values)


def _pixel(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
