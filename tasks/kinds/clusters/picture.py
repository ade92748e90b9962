"""The map of texts, coloured by the sentence that says most of each; and how sentences overlap."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tasks.kinds.fitted.page import tint

Row = dict[str, Any]
MOST_POINTS = 1200
"""Texts on the map: those of the first ids, which are hashes."""
N_COLOURS = 12
TOLD_CHARS = 110
"""Characters of a text that are told where it is pointed at."""
_EDGE = 3.0
"""Percent of the map left free on each side."""
_APART = 5.0
"""Percent between numbers on the map, at least."""


def text_map(
    places: pl.DataFrame, texts: pl.DataFrame, held: pl.DataFrame, found: Sequence[Mapping[str, Any]]
) -> Row | None:
    """Points with their colours and what is told of each, and where each number stands; None without places.

    A text's colour is that of the rarest finding that holds for it: what says most of it.

    Args:
        places: text_id, x, y.
        texts: confirmation texts.
        held: text_id, predicate_id, number, of `fitted.page.held`.
        found: findings, numbered.
    """
    known = places.join(texts.select("text_id", "text"), on="text_id").sort("text_id")
    if known.is_empty():
        return None
    n_all = known.height
    known = known.head(MOST_POINTS)
    known = known.with_columns(x=_scaled(known["x"]), y=100 - _scaled(known["y"]))
    rarest = dominant(held)
    numbers = held.group_by("text_id", maintain_order=True).agg("number")
    rows = (
        known.join(rarest, on="text_id", how="left").join(numbers, on="text_id", how="left").sort("text_id")
    )
    colour = {row["predicate_id"]: colour_of(at) for at, row in enumerate(found)}
    points = [
        {
            "x": round(row["x"], 2),
            "y": round(row["y"], 2),
            "colour": colour.get(row["predicate_id"], 0),
            "is_more": len(row["number"] or ()) > 1,
            "told": _told(row["number"] or ["no finding"], row["text"]),
        }
        for row in rows.iter_rows(named=True)
    ]
    # What no finding explains lies under the others.
    points.sort(key=lambda point: point["colour"] > 0)
    return {"points": points, "n": len(points), "n_all": n_all, "names": _names(rows, found)}


def _told(numbers: Sequence[str], text: str) -> str:
    return f"{', '.join(numbers)}: {' '.join(text.split())[:TOLD_CHARS]}"


def colour_of(at: int) -> int:
    """Of the finding at that place."""
    return 1 + at % N_COLOURS


def dominant(held: pl.DataFrame) -> pl.DataFrame:
    """Of each text for which any finding holds the rarest: columns text_id, predicate_id."""
    size = held.group_by("predicate_id").agg(pl.len().alias("size"))
    return (
        held.join(size, on="predicate_id")
        .sort("text_id", "size", "predicate_id")
        .unique("text_id", keep="first", maintain_order=True)
        .select("text_id", "predicate_id")
    )


def _scaled(values: pl.Series) -> pl.Series:
    low, high = float(values.min() or 0), float(values.max() or 0)  # type: ignore[arg-type]
    return _EDGE + (100 - 2 * _EDGE) * (values - low) / max(high - low, 1e-9)


def _names(rows: pl.DataFrame, found: Sequence[Mapping[str, Any]]) -> list[Row]:
    """The number of each finding amid its texts, none upon another."""
    placed: list[Row] = []
    for at, row in enumerate(found):
        own = rows.filter(pl.col("predicate_id") == row["predicate_id"])
        if own.is_empty():
            continue
        x, y = (statistics.median(own[axis].to_list()) for axis in ("x", "y"))
        while any(abs(x - one["x"]) < _APART and abs(y - one["y"]) < _APART for one in placed):
            y += _APART / 2
        placed.append(
            {"x": round(x, 2), "y": round(min(y, 98.0), 2), "number": row["number"], "colour": colour_of(at)}
        )
    return placed


def overlaps(held: pl.DataFrame, found: Sequence[Mapping[str, Any]]) -> Row | None:
    """Of the texts of each finding the share for which another holds too; None of fewer than two findings."""
    if len(found) < 2:
        return None
    pairs = held.select("text_id", "predicate_id").join(
        held.select("text_id", other="predicate_id"), on="text_id"
    )
    counted = {(a, b): n for a, b, n in pairs.group_by("predicate_id", "other").len().iter_rows()}
    lines = []
    for row in found:
        own = row["predicate_id"]
        n = counted.get((own, own), 0)
        cells = [
            None if other is row or not n else _cell(counted.get((own, other["predicate_id"]), 0) / n)
            for other in found
        ]
        lines.append({"row": row, "n": n, "cells": cells})
    several = held.group_by("text_id").len().filter(pl.col("len") > 1).height
    return {"columns": list(found), "lines": lines, "n_several": several}


def _cell(share: float) -> Row:
    return {"share": share, "tint": tint(share)}
