"""What a run's confirmation texts had answered before it, by the team's memory (docs/decisions/0008)."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from tasks.store import past, tables

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_LATEST = datetime(9999, 1, 1)
_USE = """
WITH
this AS (SELECT * FROM holdout_runs WHERE run_id = $run_id),
before AS (
    SELECT h.run_id FROM holdout_runs AS h, this
    WHERE h.split_hash = this.split_hash AND (h.found_at, h.run_id) < (this.found_at, this.run_id) AND h.asks
)
SELECT
    (SELECT count(*) FROM before) AS n_runs,
    (SELECT count(DISTINCT predicate_id) FROM discoveries JOIN before USING (run_id)) AS n_predicates,
    NOT asks AS is_repeat,
    shared_alpha AS alpha
FROM this
"""


def use(run: pl.DataFrame, discoveries: pl.DataFrame) -> dict[str, Any]:
    """What this run's confirmation texts had answered before it was first recorded, by any study.

    Later runs are left out, so that a rerun finds the same. A damaged database remembers nothing.

    Returns:
        n_runs that asked and n_predicates they tested, is_repeat (this run answers nothing that was not
        answered the same), and the alpha it would have were the error level shared among all.
    """
    import duckdb

    try:
        with past.copied() as connection:
            return _use(connection, run, discoveries)
    except duckdb.Error:
        with duckdb.connect() as connection:
            return _use(connection, run, discoveries)


def _use(connection: "DuckDBPyConnection", run: pl.DataFrame, discoveries: pl.DataFrame) -> dict[str, Any]:
    tables.create(connection)
    connection.execute(tables.HOLDOUT_RUNS)
    run_id = run["run_id"].item()
    known = connection.execute("SELECT min(found_at) FROM runs WHERE run_id = ?", [run_id]).fetchone()
    found_at = pl.lit(known[0] if known and known[0] else _LATEST, pl.Datetime("us")).alias("found_at")
    for table, rows in (("runs", run), ("discoveries", discoveries)):
        connection.execute(f"DELETE FROM {table} WHERE run_id = ?", [run_id])  # noqa: S608 - our own names
        connection.register("incoming", rows.with_columns(found_at))
        connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM incoming")  # noqa: S608
        connection.unregister("incoming")
    use: dict[str, Any] = connection.sql(_USE, params={"run_id": run_id}).pl().row(0, named=True)
    return use
