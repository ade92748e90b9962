"""What a run's confirmation texts had answered before it, by the team's memory (docs/decisions/0008)."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import polars as pl

from tasks import paths
from tasks.errors import NatstatError
from tasks.store import frames, past, tables

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


def moved_by_seen(run_id: str, study: str, texts: pl.DataFrame) -> float | None:
    """How far texts of a past run could move an effect, in [0, 2]; None where they are not known.

    Those that it asked are remembered; those that its proposer saw, as long as its study's folder is there.

    Args:
        run_id: of the past run.
        study: its name.
        texts: of frames.TEXTS, of the study that would ask them again.

    Returns:
        The sum, over groups, of the share of the confirmation texts that were seen: an effect is a difference
        of two shares.
    """
    with past.copied() as connection:
        known = connection.sql(_ASKED_BY, params={"run_id": run_id}).pl().select("text_hash")
    # Missing or damaged, it tells nothing; damage is told by whoever needs it.
    with suppress(NatstatError):
        old = frames.read(paths.output(study, "collect"), "texts.parquet", frames.TEXTS)
        known = pl.concat([known, old.select("text_hash")])
    if known.is_empty():
        return None
    tested = texts.filter(half="confirm").unique(["group", "text_hash"])
    seen = tested.with_columns(is_seen=pl.col("text_hash").is_in(known["text_hash"].unique().implode()))
    return float(seen.group_by("group").agg(pl.col("is_seen").mean())["is_seen"].sum())


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
