"""Whether a table holds a model's answers with what is said of them, and in which columns (`natstat new`)."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from tasks.kinds.explanations.words import listed

NAMES: Mapping[str, tuple[str, ...]] = {
    "explanation": (
        "explanation",
        "explanations",
        "rationale",
        "justification",
        "reasoning",
        "reason",
        "why",
    ),
    "answer": ("answer", "prediction", "predicted", "model_answer", "output", "response", "label"),
    "explainer": ("explainer", "explained_by", "method", "who", "setting", "model"),
    "counterfactual": ("counterfactual", "other", "other_input", "counterfactual_input", "cf"),
    "guess": ("guess", "guessed", "simulated", "simulated_answer", "expected", "reader_guess"),
    "outcome": ("outcome", "counterfactual_answer", "counterfactual_output", "other_answer", "actual"),
    "plausibility": ("plausibility", "plausible", "rating"),
}
"""By key of the block what such columns are called, the likeliest first."""
_TRIED = ("counterfactual", "guess", "outcome")
"""What a table of tried explanations has, all of it."""
_LONGEST_LISTED = 3.0
"""Words that what an explanation lists has on average, at most; longer ones are sentences."""


def block(rows: pl.DataFrame) -> dict[str, Any] | None:
    """The keys of a study of this table; None where it holds no explanations that can be tried."""
    there = {name.lower(): name for name in rows.columns}
    found = {
        key: column
        for key, names in NAMES.items()
        if (column := next((there[name] for name in names if name in there), None)) is not None
    }
    if not {"explanation", "answer"} <= set(found):
        return None
    if "plausibility" in found and not rows[found["plausibility"]].dtype.is_numeric():
        del found["plausibility"]
    if not set(_TRIED) <= set(found):
        found = {key: column for key, column in found.items() if key not in _TRIED}
        return found if _lists_words(rows[found["explanation"]]) else None
    return found


def _lists_words(explanations: pl.Series) -> bool:
    """Whether they are lists of words, which need no reader."""
    if explanations.dtype != pl.String:
        return False
    each = [part for said in explanations.drop_nulls() for part in listed(said)]
    return bool(each) and sum(len(part.split()) for part in each) / len(each) <= _LONGEST_LISTED
