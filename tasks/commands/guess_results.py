"""What columns of a table of results seem to be: what was asked, which answers were right, whose they are."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from tasks.store.sources import logs, nested, results, values

_OUTCOMES = ("is_correct", "correct", "is_right", "exact_match", "acc")
_INPUTS = ("input", "question", "prompt", "query", "problem", "instruction", "text")
_MODELS = ("model", "model_name", "model_id", "system")
_ITEMS = ("item", "item_id", "question_id", "sample_id", "doc_id", "prompt_id", "id")
"""What such columns are mostly called, the likeliest first."""


def guess_results(whole: pl.DataFrame, label: str) -> dict[str, Any] | None:
    """The block `collect.results`; None where no column says whether an answer is right.

    Args:
        whole: all rows.
        label: what errors call them.
    """
    if logs.are_logs([whole]):
        return {"compare": "wrong_right", **_of(whole, "model")}
    rows = nested.opened(whole)
    named = {
        "input": _first(rows, _INPUTS),
        "outcome": _first(rows, _OUTCOMES),
        "model": _first(rows, _MODELS),
        "item": _first(rows, _ITEMS),
    }
    asked, outcome = named["input"], named["outcome"]
    if asked is None or outcome is None or not _says_right(rows[outcome], label):
        return None
    if rows[asked].dtype != pl.String:
        return None
    return {
        **{key: name for key, name in named.items() if name is not None},
        "compare": "wrong_right",
        **_of(rows, named["model"]),
    }


def _first(rows: pl.DataFrame, names: Sequence[str]) -> str | None:
    """The first of the names that a column has, in any case."""
    there = {name.lower(): name for name in rows.columns}
    return next((there[name] for name in names if name in there), None)


def _says_right(column: pl.Series, label: str) -> bool:
    """Whether its values are right and wrong, both of them."""
    said = values.written(column, "values", label, f"column {column.name}").drop_nulls().str.to_lowercase()
    held = set(said)
    return (
        held <= results.RIGHT | results.WRONG
        and not held.isdisjoint(results.RIGHT)
        and (not held.isdisjoint(results.WRONG))
    )


def _of(rows: pl.DataFrame, model: str | None) -> dict[str, str]:
    """The model that is asked about, where there are several."""
    if model is None:
        return {}
    models = values.written(rows[model], "names", "", model).drop_nulls().unique().sort().to_list()
    return {"of": models[0]} if len(models) > 1 else {}
