"""The estimand: a sentence at an end of a unit against random inputs, and the same where nothing is there."""

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

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
    parts = []
    for key in dict.fromkeys(keys):
        columns = [i for i, one in enumerate(keys) if one == key]
        part = estimated(judged, columns, at_ends[key], random, level)
        parts.append(part.with_columns(at=pl.Series(columns)))
    return frames.conform(pl.concat(parts).sort("at").drop("at"), frames.ESTIMATES)


def estimated(
    judged: Judged,
    columns: Sequence[int],
    member: Bool[np.ndarray, " row"],
    random: Bool[np.ndarray, " row"],
    level: float,
) -> pl.DataFrame:
    """Some predicates at one end: rows of frames.ESTIMATES."""
    rows = member | random if member.sum() >= LEAST else np.zeros_like(member)
    in_a, verdict = member[rows], judged.verdict[rows][:, columns]
    found: Differences = difference(verdict, in_a, judged.document[rows], level, binary=judged.is_binary)
    said = np.where(judged.status[rows][:, columns] == roles.VALUE, verdict, np.nan)
    n_a, n_b = ((~np.isnan(said[side])).sum(axis=0) for side in (in_a, ~in_a))
    lowest, highest = share_difference_bounds_missing(said, judged.in_vain[rows][:, columns], in_a)
    figures = {name: getattr(found, name) for name in _FIGURES}
    bounds = {"missing_lo": lowest, "missing_hi": highest}
    return frames.conform(pl.DataFrame({"n_a": n_a, "n_b": n_b, **figures, **bounds}), frames.ESTIMATES)


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
