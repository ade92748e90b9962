"""What other studies discovered, read from the team's memory: what is new is new against this."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tasks import paths
from tasks.store.canonical import canonical

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SQL = """
SELECT DISTINCT predicate FROM discoveries
WHERE is_discovery AND study <> ? AND run_id IN (SELECT run_id FROM studies)
ORDER BY predicate
"""


def discoveries(study: str) -> list[str]:
    """Predicates that other studies than this one discovered in their newest runs, in alphabetical order.

    The study's own are left out, so that a rerun finds the same. Without a database there are none. It is
    read from a copy: whoever holds the file is in nobody's way. A damaged one says nothing here; `record`
    keeps it aside and says so.
    """
    import duckdb

    try:
        with copied() as connection:
            found = connection.execute(_SQL, [study]).fetchall()
            return sorted({canonical(predicate) for (predicate,) in found})
    except duckdb.Error:
        return []


@contextmanager
def copied() -> Iterator["DuckDBPyConnection"]:
    """A connection to a copy of the database, or to an empty one where there is none."""
    import duckdb

    file = paths.discoveries_db()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / file.name
        for whole in (file, file.with_name(f"{file.name}.wal")):
            if file.is_file() and whole.is_file():
                shutil.copyfile(whole, copy.with_name(whole.name))
        with duckdb.connect(str(copy)) as connection:
            yield connection
