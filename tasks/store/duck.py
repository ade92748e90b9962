"""The team's memory: every run of every study, in one DuckDB file that SQL can ask.

Loaded from the recorded Parquet, idempotently by run_id; what earlier runs found stays, and is kept as
Parquet, too (past_runs.py). A change is made in a copy that then takes the file's place, so analysts may keep
it open (read-only) meanwhile. A damaged file is kept aside and built anew.
`texts`, `pictures`, `measures` and `verdicts` are views on the Parquet of all studies that are there.
"""

import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from filelock import FileLock, Timeout

from tasks import paths
from tasks.errors import MissingStageError, NatstatError, ParamsError, StoreError, nearest
from tasks.store import disk, loading, past_runs, tables

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_WAIT_S = 300.0
_RETRY_S = 10.0  # how long to try while somebody else holds the file
_REPLACED_S = 1.0  # ... and while a view lacks a file: a stage may have put others into its place
# Nothing is fetched from the network: what is not built in is an error.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
_QUESTIONS = Path(__file__).parent / "sql"


def record(study: str) -> None:
    """Loads what this study recorded; the same run twice changes nothing but `recorded_at`.

    Raises:
        MissingStageError: the study has not been recorded.
        StoreError: the database cannot be written.
    """
    with _changed() as connection:
        past_runs.keep(connection, {loading.load(connection, study)})


def load_all() -> int:
    """Loads what every study recorded, and says how many studies that were.

    Runs that no study's folder holds any more stay: in the file, or from their own Parquet.

    Raises:
        MissingStageError: no study has been recorded.
        StoreError: the database cannot be written, or a study's Parquet is damaged.
    """
    studies = recorded()
    if not studies and not past_runs.are_there():
        raise MissingStageError(
            f"{paths.data()}: wanted a study with recorded discoveries, there is none. Run `dvc repro`."
        )
    with _changed() as connection:
        past_runs.keep(connection, {loading.load(connection, study) for study in studies})
    return len(studies)


@dataclass(frozen=True)
class Question:
    """A ready question: SQL with a title, and parameters with their defaults."""

    title: str
    parameters: dict[str, str]
    sql: str


def questions() -> dict[str, str]:
    """Names and titles of the ready questions."""
    return {name: question(name).title for name in _names()}


def question(name: str) -> Question:
    """The ready question of that name.

    Raises:
        ParamsError: there is none.
    """
    if name not in _names():
        raise ParamsError(
            f"query {name}: wanted a ready question or SQL{nearest(name, _names())}. There are: "
            f"{', '.join(_names())}."
        )
    sql = (_QUESTIONS / f"{name}.sql").read_text(encoding="utf-8")
    title = re.search(r"^-- title: (.+)$", sql, re.MULTILINE)
    parameters = re.findall(r"^-- parameter: (\w+) = '(.*?)'", sql, re.MULTILINE)
    return Question(title[1] if title else name, dict(parameters), sql)


def query(name_or_sql: str, params: Mapping[str, Any] | None = None) -> pl.DataFrame:
    """The answer to a ready question, or to SQL of one's own; values are bound, never pasted in.

    Raises:
        MissingStageError: nothing has been recorded yet.
        ParamsError: no such question or parameter, a value that does not fit, or wrong SQL.
        StoreError: the database is damaged or held by another program.
    """
    given = dict(params or {})
    if re.search(r"\s", name_or_sql.strip()):
        sql, bound = name_or_sql, given
    else:
        ready = question(name_or_sql)
        for key in given:
            if key not in ready.parameters:
                known = ", ".join(ready.parameters) or "none"
                raise ParamsError(
                    f"query {name_or_sql}: unknown parameter {key!r}{nearest(key, ready.parameters)}. "
                    f"It takes: {known}."
                )
        # A ready question takes strings and casts them itself.
        sql, bound = ready.sql, {**ready.parameters, **{key: str(value) for key, value in given.items()}}
    return _answer(name_or_sql, sql, bound)


def _answer(name: str, sql: str, bound: dict[str, Any]) -> pl.DataFrame:
    import duckdb

    file = paths.discoveries_db()
    if not file.is_file():
        raise MissingStageError(
            f"{file}: wanted the recorded discoveries, not there. Run `dvc repro`, or `natstat load` "
            "where studies have been recorded."
        )
    deadline = time.monotonic() + _REPLACED_S
    with opened(file, read_only=True) as connection:
        while True:
            try:
                answer = connection.sql(sql, params=bound) if bound else connection.sql(sql)
                found: pl.DataFrame = pl.DataFrame() if answer is None else answer.pl()
                return found
            except duckdb.Error as error:
                if not disk.is_missing(error) or time.monotonic() > deadline:
                    raise _no_answer(name, error) from None
            time.sleep(0.1)


def _no_answer(name: str, error: Exception) -> NatstatError:
    import duckdb

    of_disk = (duckdb.OperationalError, duckdb.InternalError, duckdb.FatalException)
    if isinstance(error, of_disk) or "corrupt" in str(error).lower():  # the file, or a view's Parquet
        return StoreError(f"query: {disk.told(error)}. {_advice(error)}")
    by_earlier = isinstance(error, duckdb.BinderException | duckdb.CatalogException) and name in _names()
    old = " Was the database made by an earlier release? Run `natstat load`." if by_earlier else ""
    return ParamsError(f"query {name.strip().splitlines()[0]}: {disk.told(error)}.{old}")


def _names() -> list[str]:
    return sorted(file.stem for file in _QUESTIONS.glob("*.sql"))


def recorded() -> list[str]:
    """Studies in the order in which they were recorded, as far as their files tell."""
    files = {
        folder.name: paths.output(folder.name, "record") / "runs.parquet"
        for folder in paths.data().glob("[!.]*")
    }
    return sorted(
        (study for study, file in files.items() if file.is_file()),
        key=lambda study: (files[study].stat().st_mtime, study),
    )


def _advice(error: Exception) -> str:
    """What to do about a file that cannot be read."""
    if disk.is_busy(error):
        return "Close it there."
    if disk.is_full(error) or disk.is_closed(error):
        return disk.advice(error)
    if disk.is_missing(error):
        return "Ask again when the stage that writes it has ended. Run `natstat load` where none runs."
    return "Run `natstat load`: it keeps a damaged file aside and builds it anew."


@contextmanager
def opened(file: Path, *, read_only: bool = False) -> Iterator["DuckDBPyConnection"]:
    """A connection, tried again for a while if another program holds the file.

    Raises:
        StoreError: it is damaged, or held too long.
    """
    import duckdb

    deadline = time.monotonic() + _RETRY_S
    while True:
        try:
            connection = duckdb.connect(str(file), read_only=read_only, config=_CONFIG)
            break
        except duckdb.Error as error:
            if disk.is_busy(error) and time.monotonic() < deadline:
                time.sleep(0.2)
                continue
            raise StoreError(f"{file}: cannot be opened: {disk.told(error)}. {_advice(error)}") from error
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def _changed() -> Iterator["DuckDBPyConnection"]:
    """A connection to a copy, in a transaction; the copy takes the file's place if all goes well."""
    import duckdb

    file = paths.discoveries_db()
    lock = paths.cache() / "locks" / "duckdb.lock"
    copy = file.with_name(f".{file.name}.tmp")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, timeout=_WAIT_S):
            copy = disk.copy_beside(file)
            is_damaged = _copy(file, copy)
            with opened(copy) as connection:
                connection.begin()
                tables.create(connection)
                restored = past_runs.restore(connection)
                yield connection
                tables.create_views(connection)
                connection.commit()
                connection.execute("CHECKPOINT")
            _put(copy, file)
            if is_damaged:
                print(_rebuilt(restored), file=sys.stderr)
    except Timeout as error:
        raise StoreError(
            f"{file}: another process has been writing it for {_WAIT_S:.0f} s. Stop that one."
        ) from error
    except (OSError, duckdb.Error) as error:
        raise disk.unwritable(file, error) from error
    finally:
        for left in (copy, _wal(copy)):
            disk.remove(left)


def _rebuilt(n_runs: int) -> str:
    return (
        f"{paths.discoveries_db().name}: built anew with the {n_runs} runs in {paths.past_runs().name} and "
        "what each study recorded last. Lost are only runs that neither holds: those that an earlier "
        "release of natstat recorded and a later run of their study replaced."
    )


def _copy(file: Path, copy: Path) -> bool:
    """Copies the database as it stands; a damaged one is kept aside, and gives True.

    Raises:
        StoreError: there is no room for the copy, or the file may not be read.
    """
    if not file.is_file():
        return False
    with disk.reported(copy):
        shutil.copyfile(file, copy)
        if _wal(file).is_file():  # another program was stopped while it changed the file
            shutil.copyfile(_wal(file), _wal(copy))
    damage = _damage(copy)
    if damage is None:
        return False
    copy.unlink()
    _wal(copy).unlink(missing_ok=True)
    aside = next(
        a for n in range(1, 10_000) if not (a := file.with_name(f"{file.name}.unreadable-{n}")).exists()
    )
    shutil.copyfile(file, aside)
    print(f"warning: {file}: damaged ({damage}); kept as {aside.name}.", file=sys.stderr)
    return True


def _damage(copy: Path) -> str | None:
    """What is wrong with the copy, every row of which is read; None where nothing is.

    Raises:
        StoreError: it is no damage: the disk is full, or it may not be read.
    """
    import duckdb

    try:
        with opened(copy) as connection:
            connection.sql("SELECT count(*) FROM runs").fetchall()
            for (table,) in connection.sql("SELECT table_name FROM duckdb_tables()").fetchall():
                connection.sql(f'SELECT max(hash(t)) FROM "{table}" AS t').fetchall()  # noqa: S608
            connection.execute("CHECKPOINT")
    except (StoreError, duckdb.Error) as error:
        if disk.is_full(error) or disk.is_closed(error):
            raise disk.unwritable(copy, error) from error
        cause = error.__cause__ if isinstance(error, StoreError) else error
        return disk.told(cause or error)
    return None


def _put(copy: Path, file: Path) -> None:
    with copy.open("rb") as opened:
        os.fsync(opened.fileno())
    copy.replace(file)
    _wal(file).unlink(missing_ok=True)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _wal(file: Path) -> Path:
    return file.with_name(f"{file.name}.wal")
