"""What findings are worth beside each other: groups as one, effects at equal other findings."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int
from scipy.stats import mannwhitneyu

from tasks.score.discoveries import effect_towards, q_of
from tasks.score.tests import gold_estimates, judge_estimates
from tasks.stats.conditional import covariate_spline, mean_difference_conditional
from tasks.store import frames, media
from tasks.verdicts.judged import Judged
from tasks.verdicts.matrices import GoldVerdicts

_ENDS = ("validity", "lo", "hi")
_FIGURES = (*_ENDS, "p")
IS_LENGTH = 0.97
"""Chance that a text of which a predicate holds is longer than another one, from which on it is a length."""
_HALF = 0.5


def groups_frame(
    judged: Judged, leader: Int[np.ndarray, " predicate"], estimates: pl.DataFrame
) -> pl.DataFrame:
    """Rows of store/frames.GROUPS: each group tested as one, by the mean of its predicates' verdicts.

    A text without a verdict of every predicate of the group is left out: a mean of others would be of
    something else. A predicate alone keeps its own test. Where gold decides, groups are corrected as
    predicates are.

    Args:
        judged: all verdicts.
        leader: index of each predicate's leader.
        estimates: of each predicate alone; a group's direction is that of its leader.
    """
    leaders = sorted(set(leader.tolist()))
    members = [np.flatnonzero(leader == k) for k in leaders]
    figures = np.array([estimates[name].to_numpy()[leaders] for name in _FIGURES])
    several = [i for i, at in enumerate(members) if at.size > 1]
    if several:
        parts = {leaders[i]: members[i] for i in several}
        figures[:, several] = _figures_of_groups(judged, parts)
    columns = dict(zip(_FIGURES, figures, strict=True))
    towards = effect_towards(columns["validity"], judged.towards_a[leaders])
    frame = pl.DataFrame(
        {
            "group_id": [judged.predicates[k].predicate_id for k in leaders],
            "n_predicates": [at.size for at in members],
            **columns,
            "q": q_of(columns["p"], towards, judged.study.score, judged.weight[leaders]),
        }
    )
    return frames.conform(frame.fill_nan(None), frames.GROUPS)


def _figures_of_groups(
    judged: Judged, several: Mapping[int, Int[np.ndarray, " member"]]
) -> Float[np.ndarray, "figure group"]:
    """The figures of groups of several predicates, by their leader's column."""
    level, asked = judged.study.score.level, judged.study.gold
    mean = np.column_stack([judged.verdict[:, at].mean(axis=1) for at in several.values()])
    graded = [replace(judged.predicates[k], threshold=None) for k in several]
    gold = judged.verdict_gold if asked.decides else None
    members = list(several.values())
    together = None if gold is None else _gold_of_groups(gold, members, asked.choose == "uncertain")
    of = Judged(judged.study, judged.rows, graded, mean, np.zeros(mean.shape, dtype=np.uint8), together)
    found = gold_estimates(of, level)
    if found is not None:
        return np.array([getattr(found, name) for name in _FIGURES])
    tested = judge_estimates(of, level)
    return np.array([tested[name].to_numpy() for name in _FIGURES])


def _gold_of_groups(
    gold: GoldVerdicts, several: Sequence[Int[np.ndarray, " member"]], drawn_apart: bool
) -> GoldVerdicts:
    """Gold verdicts of groups: means over their predicates, and the chance that all were asked about.

    Args:
        gold: of each predicate.
        several: the members of each group.
        drawn_apart: whether each pair of text and predicate was drawn for gold by itself.
    """
    chance = [gold.chance[:, at] for at in several]
    return GoldVerdicts(
        score=np.column_stack([gold.score[:, at].mean(axis=1) for at in several]),
        chance=np.column_stack([c.prod(axis=1) if drawn_apart else c.min(axis=1) for c in chance]),
        asked=np.column_stack([gold.asked[:, at].all(axis=1) for at in several]),
    )


def adjusted_effects(
    judged: Judged, found: Bool[np.ndarray, " predicate"], alike: Int[np.ndarray, " predicate"]
) -> list[tuple[float | None, float | None, float | None]]:
    """Of each discovery its effect with both ends at equal length and equal other discoveries; else None.

    Paraphrases, and opposites, are not held equal to each other: they would explain each other away. Of texts
    that are compared with each other the length is that beside the other. What is itself a length has none:
    at equal length nothing could be left of it.

    Args:
        judged: all verdicts, on rows whose length counts.
        found: which predicates are discoveries.
        alike: one number for all that say the same, or the opposite.
    """
    effects: list[tuple[float | None, float | None, float | None]] = [(None, None, None)] * found.size
    at = np.flatnonzero(found)
    if not at.size:
        return effects
    length = _length(judged)
    of = mean_difference_conditional(
        judged.verdict[:, at],
        judged.in_a,
        judged.document,
        covariate_spline(length),
        judged.study.score.level,
        group=alike[at],
        seed=judged.study.seed,
    )
    for column, k in enumerate(at):
        if not np.isnan(of.validity[column]) and not _is_length(judged.verdict[:, k], length):
            effects[k] = (float(of.validity[column]), float(of.lo[column]), float(of.hi[column]))
    return effects


def _is_length(verdict: Float[np.ndarray, " text"], length: Float[np.ndarray, " text"]) -> bool:
    """Whether nearly all texts of which it holds are longer than nearly all others, or shorter."""
    holds, holds_not = length[verdict > _HALF], length[verdict < _HALF]
    if not holds.size or not holds_not.size:
        return False
    share = float(mannwhitneyu(holds, holds_not).statistic) / (holds.size * holds_not.size)
    return abs(share - _HALF) >= IS_LENGTH - _HALF


def _length(judged: Judged) -> Float[np.ndarray, " text"]:
    """Logarithms of characters, or of the pixels of pictures; of a pair, less their mean."""
    rows, extent = judged.rows, pl.col("text").str.len_chars().clip(1)
    if media.are_pictures(rows):
        sizes = media.facts(judged.study.name).select("media", extent=pl.col("width") * pl.col("height"))
        rows, extent = rows.join(sizes, on="media", how="left", maintain_order="left"), pl.col("extent")
    size = extent.cast(pl.Float64).log()
    return (
        rows.select(size - size.mean().over("pair") if "pair" in rows.columns else size)
        .to_series()
        .to_numpy()
    )
