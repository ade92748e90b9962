"""Verdicts that were recorded elsewhere, for `engine: replay`: predicate, text, score, perhaps status."""

from pathlib import Path
from typing import Any, get_args

import polars as pl

from tasks.errors import SourceError
from tasks.records import Status
from tasks.store.canonical import canonicalised
from tasks.store.sources import columns, delimited, locate, tables, values
from tasks.store.sources.wording import listed, shown
from tasks.study import Study
from tasks.study.corpus import Collect

TOLERANCE = 1e-3
"""How far outside 0-1 a score may lie by rounding; it is counted, and clipped when judged."""
STATUSES: tuple[str, ...] = get_args(Status)


def read_verdicts(study: Study) -> tuple[pl.DataFrame, dict[str, Any]] | None:
    """Columns predicate, text, score, status, and what was read; None without `verdicts:`.

    A score is 0-1 up to rounding, or null.

    Raises:
        SourceError: the file or a column is missing, or a predicate, score or status cannot be meant.
    """
    file = locate.verdicts_file(study)
    if file is None:
        return None
    frame = _table(file, study.collect)
    label, where = shown(file), f"studies.{study.name}.verdicts"
    named = "predicate" if "predicate" in frame.columns or "hypothesis" not in frame.columns else "hypothesis"
    predicate = canonicalised(columns.text(frame, named, label, where)).str.strip_chars()
    if predicate.null_count() or (predicate == "").any():
        raise SourceError(
            f"{where}: wanted a predicate in every row of {label}, {_first(predicate, '')} has none."
        )
    text = columns.text(frame, "text", label, where)
    score, n_outside = _score(columns.column_named(frame, "score", label, where), label, where)
    status = _status(frame, score, label, where)
    verdicts = pl.DataFrame(
        [predicate.alias("predicate"), text.alias("text"), score.alias("score"), status.alias("status")]
    )
    return verdicts, {"file": label, "rows": frame.height, "n_outside": n_outside}


def _table(file: Path, collect: Collect) -> pl.DataFrame:
    match locate.format_of(file):
        case "csv":
            return delimited.typed(tables.read_csv(file, collect)[0], {"predicate", "hypothesis", "text"})
        case "parquet":
            return tables.read_parquet(file)
        case "jsonl":
            return tables.read_jsonl(file, collect)[0]
        case _:
            raise SourceError(f"{shown(file)}: wanted recorded verdicts as Parquet, CSV, TSV or JSONL.")


def _score(column: pl.Series, label: str, where: str) -> tuple[pl.Series, int]:
    if not (column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null)):
        raise SourceError(f"{where}: wanted numbers in column 'score' of {label}, got {column.dtype}.")
    score = column.cast(pl.Float64)
    wrong = score.is_not_null() & ~score.is_between(-TOLERANCE, 1 + TOLERANCE)
    if wrong.any():
        row = int(wrong.arg_true()[0])
        raise SourceError(
            f"{where}: wanted each score of {label} between 0 and 1, or empty, got {score[row]} in row "
            f"{row + 1} ({int(wrong.sum())} such rows)."
        )
    return score, int((~score.is_between(0, 1)).sum())


def _status(frame: pl.DataFrame, score: pl.Series, label: str, where: str) -> pl.Series:
    """The status as written, or what the score says; the two must agree."""
    implied = pl.select(
        pl.when(score.is_null()).then(pl.lit("absent")).otherwise(pl.lit("value"))
    ).to_series()
    if "status" not in frame.columns:
        return implied
    given = values.written(frame["status"], "words", label, where)
    unknown = given.drop_nulls().filter(~given.drop_nulls().is_in(STATUSES)).unique().sort()
    if len(unknown):
        raise SourceError(
            f"{where}: column 'status' of {label}: wanted {listed(STATUSES)}, got {listed(unknown)}."
        )
    # A value without a score was never given.
    status = pl.select(
        pl.when(given.is_null() | (given == "value")).then(implied).otherwise(given)
    ).to_series()
    scored = (status != "value") & score.is_not_null()
    if scored.any():
        row = int(scored.arg_true()[0])
        raise SourceError(
            f"{where}: wanted an empty score where the status is no value, row {row + 1} of {label} has "
            f"status {status[row]} and score {score[row]}."
        )
    return status


def _first(column: pl.Series, blank: str) -> str:
    wrong = (column.is_null() | (column == blank)).fill_null(True)
    return f"row {int(wrong.arg_true()[0]) + 1}"
