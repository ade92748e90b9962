"""Tables that are written a batch of rows at a time; the file is there once all of it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import polars as pl

from tasks.errors import SourceError, StoreError
from tasks.store import disk
from tasks.store.sources.wording import shown

WRITTEN = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
"""Suffix of a file that is written -> its format."""


class Put(Protocol):
    """Writes the next rows; all have the columns of the first."""

    def __call__(self, rows: pl.DataFrame) -> None:
        """Appends them."""
        ...


@contextmanager
def writing(file: Path) -> Iterator[Put]:
    """Gives what appends rows to a copy, which takes the file's place when the block ends well.

    Raises:
        SourceError: its name says no format that is written.
        StoreError: the place cannot be written.
    """
    form = WRITTEN.get(file.suffix.lower())
    if form is None:
        raise SourceError(
            f"{shown(file)}: wanted a name that ends in {' '.join(WRITTEN)}, got {file.suffix!r}."
        )
    temporary = disk.copy_beside(file)
    try:
        with disk.reported(shown(file)):
            file.parent.mkdir(parents=True, exist_ok=True)
            with _parquet(temporary) if form == "parquet" else _text(temporary, file.suffix.lower()) as put:
                yield put
            temporary.replace(file)
    finally:
        disk.remove(temporary)


@contextmanager
def _text(place: Path, suffix: str) -> Iterator[Put]:
    with place.open("wb") as opened:

        def put(rows: pl.DataFrame) -> None:
            if suffix in {".jsonl", ".ndjson"}:
                opened.write(rows.write_ndjson().encode())
            else:
                mark = "\t" if suffix == ".tsv" else ","
                opened.write(rows.write_csv(include_header=opened.tell() == 0, separator=mark).encode())

        yield put


@contextmanager
def _parquet(place: Path) -> Iterator[Put]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer: pq.ParquetWriter | None = None

    def put(rows: pl.DataFrame) -> None:
        nonlocal writer
        table = rows.to_arrow()
        if writer is None:
            writer = pq.ParquetWriter(place, table.schema, compression="zstd")
        try:
            writer.write_table(table.cast(writer.schema))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise StoreError(
                f"a column changes its type on the way ({disk.told(error)}). Name a file that ends in .jsonl "
                "with --out."
            ) from None

    try:
        yield put
    finally:
        if writer is not None:
            writer.close()
