"""What a report on an encoder shows beside its figures: where pairs lie, and other encoders as a heat map."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from tasks.kinds import Outputs, Section
from tasks.kinds.encoder_failures import tables, told
from tasks.kinds.encoder_failures.params import AUTO
from tasks.store import frames
from tasks.study.params import REPAIRED

Row = dict[str, Any]
SIZE, EDGE = 220, 8
"""Of a scatter picture and of the room around its points, in pixels."""
MOST_POINTS = 120
"""Points of each sort drawn in a picture, evenly picked: the page stays small."""
MOST_TINT = 70
"""Percent of colour where the whole interval lies at 1: text over it stays readable."""


_MINED = ("threshold", "n_searched", "n_collisions", "n_same_document", "n_hits", "n_mined")


@dataclass(frozen=True)
class Probe:
    """What stages left of this kind alone."""

    pairs: dict[str, list[Row]]
    """predicate_id -> rows of tables.FRESH with score and status of the verdict."""
    transfer: list[Row]
    retrieval: list[Row]
    curve: dict[str, list[Row]]
    """predicate_id -> rows of tables.CURVE."""
    mended: list[Row]
    """Rows of tables.MENDED, of a repaired encoder."""
    price: list[Row]
    mined: Row
    """propose's manifest."""


@dataclass(frozen=True)
class Point:
    """A pair: reference across, under test upwards."""

    x: str
    y: str
    sort: str
    """fails, apart (the encoder tells them apart), same (they mean the same), unsure or control."""


@dataclass(frozen=True)
class Card:
    """One failure: what it is, its worst pairs and where all lie."""

    row: Row
    worst: list[Row]
    same: int
    """Fresh pairs that collide and mean the same."""
    unsure: int
    """Pairs and controls that collide and whose meaning could not be told: counted against the failure."""
    overlap: float
    """Mean share of words in common: of fresh pairs ..."""
    overlap_control: float
    """... and of their controls."""
    points: list[Point]
    at: str
    """Where the threshold lies, in pixels from the top."""
    word_classes: list[str]
    """Of the words that pairs and controls exchange."""
    inside: tuple[float, float] | None
    """Share that fails among pairs written for the domain, and among the others; None without a domain."""


def section(outputs: Outputs) -> Section:
    """Failures with their pairs and pictures, other encoders, a search."""
    probe = read_probe(outputs)
    return Section(
        title="What it confuses",
        anchor="failures",
        template="page.html",
        values=page_values(probe, outputs),
        is_evidence=True,
        also=[("Before and after the repair", "repair")] if probe.mended else [],
        # What a repair did is to be seen, the more so where no failure is left.
        needs_findings=not outputs.study.embed.encoder.startswith(REPAIRED),
        lead="lead.html",
    )


def read_probe(outputs: Outputs) -> Probe:
    """What stages left of this kind alone."""
    verify, score = outputs.folder["verify"], outputs.folder["score"]
    verdicts = frames.scan_verdicts(verify).filter(pl.col("status") != "absent").collect()
    fresh = frames.read(verify, "fresh.parquet", tables.FRESH)
    # A pair that a sequential plan did not come to says nothing.
    judged = fresh.join(verdicts, on=["predicate_id", "text_id"], how="inner", maintain_order="left")
    return Probe(
        _by_predicate(judged),
        transfer=frames.read(score, "transfer.parquet", tables.TRANSFER).to_dicts(),
        retrieval=frames.read(score, "retrieval.parquet", tables.RETRIEVAL).to_dicts(),
        curve=_by_predicate(frames.read(score, "curve.parquet", tables.CURVE)),
        mended=told.read(score, "mended"),
        price=told.read(score, "price"),
        mined=frames.read_manifest(outputs.folder["propose"]),
    )


def _by_predicate(rows: pl.DataFrame) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows.iter_rows(named=True):
        found.setdefault(row["predicate_id"], []).append(row)
    return found


def page_values(probe: Probe, outputs: Outputs) -> Row:
    """What the template shows of it.

    Args:
        probe: what stages left of this kind alone.
        outputs: findings, numbered; all tested predicates; params of the run.
    """
    params = outputs.params
    of = params["encoder_failures"]
    names = {row["predicate_id"]: row["predicate"] for row in outputs.rows}
    numbers = {row["predicate_id"]: row["number"] for row in outputs.found}
    return {
        "probe": {
            "encoder": params["embed"]["encoder"],
            **{name: of[name] for name in ("reference", "margin", "domain")},
            "is_chosen": of["threshold"] == AUTO,
            **{name: probe.mined[name] for name in _MINED},
            "not_read": probe.mined.get("n_not_read", 0),
        },
        "cards": [
            card(
                {**row, "description": json.loads(row["definition"])["description"]},
                probe.pairs.get(row["predicate_id"], []),
                probe.mined["threshold"],
                outputs.study.report.n_evidence,
            )
            for row in outputs.found
        ],
        "size": SIZE,
        "charts": [
            chart(probe.curve[id_], probe.pairs[id_], probe.mined["threshold"], name)
            for id_, name in names.items()
            if probe.curve.get(id_)
        ],
        "heat": heat(probe.transfer, names),
        "mended": [
            {**both, "name": names[id_], "number": numbers.get(id_)}
            for id_, both in told.sides(probe.mended, "predicate_id").items()
        ],
        "price": list(told.sides(probe.price, "pairs").values()),
        "searches": [{**row, "name": names[row["predicate_id"]]} for row in probe.retrieval],
    }


def card(row: Row, pairs: Sequence[Row], threshold: float, n_worst: int) -> Card:
    """The card of a failure.

    Args:
        row: its figures.
        pairs: rows of tables.FRESH with `score` and `status` of the verdict.
        threshold: similarity under test from which a pair collides.
        n_worst: pairs shown.
    """
    fresh = [pair for pair in pairs if pair["group"] == "A"]
    control = [pair for pair in pairs if pair["group"] == "B"]
    low = (
        (
            min(pair["similarity"] for pair in pairs),
            min(pair["reference"] for pair in pairs),
        )
        if pairs
        else (0.0, 0.0)
    )
    failing = sorted((pair for pair in fresh if _sort(pair, threshold) == "fails"), key=_nearest_first)
    drawn = [*_some(control), *_some(fresh)]
    return Card(
        row=row,
        worst=failing[:n_worst],
        same=sum(_sort(pair, threshold) == "same" for pair in fresh),
        unsure=sum(_sort(pair, threshold) == "unsure" for pair in pairs),
        overlap=_mean([pair["overlap"] for pair in fresh]),
        overlap_control=_mean([pair["overlap"] for pair in control]),
        points=[
            Point(
                _place(pair["reference"], low[1], False),
                _place(pair["similarity"], low[0], True),
                "control" if pair["group"] == "B" else _sort(pair, threshold),
            )
            for pair in drawn
        ],
        at=_place(threshold, low[0], True),
        word_classes=sorted({pair["word_class"] for pair in control}),
        inside=_inside(fresh),
    )


def chart(rows: Sequence[Row], pairs: Sequence[Row], threshold: float, name: str) -> Row:
    """V and both shares over thresholds as lines of a picture, upwards from -1 to 1.

    Args:
        rows: of tables.CURVE, of one failure, by threshold.
        pairs: rows of tables.FRESH with `score` and `status` of the verdict.
        threshold: the one that was tested.
        name: of the failure.
    """
    low, high = float(rows[0]["threshold"]), float(rows[-1]["threshold"])
    inside = SIZE - 2 * EDGE

    def across(value: float) -> float:
        return round(EDGE + inside * (value - low) / max(high - low, 1e-9), 1)

    def upwards(value: float) -> float:
        return round(EDGE + inside * (1 - value) / 2, 1)

    return {
        "name": name,
        "lines": {
            of: " ".join(
                f"{across(row['threshold'])},{upwards(row[of])}" for row in rows if row[of] is not None
            )
            for of in ("success", "control", "validity")
        },
        "at": across(threshold),
        "zero": upwards(0),
        "low": low,
        "n": len(pairs),
        "unsure": sum(_sort(pair, threshold) == "unsure" for pair in pairs),
        "here": next((row for row in rows if row["threshold"] == threshold), None),
    }


def heat(rows: Sequence[Row], names: Mapping[str, str]) -> Row | None:
    """Failures down, encoders across, the one under test first; None without another or any failure."""
    if not rows:
        return None
    encoders = list(dict.fromkeys(row["encoder"] for row in rows))
    if len(encoders) == 1:
        return None
    found = {(row["predicate_id"], row["encoder"]): row for row in rows}
    ids = list(dict.fromkeys(row["predicate_id"] for row in rows))
    return {
        "encoders": [{"name": one, "threshold": found[ids[0], one]["threshold"]} for one in encoders],
        "lines": [
            {
                "name": names[id_],
                "cells": [found[id_, one] | {"tint": _tint(found[id_, one])} for one in encoders],
            }
            for id_ in ids
        ],
    }


def _tint(cell: Row) -> int:
    """Percent of colour, by the effect; none where the interval holds zero."""
    return round(MOST_TINT * max(cell["validity"], 0.0)) if cell["lo"] > 0 else 0


def _inside(fresh: Sequence[Row]) -> tuple[float, float] | None:
    parts = [[pair["score"] for pair in fresh if pair["inside"] is side] for side in (True, False)]
    if not all(parts):
        return None
    return _mean(parts[0]), _mean(parts[1])


def _sort(pair: Row, threshold: float) -> str:
    if pair["similarity"] < threshold:
        return "apart"
    if pair["score"] is None:
        return "unsure"
    return "fails" if pair["score"] >= 0.5 else "same"


def _nearest_first(pair: Row) -> tuple[float, str]:
    return -pair["similarity"], pair["text_id"]


def _some(pairs: Sequence[Row]) -> list[Row]:
    step = -(-len(pairs) // MOST_POINTS) or 1
    return list(pairs[::step])


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else float("nan")


def _place(value: float, low: float, upwards: bool) -> str:
    share = max((value - low) / max(1 - low, 1e-9), 0.0)
    inside = SIZE - 2 * EDGE
    return f"{EDGE + inside * (1 - share if upwards else share):.1f}".removesuffix(".0")
