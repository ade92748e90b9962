"""Texts with a value each, as rows."""

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from tasks.errors import CorpusError, SourceError
from tasks.kinds.fitted import tables
from tasks.kinds.fitted.valued import At, Valued
from tasks.kinds.parts import Gathered
from tasks.store.sources import hashes, sampling, told_apart
from tasks.store.sources.parts import DOCUMENT, TEXT, Table
from tasks.store.sources.pictures import OF_PICTURES, PICTURE
from tasks.store.sources.reader import Pick, Reader
from tasks.study import Study
from tasks.study.corpus import Collect, Source

VALUE = "value"
Read = Callable[[pl.DataFrame, At], Valued]
"""What a kind makes of rows with columns value and normalised."""


def gathered(study: Study, column: str, read: Read, *, as_spelt: bool = False) -> Gathered:
    """All rows that have a value.

    A text that stands at two values is two rows (of one document); at one value twice it is a copy.

    Args:
        study: where its texts are, and which of them.
        column: that of the values.
        read: what the kind makes of them.
        as_spelt: whether values are read as they are spelt, so that 1.10 may come after 1.9.

    Raises:
        SourceError: a file, column or filter cannot be used, or no row has a value.
        CorpusError: there is nothing to be explained: all have one value.
    """
    params = study.collect
    picks = {
        TEXT: Pick(params.text, "text"),
        DOCUMENT: Pick(params.document, "document", "ids"),
        VALUE: Pick(column, "value", block=study.kind, as_spelt=as_spelt),
    }
    reader = Reader(study)
    table = reader.table("", Source(), picks, may_stream=True)
    at = At(column, table.label, f"studies.{study.name}.{study.kind}.value")
    _some(table.picked[VALUE], at)
    rows, told = _drawn(study, table)
    rows = rows.with_columns(_told_apart(rows, params))
    values = read(rows, at)
    rows = rows.with_columns(values.said.alias(VALUE), values.number.alias("number"), group=pl.lit("A"))
    rows = rows.filter(pl.col(VALUE).is_not_null())
    _some(rows[VALUE], at)
    _several(rows[VALUE], at)
    identity = rows["normalised"] + "\x1f" + rows[VALUE]
    known = rows.select(hashes(identity).alias("text_hash"), VALUE, "number")
    known = known.unique("text_hash").sort("text_hash").select(tables.VALUES.names())
    noted = {"column": column, **values.noted}
    name = params.a_name or "the corpus"
    return Gathered(
        rows.select("text", "group", "document_id", OF_PICTURES).with_columns(identity=identity),
        {"A": name},
        _with_warnings(reader.manifest(), values.warnings)
        | {"values": noted, "rows": {"A": rows.height}, **told},
        {"values": known.cast(tables.VALUES)},
    )


def _drawn(study: Study, table: Table) -> tuple[pl.DataFrame, dict[str, Any]]:
    """All rows, or those that a sample of documents with a value has; and what is to be told of it."""
    rows = table.picked.with_columns(group=pl.lit("A"))
    if study.collect.sample is not None:
        rows = rows.filter(pl.col(VALUE).is_not_null())
    return sampling.drawn(study, [(table, rows)])


def _told_apart(rows: pl.DataFrame, params: Collect) -> pl.Series:
    """Texts, or pictures, as collect tells them apart, whatever is ignored or masked in them."""
    if PICTURE in rows.columns:
        return rows["media"].fill_null("").alias("normalised")
    return told_apart(rows[TEXT], params).alias("normalised")


def _some(values: pl.Series, at: At) -> None:
    if values.null_count() == len(values):
        raise SourceError(f"{at.where}: wanted values in {at.said}, no row has one. Name another column.")


def _several(values: pl.Series, at: At) -> None:
    if values.n_unique() < 2:
        raise CorpusError(
            f"{at.where}: wanted two different values at least in {at.said}, all {len(values):,} rows have "
            f"{values[0]}. Name another column; for themes of one pile of texts write kind: clusters."
        )


def _with_warnings(read: Mapping[str, Any], warnings: list[str]) -> dict[str, Any]:
    every = [*read.get("warnings", []), *warnings]
    return {**read, **({"warnings": every} if every else {})}
