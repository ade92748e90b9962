"""What makes two texts the same text, and draws that depend on an id alone."""

import polars as pl

from tasks.store.canonical import spellings
from tasks.store.frames import hashed


def normalised(texts: pl.Series) -> pl.Series:
    """Texts in the form in which duplicates are equal (canonical.spelling)."""
    distinct = texts.unique().drop_nulls()
    return _looked_up(texts, distinct, pl.Series(spellings(distinct), dtype=pl.String))


def hashes(ids: pl.Series, *salt: str) -> pl.Series:
    """`frames.hashed(*salt, id)` of every id."""
    distinct = ids.unique()
    return _looked_up(ids, distinct, pl.Series([hashed(*salt, i) for i in distinct], dtype=pl.String))


def uniform(ids: pl.Series, *salt: str) -> pl.Series:
    """A number in [0, 1) per id: the same id and salt give the same number whatever else is there."""
    distinct = ids.unique()
    drawn = [int(hashed(*salt, i), 16) / 2**64 for i in distinct]
    return _looked_up(ids, distinct, pl.Series(drawn, dtype=pl.Float64))


def _looked_up(keys: pl.Series, distinct: pl.Series, values: pl.Series) -> pl.Series:
    table = pl.DataFrame({"key": distinct, "value": values})
    found = (
        keys.alias("key")
        .to_frame()
        .join(table, on="key", how="left", nulls_equal=True, maintain_order="left")
    )
    return found["value"].alias(keys.name)
