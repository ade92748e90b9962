"""How well each sentence reads its unit on all confirmation inputs, and what needs no sentence."""

import json

import numpy as np
import polars as pl
from jaxtyping import Bool, Float
from scipy import stats

from tasks.engines.contrast import auroc
from tasks.kinds.directions import ends, tables, tests
from tasks.kinds.directions.params import own
from tasks.kinds.directions.roots import roots
from tasks.kinds.effects import surface_features
from tasks.records import Predicate
from tasks.store import frames
from tasks.verdicts.judged import Judged

_ALSO = ("also_validity", "also_lo", "also_hi")


def beside(judged: Judged, texts: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The tables `readings` and `baselines`."""
    values = ends.activations(judged.study, judged.rows["text_hash"])
    return {"readings": _readings(judged, values), "baselines": _baselines(judged, texts, values)}


def _readings(judged: Judged, values: Float[np.ndarray, "row unit"]) -> pl.DataFrame:
    units = ends.unit_names(judged.study)
    length = judged.rows["text"].str.len_chars().to_numpy()
    of_first = _of_first(judged)
    by_chance, everywhere = _random_direction(judged, values), _judged_everywhere(judged)
    spans, elsewhere = _spans(judged, values), _elsewhere(judged, values)
    rows = []
    for i, predicate in enumerate(judged.predicates):
        unit, end = ends.of(predicate)
        activation, verdict = values[:, units.index(unit)], judged.verdict[:, i]
        said = everywhere & ~np.isnan(verdict)
        row = {
            "predicate_id": predicate.predicate_id,
            "unit": unit,
            "end": end,
            "sentence": ends.sentence(predicate),
            "auroc": auroc(activation[said], verdict[said] > 0.5),
            "spearman": _spearman(verdict[said], activation[said]),
            "explained": explained(predicate, verdict[said], activation[said]),
            "random": by_chance[i],
            "spearman_length": _spearman(length[of_first].astype(float), activation[of_first]),
            "spans": spans[units.index(unit)],
            "n_inputs": int(said.sum()),
            **elsewhere[i],
        }
        rows.append(row)
    return pl.DataFrame(rows, schema=tables.READINGS).fill_nan(None)


def _elsewhere(judged: Judged, values: Float[np.ndarray, "row unit"]) -> list[dict[str, float | None]]:
    """V of each sentence on the other corpus, with its interval: at the same end of the same unit there."""
    random, at_ends = ends.members(judged.study, judged.rows, values, ends.ALSO)
    if not random.any():
        return [dict.fromkeys(_ALSO)] * len(judged.predicates)
    member = [at_ends[ends.of(one)] for one in judged.predicates]
    found = tests.estimated(judged, member, random, judged.study.score.level)
    return found.select(**{name: name.removeprefix("also_") for name in _ALSO}).to_dicts()


def _judged_everywhere(judged: Judged) -> Bool[np.ndarray, " row"]:
    """The inputs that every predicate was judged on: all, or the random ones, which are as all are."""
    of_first = _of_first(judged)
    return of_first if judged.wanted is None else of_first & ends.random_rows(judged.rows, judged.study.seed)


def _of_first(judged: Judged) -> Bool[np.ndarray, " row"]:
    return (judged.rows["group"] == ends.FIRST).to_numpy()


def explained(
    predicate: Predicate, verdict: Float[np.ndarray, " row"], activation: Float[np.ndarray, " row"]
) -> float:
    """Share of the variance of new activations that the means of the exploration half explain.

    1 less the mean square of what is left over that around the new inputs' own mean; below 0 where the frozen
    means are further off than one mean for all would be, NaN where there are none.
    """
    means = json.loads(predicate.definition)["means"]
    if means is None:
        return float("nan")
    holds, holds_not = means
    left = activation - np.where(verdict > 0.5, holds, holds_not)
    spread = float(np.var(activation)) if activation.size else 0.0
    return 1 - float(np.mean(left**2)) / spread if spread > 0 else float("nan")


def _spans(judged: Judged, values: Float[np.ndarray, "row unit"]) -> list[float | None]:
    """By unit the share of what its part adds, squared and from its mean, that lies along the unit."""
    squared = ends.squared_distances(judged.study, judged.rows["text_hash"])
    if squared is None:
        return [None] * values.shape[1]
    own_rows = _of_first(judged)
    return list((values[own_rows] ** 2).sum(axis=0) / squared[own_rows].sum(axis=0))


def _spearman(one: Float[np.ndarray, " row"], other: Float[np.ndarray, " row"]) -> float:
    if one.size < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(stats.spearmanr(one, other).statistic)


def _random_direction(
    judged: Judged, values: Float[np.ndarray, "row unit"]
) -> Float[np.ndarray, " predicate"]:
    """V of each sentence at the high end of one seeded direction of the units at equal scale."""
    rng = np.random.default_rng([judged.study.seed, 31])
    of_first = values[_of_first(judged)]
    spread = of_first.std(axis=0)
    along = ((values - of_first.mean(axis=0)) / np.where(spread > 0, spread, 1)) @ rng.normal(
        size=values.shape[1]
    )
    random = ends.random_rows(judged.rows, judged.study.seed) & _of_first(judged)
    # Where all were judged on random inputs alone, the direction's end is looked for among these.
    among = _of_first(judged) & ~random if judged.wanted is None else random
    member = ends.end_of(np.round(along, 9), 1.0, own(judged.study).top, among)
    members = [member] * len(judged.predicates)
    found = tests.estimated(judged, members, random & ~member, judged.study.score.level)
    return found["validity"].to_numpy()


def _baselines(judged: Judged, texts: pl.DataFrame, values: Float[np.ndarray, "row unit"]) -> pl.DataFrame:
    """Each surface feature at the end where it differs most on the exploration half, tested on the other."""
    study = judged.study
    seen = texts.filter(half="explore", group=ends.FIRST).sort("text_id")
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
