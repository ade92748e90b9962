"""Opening a SQLite file of our own: many processes may read and write it, and a killed one loses nothing."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock

from tasks.errors import StoreError

T = TypeVar("T")

WAIT_S = 60.0
"""How long to wait for another process that writes."""
_ANSWERS = "the store of paid answers"
_ADVICE = (
    "Free space or permissions, or bring it back from a copy, then rerun. Moving it away begins a new one:"
    " answers are paid again, and the budget starts from nothing."
)


@contextmanager
def reported(file: Path, called: str, advice: str) -> Iterator[None]:
    """A block in which what the file or SQLite does not allow is one clear line.

    Args:
        file: that is used.
        called: what it is.
        advice: sentences that say what to do.

    Raises:
        StoreError: it cannot be used.
    """
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{file}: {called} cannot be used: {error}. {advice}") from error


def prepared(
    file: Path, tables: str, version: int, probe: str, updates: Mapping[int, str] | None = None
) -> sqlite3.Connection:
    """A connection to a file that has these tables, in autocommit mode.

    A crash of the machine may cost the newest rows (synchronous = NORMAL), a killed process none.

    Args:
        file: made where it is not there.
        tables: SQL that makes what is missing.
        version: of the tables; kept in the file.
        probe: a query that fails where the tables are not ours.
        updates: by an earlier version, one statement that makes its tables those of the next one. Only for
            a file that no other process is preparing.

    Raises:
        sqlite3.Error: the file is damaged, locked, or written by another version of natstat.
    """
    connection = sqlite3.connect(file, timeout=WAIT_S, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, version, *(updates or ())):
            raise sqlite3.DatabaseError("written by another version of natstat")
        for earlier in range(found, version) if found else ():
            # Statement and number together: a process that is killed between them would leave no way on.
            connection.executescript(
                f"BEGIN; {(updates or {})[earlier]}; PRAGMA user_version = {earlier + 1}; COMMIT"
            )
        connection.executescript(tables)
        if found == 0:
            connection.execute(f"PRAGMA user_version = {version}")
        connection.execute(probe).fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


class File:
    """The store of answers as a file, open in one thread: what postgres.Server is for several machines."""

    knows_claims = False
    """Whether processes tell each other what they ask."""

    def __init__(self, file: Path, *arguments: Any) -> None:
        """Opens it, with what `prepared` takes beside the file.

        Raises:
            StoreError: it cannot be written, is damaged, or was written by another version of natstat.
        """
        self._file = file
        with reported(self._file, _ANSWERS, _ADVICE):
            file.parent.mkdir(parents=True, exist_ok=True)
            # Switching a new file to WAL fails at once, without waiting, if another process is at it.
            with FileLock(f"{file}.lock", timeout=WAIT_S):
                self.connection = prepared(file, *arguments)

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """What a statement gives; `?` stands for a value.

        Raises:
            StoreError: the file cannot be read or written.
        """
        with reported(self._file, _ANSWERS, _ADVICE):
            return self.connection.execute(sql, values).fetchall()

    def alone(self, work: Callable[[bool], T]) -> T:
        """Does it in one transaction, no other writer being in one; it is told that it was never done before.

        Raises:
            StoreError: the file cannot be written.
        """
        with reported(self._file, _ANSWERS, _ADVICE):
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                done = work(False)
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise
        return done

    def cell(self, text: str) -> str:
        """Text as a cell holds it."""
        return text

    def text(self, cell: object) -> str | None:
        """What a cell holds; None where that is no text."""
        return cell if isinstance(cell, str) else None

    def close(self) -> None:
        """Ends the connection."""
        self.connection.close()
