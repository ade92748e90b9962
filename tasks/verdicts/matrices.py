"""Verdict rows as matrices: a row for each held-out text, a column for each frozen predicate."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int, UInt8

from tasks.engines import roles
from tasks.errors import FrozenError
from tasks.records import Predicate

Matrix = Float[np.ndarray, "text predicate"]


@dataclass(frozen=True)
class GoldVerdicts:
    """What the gold judge said, and by what chance it was asked."""

    score: Matrix
    """0-1; NaN where it was not asked or gave no value."""
    chance: Matrix
    """In (0, 1]; 1 where it was not asked, which is never used."""
    asked: Bool[np.ndarray, "text predicate"]
    known: Bool[np.ndarray, " predicate"] | None = None
    """Of a file of labels: False for predicates with too few in a group to say anything; None: all are."""

    def at(self, rows: Int[np.ndarray, " row"]) -> "GoldVerdicts":
        """Those of some rows, in that order."""
        return GoldVerdicts(self.score[rows], self.chance[rows], self.asked[rows], self.known)

    @property
    def n_refused(self) -> Int[np.ndarray, " predicate"]:
        """Pairs it was asked about without giving a value."""
        return np.asarray((self.asked & np.isnan(self.score)).sum(axis=0))


def groups_and_documents(
    texts: pl.DataFrame,
) -> tuple[Bool[np.ndarray, " text"], Int[np.ndarray, " text"]]:
    """Who is in A, and documents numbered by their names."""
    document = texts["document_id"].rank("dense").to_numpy().astype(np.int64)
    return (texts["group"] == "A").to_numpy(), document


def n_pairs(held_out: pl.DataFrame, n_predicates: int) -> int:
    """Pairs there are to be judged: all, or each row for the predicate that it was written for."""
    return held_out.height * (1 if "predicate_id" in held_out.columns else n_predicates)


def at_threshold(score: Float[np.ndarray, "..."], threshold: float | None) -> Float[np.ndarray, "..."]:
    """Scores as 0/1 verdicts where there is a threshold, else as they are; a missing one stays missing."""
    return score if threshold is None else np.where(np.isnan(score), np.nan, score >= threshold)


def verdict_matrix(
    held_out: pl.DataFrame, predicates: Sequence[Predicate], verdicts: pl.LazyFrame
) -> tuple[Matrix, UInt8[np.ndarray, "text predicate"]]:
    """Verdict rows as matrices: scores (NaN where there is none) and status codes.

    Raises:
        FrozenError: a row of a predicate that is not frozen or a text that is not held out, a pair
            twice, or a pair without a row.
    """
    codes = pl.LazyFrame({"status": roles.STATUSES, "code": np.arange(len(roles.STATUSES), dtype=np.uint8)})
    found = (
        _with_places(held_out, predicates, verdicts)
        .join(codes, on="status", how="left")
        .select("row", "column", "score", "code")
        .collect()
    )
    shape = (held_out.height, len(predicates))
    at = _cells(found, shape, "verdicts", ("row", "column", "code"))
    if found.height != shape[0] * shape[1] or np.unique(at).size != at.size:
        raise FrozenError(f"{found.height} verdicts, wanted one for each of {shape[0]} x {shape[1]} pairs.")
    score = np.full(shape, np.nan)
    status = np.zeros(shape, dtype=np.uint8)
    score.ravel()[at] = found["score"].fill_null(float("nan")).to_numpy()
    status.ravel()[at] = found["code"].to_numpy()
    return score, status


def gold_matrix(held_out: pl.DataFrame, predicates: Sequence[Predicate], rows: pl.DataFrame) -> GoldVerdicts:
    """Rows of store/frames.GOLD as matrices.

    Raises:
        FrozenError: a row of a predicate that is not frozen or a text that is not held out, or a pair twice.
    """
    found = _with_places(held_out, predicates, rows.lazy()).collect()
    shape = (held_out.height, len(predicates))
    at = _cells(found, shape, "gold verdicts", ("row", "column", "chance"))
    if np.unique(at).size != at.size:
        raise FrozenError(f"{at.size} gold verdicts about {np.unique(at).size} pairs, wanted one for each.")
    score, chance, asked = np.full(shape, np.nan), np.ones(shape), np.zeros(shape, dtype=bool)
    score.ravel()[at] = found["score"].fill_null(float("nan")).to_numpy()
    chance.ravel()[at] = found["chance"].to_numpy()
    asked.ravel()[at] = True
    return GoldVerdicts(score, chance, asked)


def panel_tensor(
    held_out: pl.DataFrame, predicates: Sequence[Predicate], rows: pl.LazyFrame
) -> tuple[list[str], Float[np.ndarray, "text predicate judge"]]:
    """Rows of store/frames.PANEL as names of the judges and their scores; NaN where one gave no value.

    Raises:
        FrozenError: a row of a predicate that is not frozen or a text that is not held out.
    """
    found = _with_places(held_out, predicates, rows).collect()
    names = sorted(found["judge"].unique())
    shape = (held_out.height, len(predicates))
    at = _cells(found, shape, "verdicts of the panel", ("row", "column"))
    score = np.full((*shape, len(names)), np.nan)
    judge = found["judge"].replace_strict(names, range(len(names)), return_dtype=pl.Int64).to_numpy()
    score.reshape(-1, len(names))[at, judge] = found["score"].fill_null(float("nan")).to_numpy()
    return names, score


def _with_places(held_out: pl.DataFrame, predicates: Sequence[Predicate], rows: pl.LazyFrame) -> pl.LazyFrame:
    """The rows with their place in a matrix; null where there is none."""
    row_of = held_out.select("text_id").with_row_index("row").lazy()
    column_of = pl.LazyFrame({"predicate_id": [p.predicate_id for p in predicates]}).with_row_index("column")
    return rows.join(row_of, on="text_id", how="left").join(column_of, on="predicate_id", how="left")


def _cells(
    found: pl.DataFrame, shape: tuple[int, int], what: str, wanted: tuple[str, ...]
) -> Int[np.ndarray, " row"]:
    if found.select(pl.col(wanted).null_count()).sum_horizontal().item():
        raise FrozenError(f"{what} name a predicate that was not frozen or a text that was not held out.")
    return np.asarray(found["row"].to_numpy().astype(np.int64) * shape[1] + found["column"].to_numpy())
