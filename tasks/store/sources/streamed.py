"""Files that are read block by block: a few columns of all rows are held, others come when asked for.

CSV, TSV and JSON lines come as blocks of lines, Parquet and Arrow as batches. A column that is not held is
null in every row. Other files are small, or cannot be taken apart, and are read whole.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import polars.selectors as cs

from tasks import progress
from tasks.errors import SourceError
from tasks.store import canonical
from tasks.store.sources import columns, delimited, locate, logs, nested, tables
from tasks.store.sources.wording import reading, shown
from tasks.study.corpus import Collect

Held = Callable[[list[str]], list[str]]
"""Names of columns -> those of which all rows are held."""
Blocks = Callable[[str], Iterator[pl.DataFrame]]
"""The rows in order, block by block, with what begins a path to a column."""


@dataclass(frozen=True)
class Streamed:
    """A file that is read block by block."""

    rows: pl.DataFrame
    """All columns by name and all rows, of which only what is held has values."""
    blocks: Blocks
    untyped: pl.DataFrame | None = None
    """What is held as text, where the file gives no types."""
    bad_lines: list[int] = field(default_factory=list)
    n_surrogates: int = 0


def streamed(
    file: Path, collect: Collect, held: Held, as_text: set[str], advance: progress.Advance
) -> Streamed | None:
    """The file, block by block; None where it must be read whole.

    Args:
        file: with rows.
        collect: how it is written.
        held: which columns all rows are held of.
        as_text: columns of CSV that have no numbers, whatever they look like.
        advance: told how many rows were read.

    Raises:
        SourceError: as when it is read whole.
    """
    match locate.format_of(file):
        case "csv":
            return _of_csv(file, collect, held, as_text, advance)
        case "jsonl":
            return _of_jsonl(file, collect, held, advance)
        case "parquet" | "ipc" as name:
            return _of_batches(file, name == "parquet", held, advance)
    return None


READ = ("csv", "jsonl", "json", "parquet", "ipc")
"""Formats of tables that `batches` reads, as `locate.FORMATS` calls them."""


def batches(file: Path, collect: Collect, size: int) -> Iterator[pl.DataFrame]:
    """All rows of a table in their order and all its columns, at most so many rows at a time.

    Of CSV all cells are text. All batches have the columns of the first.

    Args:
        file: its format goes by its suffix.
        collect: how it is written.
        size: rows at a time.

    Raises:
        SourceError: it is not there, in no format that is read, or damaged.
    """
    if not file.is_file():
        raise SourceError(f"{shown(file)}: wanted a file with a table, not there.")
    for rows in _whole_blocks(file, collect):
        yield from rows.iter_slices(size)


def _whole_blocks(file: Path, collect: Collect) -> Iterator[pl.DataFrame]:
    match locate.format_of(file):
        case "csv":
            yield from (block.rows for block in tables.csv_blocks(file, collect))
        case "jsonl":
            yield from _alike(file, collect)
        case "json":
            yield tables.read_json(file, collect)[0]
        case "parquet" | "ipc" as name:
            scan = pl.scan_parquet if name == "parquet" else pl.scan_ipc
            with _reading(file, name == "parquet"):
                # A name is no pattern.
                lazy = scan(file, glob=False)
                yield from lazy.collect_batches(chunk_size=delimited.BLOCK, maintain_order=True)
        case _:
            suffixes = " ".join(suffix for suffix, known in locate.FORMATS.items() if known in READ)
            raise SourceError(f"{shown(file)}: wanted a table ({suffixes}), got {file.suffix!r}.")


def _alike(file: Path, collect: Collect) -> Iterator[pl.DataFrame]:
    """Rows of JSON lines, with the columns of the first block."""
    names: list[str] = []
    for rows, _ in _json_frames(file, collect):
        names = names or rows.columns
        if new := [name for name in rows.columns if name not in names]:
            raise SourceError(
                f"{shown(file)}: wanted the same keys throughout, {new[0]!r} comes late. Write it in the "
                "first line, too, if only as null."
            )
        missing = [pl.lit(None).alias(name) for name in names if name not in rows.columns]
        yield rows.with_columns(missing).select(names)


def _of_csv(
    file: Path, collect: Collect, held: Held, as_text: set[str], advance: progress.Advance
) -> Streamed:
    parts, bad_lines = list[pl.DataFrame](), list[int]()
    for block in tables.csv_blocks(file, collect):
        rows = columns.named(block.rows, shown(file))
        parts.append(_narrow(rows, held(rows.columns)))
        bad_lines += block.bad_lines
        advance(rows.height)
    untyped = pl.concat(parts)
    typed = delimited.typed(untyped, as_text)

    def blocks(path: str) -> Iterator[pl.DataFrame]:
        for block in tables.csv_blocks(file, collect):
            rows = columns.named(block.rows, shown(file))
            yield _narrow(rows, nested.heads(rows.columns, [path]))

    return Streamed(typed, blocks, untyped, bad_lines)


def _of_jsonl(file: Path, collect: Collect, held: Held, advance: progress.Advance) -> Streamed | None:
    parts, n_surrogates = list[pl.DataFrame](), 0
    for rows, n_replaced in _json_frames(file, collect):
        if logs.recognised(rows, file) is not rows:
            return None
        parts.append(_narrow(rows, held(rows.columns)))
        n_surrogates += n_replaced
        advance(rows.height)
    if any(_are_mixed(parts, name) for name in {name for part in parts for name in part.columns}):
        # Which type holds all of them is known from all values alone.
        return None
    rows = pl.concat(parts, how="diagonal_relaxed")

    def blocks(path: str) -> Iterator[pl.DataFrame]:
        for rows, _ in _json_frames(file, collect):
            yield _narrow(rows, nested.heads(rows.columns, [path]))

    return Streamed(rows, blocks, n_surrogates=n_surrogates)


def _json_frames(file: Path, collect: Collect) -> Iterator[tuple[pl.DataFrame, int]]:
    n_rows = 0
    for records in tables.jsonl_blocks(file, collect):
        if records or not n_rows:
            rows, n_replaced = tables.from_objects(file, records, n_rows + 1)
            yield columns.named(rows, shown(file)), n_replaced
        n_rows += len(records)


def _are_mixed(parts: list[pl.DataFrame], name: str) -> bool:
    """Whether blocks have the column in different types, null aside."""
    return len({part.schema[name] for part in parts if name in part.columns} - {pl.Null()}) > 1


def _of_batches(file: Path, is_parquet: bool, held: Held, advance: progress.Advance) -> Streamed:
    with _reading(file, is_parquet):
        # A name is no pattern.
        lazy = pl.scan_parquet(file, glob=False) if is_parquet else pl.scan_ipc(file, glob=False)
        schema = lazy.collect_schema()
        n_rows = int(lazy.select(pl.len()).collect().item())
    spelt = {canonical.nfc(name): name for name in schema.names()}
    names = columns.named(schema.to_frame(), shown(file)).columns

    def selected(wanted: list[str]) -> Iterator[pl.DataFrame]:
        chosen = lazy.select(cs.by_name(*(spelt[name] for name in wanted)))
        with _reading(file, is_parquet):
            for batch in chosen.collect_batches(chunk_size=delimited.BLOCK, maintain_order=True):
                yield columns.named(batch, shown(file))

    def blocks(path: str) -> Iterator[pl.DataFrame]:
        heads = nested.heads(names, [path])
        return selected(heads) if heads else iter([pl.DataFrame(_nothing(path, n_rows))])

    wanted = held(names)
    found = pl.concat(selected(wanted)) if wanted and n_rows else pl.DataFrame()
    advance(n_rows)
    rows = pl.DataFrame([found[n] if n in found.columns else _nothing(n, n_rows) for n in names])
    return Streamed(rows, blocks)


def _reading(file: Path, is_parquet: bool) -> AbstractContextManager[None]:
    wanted = "Parquet" if is_parquet else "an Arrow (Feather) file"
    return reading(file, wanted, "Write it again; it looks damaged or cut off.")


def _narrow(rows: pl.DataFrame, held: list[str]) -> pl.DataFrame:
    """The rows with nothing in columns that are not held."""
    return rows.with_columns(_nothing(name, rows.height) for name in rows.columns if name not in held)


def _nothing(name: str, n_rows: int) -> pl.Series:
    """A column that takes no memory."""
    return pl.repeat(None, n_rows, dtype=pl.Null, eager=True).alias(name)
