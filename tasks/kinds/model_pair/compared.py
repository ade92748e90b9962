"""Verdicts on pairs of answers as differences, and the estimand of this kind."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from tasks.engines import roles
from tasks.stats.missing import share_difference_bounds_missing
from tasks.stats.paired import paired_difference
from tasks.store import frames
from tasks.verdicts.judged import Judged
from tasks.verdicts.matrices import groups_and_documents


@dataclass(frozen=True)
class Compared:
    """What was judged, a row for each pair."""

    pair: pl.Series
    """`pair` of 1_texts/pairs.parquet."""
    document: Int[np.ndarray, " pair"]
    """Documents by number: near-duplicate prompts are one."""
    rows: Int[np.ndarray, "pair two"]
    """Of model 1's answer and of the other's, among those judged."""
    d: Float[np.ndarray, "pair predicate"]
    """Score of model 1's answer less that of the other's; NaN where there is no verdict."""

    def differences(self, value: Float[np.ndarray, "row column"]) -> Float[np.ndarray, "pair column"]:
        """Model 1's less the other's, of any values that rows have."""
        return np.asarray(value[self.rows[:, 0]] - value[self.rows[:, 1]])


def compared(judged: Judged) -> Compared:
    """The pairs that were judged, by whoever is in A: the two answers of a pair are neighbours."""
    rows = np.arange(judged.rows.height).reshape(-1, 2)
    # Where groups mean nothing (`shuffled`), B's answer may stand first.
    rows = np.where(judged.in_a[rows[:, :1]], rows, rows[:, ::-1])
    first = rows[:, 0]
    d = judged.score[first] - judged.score[rows[:, 1]]
    return Compared(judged.rows["pair"].gather(first), judged.document[first], rows, d)


def estimates(judged: Judged, level: float) -> pl.DataFrame:
    """Share of pairs where model 1 shows it more less share where the other does, for each predicate."""
    of = compared(judged)
    found = paired_difference(of.d, of.document, level)
    said = np.where(judged.status == roles.VALUE, judged.score, np.nan)
    lowest, highest = share_difference_bounds_missing(said, judged.in_vain, judged.in_a)
    n = np.maximum(found.n, 1)
    more, less = (np.nansum(np.maximum(side * of.d, 0), axis=0) / n for side in (1, -1))
    none: Bool[np.ndarray, " predicate"] = found.n == 0
    columns = {
        "n_a": found.n,
        "n_b": found.n,
        "n_documents": found.n_documents,
        "mean_a": np.where(none, np.nan, more),
        "mean_b": np.where(none, np.nan, less),
        "validity": found.estimate,
        "lo": found.lo,
        "hi": found.hi,
        "p": found.p,
        "missing_lo": lowest,
        "missing_hi": highest,
        "method": found.method,
    }
    return frames.conform(pl.DataFrame(columns), frames.ESTIMATES)


def shuffled(rows: pl.DataFrame, rng: np.random.Generator) -> pl.Series:
    """Groups where the answers of each pair have traded places by a coin, one for a whole document."""
    in_a, document = groups_and_documents(rows)
    swaps = rng.random(int(document.max(initial=0))) < 0.5
    return pl.Series("group", np.where(in_a ^ swaps[document - 1], "A", "B"))
