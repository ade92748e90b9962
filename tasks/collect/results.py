"""Which items of a table of results vary others: they stand in both halves, and a user must know."""

from collections.abc import Sequence

import polars as pl

from tasks.collect.families import families
from tasks.store.sources import normalised
from tasks.study.corpus import Collect

_SAME: float = Collect.model_fields["near_duplicates"].default
MOST_VARIANTS = 0.1
"""Share of items that vary others from which on it is told."""


def of_variants(collect: Collect, texts: pl.Series) -> list[str]:
    """That many items hardly differ and stand in both halves, where they were not joined.

    Args:
        texts: that are kept.
    """
    if collect.results is None or collect.near_duplicates is not None or not len(texts):
        return []
    distinct = normalised(texts).unique().sort()
    family = pl.Series(families(distinct, _SAME).family)
    sizes: Sequence[int] = [n for n in family.value_counts()["count"] if n > 1]
    if sum(sizes) < MOST_VARIANTS * len(distinct):
        return []
    families_are = "1 family" if len(sizes) == 1 else f"{len(sizes):,} families"
    return [
        f"{sum(sizes) / len(distinct):.0%} of the items are near-duplicates of others ({families_are}), in "
        "both halves. What is found holds for more items like these. Write collect: "
        f"{{near_duplicates: {_SAME}}} to ask what holds for new ones: a family then counts once"
    ]
