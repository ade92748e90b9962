"""Whether the database holds exactly what the Parquet holds that it was loaded from.

Every table is compared both ways by a set difference in SQL over all columns, in which a row that stands
twice counts twice: with data/.runs, and with what the stages of each study left last.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from tasks import paths
from tasks.errors import MissingStageError, NatstatError
from tasks.store import duck, files, frames, loading, past_runs, tables

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MOST_TOLD = 5
"""Differences told of a table."""
_MOST_CHARS = 60
_LEFT = """
SELECT * FROM (SELECT {columns} FROM {first} EXCEPT ALL SELECT {columns} FROM {second}) ORDER BY ALL
"""
_OF_STUDIES: tuple[tuple[str, str, pl.Schema], ...] = (
    ("runs", "record", frames.RUNS),
    ("discoveries", "record", frames.DISCOVERIES),
    ("evidence", "record", frames.EVIDENCE),
    ("files", "record", files.FILES),
    ("predicates", "formalise", frames.PREDICATES),
    ("scores", "score", frames.SCORES),
)
"""Tables that a study's folders hold, the stage that wrote each, and its columns."""


@dataclass(frozen=True)
class Compared:
    """A table of the database beside the Parquet that it came from."""

    table: str
    parquet: str
    """Where that lies, from the project folder."""
    n_rows: int
    """Of the database."""
    n_only_database: int
    n_only_parquet: int
    differences: tuple[str, ...] = ()
    """What differs, in words."""
    skipped: str = ""
    """Why it could not be compared; empty where it was."""

    @property
    def state(self) -> str:
        """`equal`, `differs`, or `skipped`."""
        return "differs" if self.differences else "skipped" if self.skipped else "equal"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "state": self.state}


def compared() -> list[Compared]:
    """Every table with data/.runs, then with the folders of each study that was recorded.

    Raises:
        MissingStageError: nothing has been recorded yet.
        StoreError: the database is damaged or held by another program.
    """
    file = paths.discoveries_db()
    if not file.is_file():
        raise MissingStageError(f"{file}: wanted the recorded discoveries, not there. Run `natstat load`.")
    with duck.opened(file, read_only=True) as connection:
        found = [_with_past_runs(connection, table) for table in tables.TABLES]
        return [*found, *_files_of_past_runs(), *_with_studies(connection)]


def _with_past_runs(connection: "DuckDBPyConnection", table: str) -> Compared:
    place = _named(paths.past_runs())
    try:
        rows = past_runs.rows_of(table)
    except NatstatError as error:
        return Compared(table, place, 0, 0, 0, (str(error),))
    known = {name for name, *_ in connection.execute(f'DESCRIBE "{table}"').fetchall()}
    lacking = [name for name in rows.columns if name not in known]
    if lacking:
        told = f"DuckDB lacks the columns {', '.join(lacking)} of this release. Run `natstat load`"
        return Compared(table, place, 0, 0, 0, (told,))
    return _compared(connection, table, place, rows, f'"{table}"')


def _files_of_past_runs() -> Iterator[Compared]:
    """The bytes of data/.runs beside the hashes that were taken as they were written."""
    written: dict[Path, str] = {}
    wrong, unproven = list[str](), list[Path]()
    for folder in past_runs.folders():
        try:
            of_run = past_runs.hashes(folder)
        except NatstatError as error:
            wrong.append(str(error))
            continue
        others = [file for file in sorted(folder.glob("*.parquet")) if file not in of_run]
        if of_run:
            wrong += [f"{_named(file)} was added since its run was written" for file in others]
        else:
            unproven += others
        written |= of_run
    wrong += [f"{_named(file)} {why}" for file, why in past_runs.changed(written)]
    unproven += [file for file in past_runs.splits() if file not in written]
    place = _named(paths.past_runs())
    if written or wrong:
        yield Compared("files of runs", place, len(written), 0, 0, tuple(wrong))
    if unproven:
        names = ", ".join(file.relative_to(paths.past_runs()).as_posix() for file in unproven)
        why = f"no hash says how it was written, by an earlier release, or the hash is gone: {names}"
        yield Compared("files of runs", place, len(unproven), 0, 0, skipped=why)


def _with_studies(connection: "DuckDBPyConnection") -> Iterator[Compared]:
    for study in duck.recorded():
        folder = paths.output(study, "record")
        try:
            run_id = frames.read(folder, "runs.parquet", frames.RUNS)["run_id"].item()
            found = frames.read(folder, "discoveries.parquet", frames.DISCOVERIES)
        except NatstatError as error:
            yield Compared("runs", _named(folder), 0, 0, 0, (str(error),))
            continue
        for table, stage, schema in _OF_STUDIES:
            file = paths.output(study, stage) / f"{table}.parquet"
            if file.is_file():
                yield _with_file(connection, table, file, schema, run_id, found)
            else:
                yield Compared(table, _named(file), 0, 0, 0, skipped="it is not there")


def _with_file(
    connection: "DuckDBPyConnection",
    table: str,
    file: Path,
    schema: pl.Schema,
    run_id: str,
    found: pl.DataFrame,
) -> Compared:
    try:
        rows = frames.read(file.parent, file.name, schema)
    except NatstatError as error:
        return Compared(table, _named(file), 0, 0, 0, (str(error),))
    if table in {"predicates", "scores"} and not loading.made(rows, found):
        why = "it is not what the run rests on: its stage ran again since, or it was changed"
        return Compared(table, _named(file), 0, 0, 0, skipped=why)
    held = connection.sql(
        f'SELECT * FROM "{table}" WHERE run_id = $run_id',  # noqa: S608 - our own names
        params={"run_id": run_id},
    ).pl()
    connection.register("of_run", held)
    try:
        return _compared(connection, table, _named(file), rows, "of_run")
    finally:
        connection.unregister("of_run")


def _compared(
    connection: "DuckDBPyConnection", table: str, place: str, rows: pl.DataFrame, held: str
) -> Compared:
    """Rows of Parquet beside rows of the database, over all columns of the former."""
    columns = ", ".join(f'"{name}"' for name in rows.columns)
    connection.register("of_parquet", rows)
    try:
        here, there = (
            connection.sql(_LEFT.format(columns=columns, first=first, second=second)).pl()
            for first, second in ((held, "of_parquet"), ("of_parquet", held))
        )
        (n_rows,) = connection.sql(f"SELECT count(*) FROM {held}").fetchall()[0]  # noqa: S608 - our own names
    finally:
        connection.unregister("of_parquet")
    return Compared(table, place, n_rows, here.height, there.height, tuple(_differences(here, there)))


def _differences(here: pl.DataFrame, there: pl.DataFrame) -> Iterator[str]:
    """Each row that only one of them has, beside the row of the other that is most like it."""
    others = there.rows(named=True)
    for row in here.head(_MOST_TOLD).iter_rows(named=True):
        most = max(others, key=partial(_n_equal, row), default=None)
        if most is None or 2 * _n_equal(row, most) <= len(row):
            yield f"only in DuckDB: {_said(row, list(row)[:4])}"
            continue
        others.remove(most)
        changed = [name for name in row if repr(row[name]) != repr(most[name])]
        which = _said(row, _key(row, changed))
        yield f"{which}: DuckDB has {_said(row, changed)}; Parquet has {_said(most, changed)}"
    for other in others[:_MOST_TOLD]:
        yield f"only in Parquet: {_said(other, list(other)[:4])}"
    if here.height > _MOST_TOLD or len(others) > _MOST_TOLD:
        yield f"{here.height} rows of DuckDB and {there.height} of Parquet differ in all"


def _n_equal(row: dict[str, Any], other: dict[str, Any]) -> int:
    return sum(row[name] == other[name] for name in row)


def _key(row: dict[str, Any], changed: Sequence[str]) -> list[str]:
    named = ("run_id", "predicate_id", "text_id", "role", "rank", "file", "text_hash", "request_hash")
    return [name for name in named if name in row and name not in changed]


def _said(row: dict[str, Any], names: Sequence[str]) -> str:
    return ", ".join(f"{name} {str(row[name])[:_MOST_CHARS]}" for name in names)


def _named(place: Path) -> str:
    return place.relative_to(paths.root()).as_posix()
