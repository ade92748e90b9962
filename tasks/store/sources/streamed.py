"""Tables of any size, read and written a batch of rows at a time.

CSV, TSV, JSON lines and Parquet are never whole in memory; JSON and Arrow are read whole.
"""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol, cast

import polars as pl

from tasks.errors import SourceError, StoreError
from tasks.store import disk
from tasks.store.sources import delimited, locate, tables
from tasks.store.sources.wording import reading, shown
from tasks.study.corpus import Collect

READ = ("csv", "jsonl", "json", "parquet", "ipc")
"""Formats that are read, as `locate.FORMATS` calls them."""
WRITTEN = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
"""Suffix of a file that is written -> its format."""


class Put(Protocol):
    """Writes the next rows; all have the columns of the first."""

    def __call__(self, rows: pl.DataFrame) -> None:
        """Appends them."""
        ...


def batches(file: Path, collect: Collect, size: int) -> Iterator[pl.DataFrame]:
    """The rows of a file in their order, so many at a time; of CSV all cells are text.

    Args:
        file: its format goes by its suffix.
        collect: its encoding, and how its CSV is written.
        size: rows at a time.

    Raises:
        SourceError: it is not there, in no format that is read, or damaged.
    """
    if not file.is_file():
        raise SourceError(f"{shown(file)}: wanted a file with a table, not there.")
    form = locate.format_of(file)
    if form not in READ:
        suffixes = " ".join(suffix for suffix, known in locate.FORMATS.items() if known in READ)
        raise SourceError(f"{shown(file)}: wanted a table ({suffixes}), got {file.suffix!r}.")
    if form == "parquet":
        yield from _of_parquet(file, size)
    elif form == "csv":
        with _lines(file, collect) as lines:
            options = collect.csv
            if options.delimiter is None and {".tsv", ".tab"} & {s.lower() for s in file.suffixes}:
                options = options.model_copy(update={"delimiter": "\t"})
            yield from delimited.batches(lines, options, shown(file), size)
    elif form == "jsonl":
        with _lines(file, collect) as lines:
            yield from _of_objects(file, lines, size)
    else:
        whole = tables.read_ipc(file) if form == "ipc" else tables.read_json(file, collect)[0]
        yield from whole.iter_slices(size)


def _of_parquet(file: Path, size: int) -> Iterator[pl.DataFrame]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with (
            reading(file, "Parquet", "Write it again; it looks damaged or cut off."),
            pq.ParquetFile(file) as opened,
        ):
            for batch in opened.iter_batches(size):
                yield cast(pl.DataFrame, pl.from_arrow(pa.Table.from_batches([batch])))
    except pa.ArrowException as error:
        raise SourceError(f"{shown(file)}: wanted Parquet, cannot be read: {disk.told(error)}.") from None


def _of_objects(file: Path, lines: Iterator[str], size: int) -> Iterator[pl.DataFrame]:
    """Rows of JSON lines; all batches have the columns of the first."""
    records: list[Any] = []
    names: list[str] = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                records.append(json.loads(line))
            except (ValueError, RecursionError) as error:
                raise SourceError(f"{shown(file)}: line {number} is no JSON: {error}.") from None
        if len(records) == size:
            rows = _of_records(file, records, names)
            names, records = rows.columns, []
            yield rows
    if records or not names:
        yield _of_records(file, records, names)


def _of_records(file: Path, records: list[Any], names: list[str]) -> pl.DataFrame:
    """Objects as rows with these columns; without names, with all that they have."""
    rows = tables.from_objects(file, records)[0]
    if names and (new := [name for name in rows.columns if name not in names]):
        raise SourceError(
            f"{shown(file)}: wanted the same keys throughout, {new[0]!r} comes late. Write it in the first "
            "line, too, if only as null."
        )
    missing = [pl.lit(None).alias(name) for name in names if name not in rows.columns]
    return rows.with_columns(missing).select(names or rows.columns)


@contextmanager
def _lines(file: Path, collect: Collect) -> Iterator[Iterator[str]]:
    """The lines of a text file with their ends, unpacked where its name ends in .gz."""
    opened = gzip.open if file.suffix.lower() == ".gz" else open
    with (
        reading(file, "a text file", "Check that it is whole and may be read."),
        cast(IO[str], opened(file, "rt", encoding=collect.encoding, newline="")) as text,
    ):
        try:
            yield _unmarked(text)
        except UnicodeError as error:
            raise SourceError(
                f"{shown(file)}: wanted {collect.encoding.upper()}, got {error}. Save the file as UTF-8, or "
                "name its encoding (collect.encoding)."
            ) from None


def _unmarked(text: IO[str]) -> Iterator[str]:
    """Lines without a byte order mark before the first."""
    for number, line in enumerate(text):
        yield line.removeprefix("\ufeff") if number == 0 else line


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
