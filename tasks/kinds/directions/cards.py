"""What a report shows of a finding: inputs at the end, in the middle and random, and where its name holds."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from tasks.kinds.directions import ends
from tasks.kinds.parts import Outputs
from tasks.kinds.rows import units
from tasks.store import frames

MOST_CARDS = 40
"""The strongest findings."""
N_SHOWN = 5
"""Inputs in each column."""
_QUOTED = re.compile(r'"([^"]+)"')

Row = dict[str, Any]


def cards(outputs: Outputs, readings: Mapping[str, Row]) -> list[Row]:
    """A card for each of the strongest findings, with its inputs by column.

    Args:
        outputs: of the study.
        readings: rows of tables.READINGS by predicate_id.
    """
    found = list(outputs.found[:MOST_CARDS])
    if not found:
        return []
    texts = frames.read(outputs.folder["collect"], "texts.parquet", frames.TEXTS)
    rows = units(outputs.study, texts).filter(group=ends.FIRST)
    values, names = ends.activations(outputs.study, rows["text_hash"]), ends.unit_names(outputs.study)
    random, at_ends = ends.members(outputs.study, rows, values)
    said = _verdicts(outputs, [row["predicate_id"] for row in found], rows["text_id"])
    made = []
    for row in found:
        reading = readings[row["predicate_id"]]
        unit, end = reading["unit"], reading["end"]
        activation = values[:, names.index(unit)]
        chosen = _columns(ends.SIGN[end] * activation, at_ends[unit, end], random)
        shown = partial(_input, rows, activation, reading["sentence"], said[row["predicate_id"]])
        columns = [
            {"title": title, "inputs": [shown(i) for i in at.tolist()]} for title, at in chosen.items()
        ]
        made.append({"row": row, "reading": reading, "columns": columns})
    return made


def _columns(
    strength: np.ndarray, member: Bool[np.ndarray, " row"], random: Bool[np.ndarray, " row"]
) -> dict[str, Int[np.ndarray, " shown"]]:
    """Rows of each column. The middle is that of the random inputs, on which every name is judged."""
    at_end, others = np.flatnonzero(member), np.flatnonzero(random)
    strongest = at_end[np.argsort(-np.round(strength[at_end], 9), kind="stable")][:N_SHOWN]
    distance = np.round(np.abs(strength[others] - np.median(strength)), 9)
    middle = others[np.argsort(distance, kind="stable")][:N_SHOWN]
    drawn = others[~np.isin(others, middle)][:N_SHOWN]
    return {"At the end, strongest first": strongest, "Nearest to the middle": middle, "Random": drawn}


def _verdicts(outputs: Outputs, ids: Sequence[str], text_id: pl.Series) -> dict[str, list[bool | None]]:
    """By predicate whether it holds for each text; None where there is no verdict."""
    threshold = {row["predicate_id"]: row["threshold"] for row in outputs.found}
    verdicts = (
        frames.scan_verdicts(outputs.folder["verify"])
        .filter(pl.col("predicate_id").is_in(list(ids)), pl.col("score").is_not_null())
        .collect()
    )
    said: dict[str, list[bool | None]] = {}
    for one in ids:
        own = dict(verdicts.filter(predicate_id=one).select("text_id", "score").iter_rows())
        least = threshold[one]
        holds = {text: score >= least if least is not None else score > 0.5 for text, score in own.items()}
        said[one] = [holds.get(text) for text in text_id]
    return said


def _input(
    rows: pl.DataFrame,
    activation: Float[np.ndarray, " row"],
    sentence: str,
    said: Sequence[bool | None],
    i: int,
) -> Row:
    text = rows["text"][i]
    return {
        "text_id": rows["text_id"][i],
        "text": text,
        "spans": json.dumps(_quoted(sentence, text) if said[i] else []),
        "activation": float(activation[i]),
        "holds": said[i],
    }


def _quoted(sentence: str, text: str) -> list[tuple[int, int]]:
    """Where words that the sentence quotes stand in the text."""
    words = [re.escape(word) for word in _QUOTED.findall(sentence)]
    if not words:
        return []
    return [found.span() for found in re.finditer(rf"(?<!\w)(?:{'|'.join(words)})", text, re.IGNORECASE)]
