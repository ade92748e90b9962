"""What findings are worth beside each other: groups as one, effects at equal other findings."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from tasks.kinds import Estimate, Kind
from tasks.records import Predicate
from tasks.score.corrected import Corrected, corrected_fixed
from tasks.stats.conditional import covariate_spline, mean_difference_conditional
from tasks.stats.multiplicity import pvalues_adjusted_bh
from tasks.store import frames
from tasks.verdicts.matrices import GoldVerdicts, Matrix, groups_and_documents

_ENDS = ("validity", "lo", "hi")


def groups_frame(
    kind: Kind,
    held_out: pl.DataFrame,
    predicates: Sequence[Predicate],
    leader: Int[np.ndarray, " predicate"],
    estimates: Sequence[Estimate],
    verdict: Matrix,
    level: float,
    gold: GoldVerdicts | None = None,
    drawn_apart: bool = False,
) -> pl.DataFrame:
    """Rows of store/frames.GROUPS: each group tested as one, by the mean of its predicates' verdicts.

    A text without a verdict of every predicate of the group is left out: a mean of others would be of
    something else. A predicate alone keeps its own test.

    Args:
        kind: its estimand.
        held_out: the texts.
        predicates: the frozen ones.
        leader: index of each one's leader.
        estimates: of each predicate alone.
        verdict: the judge's, thresholded where there is a threshold.
        level: coverage of the intervals.
        gold: where gold decides; groups are then corrected as predicates are.
        drawn_apart: whether each pair of text and predicate was drawn for gold by itself.
    """
    leaders = sorted(set(leader.tolist()))
    members = [np.flatnonzero(leader == k) for k in leaders]
    found = {k: estimates[k] for k, at in zip(leaders, members, strict=True) if at.size == 1}
    several = [(k, at) for k, at in zip(leaders, members, strict=True) if at.size > 1]
    if several:
        mean = np.column_stack([verdict[:, at].mean(axis=1) for _, at in several])
        status = np.zeros(mean.shape, dtype=np.uint8)
        graded = [replace(predicates[k], threshold=None) for k, _ in several]
        tested = kind.estimand(held_out, mean, status, graded, level)
        if gold is not None:
            tested = _corrected(held_out, tested, mean, _together(gold, several, drawn_apart), level)
        found |= {k: one for (k, _), one in zip(several, tested, strict=True)}
    in_order = [found[k] for k in leaders]
    p = np.array([e.p for e in in_order])
    columns = {name: [getattr(e, name) for e in in_order] for name in _ENDS}
    frame = pl.DataFrame(
        {
            "group_id": [predicates[k].predicate_id for k in leaders],
            "n_predicates": [at.size for at in members],
            **columns,
            "p": p,
            "q": pvalues_adjusted_bh(p),
        }
    )
    return frames.conform(frame.fill_nan(None), frames.GROUPS)


def _together(
    gold: GoldVerdicts, several: Sequence[tuple[int, Int[np.ndarray, " member"]]], drawn_apart: bool
) -> GoldVerdicts:
    """Gold verdicts of groups: means over their predicates, and the chance that all were asked about."""
    chance = [gold.chance[:, at] for _, at in several]
    return GoldVerdicts(
        score=np.column_stack([gold.score[:, at].mean(axis=1) for _, at in several]),
        chance=np.column_stack([c.prod(axis=1) if drawn_apart else c.min(axis=1) for c in chance]),
        asked=np.column_stack([gold.asked[:, at].all(axis=1) for _, at in several]),
    )


def _corrected(
    held_out: pl.DataFrame, tested: Sequence[Estimate], mean: Matrix, gold: GoldVerdicts, level: float
) -> list[Estimate]:
    found: Corrected = corrected_fixed(mean, gold, *groups_and_documents(held_out), level, binary=False)
    return [
        replace(
            one,
            validity=float(found.validity[i]),
            lo=float(found.lo[i]),
            hi=float(found.hi[i]),
            p=float(found.p[i]),
        )
        for i, one in enumerate(tested)
    ]


def adjusted_effects(
    held_out: pl.DataFrame,
    verdict: Matrix,
    found: Bool[np.ndarray, " predicate"],
    alike: Int[np.ndarray, " predicate"],
    level: float,
    seed: int,
) -> list[tuple[float | None, float | None, float | None]]:
    """Of each discovery its effect with both ends at equal length and equal other discoveries; else None.

    Paraphrases, and opposites, are not held equal to each other: they would explain each other away.

    Args:
        held_out: the texts, whose length counts.
        verdict: the judge's, thresholded where there is a threshold.
        found: which predicates are discoveries.
        alike: one number for all that say the same, or the opposite.
        level: coverage of the intervals.
        seed: of the folds.
    """
    effects: list[tuple[float | None, float | None, float | None]] = [(None, None, None)] * found.size
    at = np.flatnonzero(found)
    if not at.size:
        return effects
    in_a, document = groups_and_documents(held_out)
    chars: Float[np.ndarray, " text"] = held_out["text"].str.len_chars().to_numpy().astype(np.float64)
    length = covariate_spline(np.log(np.maximum(chars, 1)))
    of = mean_difference_conditional(
        verdict[:, at], in_a, document, length, level, group=alike[at], seed=seed
    )
    for column, k in enumerate(at):
        if not np.isnan(of.validity[column]):
            effects[k] = (float(of.validity[column]), float(of.lo[column]), float(of.hi[column]))
    return effects
