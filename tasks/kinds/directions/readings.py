"""How well each sentence reads its unit on all confirmation inputs, and what needs no sentence."""

import json

import numpy as np
import polars as pl
from jaxtyping import Float
from scipy import stats

from tasks.engines.contrast import auroc
from tasks.kinds.directions import ends, tables, tests
from tasks.kinds.directions.params import own
from tasks.kinds.directions.roots import roots
from tasks.kinds.effects import surface_features
from tasks.records import Predicate
from tasks.store import frames
from tasks.verdicts.judged import Judged


def beside(judged: Judged, texts: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The tables `readings` and `baselines`."""
    values = tests.activations(judged)
    return {"readings": _readings(judged, values), "baselines": _baselines(judged, texts, values)}


def _readings(judged: Judged, values: Float[np.ndarray, "row unit"]) -> pl.DataFrame:
    units = ends.unit_names(judged.study)
    length = judged.rows["text"].str.len_chars().to_numpy()
    by_chance = _random_direction(judged, values)
    spans = _spans(judged, values)
    rows = []
    for i, predicate in enumerate(judged.predicates):
        unit, end = ends.of(predicate)
        activation, verdict = values[:, units.index(unit)], judged.verdict[:, i]
        said = ~np.isnan(verdict)
        row = {
            "predicate_id": predicate.predicate_id,
            "unit": unit,
            "end": end,
            "sentence": sentence(predicate),
            "auroc": auroc(activation[said], verdict[said] > 0.5),
            "spearman": _spearman(verdict[said], activation[said]),
            "explained": explained(predicate, verdict[said], activation[said]),
            "random": by_chance[i],
            "spearman_length": _spearman(length.astype(float), activation),
            "spans": spans[units.index(unit)],
        }
        rows.append(row)
    return pl.DataFrame(rows, schema=tables.READINGS).fill_nan(None)


def sentence(predicate: Predicate) -> str:
    """What is judged, without the unit it was named for."""
    unit, end = ends.of(predicate)
    return predicate.predicate.removeprefix(f"{unit} {end}: ")


def explained(
    predicate: Predicate, verdict: Float[np.ndarray, " row"], activation: Float[np.ndarray, " row"]
) -> float:
    """Share of the variance of new activations that the means of the exploration half explain.

    1 less the mean square of what is left over that around the new inputs' own mean; below 0 where the frozen
    means are further off than one mean for all would be.
    """
    holds, holds_not = json.loads(predicate.definition)["means"]
    left = activation - np.where(verdict > 0.5, holds, holds_not)
    spread = float(np.var(activation)) if activation.size else 0.0
    return 1 - float(np.mean(left**2)) / spread if spread > 0 else float("nan")


def _spans(judged: Judged, values: Float[np.ndarray, "row unit"]) -> list[float | None]:
    """By unit the share of what its part adds, squared and from its mean, that lies along the unit."""
    squared = ends.squared_distances(judged.study, judged.rows["text_hash"])
    if squared is None:
        return [None] * values.shape[1]
    return list((values**2).sum(axis=0) / squared.sum(axis=0))


def _spearman(one: Float[np.ndarray, " row"], other: Float[np.ndarray, " row"]) -> float:
    if one.size < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(stats.spearmanr(one, other).statistic)


def _random_direction(
    judged: Judged, values: Float[np.ndarray, "row unit"]
) -> Float[np.ndarray, " predicate"]:
    """V of each sentence at the high end of one seeded direction of the units at equal scale."""
    rng = np.random.default_rng([judged.study.seed, 31])
    spread = values.std(axis=0)
    along = ((values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)) @ rng.normal(
        size=values.shape[1]
    )
    random = ends.random_rows(judged.rows, judged.study.seed)
    member = ends.end_of(np.round(along, 9), 1.0, own(judged.study).top, ~random)
    members = [member] * len(judged.predicates)
    found = tests.estimated(judged, members, random, judged.study.score.level)
    return found["validity"].to_numpy()


def _baselines(judged: Judged, texts: pl.DataFrame, values: Float[np.ndarray, "row unit"]) -> pl.DataFrame:
    """Each surface feature at the end where it differs most on the exploration half, tested on the other."""
    study = judged.study
    seen = texts.filter(half="explore").sort("text_id")
    median = int(np.median(seen["text"].str.len_chars().to_numpy()))
    at_ends = ends.explored(study, seen)
    features = surface_features(seen["text"], median)
    held = features.to_numpy().astype(np.float64)
    root = np.round(roots(held, np.column_stack([end.member for end in at_ends])), 9)
    new = surface_features(judged.rows["text"], median).to_numpy().astype(np.float64)
    graded = Judged(
        study, judged.rows, [judged.predicates[0]] * new.shape[1], new, np.zeros(new.shape, np.uint8)
    )
    random, members = ends.members(study, judged.rows, values)
    strongest = [at_ends[int(one.argmax())] for one in np.abs(root)]
    member = [members[end.unit, end.end] for end in strongest]
    named = [f"{n} ({end.unit} {end.end})" for n, end in zip(features.columns, strongest, strict=True)]
    found = tests.estimated(graded, member, random, study.score.level)
    return frames.conform(found.with_columns(pl.Series("baseline", named)), frames.BASELINES)
