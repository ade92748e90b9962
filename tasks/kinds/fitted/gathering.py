"""Texts with a value each, as rows."""

from typing import Any

import polars as pl

from tasks.errors import SourceError
from tasks.kinds.fitted import tables
from tasks.kinds.parts import Gathered
from tasks.store.sources import hashes, normalised
from tasks.store.sources.reader import DOCUMENT, TEXT, Pick, Reader
from tasks.study import Study
from tasks.study.corpus import Source

VALUE = "value"


def gathered(study: Study, column: str, numbers: Any) -> Gathered:
    """All rows that have a value.

    A text that stands at two values is two rows (of one document); at one value twice it is a copy.

    Raises:
        SourceError: a file, column or filter cannot be used.
    """
    params = study.collect
    picks = {
        TEXT: Pick(params.text, "text"),
        DOCUMENT: Pick(params.document, "document", "ids"),
        VALUE: Pick(column, f"{study.kind}.value"),
    }
    reader = Reader(study)
    table = reader.table("", Source(), picks)
    rows = table.picked.with_columns(pl.lit("A").alias("group"))
    missing = rows[VALUE].null_count()
    rows = rows.filter(pl.col(VALUE).is_not_null())
    if not rows.height:
        raise SourceError(f"studies.{study.name}.{study.kind}.value: no row of {table.label} has a value.")
    said, number = numbers(rows[VALUE], table.label)
    identity = normalised(rows[TEXT]).fill_null("") + "\x1f" + said
    known = (
        pl.DataFrame({"text_hash": hashes(identity), "value": said, "number": number})
        .unique("text_hash")
        .sort("text_hash")
    )
    read = reader.manifest() | {"without_value": missing, "rows": {"A": rows.height}}
    own = {"values": frames_of(known)}
    name = params.a_name or "the corpus"
    return Gathered(
        rows.select("text", "group", "document_id").with_columns(identity=identity), {"A": name}, read, own
    )


def frames_of(known: pl.DataFrame) -> pl.DataFrame:
    """Rows of tables.VALUES."""
    return known.select(tables.VALUES.names()).cast(dict(tables.VALUES))
