"""Tables that are written a batch of rows at a time; the file is there once all of it is.

In CSV and TSV no cell and no name of a column would run as a formula in a spreadsheet program (sheets.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import polars as pl

from tasks.errors import SourceError, StoreError
from tasks.store import disk, sheets
from tasks.store.sources.wording import shown

WRITTEN = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
"""Suffix of a file that is written -> its format."""
_NUMBER = r"^[+-]?\d+([.,]\d+)*([eE][+-]?\d+)?$"
"""What begins with a sign and runs as no formula."""


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
                if opened.tell() == 0:
                    names = pl.DataFrame({"name": rows.columns}, schema={"name": pl.String})
                    header = sheets.guarded(names).transpose()
                    opened.write(header.write_csv(include_header=False, separator=mark).encode())
                told = _guarded(rows)
                opened.write(told.write_csv(include_header=False, separator=mark).encode())

        yield put


def _guarded(rows: pl.DataFrame) -> pl.DataFrame:
    """As `sheets.guarded`, but for numbers: where a CSV was read they are text."""
    texts = [name for name, dtype in rows.schema.items() if dtype == pl.String]
    guarded = sheets.guarded(rows)
    is_number = (pl.col(name).str.contains(_NUMBER) for name in texts)
    kept = (
        pl.when(one).then(name).otherwise(guarded[name]) for one, name in zip(is_number, texts, strict=True)
    )
    return rows.with_columns(kept)


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
