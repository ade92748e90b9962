"""The estimand: a sentence at an end of a unit against random inputs, and the same where nothing is there."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from jaxtyping import Bool, Int

from tasks.engines import roles
from tasks.kinds.directions import ends
from tasks.stats.differences import Differences, difference
from tasks.stats.missing import share_difference_bounds_missing
from tasks.store import frames
from tasks.verdicts.judged import Judged

DEALT = "dealt"
"""Column with the row whose verdicts are taken in place of a row's own."""
SWAPPED = "swapped"
"""Column with the seed by which inputs of a predicate trade places."""
_FIGURES = ("n_documents", "mean_a", "mean_b", "validity", "lo", "hi", "p", "method")


def estimates(judged: Judged, level: float) -> pl.DataFrame:
    """Share at the end minus share of random inputs with interval and two-sided p, for each predicate."""
    values = ends.activations(judged.study, judged.rows["text_hash"])
    random, at_ends = ends.members(judged.study, judged.rows, values)
    keys = [ends.of(one) for one in judged.predicates]
    row, in_a = _stacked([at_ends[key] for key in keys], random)
    if DEALT in judged.rows.columns:
        row = np.where(row >= 0, judged.rows[DEALT].to_numpy()[row], -1)
    if SWAPPED in judged.rows.columns:
        row = _swapped(row, judged.document, judged.rows[SWAPPED][0])
    return _estimated(judged, row, in_a, level)


def estimated(
    judged: Judged,
    member: Sequence[Bool[np.ndarray, " row"]],
    random: Bool[np.ndarray, " row"],
    level: float,
) -> pl.DataFrame:
    """Each predicate at its own end: rows of frames.ESTIMATES.

    Args:
        judged: all verdicts.
        member: by predicate, who is at its end; with too few there nothing is tested.
        random: who is compared with all of them.
    """
    return _estimated(judged, *_stacked(member, random), level)


def _estimated(
    judged: Judged, row: Int[np.ndarray, "place predicate"], in_a: Bool[np.ndarray, " place"], level: float
) -> pl.DataFrame:
    known, at = row >= 0, np.arange(row.shape[1])
    verdict = np.where(known, judged.verdict[row, at], np.nan)
    if np.unique(judged.document).size == judged.document.size:
        # Each row is a document of its own, so that who it is does not matter.
        figures = _figures(difference(verdict, in_a, np.arange(len(row)), level, binary=judged.is_binary))
    else:
        each = [
            difference(verdict[k, i : i + 1], in_a[k], judged.document[row[k, i]], level, judged.is_binary)
            for i, k in enumerate(known.T)
        ]
        figures = pl.concat([_figures(one) for one in each])
    said = np.where(known & (judged.status[row, at] == roles.VALUE), verdict, np.nan)
    in_vain = known & judged.in_vain[row, at]
    lowest, highest = share_difference_bounds_missing(said, in_vain, in_a)
    n_a, n_b = ((~np.isnan(said[side])).sum(axis=0) for side in (in_a, ~in_a))
    counted = {"n_a": n_a, "n_b": n_b, "missing_lo": lowest, "missing_hi": highest}
    return frames.conform(
        figures.with_columns(**{k: pl.Series(v) for k, v in counted.items()}), frames.ESTIMATES
    )


def _stacked(
    member: Sequence[Bool[np.ndarray, " row"]], random: Bool[np.ndarray, " row"]
) -> tuple[Int[np.ndarray, "place predicate"], Bool[np.ndarray, " place"]]:
    """Of each predicate the rows it is tested on, those at its end first; -1 fills up. And who is there."""
    at_end = [np.flatnonzero(one) for one in member]
    at_end = [rows if rows.size >= ends.LEAST else rows[:0] for rows in at_end]
    most, others = max(rows.size for rows in at_end), np.flatnonzero(random)
    row = np.full((most + others.size, len(member)), -1)
    for i, rows in enumerate(at_end):
        row[: rows.size, i] = rows
    row[most:] = others[:, None]
    return row, np.arange(len(row)) < most


def _figures(found: Differences) -> pl.DataFrame:
    return pl.DataFrame({name: getattr(found, name) for name in _FIGURES})


def _swapped(
    row: Int[np.ndarray, "place predicate"], document: Int[np.ndarray, " row"], seed: int
) -> Int[np.ndarray, "place predicate"]:
    """The rows of each predicate in other places: documents trade who is at the end."""
    rng, swapped = np.random.default_rng(seed), row.copy()
    for i, own in enumerate(row.T):
        known = own[own >= 0]
        swapped[own >= 0, i] = known[ends.dealt_out(np.unique(document[known], return_inverse=True)[1], rng)]
    return swapped


def shuffled(judged: Judged, rng: np.random.Generator) -> Judged:
    """The same verdicts on other documents: who is at an end, and who is random, tells nothing of them.

    Were activations dealt out alone, all shuffles would have the same random inputs, and whatever these say
    by chance would count in each. Where verdicts are of a predicate's own inputs alone, who of these is at
    the end is dealt out anew.
    """
    if judged.wanted is not None:
        return replace(judged, rows=judged.rows.with_columns(pl.lit(int(rng.integers(2**31))).alias(SWAPPED)))
    dealt, own = np.arange(judged.rows.height), np.flatnonzero(judged.rows["group"] == ends.FIRST)
    document = np.unique(judged.document[own], return_inverse=True)[1]
    dealt[own] = own[ends.dealt_out(document, rng)]
    return replace(judged, rows=judged.rows.with_columns(pl.Series(DEALT, dealt)))
