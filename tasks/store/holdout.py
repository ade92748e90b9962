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


def moved_by_seen(run_id: str, study: str, texts: pl.DataFrame, documents: pl.DataFrame) -> dict[str, Any]:
    """How far texts and documents of a past run could move an effect, as far as they are known.

    Texts that it asked are remembered. Texts that its proposer saw, and documents, are known as long as its
    study's folder is there: another text of a document is no new data, since the document is what counts.

    Args:
        run_id: of the past run.
        study: its name.
        texts: of frames.TEXTS, of the study that would ask them again.
        documents: of frames.DOCUMENTS, of the same.

    Returns:
        moved: the sum, over groups, of the share of the confirmation texts that were seen, in [0, 2]: an
        effect is a difference of two shares. None where nothing of the past run is known.
        of_documents: how much of it are new texts of documents that were seen. None where the past run's
        documents are not known, or one of both studies names none.
    """
    with past.copied() as connection:
        known = connection.sql(_ASKED_BY, params={"run_id": run_id}).pl()["text_hash"]
    named: pl.Series | None = None
    # Missing or damaged, it tells nothing; damage is told by whoever needs it.
    with suppress(NatstatError):
        folder = paths.output(study, "collect")
        known = pl.concat([known, frames.read(folder, "texts.parquet", frames.TEXTS)["text_hash"]])
        named = frames.read(folder, "documents.parquet", frames.DOCUMENTS)["source_document_id"]
    is_seen = pl.col("text_hash").is_in(known.unique().implode())
    of_texts = _moved(texts, is_seen)
    if named is None or named.null_count() == named.len() or not documents["source_document_id"].count():
        return {"moved": of_texts if known.len() else None, "of_documents": None}
    ids = documents.filter(pl.col("source_document_id").is_in(named.drop_nulls().unique().implode()))
    is_of_seen = pl.col("text_id").is_in(ids["text_id"].implode())
    moved = _moved(texts, is_seen | is_of_seen)
    return {"moved": moved, "of_documents": moved - of_texts}


def _moved(texts: pl.DataFrame, is_seen: pl.Expr) -> float:
    """The sum, over groups, of the share of the confirmation texts of which it is true."""
    tested = texts.filter(half="confirm").group_by("group", "text_hash").agg(is_seen.any().alias("is_seen"))
    return float(tested.group_by("group").agg(pl.col("is_seen").mean()).sort("group")["is_seen"].sum())


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
    # Whether groups are named does not say so: only this run knows that its texts were read, not written.
    put_run(connection, run.with_columns(pl.lit(False).alias("is_written")), discoveries)
    tables.put_asked(connection, asked, run["split_hash"].item())
    use: dict[str, Any] = connection.sql(_USE, params={"run_id": run_id}).pl().row(0, named=True)
    return use


def put_run(connection: "DuckDBPyConnection", run: pl.DataFrame, discoveries: pl.DataFrame) -> None:
    """Makes the run known before it is recorded: as the last, where it was not recorded earlier."""
    run_id = run["run_id"].item()
    known = connection.execute("SELECT min(found_nr) FROM runs WHERE run_id = ?", [run_id]).fetchone()
    found_nr = pl.lit(known[0] if known and known[0] else _LATEST, pl.Int64).alias("found_nr")
    for table, rows in (("runs", run), ("discoveries", discoveries)):
        tables.replace(connection, table, run_id, rows.with_columns(found_nr))
