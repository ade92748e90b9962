"""The estimand: a sentence at an end of a unit against random inputs, and the same where nothing is there."""

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from tasks import paths
from tasks.engines import roles
from tasks.kinds.directions import ends
from tasks.kinds.directions.embedded import End
from tasks.kinds.directions.params import own
from tasks.records import Predicate
from tasks.stats.differences import Differences, difference
from tasks.stats.missing import share_difference_bounds_missing
from tasks.store import frames
from tasks.study import Study
from tasks.verdicts.judged import Judged

LEAST = 5
"""Fewest inputs at an end: with fewer no difference could ever be shown."""
_FIGURES = ("n_documents", "mean_a", "mean_b", "validity", "lo", "hi", "p", "method")


def of(predicate: Predicate) -> tuple[str, str]:
    """Unit and end that a predicate was frozen for."""
    definition = json.loads(predicate.definition)
    return definition["unit"], definition["end"]


def explored(study: Study, texts: pl.DataFrame) -> list[End]:
    """Both ends of every unit on the exploration half, where enough inputs are there.

    All others are what an end is compared with there.
    """
    values, share = ends.activations(study, texts["text_hash"]), own(study).top
    everyone = np.ones(texts.height, dtype=bool)
    found = [
        End(unit, end, values[:, at], ends.end_of(values[:, at], sign, share, everyone))
        for at, unit in enumerate(ends.unit_names(study))
        for end, sign in ends.SIGN.items()
    ]
    return [end for end in found if end.member.sum() >= LEAST]


def activations(judged: Judged) -> Float[np.ndarray, "row unit"]:
    """Those of the rows under test; dealt out anew where they were shuffled."""
    values = ends.activations(judged.study, judged.rows["text_hash"])
    return values[judged.rows["dealt"].to_numpy()] if "dealt" in judged.rows.columns else values


def members(
    study: Study, rows: pl.DataFrame, values: Float[np.ndarray, "row unit"]
) -> tuple[Bool[np.ndarray, " row"], dict[tuple[str, str], Bool[np.ndarray, " row"]]]:
    """Random inputs, and by unit and end who is there; nobody is both."""
    random = ends.random_rows(rows, study.seed)
    at_ends = {
        (unit, end): ends.end_of(values[:, at], sign, own(study).top, ~random)
        for at, unit in enumerate(ends.unit_names(study))
        for end, sign in ends.SIGN.items()
    }
    return random, at_ends


def estimates(judged: Judged, level: float) -> pl.DataFrame:
    """Share at the end minus share of random inputs with interval and two-sided p, for each predicate."""
    random, at_ends = members(judged.study, judged.rows, activations(judged))
    keys = [of(one) for one in judged.predicates]
    return estimated(judged, [at_ends[key] for key in keys], random, level)


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
    row, in_a = _stacked(member, random)
    known, at = row >= 0, np.arange(len(member))
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
    at_end = [rows if rows.size >= LEAST else rows[:0] for rows in at_end]
    most, others = max(rows.size for rows in at_end), np.flatnonzero(random)
    row = np.full((most + others.size, len(member)), -1)
    for i, rows in enumerate(at_end):
        row[: rows.size, i] = rows
    row[most:] = others[:, None]
    return row, np.arange(len(row)) < most


def _figures(found: Differences) -> pl.DataFrame:
    return pl.DataFrame({name: getattr(found, name) for name in _FIGURES})


def shuffled(judged: Judged, rng: np.random.Generator) -> Judged:
    """The same verdicts with the activations of other documents."""
    dealt = pl.Series("dealt", ends.dealt_out(judged.document - judged.document.min(), rng))
    return replace(judged, rows=judged.rows.with_columns(dealt))


def at_end(study: Study, held: pl.DataFrame) -> pl.Series:
    """Whether each text is at the end of the unit that its predicate was frozen for."""
    texts = frames.read(paths.output(study.name, "collect"), "texts.parquet", frames.TEXTS)
    frozen = frames.read(paths.output(study.name, "formalise"), "predicates.parquet", frames.PREDICATES)
    confirm = texts.filter(half="confirm").sort("text_id")
    _, at_ends = members(study, confirm, ends.activations(study, confirm["text_hash"]))
    rows = [
        pl.DataFrame(
            {"predicate_id": one.predicate_id, "text_id": confirm["text_id"].filter(at_ends[of(one)])}
        )
        for one in (Predicate(**row) for row in frozen.iter_rows(named=True))
    ]
    supporting = pl.concat(rows).with_columns(supports=True)
    joined = held.join(supporting, on=["predicate_id", "text_id"], how="left", maintain_order="left")
    return joined["supports"].fill_null(False)
