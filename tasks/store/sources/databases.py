"""A SQL query on a DuckDB or SQLite file, which is opened to read and may reach nothing else."""

import sqlite3
from pathlib import Path

import polars as pl

from tasks.errors import SourceError
from tasks.store.sources import nested
from tasks.store.sources.wording import first_line, listed, reading, shown

_SQLITE_MAGIC = b"SQLite format 3\0"
_DUCKDB_MAGIC = b"DUCK"
_CLOSED: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "enable_external_access": "false",
    "lock_configuration": "true",
}


def read_query(file: Path, query: str | None) -> pl.DataFrame:
    """Rows of the query.

    Raises:
        SourceError: the file is no database, or the query is missing or wrong.
    """
    with (
        reading(file, "a DuckDB or SQLite database", "Check that it may be read."),
        file.open("rb") as opened,
    ):
        head = opened.read(16)
    if head == _SQLITE_MAGIC:
        return _sqlite(file, query)
    if head[8:12] == _DUCKDB_MAGIC:
        return _duckdb(file, query)
    raise SourceError(
        f"{shown(file)}: wanted a DuckDB or SQLite database, its first bytes say it is neither."
    )


def _no_query(file: Path, tables: list[str]) -> SourceError:
    return SourceError(
        f"{shown(file)}: wanted `query:` with SQL under collect. Its tables to select from: {listed(tables)}."
    )


def _sqlite(file: Path, query: str | None) -> pl.DataFrame:
    try:
        connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
        try:
            connection.set_authorizer(_no_attach)
            if query is None:
                tables = connection.execute("select name from sqlite_master where type in ('table','view')")
                raise _no_query(file, sorted(name for (name,) in tables))
            cursor = connection.execute(query)
            if cursor.description is None:
                raise SourceError(f"{shown(file)}: wanted a query that selects rows, got {query!r}.")
            names = [name for name, *_ in cursor.description]
            rows = cursor.fetchall()
        finally:
            connection.close()
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise _wrong(file, query, error) from None
    _no_twins(file, names)
    values = zip(*rows, strict=True) if rows else [()] * len(names)
    return pl.DataFrame([nested.column(file, n, list(v))[0] for n, v in zip(names, values, strict=True)])


def _no_attach(action: int, *_: object) -> int:
    return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_ATTACH else sqlite3.SQLITE_OK


def _duckdb(file: Path, query: str | None) -> pl.DataFrame:
    import duckdb

    try:
        with duckdb.connect(str(file), read_only=True, config=_CLOSED) as connection:
            if query is None:
                tables = connection.execute("select table_name from information_schema.tables").fetchall()
                raise _no_query(file, sorted(name for (name,) in tables))
            rows = connection.sql(query)
            if rows is None:
                raise SourceError(f"{shown(file)}: wanted a query that selects rows, got {query!r}.")
            _no_twins(file, list(rows.columns))
            frame: pl.DataFrame = rows.pl()
            return frame
    # A type that no frame has, such as an interval, is told by the other library.
    except (duckdb.Error, pl.exceptions.PolarsError) as error:
        raise _wrong(file, query, error) from None


def _no_twins(file: Path, names: list[str]) -> None:
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise SourceError(
            f"{shown(file)}: the query gives several columns {twins[0]}. Rename them with `as`."
        )


def _wrong(file: Path, query: str | None, error: Exception) -> SourceError:
    return SourceError(f"{shown(file)}: the query {query!r} failed: {first_line(error)}.")
