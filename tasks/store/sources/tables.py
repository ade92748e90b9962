"""Readers of files that hold a table, or one text: CSV, TSV, JSON, Parquet, Arrow, plain text.

A reader gives a frame. Nothing is repaired in silence: bytes that are not in the encoding are an error with
their offset, lines of CSV that do not fit are an error with their number or counted, and halves of surrogate
pairs (which JSON can spell and UTF-8 cannot) become U+FFFD and are counted.
"""

import codecs
import gzip
import itertools
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from tasks.errors import SourceError
from tasks.store.sources import delimited, logs, nested
from tasks.store.sources.nested import scrubbed
from tasks.store.sources.wording import reading, shown
from tasks.study.corpus import Collect

SURROGATES = "n_surrogates"
"""Key of `read` that counts values in which half of a surrogate pair was replaced."""
_MARKED = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_MARKS = {
    "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
    "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
}
"""The marks that tell the order of bytes."""
_MB = 2**20
_PLAIN = Collect()


def text_of(file: Path, collect: Collect = _PLAIN) -> str:
    """The whole file as text, unpacked where its name ends in .gz.

    Raises:
        SourceError: it cannot be read, unpacks to too much, or is in another encoding.
    """
    return "".join(pieces_of(file, collect))


def pieces_of(file: Path, collect: Collect = _PLAIN) -> Iterator[str]:
    """The same piece by piece: a megabyte is held at a time.

    Raises:
        SourceError: as `text_of`, once the piece is reached.
    """
    raws = _unpacked(file, collect.max_unpacked_mb)
    first = next(raws)
    decoder, head = _decoder(collect.encoding, first), first[:2]
    offset, is_first = 0, True
    for raw in itertools.chain([first], raws):
        # What ended within a character.
        pending = decoder.getstate()[0]
        try:
            text = decoder.decode(raw, final=not raw)
            text.encode()
        except UnicodeError as error:
            at, byte = 0, head[:1]
            if isinstance(error, UnicodeDecodeError):
                at = offset - len(pending) + error.start
                byte = (pending + raw)[error.start : error.start + 1]
            raise _other_encoding(file, collect.encoding, byte, at, head) from None
        offset += len(raw)
        if text:
            # Whatever the encoding, a byte order mark is no part of the text.
            yield text.removeprefix("\ufeff") if is_first else text
            is_first = False


def _decoder(encoding: str, first: bytes) -> codecs.IncrementalDecoder:
    """Decodes piece by piece as a whole file is decoded: without a mark UTF-16 is in this machine's order."""
    name = codecs.lookup(encoding).name
    marks = _MARKS.get(name)
    order = "" if marks is None or first.startswith(marks) else f"-{sys.byteorder[0]}e"
    return codecs.getincrementaldecoder(f"{name}{order}")()


def _other_encoding(file: Path, encoding: str, byte: bytes, offset: int, head: bytes) -> SourceError:
    # A byte order mark tells UTF-16 for sure; otherwise the old Western encoding is the likeliest.
    likely = _MARKED.get(head, "cp1252")
    advice = (
        f" Write `collect: {{encoding: {likely}}}` under the study (`natstat new`: --encoding {likely})"
        if likely != encoding
        else " Name its encoding"
    )
    return SourceError(
        f"{shown(file)}: wanted {encoding.upper()}, got byte 0x{byte.hex()} at offset {offset}.{advice} if "
        "that is what it is in, or save the file as UTF-8."
    )


def _unpacked(file: Path, most_mb: int) -> Iterator[bytes]:
    """The bytes in pieces, an empty one last."""
    is_packed, n_bytes = file.suffix.lower() == ".gz", 0
    with (
        reading(file, "a text file", "Check that it is whole and may be read."),
        (gzip.open if is_packed else open)(file, "rb") as opened,
    ):
        while part := opened.read(_MB):
            n_bytes += len(part)
            # Counted while it comes.
            if is_packed and n_bytes > most_mb * _MB:
                raise too_large(file, most_mb)
            yield part
    yield b""


def too_large(file: Path, most_mb: int) -> SourceError:
    """The error for a file that unpacks to more than it may."""
    return SourceError(
        f"{shown(file)}: unpacks to more than {most_mb:,} MB. If it is as large as that, write "
        "`collect: {max_unpacked_mb: N}` with a higher number."
    )


def read_csv(file: Path, collect: Collect = _PLAIN) -> tuple[pl.DataFrame, list[int]]:
    """Rows of a CSV or TSV file, all cells as text; and the numbers of lines that were skipped.

    Raises:
        SourceError: it is empty, or a line has more fields than the header or a quote that is not closed.
    """
    blocks = list(csv_blocks(file, collect))
    return pl.concat(block.rows for block in blocks), [n for block in blocks for n in block.bad_lines]


def csv_blocks(file: Path, collect: Collect = _PLAIN) -> Iterator[delimited.Table]:
    """The same block by block, one at least."""
    options = collect.csv
    if options.delimiter is None and {".tsv", ".tab"} & {s.lower() for s in file.suffixes}:
        options = options.model_copy(update={"delimiter": "\t"})
    return delimited.blocks(pieces_of(file, collect), options, shown(file))


def read_parquet(file: Path) -> pl.DataFrame:
    """Rows of a Parquet file."""
    with reading(file, "Parquet", "Write it again; it looks damaged or cut off."):
        return pl.read_parquet(file, glob=False)


def read_ipc(file: Path) -> pl.DataFrame:
    """Rows of an Arrow (Feather) file."""
    # Opened here, as a name is taken for a pattern there.
    with (
        reading(file, "an Arrow (Feather) file", "Write it again; it looks damaged or cut off."),
        file.open("rb") as f,
    ):
        return pl.read_ipc(f)


def read_jsonl(file: Path, collect: Collect = _PLAIN) -> tuple[pl.DataFrame, int]:
    """One JSON object per line, and how many strings had half a surrogate pair.

    Raises:
        SourceError: a line is no JSON object.
    """
    return from_objects(file, [record for block in jsonl_blocks(file, collect) for record in block])


def jsonl_blocks(file: Path, collect: Collect = _PLAIN) -> Iterator[list[Any]]:
    """What the lines hold, block by block.

    Raises:
        SourceError: a line is no JSON.
    """
    block: list[Any] = []
    for number, line in enumerate(_lines(pieces_of(file, collect)), start=1):
        if line.strip():
            block.append(_loaded(file, line, f"line {number}"))
        if len(block) == delimited.BLOCK:
            yield block
            block = []
    yield block


def _lines(pieces: Iterable[str]) -> Iterator[str]:
    """Lines, without their ends, of a text that comes in pieces."""
    begun: list[str] = []
    for piece in pieces:
        first, *others = piece.split("\n")
        begun.append(first)
        if others:
            yield "".join(begun)
            yield from others[:-1]
            begun = [others[-1]]
    yield "".join(begun)


def read_json(file: Path, collect: Collect = _PLAIN) -> tuple[pl.DataFrame, int]:
    """A JSON array of objects, or one object of equally long arrays.

    Raises:
        SourceError: it is neither.
    """
    content = text_of(file, collect)
    if not content.strip():
        raise SourceError(f"{shown(file)}: wanted JSON, the file is empty.")
    loaded = _loaded(file, content, "the file")
    if logs.is_inspect(loaded):
        return read_log(file, collect)
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


def read_log(file: Path, collect: Collect = _PLAIN) -> tuple[pl.DataFrame, int]:
    """The answers of an evaluation log of Inspect, and how many strings had half a surrogate pair.

    Raises:
        SourceError: it is none, unpacks to too much, or Inspect is not installed.
    """
    if logs.n_bytes(file) > collect.max_unpacked_mb * _MB:
        raise too_large(file, collect.max_unpacked_mb)
    return from_objects(file, logs.inspect_samples(file))


def _loaded(file: Path, content: str, where: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{shown(file)}: {where} is no JSON: {error}.") from None


def from_objects(file: Path, records: list[Any], first: int = 1) -> tuple[pl.DataFrame, int]:
    """Objects as rows, and how many strings had half a surrogate pair.

    Args:
        file: that holds them.
        records: some of what it holds.
        first: the number of the first of them.

    Raises:
        SourceError: there are none, one is no object, or a value fits no column.
    """
    if not records:
        raise SourceError(f"{shown(file)}: wanted at least one object, the file has none.")
    names: dict[str, None] = {}
    for number, record in enumerate(records, first):
        if not isinstance(record, dict):
            raise SourceError(f"{shown(file)}: wanted objects, row {number} is {type(record).__name__}.")
        names.update(dict.fromkeys(record))
    columns = [nested.column(file, scrubbed(name), [r.get(name) for r in records]) for name in names]
    if len({column.name for column, _ in columns}) < len(columns):
        raise SourceError(
            f"{shown(file)}: two names of columns differ in a broken character only. Rename one."
        )
    return pl.DataFrame({column.name: column for column, _ in columns}), sum(n for _, n in columns)


def read_text(file: Path, base: Path, collect: Collect = _PLAIN) -> pl.DataFrame:
    """One row: the file's text, its path inside the data folder (`file`) and the folder it lies in."""
    inside = file.relative_to(base)
    return pl.DataFrame(
        {"text": [text_of(file, collect)], "file": [inside.as_posix()], "folder": [inside.parent.as_posix()]}
    )
