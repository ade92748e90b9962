"""Values as labels or scores."""

import polars as pl


def read(values: pl.Series, label: str) -> tuple[pl.Series, pl.Series]:
    """Labels as written, and as numbers where all are."""
    said = values.cast(pl.String)
    number = said.cast(pl.Float64, strict=False)
    return said, number
