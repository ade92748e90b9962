"""Readers of files that hold a table, or one text: CSV, TSV, JSON, Parquet, Arrow, plain text.

A reader gives a frame of plain columns. Nothing is repaired in silence: bytes that are no UTF-8 are an
error with their offset, and halves of surrogate pairs (which JSON can spell and UTF-8 cannot) become
U+FFFD and are counted.
"""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from tasks.errors import SourceError
from tasks.store.sources.wording import reading, shown

SURROGATES = "n_surrogates"
"""Key of `read` that counts values in which half of a surrogate pair was replaced."""


def utf8(file: Path) -> str:
    """The whole file as text, unpacked where its name ends in .gz.

    Raises:
        SourceError: it cannot be read, or is no UTF-8.
    """
    with reading(file, "a text file", "Check that it is whole and may be read."):
        raw = gzip.decompress(file.read_bytes()) if file.suffix.lower() == ".gz" else file.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # A byte order mark tells UTF-16 for sure; otherwise the old Western encoding is the likeliest.
        encoding = "UTF-16" if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else "WINDOWS-1252"
        raise SourceError(
            f"{shown(file)}: wanted UTF-8, got byte 0x{raw[error.start]:02x} at offset {error.start}. "
            f"Convert it, e.g. `iconv -f {encoding} -t UTF-8 {file.name} > utf8-{file.name}`."
        ) from None


def read_csv(file: Path, as_text: Iterable[str]) -> pl.DataFrame:
    """Rows of a CSV or TSV file; the columns in `as_text` are never taken for numbers or dates.

    Raises:
        SourceError: it is empty, ragged, or quoted in a way that cannot be meant.
    """
    content = utf8(file)
    header = content.lstrip("\n\r").partition("\n")[0]
    separator = _separator(file, header)
    raw = content.encode()
    advice = "Check the quotes and that every row has as many fields as the header."
    with reading(file, f"rows of fields parted by {separator!r}", advice):
        columns = pl.read_csv(raw, separator=separator, n_rows=0).columns
        overrides = {name: pl.String for name in as_text if name in columns}
        return pl.read_csv(raw, separator=separator, infer_schema_length=None, schema_overrides=overrides)


def _separator(file: Path, header: str) -> str:
    """Tab for .tsv; for .csv the mark that the header has most of, a comma where it has none."""
    if {".tsv", ".tab"} & {s.lower() for s in file.suffixes}:
        return "\t"
    return max(",;\t|", key=header.count)


def read_parquet(file: Path) -> pl.DataFrame:
    """Rows of a Parquet file."""
    with reading(file, "Parquet", "Write it again; it looks damaged or cut off."):
        return pl.read_parquet(file)


def read_ipc(file: Path) -> pl.DataFrame:
    """Rows of an Arrow (Feather) file."""
    with reading(file, "an Arrow (Feather) file", "Write it again; it looks damaged or cut off."):
        return pl.read_ipc(file)


def read_jsonl(file: Path) -> tuple[pl.DataFrame, int]:
    """One JSON object per line, and how many strings had half a surrogate pair.

    Raises:
        SourceError: a line is no JSON object.
    """
    records = []
    for number, line in enumerate(utf8(file).split("\n"), start=1):
        if line.strip():
            records.append(_loaded(file, line, f"line {number}"))
    return from_objects(file, records)


def read_json(file: Path) -> tuple[pl.DataFrame, int]:
    """A JSON array of objects, or one object of equally long arrays.

    Raises:
        SourceError: it is neither.
    """
    content = utf8(file)
    if not content.strip():
        raise SourceError(f"{shown(file)}: wanted JSON, the file is empty.")
    loaded = _loaded(file, content, "the file")
    if isinstance(loaded, dict):
        columns = {key: value for key, value in loaded.items() if isinstance(value, list)}
        lengths = {len(value) for value in columns.values()}
        if len(lengths) != 1:
            raise SourceError(
                f"{shown(file)}: wanted an array of objects, or an object whose arrays are of one length; "
                f"got an object with {', '.join(map(str, loaded)) or 'no keys'}."
            )
        loaded = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if not isinstance(loaded, list):
        raise SourceError(f"{shown(file)}: wanted an array of objects, got {type(loaded).__name__}.")
    return from_objects(file, loaded)


def _loaded(file: Path, content: str, where: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{shown(file)}: {where} is no JSON: {error}.") from None


def from_objects(file: Path, records: list[Any]) -> tuple[pl.DataFrame, int]:
    """Objects as rows of plain columns, and how many strings had half a surrogate pair.

    Raises:
        SourceError: there are none, one is no object, or a number is out of range.
    """
    if not records:
        raise SourceError(f"{shown(file)}: wanted at least one object, the file has none.")
    names: dict[str, None] = {}
    for number, record in enumerate(records, start=1):
        if not isinstance(record, dict):
            raise SourceError(f"{shown(file)}: wanted objects, row {number} is {type(record).__name__}.")
        names.update(dict.fromkeys(record))
    columns, replaced = [], 0
    for name in names:
        values, n = plain([record.get(name) for record in records])
        replaced += n
        columns.append(column(file, scrubbed(name), values))
    return pl.DataFrame(columns), replaced


def plain(values: list[Any]) -> tuple[list[Any], int]:
    """Values a column can hold: nested ones as JSON, halves of surrogate pairs replaced and counted."""
    flat = [json.dumps(v) if isinstance(v, list | dict | tuple) else v for v in values]
    clean = [scrubbed(v) if isinstance(v, str) else v for v in flat]
    return clean, sum(a != b for a, b in zip(flat, clean, strict=True))


def scrubbed(text: str) -> str:
    """The text with U+FFFD in place of each half of a surrogate pair."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def column(file: Path, name: str, values: list[Any]) -> pl.Series:
    """Values as a column; where types are mixed, as text.

    Raises:
        SourceError: no column type holds them.
    """
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) > 1 and kinds != {int, float}:
        values = [None if value is None else str(value) for value in values]
    try:
        return pl.Series(name, values, strict=kinds != {int, float})
    except (pl.exceptions.PolarsError, OverflowError, TypeError) as error:
        raise SourceError(f"{shown(file)}: column {name} cannot be read: {error}.") from None


def read_text(file: Path, base: Path) -> pl.DataFrame:
    """One row: the file's text, its path inside the data folder (`file`) and the folder it lies in."""
    inside = file.relative_to(base)
    return pl.DataFrame(
        {"text": [utf8(file)], "file": [inside.as_posix()], "folder": [inside.parent.as_posix()]}
    )
