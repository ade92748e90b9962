"""Where a trait shows: within each category of prompts, and against each of several models."""

from collections.abc import Callable

import numpy as np
import polars as pl

from tasks.kinds.model_pair import tables
from tasks.kinds.model_pair.compared import Compared
from tasks.stats.paired import paired_difference
from tasks.store import frames

_LEAST_DOCUMENTS = 10
"""Of a category, with fewer of which nothing is said: a column of names would fill a table with nothing."""


def categories(
    of: Compared, pairs: pl.DataFrame, predicate_ids: list[str], level: float
) -> pl.DataFrame | None:
    """Rows of tables.CATEGORIES; None where no category has pairs enough.

    Args:
        of: verdicts on the pairs.
        pairs: rows of tables.PAIRS, those that were judged, in their order.
        predicate_ids: columns of the verdicts.
        level: coverage of the intervals, each by itself.
    """
    return _within(
        of, pairs["category"], predicate_ids, level, tables.CATEGORIES, lambda n: n >= _LEAST_DOCUMENTS
    )


def models(of: Compared, pairs: pl.DataFrame, predicate_ids: list[str], level: float) -> pl.DataFrame | None:
    """Rows of tables.MODELS: model 1 against each; None where there are two models.

    Args:
        of: verdicts on the pairs.
        pairs: rows of tables.PAIRS, those that were judged, in their order.
        predicate_ids: columns of the verdicts.
        level: coverage of the intervals, each by itself.
    """
    if pairs["model_b"].n_unique() < 2:
        return None
    return _within(of, pairs["model_b"], predicate_ids, level, tables.MODELS, bool)


def _within(
    of: Compared,
    part: pl.Series,
    predicate_ids: list[str],
    level: float,
    schema: pl.Schema,
    is_enough: Callable[[int], bool],
) -> pl.DataFrame | None:
    """Each predicate's estimate among the pairs of each part."""
    found = []
    for name in part.drop_nulls().unique().sort():
        at = np.flatnonzero((part == name).fill_null(value=False).to_numpy())
        if not is_enough(np.unique(of.document[at]).size):
            continue
        one = paired_difference(of.d[at], of.document[at], level)
        columns = {"n": one.n, "validity": one.estimate, "lo": one.lo, "hi": one.hi}
        rows = pl.DataFrame({"predicate_id": predicate_ids, **columns})
        found.append(rows.with_columns(pl.lit(name).alias(part.name)))
    if not found:
        return None
    whole = pl.concat(found).rename({"model_b": "model"}, strict=False)
    return frames.conform(whole.fill_nan(None), schema)
