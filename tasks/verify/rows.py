"""What judges said as rows of the tables of 5_verdicts; a gap stays a row with its name."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from tasks.engines import roles
from tasks.errors import EngineError
from tasks.records import Predicate
from tasks.store import frames

ROUNDING = 1e-3
"""How far outside 0-1 a judge's arithmetic may take a score; it is clipped."""


def verdict_frame(
    predicates: Sequence[Predicate], text_ids: pl.Series, judged: roles.Judgements
) -> pl.DataFrame:
    """The judge's matrices as rows, predicate by predicate.

    Raises:
        EngineError: a score outside 0-1, or a verdict that is neither value nor named gap.
    """
    shape = (len(text_ids), len(predicates))
    if judged.score.shape != shape or judged.status.shape != shape:
        raise EngineError(f"judge gave {judged.score.shape} verdicts, wanted {shape}.")
    is_value = judged.status == roles.VALUE
    if np.isnan(judged.score[is_value]).any():
        raise EngineError("judge gave a value that is not a number.")
    if ((judged.score[is_value] < -ROUNDING) | (judged.score[is_value] > 1 + ROUNDING)).any():
        raise EngineError("judge gave a score outside 0-1.")
    values = np.where(is_value, judged.score.clip(0, 1), np.nan)
    pairs = _pairs(predicates, text_ids)
    return pairs.with_columns(
        _column("score", values),
        pl.Series("status", np.array(roles.STATUSES)[judged.status.T.ravel()], dtype=pl.String),
    )


def gold_frame(
    predicates: Sequence[Predicate],
    text_ids: pl.Series,
    judged: roles.Judgements,
    wanted: Bool[np.ndarray, "text predicate"],
    chance: Float[np.ndarray, "text predicate"],
) -> pl.DataFrame:
    """The gold judge's verdicts of the pairs it was asked about, with the chance of each.

    Raises:
        EngineError: as `verdict_frame`, or a pair that it was asked about has no row.
    """
    if (judged.status[wanted] == roles.ABSENT).any():
        raise EngineError("gold judge left out pairs that it was asked about.")
    rows = verdict_frame(predicates, text_ids, judged).with_columns(_column("chance", chance))
    return frames.conform(rows.filter(pl.Series(wanted.T.ravel())), frames.GOLD)


def order_frame(
    predicates: Sequence[Predicate],
    text_ids: pl.Series,
    each: Float[np.ndarray, "judge text predicate"],
    first: Float[np.ndarray, "judge text predicate"],
    judges: Sequence[str],
) -> pl.DataFrame:
    """What each judge gave a text when it was shown first and when second, where it gave both."""
    pairs = _pairs(predicates, text_ids)
    second = (2 * each - first).clip(0, 1)  # the score is the mean of both
    by_judge = [
        pairs.with_columns(_column("first", own), _column("second", other), judge=pl.lit(name))
        for name, own, other in zip(judges, first, second, strict=True)
    ]
    orders = pl.concat(by_judge).filter(pl.col("first").is_not_null() & pl.col("second").is_not_null())
    return frames.conform(orders, frames.ORDERS)


def panel_frame(
    predicates: Sequence[Predicate],
    text_ids: pl.Series,
    each: Float[np.ndarray, "judge text predicate"],
    judges: Sequence[str],
) -> pl.DataFrame:
    """What each judge of a panel said, where it gave a value."""
    pairs = _pairs(predicates, text_ids)
    by_judge = [
        pairs.with_columns(_column("score", score), judge=pl.lit(name))
        for name, score in zip(judges, each, strict=True)
    ]
    return frames.conform(pl.concat(by_judge).filter(pl.col("score").is_not_null()), frames.PANEL)


def _pairs(predicates: Sequence[Predicate], text_ids: pl.Series) -> pl.DataFrame:
    """A row for every pair, in the order of `_column`."""
    return pl.DataFrame(
        {
            "predicate_id": np.repeat([p.predicate_id for p in predicates], len(text_ids)),
            "text_id": np.tile(text_ids.to_numpy(), len(predicates)),
        },
        schema=dict.fromkeys(("predicate_id", "text_id"), pl.String),
    )


def _column(name: str, values: Float[np.ndarray, "text predicate"]) -> pl.Series:
    """A matrix, predicate by predicate; null where it is NaN."""
    return pl.Series(name, values.T.ravel(), dtype=pl.Float64).fill_nan(None)
