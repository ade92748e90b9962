"""What a report of labels or scores shows: coefficients with classes as columns, and shares in each class."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tasks.kinds.classes import picture
from tasks.kinds.classes.params import SCORE
from tasks.kinds.fitted import page, tables
from tasks.kinds.fitted.axis import is_known
from tasks.kinds.parts import Outputs, Section

Row = dict[str, Any]
_LABELS = {
    "plot": "What each sentence says of each class",
    "weights": "Coefficients in log-odds against the average class: +0.7 doubles the odds, −0.7 halves them.",
    "evidence": "Beside each its label.",
    "supports": "For: it holds, and the label is one that it makes likelier",
    "contradicts": "Against: it holds, yet the label is one that it makes less likely",
}
_TWO = "Coefficients in log-odds against the other class: +0.7 doubles the odds, −0.7 halves them."
_SCORES = {
    "plot": "What each sentence adds to the score",
    "weights": "Coefficients in units of the score: by how much it is higher where the sentence holds.",
    "evidence": "Beside each its score.",
    "supports": "For: it holds, and the score lies on the side that it says",
    "contradicts": "Against: it holds, yet the score lies on the other side",
}


def section(outputs: Outputs, name: str) -> Section:
    """The page's part of kind `classes`.

    Args:
        outputs: of the stages.
        name: of the column with the value.
    """
    of = page.read(outputs)
    is_score = any(slot == SCORE for _, slot in of.weights) and of.values["number"].null_count() == 0
    columns = [{"slot": name, "share": None}] if is_score else classes(of.confirm["value"])
    weights = {(id_, name if is_score else slot): row for (id_, slot), row in of.weights.items()}
    plot = picture.coefficients(of.found, weights, columns, is_score)
    by_class = None if is_score else shares(of, columns)
    shared = page.shared(of)
    words = dict(_SCORES if is_score else _LABELS)
    if plot and plot["other"]:
        words["plot"] = "What each sentence says of the label"
        words["weights"] = _TWO
    own = {
        **shared,
        "words": words,
        "plot": plot,
        "has_frozen": any(is_known(row["frozen"]) for row in of.weights.values()),
        "by_class": by_class,
        "headings": [("In each class", "coverage")] if by_class else [],
    }
    return page.section(
        outputs,
        own,
        page=f"What predicts {name}",
        answer=answer(shared["together"], of, is_score, name),
        said=said(plot, name),
    )


def classes(labels: pl.Series) -> list[Row]:
    """The classes by their share of the confirmation texts, most frequent first."""
    counted = labels.drop_nulls().value_counts(normalize=True, name="share")
    named = counted.rename({labels.name: "slot"}).sort("share", "slot", descending=[True, False])
    return named.select("slot", "share").to_dicts()


def shares(of: page.Read, columns: Sequence[Mapping[str, Any]]) -> Row | None:
    """Findings down, classes across: in how much of each class they hold; None where it is not known."""
    shown = [{"slot": "", "share": None}, *columns[: picture.MOST_COLUMNS]]
    lines: list[Row] = [
        {"row": row, "number": row["number"], "cells": _cells(of, row["predicate_id"], shown)}
        for row in of.found
    ]
    if tables.UNEXPLAINED in of.coverage and lines:
        lines.append({"row": None, "number": "", "cells": _cells(of, tables.UNEXPLAINED, shown)})
    if not any(cell for line in lines for cell in line["cells"]):
        return None
    return {"columns": shown, "lines": lines, "n_more": max(len(columns) - picture.MOST_COLUMNS, 0)}


def _cells(of: page.Read, predicate_id: str, columns: Sequence[Mapping[str, Any]]) -> list[Row | None]:
    slots = of.coverage.get(predicate_id, {})
    cells = [slots.get(column["slot"]) for column in columns]
    return [
        {**cell, "tint": page.tint(cell["share"])} if cell and is_known(cell["share"]) else None
        for cell in cells
    ]


def answer(together: Row | None, of: page.Read, is_score: bool, name: str) -> str:
    """What all sentences tell of the label, of all that there is to tell, or of the score."""
    n = len(of.outputs.rows)
    if is_score:
        told = f"tell {{bits}} bits per text of {_plain(name)}"
        if together and together["own"]["validity"] > 0:
            # Of normal errors: a bit halves them twice.
            told += f", which is {1 - 4.0 ** -together['own']['validity']:.0%} of its variance"
        return page.answer(together, n, told)
    whole = page.entropy(of.confirm["value"])
    return page.answer(
        together, n, f"tell {{bits}} of the {whole:.2f} bits per text by which the label is open"
    )


def said(plot: Row | None, name: str) -> dict[str, str]:
    """By predicate_id what a finding says of the classes."""
    if plot is None:
        return {}
    return {line["row"]["predicate_id"]: picture.told(line, plot, name) for line in plot["lines"]}


def _plain(name: str) -> str:
    return name.replace("{", "{{").replace("}", "}}")
