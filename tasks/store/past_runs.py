"""Every recorded run as Parquet, in data/.runs: what the database is rebuilt from, so that no run is lost.

A run has a folder `NUMBER-RUN_ID` with its rows of each table. Numbers are given under the database's lock
and only grow: the newest run is the one with the highest, whatever the clocks of the machines said. Which
texts a split asked is written once (`split-HASH.parquet`). `hashes.json` of a run has the hash of each of
its files, and of that of its split.
"""

import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from tasks import paths
from tasks.errors import NatstatError
from tasks.store import frames, tables

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_OF_RUN = tuple(table for table in tables.TABLES if table != "asked_texts")
_SPLIT = "split-"
_HASHES = "hashes.json"


def next_number(connection: "DuckDBPyConnection") -> int:
    """A number higher than that of any run that the database or the folder knows."""
    (known,) = connection.execute("SELECT coalesce(max(recorded_nr), 0) FROM runs").fetchall()[0]
    return int(max([known, *(number for number, _ in _kept())])) + 1


def restore(connection: "DuckDBPyConnection") -> int:
    """Loads the runs that the database lacks, in their order, and says how many those were.

    One that is damaged is left out, and said.
    """
    known = dict(connection.execute("SELECT run_id, recorded_nr FROM runs").fetchall())
    lacking = [(nr, folder) for nr, folder in _kept() if (known.get(_run_id(folder)) or 0) < nr]
    return sum(_load(connection, folder) for _, folder in lacking)


def keep(connection: "DuckDBPyConnection", recorded: set[str]) -> None:
    """Writes down those of the database's runs that are not there yet, and these as they are now.

    Raises:
        StoreError: the folder cannot be written.
    """
    # First: a run that is there without what it asked would be restored as one that asked little.
    _keep_splits(connection)
    there = {folder.name for _, folder in _kept()}
    rows = connection.execute(
        "SELECT run_id, recorded_nr, split_hash FROM runs ORDER BY recorded_nr"
    ).fetchall()
    for run_id, number, split_hash in rows:
        folder = paths.past_runs() / f"{number:06d}-{run_id}"
        if folder.name in there and run_id not in recorded:
            continue
        with frames.writing(folder) as written:
            for table in _OF_RUN:
                found = connection.sql(
                    f"SELECT * FROM {table} WHERE run_id = $run_id ORDER BY ALL",  # noqa: S608 - our own names
                    params={"run_id": run_id},
                ).pl()
                if found.height:
                    frames.write(found, written / f"{table}.parquet", tables.TABLES[table])
            split = _split_file(split_hash)
            held = [*sorted(written.glob("*.parquet")), *([split] if split.is_file() else [])]
            frames.write_json(written / _HASHES, {file.name: frames.file_hash(file) for file in held})
        # The same run recorded again is kept once, under its newest number.
        for number_before, before in _kept():
            if _run_id(before) == run_id and number_before < number:
                shutil.rmtree(before, ignore_errors=True)


def are_there() -> bool:
    """Whether any run was written down."""
    return bool(_kept())


def folders() -> list[Path]:
    """Where runs are written down, the oldest first."""
    return [folder for _, folder in _kept()]


def folder_of(run_id: str) -> Path | None:
    """Where a run is written down; None where it is not."""
    return next((folder for folder in folders() if _run_id(folder) == run_id), None)


def hashes(folder: Path) -> dict[Path, str]:
    """The hash that each file of a run, and that of its split, had when it was written.

    Empty where there are none: an earlier release wrote it, or they are gone.
    """
    if not (folder / _HASHES).is_file():
        return {}
    written = frames.read_manifest(folder, Path(_HASHES).stem)
    return {
        (folder.parent if name.startswith(_SPLIT) else folder) / name: was for name, was in written.items()
    }


def changed(written: Mapping[Path, str]) -> Iterator[tuple[Path, str]]:
    """Files that are not as they were written, and what is the matter with each.

    Args:
        written: of `hashes`.
    """
    for file, was in written.items():
        if not file.is_file():
            yield file, "is gone"
        elif frames.file_hash(file) != was:
            yield file, "was changed since it was written"


def splits() -> list[Path]:
    """What each split asked."""
    return sorted(paths.past_runs().glob(f"{_SPLIT}*.parquet"))


def rows_of(table: str) -> pl.DataFrame:
    """The rows of a table in all that was written down, by the schema of this release.

    Raises:
        StoreError: a file is damaged.
    """
    held = splits() if table == "asked_texts" else [folder / f"{table}.parquet" for folder in folders()]
    empty = tables.TABLES[table].to_frame()
    return pl.concat([empty, *(_rows(file, table) for file in held if file.is_file())])


def _kept() -> list[tuple[int, Path]]:
    """Numbers and folders, in their order."""
    named = ((paths.RUN.fullmatch(folder.name), folder) for folder in paths.past_runs().glob("*-*"))
    return sorted((int(name[1]), folder) for name, folder in named if name)


def _split_file(split_hash: str) -> Path:
    return paths.past_runs() / f"{_SPLIT}{split_hash}.parquet"


def _run_id(folder: Path) -> str:
    return folder.name.split("-", 1)[1]


def _load(connection: "DuckDBPyConnection", folder: Path) -> bool:
    try:
        rows = {
            table: _rows(folder / f"{table}.parquet", table)
            for table in _OF_RUN
            if table == "runs" or (folder / f"{table}.parquet").is_file()
        }
        asked = None
        split = _split_file(rows["runs"]["split_hash"].item())
        if split.is_file():
            asked = _rows(split, "asked_texts")
    except (NatstatError, ValueError) as error:
        print(f"warning: {error} The run in {folder} is left out.", file=sys.stderr)
        return False
    for table in _OF_RUN:
        tables.replace(connection, table, _run_id(folder), rows.get(table, tables.TABLES[table].to_frame()))
    if asked is not None:
        tables.put_asked(connection, asked, rows["runs"]["split_hash"].item())
    return True


def _rows(file: Path, table: str) -> pl.DataFrame:
    """Rows of a table; columns that an earlier or later release did not have are NULL, or left out."""
    schema = tables.TABLES[table]
    found = frames.read_any(file)
    missing = [pl.lit(None).alias(name) for name in schema if name not in found.columns]
    return frames.conform(found.with_columns(missing), schema)


def _keep_splits(connection: "DuckDBPyConnection") -> None:
    for (split_hash,) in connection.execute("SELECT DISTINCT split_hash FROM asked_texts").fetchall():
        file = _split_file(split_hash)
        if not file.is_file():
            asked = connection.sql(
                "SELECT * FROM asked_texts WHERE split_hash = $split ORDER BY ALL",
                params={"split": split_hash},
            ).pl()
            frames.write_file_whole(asked, file, tables.TABLES["asked_texts"])
