"""What other studies discovered, read from the team's memory: what is new is new against this."""

import shutil
import tempfile
from pathlib import Path

from tasks import paths

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

    file = paths.discoveries_db()
    if not file.is_file():
        return []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / file.name
        shutil.copyfile(file, copy)
        log = file.with_name(f"{file.name}.wal")
        if log.is_file():
            shutil.copyfile(log, copy.with_name(log.name))
        try:
            with duckdb.connect(str(copy)) as connection:
                return [predicate for (predicate,) in connection.execute(_SQL, [study]).fetchall()]
        except duckdb.Error:
            return []
