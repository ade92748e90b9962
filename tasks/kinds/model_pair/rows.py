"""Which pairs of answers are judged, and what is known of them."""

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks import paths
from tasks.kinds.model_pair import tables
from tasks.store import frames
from tasks.store.frames import hashed
from tasks.study import Study


def units(study: Study, texts: pl.DataFrame) -> pl.DataFrame:
    """Both answers to each confirmation prompt, neighbours under one `pair`, A's first.

    At most verify.max_texts pairs, drawn by hash. A walk (`plan: sequential`) bets on one pair of a document.
    """
    confirm = paired(texts.filter(half="confirm"))
    draw = {pair: hashed("held_out", str(study.seed), pair) for pair in confirm["pair"].unique()}
    drawn = confirm.with_columns(pl.col("pair").replace_strict(draw, return_dtype=pl.String).alias("_draw"))
    if study.verify.plan == "sequential":
        drawn = drawn.filter(pl.col("_draw") == pl.col("_draw").min().over("document_id"))
    if study.verify.max_texts is not None:
        drawn = drawn.filter(pl.col("_draw").rank("dense") <= study.verify.max_texts)
    return drawn.drop("_draw")


def paired(texts: pl.DataFrame) -> pl.DataFrame:
    """Answers with their `pair`, in its order."""
    return texts.with_columns(pair=pl.col("text_hash")).sort("pair", "group")


def preferences(study: Study, texts: pl.DataFrame) -> Float[np.ndarray, " answer"] | None:
    """How far A's answer was preferred to B's, for each of these answers; None where nobody said of any."""
    known = frames.read(paths.output(study.name, "collect"), "pairs.parquet", tables.PAIRS)
    of = texts.join(known, left_on="text_hash", right_on="pair", how="left", maintain_order="left")
    found = of["preference"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return None if np.isnan(found).all() else found
