"""The map of terms: every term a point, its share of A's texts across and of B's upwards, with labels.

After the picture of scattertext (Kessler 2017, Scattertext: a browser-based tool for visualizing how corpora
differ), with logarithmic axes. Places are percent of the picture, so that one picture fits every screen;
labels are laid out for two, because letters do not shrink with it.
"""

import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import polars as pl

from tasks.report import filters

ZERO, EDGE = 7.0, 3.0
"""Percent of the picture for terms that a group lacks, and the room left on the other sides."""
LAYOUTS = {"wide": (640, 560, 90), "narrow": (320, 400, 30)}
"""Pixels across and down of the smallest screen that shows it, and labels at most."""
LINE, LETTER, WIDE_LETTER, GAP = 15, 6.9, 13.0, 5
"""Of a label, in pixels: its height, the width of a letter and of a wide one, the distance from its point."""
MOST_NAMED = 12
"""Terms of one point that are named."""
LEAST_TERMS = 20
"""Fewer make no map."""
TICKS = (0.001, 0.01, 0.1, 1.0)
Row = dict[str, Any]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Axis:
    """Where a share lies, in percent of either axis."""

    lo: float
    hi: float

    @classmethod
    def over(cls, shares: Iterable[float]) -> "Axis":
        """From the least share that is not zero to the largest."""
        there = [share for share in shares if share > 0]
        lo, hi = math.log10(min(there)), math.log10(max(there))
        return cls(lo, max(hi, lo + 0.5))

    def at(self, share: float) -> float:
        """0 to 100; a share of zero has a place of its own before the others."""
        if share <= 0:
            return ZERO / 2
        inside = (math.log10(share) - self.lo) / (self.hi - self.lo)
        return ZERO + EDGE + (100 - ZERO - 2 * EDGE) * inside

    def ticks(self) -> list[Row]:
        """Shares that are marked, with their places."""
        lo, hi = 10**self.lo, 10**self.hi
        marked = [tick for tick in TICKS if lo <= tick <= hi * 1.001]
        if len(marked) < 2:
            marked = [lo, hi]
        return [{"at": f"{self.at(t):.2f}", "label": f"{100 * t:.2g}%"} for t in (0.0, *marked)]


@dataclass(frozen=True)
class Point:
    """Terms that stand in as many texts of either group."""

    terms: tuple[str, ...]
    share_a: float
    share_b: float
    z: float
    x: float
    y: float
    side: str
    """a or b: where it is more often, by the minimum effect or more; else flat."""
    told: str
    """What the reader is told of it: terms, then shares, then counts."""


def terms_map(
    terms: pl.DataFrame, sizes: Mapping[str, int], names: Mapping[str, str], min_effect: float, decimals: int
) -> Row | None:
    """The map as the template draws it; None where there are too few terms.

    Args:
        terms: of terms.counted.
        sizes: texts of A and B that were read.
        names: what groups A and B are called.
        min_effect: from which difference on a point is coloured.
        decimals: digits that effects can claim.
    """
    if terms.height < LEAST_TERMS:
        return None
    together = (
        terms.group_by("n_a", "n_b", maintain_order=True)
        .agg(pl.col("term").sort(), pl.col("z").first())
        .with_columns(share_a=pl.col("n_a") / sizes["A"], share_b=pl.col("n_b") / sizes["B"])
    )
    axis = Axis.over([*together["share_a"], *together["share_b"]])
    points = [_point(row, axis, sizes, names, min_effect, decimals) for row in together.iter_rows(named=True)]
    return {
        # The clearest last: they are drawn above the others.
        "points": points[::-1],
        "labels": {name: labels(points, *size) for name, size in LAYOUTS.items()},
        "ticks": axis.ticks(),
        "zero": f"{ZERO:g}",
        "n_terms": terms.height,
        "sizes": sizes,
    }


def _point(
    row: Row, axis: Axis, sizes: Mapping[str, int], names: Mapping[str, str], least: float, decimals: int
) -> Point:
    share_a, share_b, said = row["share_a"], row["share_b"], row["term"]
    difference = share_a - share_b
    more = f", and {len(said) - MOST_NAMED} more" if len(said) > MOST_NAMED else ""
    shares = "; ".join(
        f"{filters.share(share, decimals)} of {filters.short(names[group], 40)} "
        f"({row[f'n_{group.lower()}']:,} of {sizes[group]:,} texts)"
        for group, share in (("A", share_a), ("B", share_b))
    )
    said_first, effect = ", ".join(said[:MOST_NAMED]), filters.effect(difference, decimals)
    told = f"{said_first}{more}\n{shares}; difference {effect}"
    side = "flat" if abs(difference) < max(least, 1e-9) else "a" if difference > 0 else "b"
    return Point(
        tuple(said), share_a, share_b, row["z"], axis.at(share_a), 100 - axis.at(share_b), side, told
    )


def labels(points: Sequence[Point], width: float, height: float, most: int) -> list[Row]:
    """Terms to be written beside their points, none over another: both extremes and what both share, in turn.

    Args:
        points: clearest first.
        width: of the picture in pixels.
        height: of the picture in pixels.
        most: labels.
    """
    in_a = [point for point in points if point.z > 0]
    in_b = [point for point in points if point.z < 0]
    in_both = sorted(points, key=lambda point: (-min(point.share_a, point.share_b), point.terms))
    taken: list[Box] = []
    written: list[Row] = []
    seen: set[tuple[str, ...]] = set()
    # Both extremes twice for each that both share: they are what the map is read for.
    for turn in zip_longest(in_a[::2], in_b[::2], in_a[1::2], in_b[1::2], in_both):
        for point in turn:
            if len(written) == most:
                return written
            if point is None or point.terms in seen:
                continue
            seen.add(point.terms)
            placed = _place(point, width, height, taken)
            if placed:
                taken.append(placed[1])
                written.append(placed[0])
    return written


def _place(point: Point, width: float, height: float, taken: Sequence[Box]) -> tuple[Row, Box] | None:
    """The label at the first side of its point that is free."""
    term = filters.clip(point.terms[0], 28)
    long = sum(WIDE_LETTER if _is_wide(letter) else LETTER for letter in term)
    x, y = point.x / 100 * width, point.y / 100 * height
    for anchor, dx, dy in (("start", GAP, 4), ("end", -GAP, 4), ("middle", 0, -GAP - 1), ("middle", 0, LINE)):
        left = x + dx - {"start": 0.0, "end": long, "middle": long / 2}[anchor]
        box = (left, y + dy - LINE + 3, left + long, y + dy + 3)
        if box[0] >= 0 and box[2] <= width and box[1] >= 0 and box[3] <= height and not _hits(box, taken):
            return {"point": point, "term": term, "anchor": anchor, "dx": dx, "dy": dy}, box
    return None


def _hits(box: Box, taken: Iterable[Box]) -> bool:
    return any(
        box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3] for other in taken
    )


def _is_wide(letter: str) -> bool:
    return unicodedata.east_asian_width(letter) in "WF"
