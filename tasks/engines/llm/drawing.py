"""Questions about pictures with known answers: drawn shapes, and predicates that they make true.

A sheet is a square, as with planted texts (planting.py): half of the predicates are true of each picture, and
each is true of half of the pictures. No two predicates of a sheet share a colour or a shape, so a judge needs
to see one thing at a time, and who sees nothing is right about half of the questions. Pictures are drawn on
white and not into pictures of the study: of those nobody knows what else they show.
"""

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from tasks.engines.llm.planting import ORDERS, Sheet, Sort
from tasks.engines.pictures import opening
from tasks.engines.roles import unfrozen
from tasks.store import media
from tasks.store.frames import hashed

SIDE = 384
"""Pixels of a side of a drawn picture."""
PLACES = ("left", "middle", "right")
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (220, 20, 30),
    "green": (20, 150, 50),
    "blue": (30, 60, 220),
    "yellow": (250, 220, 20),
    "black": (0, 0, 0),
    "orange": (250, 130, 10),
    "purple": (130, 40, 160),
    "brown": (120, 70, 30),
}
SHAPES: dict[str, tuple[tuple[float, float], ...]] = {
    "circle": tuple((math.cos(k * math.pi / 30), math.sin(k * math.pi / 30)) for k in range(60)),
    "square": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    "triangle": ((0, -1), (1, 0.8), (-1, 0.8)),
    "star": tuple(
        (r * math.sin(k * math.pi / 5), -r * math.cos(k * math.pi / 5)) for k, r in enumerate((1, 0.4) * 5)
    ),
    "cross": (
        *((-0.3, -1), (0.3, -1), (0.3, -0.3), (1, -0.3), (1, 0.3), (0.3, 0.3)),
        *((0.3, 1), (-0.3, 1), (-0.3, 0.3), (-1, 0.3), (-1, -0.3), (-0.3, -0.3)),
    ),
    "heart": tuple(
        (
            math.sin(t) ** 3,
            -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 16,
        )
        for t in (k * math.pi / 30 for k in range(60))
    ),
    "arrow": ((-1, -0.3), (0.1, -0.3), (0.1, -0.8), (1, 0), (0.1, 0.8), (0.1, 0.3), (-1, 0.3)),
    "half moon": tuple((math.cos(k * math.pi / 30), 0.5 - math.sin(k * math.pi / 30)) for k in range(31)),
}
"""Outlines by name, x to the right and y down, each in -1 to 1."""
_CELL = SIDE // 3
_SIZES = (0.6, 0.75, 0.9)
"""Of a shape, over half a cell."""


class Drawer:
    """Makes sheets of drawn pictures; which colour goes with which shape follows from the seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        colours, shapes = (
            sorted(names, key=lambda name: hashed("drawn", str(seed), name)) for names in (COLOURS, SHAPES)
        )
        n = len(COLOURS)
        self._things = [(colours[k], shapes[(k + turn) % n]) for turn in range(n) for k in range(n)]
        self._n_made = 0

    def anew(self, n_predicates: int) -> "Drawer":
        """One as if nothing had been drawn yet; there are 64 predicates."""
        return Drawer(self._seed)

    def planted(self, first: int, size: int) -> Sheet:
        """A square of so many predicates, at most eight, from the first one on."""
        things = self._things[first : first + size]
        rows, truth, place = [], [], []
        for at in range(size):
            members = [(at + k) % size for k in range(size // 2)]
            places = {member: (at + k) % len(PLACES) for k, member in enumerate(members)}
            rows.append(self._row(_drawn(things, places, at)))
            truth.append([k in members for k in range(size)])
            place.append([places.get(k, -1) for k in range(size)])
        predicates = tuple(
            unfrozen(hashed("drawn", said), said, split_hash=str(self._seed)) for said in map(_says, things)
        )
        return Sheet("planted", predicates, pl.DataFrame(rows), np.array(truth), np.array(place), PLACES)

    def without(self, sheet: Sheet, n: int, order: bool = False) -> Sheet:
        """The predicates of a sheet and pictures without a shape; with an order to the judge in each, and
        as its caption.
        """
        orders = [ORDERS[i % len(ORDERS)] if order else "" for i in range(n)]
        # Each is another picture: the words, or an empty one with a frame of another width.
        rows = [self._row(_empty(said, i), said) for i, said in enumerate(orders)]
        shape = (n, len(sheet.predicates))
        sort: Sort = "ordering" if order else "untouched"
        return Sheet(
            sort, sheet.predicates, pl.DataFrame(rows), np.zeros(shape, bool), np.full(shape, -1), PLACES
        )

    def _row(self, data: bytes, caption: str = "") -> dict[str, Any]:
        self._n_made += 1
        text_id = hashed("drawn", str(self._n_made))
        return {"text_id": text_id, "text": caption, "media": media.media_of(data), "bytes": data}


def again(texts: pl.DataFrame) -> pl.DataFrame:
    """The same pictures as other files: a space behind the end of one changes nothing that is seen."""
    files = [data + b" " for data in texts["bytes"]]
    return texts.with_columns(
        bytes=pl.Series(files), media=pl.Series([media.media_of(data) for data in files])
    )


def _says(thing: tuple[str, str]) -> str:
    colour, shape = thing
    return f"shows {'an' if colour[0] in 'aeiou' else 'a'} {colour} {shape}"


def _drawn(things: Sequence[tuple[str, str]], places: dict[int, int], turn: int) -> bytes:
    """Each of the things in a cell of its own: the column is its place, the row the next one free."""
    image, pen = _canvas()
    taken = [0] * len(PLACES)
    for k, column in places.items():
        colour, shape = things[k]
        row, taken[column] = (taken[column] + turn) % 3, taken[column] + 1
        radius = _SIZES[(turn + k) % len(_SIZES)] * _CELL / 2
        x, y = (column + 0.5) * _CELL, (row + 0.5) * _CELL
        pen.polygon([(x + radius * dx, y + radius * dy) for dx, dy in SHAPES[shape]], fill=COLOURS[colour])
    return _stored(image)


def _empty(words: str, number: int) -> bytes:
    image, pen = _canvas()
    pen.rectangle((0, 0, SIDE - 1, SIDE - 1), outline=(200, 200, 200), width=1 + number)
    half = len(words) // 2 + len(words[len(words) // 2 :].split(" ", 1)[0])
    pen.multiline_text(
        (12, SIDE // 3), f"{words[:half]}\n{words[half:].strip()}", fill=(0, 0, 0), font_size=15
    )
    return _stored(image)


def _canvas() -> tuple[Any, Any]:
    images = opening.library()
    from PIL import ImageDraw

    image = images.new("RGB", (SIDE, SIDE), (255, 255, 255))
    return image, ImageDraw.Draw(image)


def _stored(image: Any) -> bytes:
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()
