"""The sentences that may name parts of an encoder, from a file of the user's."""

from pathlib import Path

import polars as pl

from tasks.errors import SourceError, nearest
from tasks.kinds.directions import tables
from tasks.kinds.directions.files import inside, unreadable
from tasks.store import canonical
from tasks.store.sources.wording import listed, shown
from tasks.study import Study

COLUMN = "sentence"
MOST_CHARS = 300
"""A longer sentence is no name."""
MOST_SENTENCES = 100_000


def read(study: Study) -> pl.DataFrame:
    """Each sentence once, in the order of the file, in canonical form; blank ones are passed over.

    Raises:
        SourceError: the file is not there, no such file, holds none, too many, or one that is too long.
    """
    where, file = f"studies.{study.name}.directions.bank", inside(study, "bank")
    said = _said(file, where)
    plain = canonical.with_changes(said)[0].str.replace_all(r"\s+", " ").str.strip_chars()
    found = plain.filter(plain.fill_null("") != "").unique(maintain_order=True)
    if found.is_empty() or len(found) > MOST_SENTENCES:
        raise SourceError(
            f"{where}: wanted 1 to {MOST_SENTENCES:,} sentences in {shown(file)}, got {len(found):,}."
        )
    long = found.filter(found.str.len_chars() > MOST_CHARS)
    if len(long):
        raise SourceError(
            f"{where}: wanted sentences of at most {MOST_CHARS} characters in {shown(file)}, "
            f"{len(long):,} are longer, such as {long[0][:60]!r} ..."
        )
    return pl.DataFrame({COLUMN: found}, schema=tables.BANK)


def _said(file: Path, where: str) -> pl.Series:
    try:
        match file.suffix.lower():
            case ".txt":
                return pl.Series(file.read_text(encoding="utf-8-sig").splitlines(), dtype=pl.String)
            case ".csv":
                return _column(pl.read_csv(file, infer_schema=False), file, where)
            case ".parquet" | ".pq":
                return _column(pl.read_parquet(file), file, where)
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise unreadable(file, where, error) from None
    raise SourceError(f"{where}: wanted a .txt, .csv or .parquet file, got {file.name!r}.")


def _column(table: pl.DataFrame, file: Path, where: str) -> pl.Series:
    if COLUMN not in table.columns:
        raise SourceError(
            f"{where}: wanted a column {COLUMN!r} in {shown(file)}, it has {listed(table.columns)}"
            f"{nearest(COLUMN, table.columns)}."
        )
    return table[COLUMN].cast(pl.String)
