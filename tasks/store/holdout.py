"""What a run's confirmation texts had answered before it, by the team's memory (docs/decisions/0008)."""

from typing import TYPE_CHECKING, Any

import polars as pl

from tasks.store import past, tables

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_LATEST = 2**62
"""The number of a run that has none yet."""
_ASKED_BY = "SELECT text_hash FROM asked_texts JOIN runs USING (split_hash) WHERE run_id = $run_id"
_USE = """
WITH
this AS (SELECT * FROM holdout_runs WHERE run_id = $run_id),
before AS (
    SELECT h.run_id, other
    FROM this
    JOIN holdout_splits AS s USING (split_hash)
    JOIN holdout_runs AS h ON h.split_hash = s.other
    WHERE (h.found_nr, h.run_id) < (this.found_nr, this.run_id) AND h.asks
),
own AS (SELECT text_hash FROM asked_texts JOIN this USING (split_hash)),
again AS (
    SELECT DISTINCT text_hash FROM asked_texts
    WHERE split_hash IN (SELECT other FROM before) AND text_hash IN (SELECT text_hash FROM own)
)
SELECT
    (SELECT count(*) FROM before) AS n_runs,
    (SELECT count(DISTINCT predicate_id) FROM discoveries JOIN before USING (run_id)) AS n_predicates,
    (SELECT count(*) FROM again) / nullif((SELECT count(*) FROM own), 0) AS share_of_texts,
    NOT asks AS is_repeat,
    shared_alpha AS alpha
FROM this
"""


def seen_by(run_id: str, texts: pl.DataFrame) -> float | None:
    """Share of the confirmation texts that a past run asked, in [0, 1]; None where it is not remembered.

    Args:
        run_id: of the past run.
        texts: of frames.TEXTS, of the study that would ask them again.
    """
    with past.copied() as connection:
        known = connection.sql(_ASKED_BY, params={"run_id": run_id}).pl()
    return None if known.is_empty() else share_of(texts, known)


def share_of(texts: pl.DataFrame, seen: pl.DataFrame) -> float:
    """Share of the confirmation texts that are among others, by their text_hash, in [0, 1]."""
    tested = texts.filter(half="confirm").select("text_hash").unique()
    return tested.join(seen, on="text_hash", how="semi").height / max(tested.height, 1)


def use(run: pl.DataFrame, discoveries: pl.DataFrame, texts: pl.DataFrame) -> dict[str, Any]:
    """What this run's confirmation texts had answered before it was first recorded, by any study.

    Later runs are left out, so that a rerun finds the same.

    Args:
        run: of frames.RUNS, the one row.
        discoveries: of frames.DISCOVERIES, this run's.
        texts: of frames.TEXTS, what it is about.

    Returns:
        n_runs that asked any of them and n_predicates they tested, share_of_texts that were asked (None where
        an earlier release did not remember which), is_repeat (this run answers nothing that was not answered
        the same), and the alpha it would have were the error level shared among all.
    """
    with past.copied() as connection:
        return _use(connection, run, discoveries, tables.asked_texts(texts))


def _use(
    connection: "DuckDBPyConnection", run: pl.DataFrame, discoveries: pl.DataFrame, asked: pl.DataFrame
) -> dict[str, Any]:
    run_id = run["run_id"].item()
    known = connection.execute("SELECT min(found_nr) FROM runs WHERE run_id = ?", [run_id]).fetchone()
    found_nr = pl.lit(known[0] if known and known[0] else _LATEST, pl.Int64).alias("found_nr")
    # Whether groups are named does not say so: only this run knows that its texts were read, not written.
    run = run.with_columns(pl.lit(False).alias("is_written"))
    for table, rows in (("runs", run), ("discoveries", discoveries)):
        tables.replace(connection, table, run_id, rows.with_columns(found_nr))
    tables.put_asked(connection, asked, run["split_hash"].item())
    use: dict[str, Any] = connection.sql(_USE, params={"run_id": run_id}).pl().row(0, named=True)
    return use
