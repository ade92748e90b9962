"""Tables and views of `data/discoveries.duckdb` (design: section 5)."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from tasks import paths
from tasks.store import files, frames, media

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def _schema(*parts: Mapping[str, Any]) -> pl.Schema:
    return pl.Schema({name: dtype for part in parts for name, dtype in part.items()})


_RUN = {"run_id": pl.String, "study": pl.String}
_FOUND = {"found_at": pl.Datetime("us"), "found_nr": pl.Int64}
"""When the run was first recorded: UTC by the machine's clock, which may be wrong, and by number."""
_RECORDED = {"recorded_at": pl.Datetime("us"), "recorded_nr": pl.Int64, "is_written": pl.Boolean}
"""Of a run that was left for another and came back, `recorded_nr` is the higher one. Numbers decide what is
older and newer (`past_runs.next_number`); times are for people."""
TABLES: dict[str, pl.Schema] = {
    "runs": _schema(frames.RUNS, _FOUND, _RECORDED),
    "predicates": _schema(_RUN, frames.PREDICATES),
    "scores": _schema(_RUN, frames.SCORES),
    "discoveries": _schema(frames.DISCOVERIES, _FOUND),
    "changes": _schema(_RUN, frames.CHANGES),
    # Of a picture its text may be empty: the path says which it was.
    "evidence": _schema(frames.EVIDENCE, {"path": pl.String}),
    "llm_calls": _schema(
        _RUN,
        frames.CALLS,
        dict.fromkeys(("cost_usd", "latency_s"), pl.Float64),
        {"attempts": pl.Int64, "status": pl.String, "called_at": pl.Datetime("us"), "served": pl.String},
    ),
    "files": _schema(_RUN, files.FILES),
    "asked_texts": pl.Schema({"split_hash": pl.String, "text_hash": pl.String}),
}
_MEASURES = pl.Schema({"media": pl.String})
_TYPES: dict[pl.DataType, str] = {
    pl.String(): "VARCHAR",
    pl.Int64(): "BIGINT",
    pl.Float64(): "DOUBLE",
    pl.Boolean(): "BOOLEAN",
    pl.Datetime("us"): "TIMESTAMP",
    pl.List(pl.String): "VARCHAR[]",
}
# The newest recorded run speaks for its study. Several runs may rest on one answer, which was paid once;
# calls that are not remembered any more cost at least what the dearest run did.
_STUDIES = """
CREATE OR REPLACE VIEW studies AS
WITH
answers AS (SELECT DISTINCT ON (study, request_hash) study, cost_usd FROM llm_calls),
paid AS (SELECT study, sum(cost_usd) AS cost_usd FROM answers GROUP BY study)
SELECT study, kind, engine, goal, run_id, n_texts, n_predicates, n_discoveries,
    count(*) OVER of_study AS n_runs,
    CASE
        WHEN count(runs.cost_usd) OVER of_study = count(*) OVER of_study
        THEN greatest(max(runs.cost_usd) OVER of_study, coalesce(paid.cost_usd, 0))
    END AS cost_usd,
    recorded_at, recorded_nr
FROM runs
LEFT JOIN paid USING (study)
WINDOW of_study AS (PARTITION BY study)
QUALIFY row_number() OVER (PARTITION BY study ORDER BY recorded_nr DESC, run_id) = 1
"""
# Confirmation texts may be asked again and again (docs/decisions/0008). A run asks when it answers what no
# earlier run on the same split answered the same; the n-th to ask any of its texts would have the share
# 1 / (n (n + 1)) of its alpha, and over the runs that asked a text all shares together never exceed one.
# Of runs of an earlier release the split alone is known.
_HOLDOUT_RUNS = """
CREATE OR REPLACE VIEW holdout_splits AS
SELECT asked_texts.split_hash, of_other.split_hash AS other, count(*) AS n_shared
FROM asked_texts JOIN asked_texts AS of_other USING (text_hash)
GROUP BY ALL
UNION ALL
SELECT DISTINCT split_hash, split_hash AS other, NULL AS n_shared FROM runs
WHERE split_hash NOT IN (SELECT split_hash FROM asked_texts);
CREATE OR REPLACE VIEW holdout_runs AS
WITH
answers AS (
    SELECT run_id, row_number() OVER same = 1 AS is_new
    FROM discoveries
    WINDOW same AS (
        PARTITION BY split_hash, predicate_id, p, q, is_discovery ORDER BY found_nr, run_id
    )
),
asked AS (SELECT run_id, bool_or(is_new) AS asks FROM answers GROUP BY run_id),
tested AS (
    SELECT runs.*, asks
    FROM runs
    JOIN asked USING (run_id)
    -- What was written for a test, no earlier run has asked. Runs of an earlier release do not say whether it
    -- was; then it was where one pile of texts had no groups.
    WHERE NOT coalesce(
        is_written,
        params ->> '$.collect.group' IS NULL AND params ->> '$.collect.a' IS NULL
            AND params ->> '$.collect' IS NOT NULL
    )
),
numbered AS (
    SELECT tested.*,
        (
            SELECT count(*)
            FROM tested AS earlier
            JOIN holdout_splits AS s ON s.other = earlier.split_hash AND s.split_hash = tested.split_hash
            WHERE earlier.asks AND (earlier.found_nr, earlier.run_id) <= (tested.found_nr, tested.run_id)
        ) AS nth
    FROM tested
)
SELECT run_id, study, split_hash, found_at, found_nr, n_predicates, asks, nth,
    (params ->> '$.score.alpha')::DOUBLE AS alpha,
    alpha / (nth * (nth + 1)) AS shared_alpha
FROM numbered
"""

# Runs of an earlier release have times alone: they are numbered once, and every later run comes after them.
_NUMBER = """
UPDATE runs SET found_nr = known + of_run.found_nr, recorded_nr = known + n + of_run.recorded_nr
FROM (
    SELECT run_id, count(*) OVER () AS n,
        (SELECT coalesce(max(recorded_nr), 0) FROM runs) AS known,
        row_number() OVER (ORDER BY found_at, run_id) AS found_nr,
        row_number() OVER (ORDER BY recorded_at, run_id) AS recorded_nr
    FROM runs WHERE recorded_nr IS NULL
) AS of_run
WHERE runs.run_id = of_run.run_id;
UPDATE discoveries SET found_nr = runs.found_nr
FROM runs WHERE runs.run_id = discoveries.run_id AND discoveries.found_nr IS NULL
"""


def asked_texts(texts: pl.DataFrame) -> pl.DataFrame:
    """Rows of the table: what a run on these texts asks."""
    confirm = texts.filter(half="confirm").select("text_hash").unique().sort("text_hash")
    return confirm.select(pl.lit(frames.split_hash(texts)).alias("split_hash"), "text_hash")


def put_asked(connection: "DuckDBPyConnection", asked: pl.DataFrame, split_hash: str) -> None:
    """Remembers them once for each split; texts of another split than the run's say nothing of it."""
    connection.register("incoming", asked.filter(split_hash=split_hash))
    connection.execute(
        "INSERT INTO asked_texts SELECT * FROM incoming ANTI JOIN asked_texts USING (split_hash)"
    )
    connection.unregister("incoming")


def create(connection: "DuckDBPyConnection") -> None:
    """Makes what is missing: tables, or columns that a file of an earlier release lacks."""
    for table, schema in TABLES.items():
        columns = ", ".join(f'"{name}" {_TYPES[dtype]}' for name, dtype in schema.items())
        connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")
        for name, dtype in schema.items():
            connection.execute(f'ALTER TABLE {table} ADD COLUMN IF NOT EXISTS "{name}" {_TYPES[dtype]}')
    connection.execute(_NUMBER)


def replace(connection: "DuckDBPyConnection", table: str, run_id: str, rows: pl.DataFrame) -> None:
    """Makes these a run's rows of a table."""
    connection.execute(f"DELETE FROM {table} WHERE run_id = ?", [run_id])  # noqa: S608 - our own names
    connection.register("incoming", rows)
    connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM incoming")  # noqa: S608
    connection.unregister("incoming")


def create_run_views(connection: "DuckDBPyConnection") -> None:
    """Makes those of what was recorded alone."""
    connection.execute(_STUDIES)
    connection.execute(_HOLDOUT_RUNS)


def create_views(connection: "DuckDBPyConnection") -> None:
    """Makes the views anew: which studies there are may have changed."""
    create_run_views(connection)
    collected = paths.output("*", "collect").name
    _create_view(connection, "texts", f"{collected}/texts.parquet", frames.TEXTS)
    _create_view(connection, "pictures", f"{collected}/{media.PICTURES}", frames.PICTURES)
    # Its columns are what is measured of pictures.
    _create_view(connection, "measures", f"{collected}/{media.MEASURES}", _MEASURES, "*")
    _create_view(
        connection, "verdicts", f"{paths.output('*', 'verify').name}/part-*.parquet", frames.VERDICTS
    )


def _create_view(
    connection: "DuckDBPyConnection", view: str, files: str, schema: pl.Schema, columns: str = ""
) -> None:
    """A view on the Parquet of all studies, by absolute path; a study that goes or comes is seen at once.

    Args:
        connection: to the database.
        view: its name.
        files: below each study's folder.
        schema: its columns, also where there is no file.
        columns: what is selected of the files; those of the schema where nothing is said.
    """
    if any(paths.data().glob(f"*/{files}")):
        columns = columns or ", ".join(f'"{name}"' for name in schema)
        data = re.sub(r"([\[\]*?])", r"[\1]", str(paths.data().resolve())).replace("'", "''")
        source = f"read_parquet('{data}/*/{files}', union_by_name = true)"
        study = "parse_path(filename)[-3]"
    else:
        columns = ", ".join(f'NULL::{_TYPES[dtype]} AS "{name}"' for name, dtype in schema.items())
        source, study = "(SELECT 1 WHERE false)", "NULL::VARCHAR"
    select = f"SELECT {study} AS study, {columns} FROM {source}"  # noqa: S608 - our own names
    connection.execute(f"CREATE OR REPLACE VIEW {view} AS {select}")
