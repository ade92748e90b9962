"""What is drawn for a half as a whole, and counts as one observation ever after: linked documents."""

import numpy as np
import polars as pl

from tasks.collect.families import COMMONPLACE, families, first_linked
from tasks.store.sources import uniform


def link(
    rows: pl.DataFrame, near_duplicates: float | None, of_pictures: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The rows with `family_id` and `pattern`, and with linked documents as one `document_id`.

    Documents are linked that share a text or a family of near-duplicates. A commonplace (`thanks!`) in a
    document of several texts is of no family: two who write it copy nobody, and would link most of a forum.

    Args:
        rows: of distinct texts by group, with normalised, text_hash and document_id.
        near_duplicates: as families.families; None: only equal texts are a family.
        of_pictures: of rows that are pictures, what pictures.families gives.
    """
    # Equal texts that something else tells apart, such as their time, are one here.
    distinct = rows.group_by("normalised").agg(pl.col("text_hash").min().alias("_equal")).sort("_equal")
    family = pattern = np.arange(distinct.height)
    is_common = np.zeros(distinct.height, dtype=bool)
    if of_pictures is not None and near_duplicates is not None:
        first = distinct.join(of_pictures, left_on="normalised", right_on="media", maintain_order="left")
        family = pattern = first["family"].rank("dense").to_numpy().astype(np.int64) - 1
        family = pattern = np.unique(family, return_index=True)[1][family]
    elif near_duplicates is not None and distinct.height:
        found = families(distinct["normalised"], near_duplicates)
        family, pattern, is_common = found.family, found.pattern, found.n_tokens <= COMMONPLACE
    found_for = distinct.select(
        "normalised",
        "_equal",
        pl.col("_equal").gather(pl.Series(family)).alias("_family_id"),
        pl.Series("pattern", pattern),
        pl.Series("_is_common", is_common),
    )
    is_of_several = pl.col("normalised").n_unique().over("document_id") > 1
    family_id = pl.when(pl.col("_is_common") & is_of_several).then("_equal").otherwise("_family_id")
    known = rows.join(found_for, on="normalised", how="left", maintain_order="left")
    known = known.with_columns(family_id.alias("family_id")).drop("_equal", "_family_id", "_is_common")
    return known.with_columns(_linked(known)) if known.height else known


def _linked(rows: pl.DataFrame) -> pl.Series:
    """Per row the smallest id among the documents that families link to its own."""
    names = rows.select(pl.col("document_id").unique().sort()).to_series()
    document = names.search_sorted(rows["document_id"]).to_numpy()
    family = rows["family_id"].rank("dense").to_numpy().astype(np.int64) - 1
    n_nodes = len(names) + int(family.max()) + 1
    # Documents come first among the nodes, in the order of their names: the first is the smallest.
    first = first_linked(document, family + len(names), n_nodes)
    return names.gather(first[document]).alias("document_id")


def split(rows: pl.DataFrame, seed: int, share: float) -> pl.DataFrame:
    """The rows with their half, drawn per document by hash, in text_id order."""
    draw = uniform(rows["document_id"], "half", str(seed)).alias("_draw")
    half = pl.when(pl.col("_draw") < share).then(pl.lit("explore")).otherwise(pl.lit("confirm")).alias("half")
    return rows.with_columns(draw).with_columns(half).drop("_draw").sort("text_id")
