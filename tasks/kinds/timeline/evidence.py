"""Which texts speak for a sentence, and which against it, of those for which it holds."""

from typing import Any

import numpy as np
import polars as pl

from tasks.kinds.fitted.evidence import valued
from tasks.study import Study


def supports(kind: Any, study: Study, held: pl.DataFrame) -> pl.Series:
    """For: the frozen weight at the text's time is over the mean of those at all confirmation texts' times.

    Args:
        kind: of the study.
        study: whose model is frozen.
        held: columns predicate_id, text_id, of texts for which predicates hold.
    """
    rows, known, weights = valued(kind, study, held)
    time, all_times = rows["number"].to_numpy(), known["number"].drop_nulls().to_numpy()
    is_for = np.zeros(rows.height, dtype=bool)
    for (predicate_id,), own in weights.filter(pl.col("predicate_id") != "").group_by("predicate_id"):
        path = own.select(pl.col("slot").cast(pl.Float64, strict=False).alias("time"), "weight")
        path = path.drop_nulls().sort("time")
        at, weight = path["time"].to_numpy(), path["weight"].to_numpy()
        own_rows = (rows["predicate_id"] == predicate_id).to_numpy()
        is_for[own_rows] = np.interp(time[own_rows], at, weight) > np.interp(all_times, at, weight).mean()
    return pl.Series("is_for", is_for)
