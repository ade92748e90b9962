"""Tables of kind clusters beside those of all kinds with a model."""

import polars as pl

MAP = pl.Schema({"text_id": pl.String, "x": pl.Float64, "y": pl.Float64})
"""Where each confirmation text lies on the map (`6_scores/map.parquet`): on the two directions of the vectors
that part the exploration texts most."""
