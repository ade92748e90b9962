"""What reports of the kinds with a model share: how predicates were chosen, what all of them reach."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from tasks.kinds.fitted import axis, tables
from tasks.kinds.parts import Outputs, Section
from tasks.kinds.rows import holds
from tasks.store import frames

Row = dict[str, Any]
MOST_STEPS = 30
"""Steps of the choice that are shown: all that were kept, then the first."""
MOST_RESTARTS = 10
_MUCH = 0.2
"""Bits per text from which on two digits tell enough."""


@dataclass(frozen=True)
class Read:
    """What the earlier stages left of the model."""

    outputs: Outputs
    weights: dict[tuple[str, str], Row]
    """By predicate_id and slot."""
    coverage: dict[str, dict[str, Row]]
    """By predicate_id, then by slot; the slots in their order in the table."""
    changes: dict[str, list[Row]]
    """By predicate_id."""
    confirm: pl.DataFrame
    """Confirmation texts; with their value and number where texts have one."""
    values: pl.DataFrame
    """All values, of tables.VALUES."""

    @property
    def found(self) -> list[Row]:
        """Findings with what is folded under them."""
        return [dict(one) for head in self.outputs.found for one in (head, *head["members"])]


def read(outputs: Outputs) -> Read:
    """The tables of score and collect; what is not there is empty."""
    score, collect = outputs.folder["score"], outputs.folder["collect"]
    weights = _rows(score, "weights", tables.WEIGHTS)
    coverage: dict[str, dict[str, Row]] = {}
    for row in _rows(score, "coverage", tables.COVERAGE):
        coverage.setdefault(row["predicate_id"], {})[row["slot"]] = row
    changes: dict[str, list[Row]] = {}
    for row in _rows(score, "changes", tables.CHANGES):
        changes.setdefault(row["predicate_id"], []).append(row)
    values = pl.DataFrame(_rows(collect, "values", tables.VALUES), schema=tables.VALUES)
    texts = frames.read(collect, "texts.parquet", frames.TEXTS).filter(half="confirm")
    return Read(
        outputs,
        {(row["predicate_id"], row["slot"]): row for row in weights},
        coverage,
        changes,
        texts.join(values, on="text_hash", how="left", maintain_order="left"),
        values,
    )


def _rows(folder: Any, name: str, schema: pl.Schema) -> list[Row]:
    if not (folder / f"{name}.parquet").is_file():
        return []
    return frames.read(folder, f"{name}.parquet", schema).to_dicts()


def held(of: Read) -> pl.DataFrame:
    """Confirmation texts and the findings that hold for them: columns text_id, predicate_id, number.

    In the order of numbers for each text.
    """
    number = pl.DataFrame(
        [
            {
                "predicate_id": row["predicate_id"],
                "at": at,
                "number": str(row["number"]),
                "least": row["threshold"],
            }
            for at, row in enumerate(of.found)
        ],
        schema={"predicate_id": pl.String, "at": pl.Int64, "number": pl.String, "least": pl.Float64},
    )
    said = frames.scan_verdicts(of.outputs.folder["verify"]).join(number.lazy(), on="predicate_id")
    kept = said.filter(holds("least")).sort("text_id", "at").select("text_id", "predicate_id", "number")
    return kept.collect()


def section(outputs: Outputs, own: Mapping[str, Any], **changes: Any) -> Section:
    """The section of a kind with a model.

    Args:
        outputs: of the stages.
        own: what its templates show beside what all these kinds show; `headings` (title, anchor) of its own.
        changes: further members of Section.
    """
    headings = list(own.get("headings", ()))
    headings += [("Evidence", "evidence")] if outputs.found else []
    headings += [("How they were chosen", "chosen")]
    return Section(
        title=headings[0][0],
        anchor=headings[0][1],
        also=headings[1:],
        template="fitted.html",
        values=own,
        is_evidence=True,
        needs_findings=False,
        lead="lead.html",
        style="fitted.css",
        **changes,
    )


def shared(of: Read) -> Row:
    """What the templates of all these kinds show."""
    outputs = of.outputs
    score, propose = outputs.folder["score"], outputs.folder["propose"]
    return {
        "n": counts(outputs),
        "together": together(_rows(score, "baselines", frames.BASELINES)),
        "path": path(_rows(propose, "path", tables.PATH), outputs.rows),
        "agreement": agreement(_rows(propose, "restarts", tables.AGREEMENT), of),
        "tags": tags(of),
        "unexplained": of.coverage.get(tables.UNEXPLAINED, {}).get(""),
        "share": {id_: slots[""] for id_, slots in of.coverage.items() if "" in slots},
        "against": True,
        "planned": outputs.rows[0]["planned_test"] if outputs.rows else "",
    }


def counts(outputs: Outputs) -> dict[str, int]:
    """Texts by half."""
    texts = frames.read(outputs.folder["collect"], "texts.parquet", frames.TEXTS)
    return {"explore": 0, "confirm": 0, **dict(texts.group_by("half").agg(pl.len()).iter_rows())}


def together(baselines: Sequence[Row]) -> Row | None:
    """Bits per text of all predicates together beside those of baselines, on one axis; None if not known."""
    known = [row for row in baselines if axis.is_known(row["validity"])]
    own = [row for row in known if row["baseline"] == frames.TOGETHER]
    if not own:
        return None
    others = sorted(
        (row for row in known if row not in own), key=lambda row: (-row["validity"], row["baseline"])
    )
    drawn = axis.table([*own, *others], "validity", signed=False)
    return {**drawn, "own": own[0], "best": next((row for row in others if row["validity"] > 0), None)}


def answer(of: Mapping[str, Any] | None, n: int, words: str) -> str:
    """The sentence at the top: what all predicates reach together, beside the best that is no sentence.

    Args:
        of: what `together` gave.
        n: how many predicates the model has; of one its own effect says it.
        words: what all of them do, with {bits}.
    """
    if of is None or n < 2:
        return ""
    own, best = of["own"], of["best"]
    digits = 2 if own["validity"] >= _MUCH else 3
    ends = f" [{own['lo']:.{digits}f}, {own['hi']:.{digits}f}]" if axis.is_known(own["lo"]) else ""
    said = words.format(bits=f"{own['validity']:.{digits}f}{ends}".replace("-", "−"))
    beside = f" ({best['baseline']}: {best['validity']:.{digits}f})" if best else ""
    return f"All {n} sentences together {said}{beside}."


def entropy(values: pl.Series) -> float:
    """Bits of a label, by its shares: what there is to be told of one."""
    shares = values.drop_nulls().value_counts(normalize=True, name="share")["share"]
    return float(-sum(share * math.log2(share) for share in shares if share > 0))


def path(steps: Sequence[Row], rows: Sequence[Mapping[str, Any]]) -> Row | None:
    """The steps of the choice on one axis, each predicate with its id; None where none was noted."""
    if not steps:
        return None
    kept = [step for step in steps if step["kept"]]
    shown = [*kept, *(step for step in steps if not step["kept"])][:MOST_STEPS]
    shown.sort(key=lambda step: step["step"])
    ids = {row["predicate"]: row["predicate_id"] for row in rows}
    drawn = axis.table([step for step in shown if axis.is_known(step["gain"])], "gain", signed=False)
    places = {(line["step"], line["predicate"], line["move"]): line for line in drawn["lines"]}
    lines = [places.get((step["step"], step["predicate"], step["move"]), step) for step in shown]
    return {
        **drawn,
        "lines": [{**line, "predicate_id": ids.get(line["predicate"])} for line in lines],
        "n_kept": len(kept),
        "n_more": len(steps) - len(shown),
        "n_judged": max((step["n_judged"] or 0 for step in steps), default=0),
        "last": next((step for step in reversed(steps) if not step["kept"]), None),
    }


def agreement(rows: Sequence[Row], of: Read) -> Row | None:
    """How far each restart found each frozen predicate again: predicates down, restarts across."""
    restarts = sorted({row["restart"] for row in rows})
    if not restarts:
        return None
    cells = {(row["predicate_id"], row["restart"]): row for row in rows}
    known = [row["phi"] for row in rows if axis.is_known(row["phi"])]
    numbers = {row["predicate_id"]: row["number"] for row in of.found}
    order = [*of.found, *(row for row in of.outputs.rows if row["predicate_id"] not in numbers)]
    lines = [
        {
            "row": row,
            "number": numbers.get(row["predicate_id"], "–"),
            "cells": [_tinted(cells.get((row["predicate_id"], one))) for one in restarts[:MOST_RESTARTS]],
        }
        for row in order
        if any((row["predicate_id"], one) in cells for one in restarts)
    ]
    return {
        "lines": lines,
        "restarts": restarts[:MOST_RESTARTS],
        "median": statistics.median(known) if known else None,
        "lo": min(known, default=None),
        "hi": max(known, default=None),
    }


def _tinted(cell: Row | None) -> Row | None:
    if cell is None or not axis.is_known(cell["phi"]):
        return None
    return {**cell, "tint": tint(cell["phi"])}


def tint(value: float) -> int:
    """Percent of colour for a share or an agreement: text over it stays readable."""
    return round(60 * min(max(value, 0.0), 1.0))


def tags(of: Read) -> dict[str, list[str]]:
    """By text_id what stands beside a text that is shown: its value."""
    if "value" not in of.confirm.columns:
        return {}
    known = of.confirm.drop_nulls("value")
    return {text_id: [value] for text_id, value in known.select("text_id", "value").iter_rows()}
