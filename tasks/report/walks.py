"""The path of a predicate through a sequential plan as points of a small picture."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.report.scale import Scale

Row = dict[str, Any]
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


def draw_path(path: Sequence[dict[str, Any]], frame: Frame) -> Drawn | None:
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


def walks_section(
    rows: Sequence[Row], every: Sequence[Row], looks: Mapping[str, Sequence[Row]], scored: Row, recorded: Row
) -> Row:
    """How far hypotheses were judged, and what that saved, as the template shows it.

    Args:
        rows: the hypotheses whose paths are drawn.
        every: all that were tested.
        looks: predicate_id -> what was known after each batch.
        scored: manifest of score.
        recorded: manifest of record.
    """
    min_effect = recorded["min_effect"]
    scale = Scale.over(rows, min_effect)
    n_texts = scored["n_grid"] // max(len(every), 1)
    frame = Frame(n_texts, scale.lo, scale.hi)
    paths = {row["predicate_id"]: draw_path(looks.get(row["predicate_id"], []), frame) for row in rows}
    n_judged, n_saved = scored["n_judged"], scored["n_grid"] - scored["n_judged"]
    paid = recorded.get("judging_usd", 0.0)
    top, bottom = frame.down(min_effect), frame.down(-min_effect)
    decided = [row["decision"] for row in every]
    return {
        "rows": rows,
        "n_more": len(every) - len(rows),
        "drawn": paths,
        **{"width": WIDTH, "height": HEIGHT, "n_texts": n_texts, "lo": scale.lo, "hi": scale.hi},
        **{"zone_top": top, "zone_height": f"{float(bottom) - float(top):.1f}", "zero": frame.down(0)},
        **{name: scored[name] for name in ("n_judged", "n_grid", "share_judged")},
        "n_saved": n_saved,
        "saved_usd": None if paid is None else paid / max(n_judged, 1) * n_saved,
        "ended": "budget" if scored.get("ended") == "budget" else "texts",
        **{f"n_{name}": decided.count(name) for name in ("confirmed", "futile", "curtailed", "undecided")},
    }
