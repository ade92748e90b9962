"""Opening a SQLite file of our own: many processes may read and write it, and a killed one loses nothing."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

WAIT_S = 60.0
"""How long to wait for another process that writes."""


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
