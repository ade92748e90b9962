"""What a report of explanations shows: explainers side by side, and cards with what was tried."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from tasks.kinds.explanations import tables
from tasks.kinds.explanations.guesses import comes_true
from tasks.kinds.parts import Outputs, Section
from tasks.store import frames

N_ITEMS = 3
"""Explanations that a card shows."""
N_PAIRS = 4
"""Inputs with their matches that each is shown with."""


def section(outputs: Outputs) -> Section:
    """Explainers by V, anchors last; of each finding some explanations with their inputs."""
    told = frames.read(outputs.folder["score"], "explainers.parquet", tables.EXPLAINERS).to_dicts()
    own = [one for one in told if one["explainer"] not in tables.ANCHORS]
    own.sort(key=lambda one: (one["validity"] is None, -(one["validity"] or 0), one["explainer"]))
    anchored = [one for one in told if one["explainer"] in tables.ANCHORS]
    rows = frames.read(outputs.folder["verify"], "trials.parquet", tables.TRIALS)
    rows = rows.with_columns(true=pl.Series(comes_true(rows), dtype=pl.Boolean))
    texts = frames.read(outputs.folder["collect"], "texts.parquet", frames.TEXTS)
    said = tables.collected(outputs.study, "explanations").unique("text_hash")
    known = {
        row["text_id"]: row
        for row in texts.join(said, on="text_hash").select("text_id", "text", "answer").iter_rows(named=True)
    }
    return Section(
        "Explainers",
        "explainers",
        "page.html",
        {
            "explainers": [*own, *anchored],
            "few": [one for one in own if one["n_pairs"] < one["n_unmatched"]],
            "has_anchors": bool(anchored),
            "is_rated": any(one["plausibility"] is not None for one in told),
            "cards": [_card(row, rows, known) for row in outputs.found],
        },
        is_evidence=True,
        lead="lead.html",
        needs_findings=False,
        page="What explanations let one foresee",
        also=(("Tried on", "tried"),),
    )


def _card(row: Mapping[str, Any], rows: pl.DataFrame, known: Mapping[str, Any]) -> dict[str, Any]:
    """A finding with explanations that were tried on most inputs, as they come."""
    own = rows.filter(predicate_id=row["predicate_id"])
    counted = (
        own.group_by("item", "explainer", "explanation").len().sort("len", "item", descending=[True, False])
    )
    items = []
    for one in counted.head(N_ITEMS).iter_rows(named=True):
        tried = own.filter(item=one["item"], explainer=one["explainer"]).sort("group", "text_id")
        shown = pl.concat([tried.filter(group=side).head(N_PAIRS) for side in "AB"])
        items.append({**known[one["item"]], "explanation": one["explanation"], "rows": shown.to_dicts()})
    return {"row": row, "shown": items}
