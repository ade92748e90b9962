"""Which texts speak for a sentence, and which against it, of those for which it holds."""

from typing import Any

import polars as pl

from tasks.kinds.classes.params import SCORE
from tasks.kinds.fitted.evidence import valued
from tasks.study import Study


def supports(kind: Any, study: Study, held: pl.DataFrame) -> pl.Series:
    """For: the frozen model holds the text's label likelier where the sentence does; or the score lies there.

    A score lies on the side of the confirmation texts' mean to which its coefficient points.

    Args:
        kind: of the study.
        study: whose model is frozen.
        held: columns predicate_id, text_id, of texts for which predicates hold.
    """
    rows, known, weights = valued(kind, study, held)
    if set(weights["slot"]) == {SCORE}:
        rows = rows.join(weights, on="predicate_id", how="left", maintain_order="left")
        is_for = (pl.col("number") - known["number"].mean()) * pl.col("weight") >= 0
    else:
        rows = rows.join(
            weights,
            left_on=["predicate_id", "value"],
            right_on=["predicate_id", "slot"],
            how="left",
            maintain_order="left",
        )
        is_for = pl.col("weight") > 0
    return rows.select(is_for.fill_null(False).alias("is_for"))["is_for"]
