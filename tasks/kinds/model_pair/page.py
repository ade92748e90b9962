"""What a report on two models shows beside its figures: what traits tell, what is liked, both answers."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from tasks.kinds import Outputs, Section
from tasks.kinds.model_pair import picture, tables
from tasks.kinds.model_pair.answers import Answer, folded
from tasks.store import frames

Row = dict[str, Any]
MOST_CARDS = 40
"""Findings whose answers are shown."""
MOST_BYTES = 600_000
"""Of all prompts and answers that are shown: the page can still be sent by mail."""
MOST_ORDERS = 60
"""Lines of what judges said in both orders."""
MOST_PARTS = 12
"""Categories, or models, that are columns of a table: those with most prompts."""
PROMPT_CHARS, PROMPT_LINES = 500, 8
"""Of a prompt before it is folded."""
_OTHER = "_other"
_HEADINGS = (
    ("What is liked", "liked", "liked"),
    ("Both answers", "answers", "cards"),
    ("Where it shows", "where", "where"),
    ("Against each model", "models", "models"),
)
"""Title, anchor, and the part that must be there."""


def section(outputs: Outputs) -> Section:
    """Traits on one plane, both answers to a prompt side by side, and where a trait shows."""
    shown = values(outputs)
    headings = [(title, anchor) for title, anchor, part in _HEADINGS if shown[part]] or [_HEADINGS[1][:2]]
    return Section(
        title=headings[0][0],
        anchor=headings[0][1],
        also=headings[1:],
        template="page.html",
        values=shown,
        is_evidence=True,
        needs_findings=False,
        lead="lead.html",
        trust="orders.html",
        script="page.js",
    )


def values(outputs: Outputs) -> Row:
    """What the templates show; a part is None or empty where its table is not there."""
    score = outputs.folder["score"]
    found, alpha = outputs.found, float(outputs.params["score"]["alpha"])
    pairs = frames.read(outputs.folder["collect"], "pairs.parquet", tables.PAIRS)
    liked = {row["predicate_id"]: row for row in _rows(score, "liked", tables.LIKED)}
    named = {row["predicate_id"]: row for row in outputs.rows}
    orders = [row for row in _rows(score, "orders", tables.ORDERS) if row["predicate_id"] in named]
    return {
        "telling": told(_rows(score, "telling", tables.TELLING)),
        **counts(outputs.folder["collect"]),
        "liked": picture.liked(found, outputs.rows, liked, alpha),
        "cards": cards(outputs, pairs),
        "categories": sorted(set(pairs["category"].drop_nulls())),
        "where": parts(_rows(score, "categories", tables.CATEGORIES), "category", found),
        "models": parts(_rows(score, "models", tables.MODELS), "model", found),
        "orders": [{**row, "predicate": named[row["predicate_id"]]["predicate"]} for row in orders],
        "most_orders": MOST_ORDERS,
    }


def _rows(folder: Path, name: str, schema: pl.Schema) -> list[Row]:
    """The table's rows; none where score had nothing to write it from."""
    if not (folder / f"{name}.parquet").is_file():
        return []
    return frames.read(folder, f"{name}.parquet", schema).to_dicts()


def counts(collected: Path) -> dict[str, Any]:
    """Pairs of answers by half, and whether a prompt stands in several."""
    texts = frames.read(collected, "texts.parquet", frames.TEXTS)
    n_pairs = texts.group_by("half").agg(pl.col("text_hash").n_unique()).sort("half")
    return {
        "n_pairs": dict(n_pairs.iter_rows()),
        "is_several": bool(texts.filter(group="A")["context"].drop_nulls().is_duplicated().any()),
    }


def told(rows: Sequence[Row]) -> list[Row]:
    """What is told, each with its figure by traits, those of baselines, and where all lie on one axis."""
    found = []
    for target in dict.fromkeys(row["target"] for row in rows):
        lines = [row for row in rows if row["target"] == target and row["accuracy"] is not None]
        traits = next((row for row in lines if row["by"] == "traits"), None)
        if traits is None:
            continue
        surface = next((row for row in lines if row["by"] == "surface"), None)
        found.append({"target": target, "traits": traits, "surface": surface, **picture.accuracies(lines)})
    return found


def cards(outputs: Outputs, pairs: pl.DataFrame) -> list[Row]:
    """Of each finding pairs for and against it; what exceeds MOST_BYTES is left out, first of the weakest."""
    record, n_shown = outputs.folder["record"], outputs.study.report.n_evidence
    evidence = frames.read(record, "evidence.parquet", frames.EVIDENCE).sort("predicate_id", "role", "rank")
    texts = frames.read(outputs.folder["collect"], "texts.parquet", frames.TEXTS)
    about = texts.select("text_id", "text_hash", "context").join(
        pairs, left_on="text_hash", right_on="pair", how="left"
    )
    by_id: dict[str, list[Row]] = {}
    for row in evidence.join(about, on="text_id", how="left", maintain_order="left").to_dicts():
        by_id.setdefault(row["predicate_id"], []).append(row)
    left, found = MOST_BYTES, []
    for finding in outputs.found[:MOST_CARDS]:
        shown = exhibits(by_id.get(finding["predicate_id"], [])) if n_shown else []
        first, more = chosen(shown, n_shown)
        kept: list[Row] = []
        for one in (*first, *more):
            left -= size(one)
            if left >= 0:
                kept.append(one)
        found.append({"row": finding, "first": kept[: len(first)], "more": kept[len(first) :]})
    return found


def chosen(shown: Sequence[Row], n_shown: int) -> tuple[list[Row], list[Row]]:
    """Pairs that stand open, one in three of them against the finding, and the others."""
    supports = [one for one in shown if one["supports"]]
    against = [one for one in shown if not one["supports"]]
    n_against = min(n_shown // 2 if n_shown < 4 else n_shown // 3, len(against))
    first = [*supports[: n_shown - n_against], *against[:n_against]]
    return first, [one for one in shown if one not in first]


def exhibits(rows: Iterable[Row]) -> list[Row]:
    """Both answers of each pair with its prompt, those for the finding first; a prompt stands once."""
    sides: dict[tuple[bool, int], dict[str, Row]] = {}
    for row in rows:
        role = row["role"].removesuffix(_OTHER)
        sides.setdefault((role == "contradicts", row["rank"]), {})[row["group"]] = row
    found, seen = [], set()
    for (is_against, _), both in sorted(sides.items()):
        asked = next(iter(both.values()))
        if len(both) < 2 or asked["context"] in seen:
            continue
        seen.add(asked["context"])
        found.append(
            {
                "supports": not is_against,
                "category": asked["category"],
                "prompt": folded(asked["context"] or "", "[]", PROMPT_CHARS, PROMPT_LINES),
                "answers": [_side(both[group], group) for group in ("A", "B")],
            }
        )
    return found


def _side(row: Row, group: str) -> Row:
    model = row["model_a" if group == "A" else "model_b"]
    shows = row["score"] > 0.5
    text = folded(row["text"], row["spans"])
    return {"group": group, "model": model, "shows": shows, "text": text, "text_id": row["text_id"]}


def size(one: Row) -> int:
    """Bytes of what is shown of a pair."""
    texts: list[Answer] = [one["prompt"], *(answer["text"] for answer in one["answers"])]
    return sum(len(part.encode("utf-8", "replace")) for text in texts for part, _ in (*text.head, *text.rest))


def parts(rows: Sequence[Row], name: str, found: Sequence[Mapping[str, Any]]) -> Row | None:
    """Findings down, categories or models across, those with most prompts; None where there are none.

    Args:
        rows: of tables.CATEGORIES or tables.MODELS.
        name: of the column with what stands across.
        found: findings, numbered.
    """
    ids = {row["predicate_id"] for row in found}
    of = {(row["predicate_id"], row[name]): row for row in rows if row["predicate_id"] in ids}
    if not of:
        return None
    n = {part: max(row["n"] for (_, p), row in of.items() if p == part) for _, part in of}
    columns = sorted(n, key=lambda part: (-n[part], part))
    return {
        "columns": [{"name": part, "n": n[part]} for part in columns[:MOST_PARTS]],
        "n_more": max(len(columns) - MOST_PARTS, 0),
        "lines": [
            {"row": row, "cells": [_tinted(of.get((row["predicate_id"], p))) for p in columns[:MOST_PARTS]]}
            for row in found
        ],
    }


def _tinted(cell: Row | None) -> Row | None:
    if cell is None or cell["validity"] is None:
        return None
    return {**cell, **picture.tint(cell["validity"], cell["lo"], cell["hi"])}
