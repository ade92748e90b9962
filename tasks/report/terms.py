"""Words of the exploration half, and in how many texts of either group each stands.

A picture and no test: it goes over the half that hypotheses come from. What a reader takes from it and asks
is then tested on texts that gave no hint (docs/decisions/0024).
"""

import polars as pl

from tasks.engines.embedded import tokens
from tasks.store import frames

MOST_TERMS = 2_000
MOST_TELLING = 1_000
"""Of these, chosen by how clearly they differ; the others by how many texts they stand in."""
LEAST_DOCUMENTS = 3
"""A word of fewer documents is a writer's own."""
MOST_CHARS = 30_000_000
"""Characters that are read; of a larger corpus texts drawn by chance."""
SCHEMA = pl.Schema({"term": pl.String, "n_a": pl.Int64, "n_b": pl.Int64, "z": pl.Float64})


def counted(texts: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Terms by SCHEMA, the most telling first; and how many texts of each group were read.

    Args:
        texts: rows of frames.TEXTS, of the exploration half.
    """
    # In the order of their hashes the first are a random sample.
    read = texts.sort("text_id").filter(pl.col("text").str.len_chars().cum_sum() <= MOST_CHARS)
    sizes = {group: read.filter(group=group).height for group in ("A", "B")}
    if not all(sizes.values()):
        return SCHEMA.to_frame(), sizes
    found = (
        pl.DataFrame(
            {
                "in_a": read["group"] == "A",
                "document": read["document_id"].rank("dense"),
                "term": pl.Series(tokens.joined_all(read["text"].to_list()), dtype=pl.String),
            }
        )
        .with_columns(pl.col("term").str.strip_chars(" ").str.split(" ").list.unique())
        .explode("term")
        .filter(pl.col("term").str.contains(tokens.WORD))
        .group_by("term")
        .agg(
            pl.col("in_a").sum().cast(pl.Int64).alias("n_a"),
            (~pl.col("in_a")).sum().cast(pl.Int64).alias("n_b"),
            pl.col("document").n_unique().alias("n_documents"),
        )
        .filter(pl.col("n_documents") >= LEAST_DOCUMENTS)
        .with_columns(_z(sizes["A"], sizes["B"]).alias("z"))
        .sort(pl.col("z").abs().round(6), "term", descending=[True, False])
    )
    telling = found.head(MOST_TELLING)
    frequent = found.slice(MOST_TELLING).sort(
        pl.col("n_a") / sizes["A"] + pl.col("n_b") / sizes["B"], "term", descending=[True, False]
    )
    chosen = pl.concat([telling, frequent.head(MOST_TERMS - MOST_TELLING)])
    return frames.conform(chosen, SCHEMA), sizes


def _z(size_a: int, size_b: int) -> pl.Expr:
    """The difference of shares over its standard error if there were none; it orders terms."""
    n = size_a + size_b
    together = (pl.col("n_a") + pl.col("n_b")) / n
    spread = (together * (1 - together) * (1 / size_a + 1 / size_b)).sqrt()
    z = (pl.col("n_a") / size_a - pl.col("n_b") / size_b) / pl.max_horizontal(spread, pl.lit(1e-9))
    return pl.when(together < 1).then(z).otherwise(0.0)
