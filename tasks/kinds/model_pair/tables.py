"""Tables of this kind alone."""

import polars as pl

PAIRS = pl.Schema(
    {
        "pair": pl.String,
        "model_a": pl.String,
        "model_b": pl.String,
        "category": pl.String,
        "preference": pl.Float64,
    }
)
"""What is known of each pair of answers (`1_texts/pairs.parquet`): `pair` is the text_hash of both,
preference is 1 where model 1's answer was preferred, -1 where model 2's, 0 a tie, NULL where nobody said."""
