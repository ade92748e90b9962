"""Opening a SQLite file of our own: many processes may read and write it, and a killed one loses nothing."""

import sqlite3
from pathlib import Path

WAIT_S = 60.0
"""How long to wait for another process that writes."""


def prepared(file: Path, tables: str, version: int, probe: str) -> sqlite3.Connection:
    """A connection to a file that has these tables, in autocommit mode.

    A crash of the machine may cost the newest rows (synchronous = NORMAL), a killed process none.

    Args:
        file: made where it is not there.
        tables: SQL that makes what is missing.
        version: of the tables; kept in the file.
        probe: a query that fails where the tables are not ours.

    Raises:
        sqlite3.Error: the file is damaged, locked, or written by another version of natstat.
    """
    connection = sqlite3.connect(file, timeout=WAIT_S, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, version):
            raise sqlite3.DatabaseError("written by another version of natstat")
        connection.executescript(tables)
        if found == 0:
            connection.execute(f"PRAGMA user_version = {version}")
        connection.execute(probe).fetchone()
    except BaseException:
        connection.close()
        raise
    return connection
