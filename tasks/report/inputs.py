"""What the report is made of: the outputs of the earlier stages."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tasks import paths
from tasks.errors import StoreError
from tasks.report import trust
from tasks.report.findings import Row, by_certainty
from tasks.store import frames


@dataclass(frozen=True)
class Inputs:
    """Everything the report is made of."""

    rows: list[Row]
    baselines: list[Row]
    evidence: dict[str, dict[str, list[Row]]]
    """predicate_id -> role -> exhibits by rank."""
    run: Row
    split: list[Row]
    """Texts, documents and input rows by half and group."""
    collected: dict[str, Any]
    scored: dict[str, Any]
    recorded: dict[str, Any]
    verified: dict[str, Any]
    """verify's manifest."""
    explored: pl.DataFrame
    """Texts of the exploration half."""
    compared: dict[str, Any]
    """verify's manifest where two texts were compared, else empty."""
    looks: dict[str, list[Row]]
    """Of a sequential plan: predicate_id -> what was known after each batch; else empty."""
    agreement: dict[str, list[Row]]
    """Of a panel: predicate_id -> how its judges agree; else empty."""
    proposed: dict[str, Any]
    """propose's manifest."""
    groups: dict[str, Row]
    """Of a fixed plan: group_id -> its predicates tested as one; else empty."""

    @property
    def is_sequential(self) -> bool:
        """Whether hypotheses were judged only until they were decided."""
        return self.scored.get("plan") == "sequential"


def read_inputs(name: str) -> Inputs:
    """The outputs of the earlier stages.

    Raises:
        MissingStageError: one of them has not run.
        StoreError: they belong to different runs.
    """
    collect, score, record = (paths.output(name, stage) for stage in ("collect", "score", "record"))
    texts = frames.read(collect, "texts.parquet", frames.TEXTS)
    predicates = frames.read(paths.output(name, "formalise"), "predicates.parquet", frames.PREDICATES)
    scores = frames.read(score, "scores.parquet", frames.SCORES)
    discoveries = frames.read(record, "discoveries.parquet", frames.DISCOVERIES)
    rows = discoveries.join(
        scores.select("predicate_id", *sorted(set(frames.SCORES) - set(frames.DISCOVERIES))),
        on="predicate_id",
        maintain_order="left",
    ).join(
        predicates.select("predicate_id", *sorted(set(frames.PREDICATES) - set(frames.DISCOVERIES))),
        on="predicate_id",
        maintain_order="left",
    )
    # NULL where a group had no verdict; a number that is none, so that comparisons stay comparisons.
    rows = rows.with_columns(
        pl.col("validity", "conservative_validity", "mean_a", "mean_b").fill_null(float("nan"))
    )
    # Where a walk stopped early its own estimate leans away from zero: the page shows what is known.
    rows = rows.rename({"validity": "at_stop", "conservative_validity": "validity"})
    if not rows.height == discoveries.height == scores.height == predicates.height:
        raise StoreError(
            f"{record}: wanted one discovery row for each of {scores.height} scores and "
            f"{predicates.height} frozen predicates, got {rows.height}. Rerun score and record."
        )
    scored = frames.read_manifest(score)
    judges = read_by(score, "judges", "predicate_id") if "gold" in scored else {}
    counted = texts.group_by("half", "group").agg(
        pl.len().alias("n_texts"),
        pl.col("document_id").n_unique().alias("n_documents"),
        pl.col("n_merged").sum().alias("n_rows"),
    )
    this_run = frames.read(record, "runs.parquet", frames.RUNS).row(0, named=True)
    compares = json.loads(this_run["params"])["verify"]["form"] == "two_text"
    verified = frames.read_manifest(paths.output(name, "verify"))
    return Inputs(
        rows=sorted((trust.with_gold(row, judges) for row in rows.iter_rows(named=True)), key=by_certainty),
        baselines=list(frames.read(score, "baselines.parquet", frames.BASELINES).iter_rows(named=True)),
        evidence=_exhibits(record),
        run=this_run,
        split=list(counted.sort("half", "group", descending=[True, False]).iter_rows(named=True)),
        collected=frames.read_manifest(collect),
        proposed=frames.read_manifest(paths.output(name, "propose")),
        scored=scored,
        recorded=frames.read_manifest(record),
        verified=verified,
        explored=texts.filter(half="explore"),
        compared=verified if compares else {},
        looks=read_by(score, "paths", "predicate_id") if scored.get("plan") == "sequential" else {},
        agreement=read_by(score, "agreement", "predicate_id") if "panel" in scored else {},
        groups={group_id: rows[0] for group_id, rows in read_by(score, "groups", "group_id").items()}
        if (score / "groups.parquet").is_file()
        else {},
    )


def _exhibits(record: Path) -> dict[str, dict[str, list[Row]]]:
    found: dict[str, dict[str, list[Row]]] = {}
    exhibits = frames.read(record, "evidence.parquet", frames.EVIDENCE).sort("predicate_id", "role", "rank")
    for exhibit in exhibits.iter_rows(named=True):
        found.setdefault(exhibit["predicate_id"], {}).setdefault(exhibit["role"], []).append(exhibit)
    return found


def read_by(folder: Path, name: str, key: str) -> dict[str, list[Row]]:
    """Rows of a table of score by a column, in their order."""
    found: dict[str, list[Row]] = {}
    for row in frames.read(folder, f"{name}.parquet", getattr(frames, name.upper())).iter_rows(named=True):
        found.setdefault(row[key], []).append(row)
    return found
