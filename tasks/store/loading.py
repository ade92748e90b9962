"""A recorded study as rows of the database: what its folder holds, read from Parquet."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from tasks import paths
from tasks.store import answers, calls, files, frames, media, past_runs, tables
from tasks.study.params import Price

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def load(connection: "DuckDBPyConnection", study: str) -> str:
    """Loads the run that the study's folder holds, its newest from now on, and gives its id."""
    folder = paths.output(study, "record")
    runs = frames.read(folder, "runs.parquet", frames.RUNS)
    discoveries = frames.read(folder, "discoveries.parquet", frames.DISCOVERIES)
    run_id: str = runs["run_id"].item()
    manifest = frames.read_manifest(folder)
    found, recorded = _when(connection, folder, study, run_id)
    of_run = [pl.lit(run_id).alias("run_id"), pl.lit(study).alias("study")]
    is_written = pl.lit(manifest.get("is_written"), pl.Boolean).alias("is_written")
    _replace = partial(tables.replace, connection)
    _replace("runs", run_id, runs.with_columns(*found, *recorded, is_written))
    _replace("discoveries", run_id, discoveries.with_columns(found))
    _replace("evidence", run_id, _evidence(study, folder))
    _replace("files", run_id, _files(folder).select(*of_run, pl.all()))
    collected = paths.output(study, "collect")
    if (collected / "texts.parquet").is_file():
        asked = tables.asked_texts(frames.read(collected, "texts.parquet", frames.TEXTS))
        tables.put_asked(connection, asked, runs["split_hash"].item())
    for table, stage, schema in (
        ("predicates", "formalise", frames.PREDICATES),
        ("scores", "score", frames.SCORES),
    ):
        rows = frames.read(paths.output(study, stage), f"{table}.parquet", schema)
        if made(rows, discoveries):
            _replace(table, run_id, rows.select(*of_run, *schema.names()))
            if table == "scores":
                _replace("changes", run_id, _changes(study).select(*of_run, *frames.CHANGES.names()))
    paid = calls.read(study)
    # A stage that ran again since may rest on other answers.
    if manifest.get("calls") == calls.totals(paid):
        prices = {model: Price(**price) for model, price in manifest["prices"].items()}
        _replace("llm_calls", run_id, _with_ledger(paid, prices).select(*of_run, pl.all()))
    return run_id


def _files(folder: Path) -> pl.DataFrame:
    """What the run rests on; no rows where an earlier release recorded it."""
    if not (folder / "files.parquet").is_file():
        return files.FILES.to_frame()
    return frames.read(folder, "files.parquet", files.FILES)


def _evidence(study: str, folder: Path) -> pl.DataFrame:
    """What is shown for and against predicates; of pictures with their paths."""
    evidence, facts = frames.read(folder, "evidence.parquet", frames.EVIDENCE), media.facts(study)
    if not facts.height:
        return evidence
    texts = frames.read(paths.output(study, "collect"), "texts.parquet", frames.TEXTS)
    path = texts.select("text_id", "media").join(facts.select("media", "path"), on="media").drop("media")
    return evidence.join(path, on="text_id", how="left", maintain_order="left")


def _changes(study: str) -> pl.DataFrame:
    """Where shares change over time; no rows where the study knows no time."""
    folder = paths.output(study, "score")
    if not (folder / "changes.parquet").is_file():
        return frames.CHANGES.to_frame()
    return frames.read(folder, "changes.parquet", frames.CHANGES)


def _when(
    connection: "DuckDBPyConnection", folder: Path, study: str, run_id: str
) -> tuple[list[pl.Expr], list[pl.Expr]]:
    """Columns that say when the run was first and last recorded: times for people, numbers for the order."""
    known = connection.execute("SELECT found_at, found_nr FROM runs WHERE run_id = ?", [run_id]).fetchone()
    newest = connection.execute(
        "SELECT run_id, recorded_nr FROM runs WHERE study = ? ORDER BY recorded_nr DESC, run_id LIMIT 1",
        [study],
    ).fetchone()
    number = newest[1] if newest and newest[0] == run_id else past_runs.next_number(connection)
    written = datetime.fromtimestamp((folder / "runs.parquet").stat().st_mtime, UTC).replace(tzinfo=None)
    now = datetime.now(UTC).replace(tzinfo=None)
    at, first = known or (written, number)

    def column(name: str, value: datetime | int, dtype: pl.DataType) -> pl.Expr:
        return pl.lit(value, dtype).alias(name)

    return (
        [column("found_at", at, pl.Datetime("us")), column("found_nr", first, pl.Int64())],
        [column("recorded_at", now, pl.Datetime("us")), column("recorded_nr", number, pl.Int64())],
    )


def _with_ledger(paid: pl.DataFrame, prices: calls.Prices) -> pl.DataFrame:
    """Calls with their price, and how they went as far as the ledger remembers."""
    priced = paid.with_columns(pl.Series("cost_usd", calls.price_of_each(paid, prices), dtype=pl.Float64))
    # One answer may have been paid twice, by two studies at once: the later is the one that is kept.
    went = answers.ledger(paid["request_hash"].to_list()).filter(pl.col("status") != "failed")
    newest = went.unique("request_hash", keep="last", maintain_order=True)
    columns = ("request_hash", "latency_s", "attempts", "status", "called_at", "served")
    return priced.join(newest.select(columns), on="request_hash", how="left", maintain_order="left")


def made(rows: pl.DataFrame, discoveries: pl.DataFrame) -> bool:
    """Whether the discoveries were made from these rows, or the stage has run again since."""
    shared = [name for name in rows.columns if name in discoveries.columns]
    return rows.select(shared).sort("predicate_id").equals(discoveries.select(shared).sort("predicate_id"))
