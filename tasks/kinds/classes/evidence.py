"""Which texts speak for a sentence, and which against it, of those for which it holds."""

from typing import Any

import polars as pl

from tasks import paths
from tasks.kinds.classes.params import SCORE
from tasks.kinds.fitted import tables
from tasks.store import frames
from tasks.study import Study


def supports(kind: Any, study: Study, held: pl.DataFrame) -> pl.Series:
    """For: the frozen model holds the text's label likelier where the sentence does; or the score lies there.

    A score lies on the side of the confirmation texts' mean to which its coefficient points.

    Args:
        kind: of the study.
        study: whose model is frozen.
        held: columns predicate_id, text_id, of texts for which predicates hold.
    """
    texts = frames.read(paths.output(study.name, "collect"), "texts.parquet", frames.TEXTS)
    known = kind.with_values(study, texts.filter(half="confirm")).select("text_id", "value", "number")
    model = frames.read(paths.output(study.name, "propose"), "model.parquet", tables.MODEL)
    weights = model.filter(pl.col("without") == "").select("predicate_id", "slot", "weight")
    rows = held.select("predicate_id", "text_id").join(known, on="text_id", how="left", maintain_order="left")
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
