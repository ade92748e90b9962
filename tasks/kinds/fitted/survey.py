"""What is known of the texts of each half before anything is fitted: their number, and their values."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from tasks.errors import CorpusError
from tasks.kinds.fitted.params import own
from tasks.study import Study

HALVES = ("explore", "confirm")
_OF_HALF = {"explore": "the half to propose from", "confirm": "the half to test on"}


def surveyed(study: Study, texts: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    """For the manifest: `values` where texts have some, and warnings.

    Args:
        study: its block says how many predicates the model has.
        texts: rows of frames.TEXTS.
        tables: of the kind: `values` where it has any.

    Raises:
        CorpusError: there are fewer different texts than predicates, or a half has one value alone.
    """
    _enough_texts(study, texts)
    if "values" not in tables:
        return {}
    valued = texts.join(tables["values"], on="text_hash", how="left", maintain_order="left")
    where = f"studies.{study.name}.{study.kind}.value"
    for half in HALVES:
        held = valued.filter(half=half)["value"]
        if held.n_unique() < 2:
            raise CorpusError(
                f"{where}: wanted two different values at least in each half of the documents, "
                f"{_OF_HALF[half]} has {held[0]!r} alone ({len(held):,} texts). Change seed or "
                "collect.explore_share, or name a finer collect.document."
            )
    if valued["number"].null_count():
        return _of_labels(valued, where)
    return {"values": _of_numbers(valued)}


def _enough_texts(study: Study, texts: pl.DataFrame) -> None:
    n_predicates = own(study).predicates or 0
    n = texts.filter(half="explore")["text"].n_unique()
    if n < n_predicates:
        raise CorpusError(
            f"studies.{study.name}.{study.kind}.predicates: wanted at most as many predicates as there are "
            f"different texts to propose from, got {n_predicates} for {n}. Ask for fewer, or collect more."
        )


def _of_labels(valued: pl.DataFrame, where: str) -> dict[str, Any]:
    counted = valued.group_by("value").agg(
        *[(pl.col("half") == half).sum().alias(half) for half in HALVES], pl.len().alias("n")
    )
    classes = counted.sort(["n", "value"], descending=[True, False]).select("value", *HALVES).to_dicts()
    warnings = [
        f"{where}: {one['value']!r} has no text in {_OF_HALF[half]}: its texts are of few documents. What is "
        "said of it rests on nothing"
        for one in classes
        for half in HALVES
        if not one[half]
    ]
    return {"values": {"classes": classes}, "warnings": warnings}


def _of_numbers(valued: pl.DataFrame) -> dict[str, Any]:
    told = valued.sort("number", "value")["value"]
    tied = valued.filter(pl.col("number").is_duplicated()).height
    return {"first": told[0], "last": told[-1], "n_distinct": valued["number"].n_unique(), "n_tied": tied}
