"""What tells which texts speak for a sentence: their values, and the weights that were frozen."""

from typing import Any

import polars as pl

from tasks import paths
from tasks.kinds.fitted import tables
from tasks.store import frames
from tasks.study import Study


def valued(kind: Any, study: Study, held: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Rows of `held` with value and number; all confirmation texts with theirs; the full model's weights.

    Args:
        kind: of the study.
        study: whose model is frozen.
        held: columns predicate_id, text_id, of texts for which predicates hold.
    """
    texts = frames.read(paths.output(study.name, "collect"), "texts.parquet", frames.TEXTS)
    known = kind.with_values(study, texts.filter(half="confirm")).select("text_id", "value", "number")
    rows = held.select("predicate_id", "text_id").join(known, on="text_id", how="left", maintain_order="left")
    model = frames.read(paths.output(study.name, "propose"), "model.parquet", tables.MODEL)
    return rows, known, model.filter(without="").select("predicate_id", "slot", "weight")
