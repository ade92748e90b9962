"""What other studies discovered, read from the team's memory: what is new is new against this."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tasks import paths
from tasks.store import disk, past_runs, tables
from tasks.store.canonical import canonical

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SQL = """
SELECT DISTINCT predicate FROM discoveries
WHERE is_discovery AND study <> ? AND run_id IN (SELECT run_id FROM studies)
"""


def discoveries(study: str) -> list[str]:
    """Predicates that other studies than this one discovered in their newest runs, in alphabetical order.

    The study's own are left out, so that a rerun finds the same. Without a database there are none. It is
    read from a copy: whoever holds the file is in nobody's way. Of a damaged one the runs' own Parquet
    speaks, until `record` keeps it aside.
    """
    with copied() as connection:
        found = connection.execute(_SQL, [study]).fetchall()
    return sorted({canonical(predicate) for (predicate,) in found})


@contextmanager
def copied() -> Iterator["DuckDBPyConnection"]:
    """A connection to a copy of the database with every run that was kept, empty where there is none.

    Raises:
        StoreError: there is no room for the copy.
    """
    import duckdb

    file = paths.discoveries_db()
    with ExitStack() as stack:
        with disk.reported(f"a copy of {file}"):
            folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
            copy = Path(folder) / file.name
            for whole in (file, file.with_name(f"{file.name}.wal")):
                if file.is_file() and whole.is_file():
                    shutil.copyfile(whole, copy.with_name(whole.name))
        try:
            connection = stack.enter_context(duckdb.connect(str(copy)))
            _complete(connection)
        except duckdb.Error as error:
            if disk.is_full(error):
                raise disk.unwritable(f"a copy of {file}", error) from error
            connection = stack.enter_context(duckdb.connect())
            _complete(connection)
        yield connection


def _complete(connection: "DuckDBPyConnection") -> None:
    tables.create(connection)
    past_runs.restore(connection)
    tables.create_run_views(connection)
