"""The rows of a source's files: what is held of them, and texts that are read again when asked for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import polars as pl

from tasks import progress
from tasks.store.sources import columns, nested, streamed

TEXT, DOCUMENT, ROW = "text", "document_id", "row"


@dataclass(frozen=True)
class Part:
    """The rows of one file."""

    rows: pl.DataFrame
    untyped: pl.DataFrame | None = None
    """The same with all cells as text, where the file gives no types."""
    blocks: streamed.Blocks | None = None
    """Its rows with a column that is not held, where the file is read block by block."""

    def of_file(self, name: str) -> "Part":
        """The rows with the name of their file, where they have none."""
        if "file" in self.rows.columns:
            return self
        named = pl.lit(name).alias("file")
        untyped = None if self.untyped is None else self.untyped.with_columns(named)
        return replace(self, rows=self.rows.with_columns(named), untyped=untyped)

    def texts(self, wanted: pl.Series, column: str, label: str, where: str) -> Iterator[pl.Series]:
        """The column of texts of some rows, block by block.

        Args:
            wanted: numbers of rows, from 0, in their order.
            column: its name, or a path.
            label: what errors call the file.
            where: where the column is named.
        """
        first, left = 0, len(wanted)
        if not left:
            return
        for block in self.blocks(column) if self.blocks else [self.rows]:
            inside = _between(wanted, first, block.height)
            if len(inside):
                yield columns.some_text(block, column, label, where).gather(inside)
            first, left = first + block.height, left - len(inside)
            if not left:
                return


@dataclass(frozen=True)
class TextStream:
    """The texts of a source's files, read again whenever they are asked for: never held all at once."""

    parts: list[Part]
    column: str
    label: str
    where: str
    """Where the column is named."""
    called: str
    """What is shown of its progress."""
    noted: Callable[[pl.Series], None]
    """Told the texts that are chosen."""

    def __post_init__(self) -> None:
        """Checks that it can begin.

        Raises:
            SourceError: no part has the column.
        """
        frames = [part.rows for part in self.parts]
        if not any(nested.reaches(frame.columns, self.column) for frame in frames):
            raise columns.no_column(frames, self.column, self.label, self.where)

    def of(self, rows: pl.Series) -> Iterator[pl.Series]:
        """Texts of rows, block by block.

        Args:
            rows: their numbers over all parts, from 0, in order.
        """
        first = 0
        with progress.bar(self.called, len(rows)) as advance:
            for part in self.parts:
                inside = _between(rows, first, part.rows.height)
                for texts in part.texts(inside, self.column, self.label, self.where):
                    advance(len(texts))
                    yield texts
                first += part.rows.height

    def chosen(self, rows: pl.Series) -> pl.Series:
        """The same, all at once.

        Raises:
            SourceError: they are all numbers.
        """
        texts = pl.concat([pl.Series(dtype=pl.String), *self.of(rows)])
        columns.check_words(pl.DataFrame(), texts.alias(self.column), self.label, self.where)
        self.noted(texts)
        return texts


def _between(rows: pl.Series, first: int, n: int) -> pl.Series:
    """The numbers from `first` on, of n rows, counted from it."""
    start, end = (int(rows.search_sorted(bound)) for bound in (first, first + n))
    return rows[start:end] - first


@dataclass(frozen=True)
class Table:
    """The rows of a source that meet its filters."""

    rows: pl.DataFrame
    """All columns, where a SQL filter asks for them."""
    picked: pl.DataFrame
    """What was wanted of the same rows, each read file by file, whatever type it has there."""
    label: str
    """What errors call it."""
    stream: TextStream | None = None
    """Texts of the rows by number (column ROW of `picked`), where `picked` has none."""

    def texts(self, rows: pl.DataFrame) -> Iterator[pl.Series]:
        """Texts of some rows of `picked`, in their order, block by block."""
        return iter([rows[TEXT]]) if self.stream is None else self.stream.of(rows[ROW])

    def with_texts(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Some rows of `picked` with TEXT.

        Raises:
            SourceError: all texts of theirs are numbers.
        """
        if self.stream is None:
            return rows
        return rows.drop(ROW).with_columns(self.stream.chosen(rows[ROW]).alias(TEXT))


def of_parts(
    parts: list[Part], name: str, read: Callable[[Part], pl.Series], label: str, where: str
) -> pl.Series:
    """A column of all parts; null where a part lacks it.

    Raises:
        SourceError: all lack it.
    """
    reached = [nested.reaches(part.rows.columns, name) for part in parts]
    if not any(reached):
        raise columns.no_column([part.rows for part in parts], name, label, where)
    has = [there and not nested.ends(part.rows, name) for part, there in zip(parts, reached, strict=True)]
    # Where it ends in all of them, the first that is read says so.
    has = has if any(has) else reached
    return pl.concat(
        read(part) if there else pl.repeat(None, part.rows.height, dtype=pl.String, eager=True).alias(name)
        for part, there in zip(parts, has, strict=True)
    )
