"""Walks of the sequential plan over a grid of verdicts in many random orders at once."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from tasks.stats.betting import (
    CURTAILMENT_FRACTIONS,
    FUTILITY_FRACTIONS,
    TEST_FRACTIONS,
    log_mean_exp,
    mean_atom_counts,
    mean_logevalue_betting,
)
from tasks.stats.blocks import look_of_blocks
from tasks.stats.decisions import (
    GO_ON,
    Rule,
    curtailment_loggains,
    mean_error_to_come,
    next_status,
)

RESOLUTION = 20


@dataclass(frozen=True)
class Walk:
    """Differences by look, for every order and hypothesis."""

    difference: Float[np.ndarray, "step block order predicate"]
    """Of a pair of texts, or more; NaN where a look has fewer blocks."""
    estimate: Float[np.ndarray, "step order predicate"]
    """Mean A minus mean B of all verdicts up to the look; NaN without any."""
    n_texts: Int[np.ndarray, "step predicate"]
    """Verdicts up to the look."""
    n_blocks: int
    """Of a hypothesis with a verdict on every text, whether it has them or not."""


def order_units(in_a: Bool[np.ndarray, " text"], rng: np.random.Generator) -> Int[np.ndarray, " text"]:
    """A random order of the texts."""
    return rng.permutation(in_a.size)


def blocks(
    score: Float[np.ndarray, " text"], in_a: Bool[np.ndarray, " text"]
) -> tuple[Float[np.ndarray, " block"], Float[np.ndarray, "group block"], Float[np.ndarray, "group block"]]:
    """The texts that have a verdict, in order, put together as `stats.blocks.text_blocks` does: difference of
    means, and the verdicts and their sums by group."""
    seen = ~np.isnan(score)
    sides = [score[seen & in_a], score[seen & ~in_a]]
    n_blocks = min(side.size for side in sides)
    n, total = np.zeros((2, 2, n_blocks))
    for group, side in enumerate(sides):
        if n_blocks:
            block = np.arange(side.size) * n_blocks // side.size
            n[group], total[group] = np.bincount(block), np.bincount(block, side)
    mean = total / np.maximum(n, 1)
    return mean[0] - mean[1], n, total


def walk(
    score: Float[np.ndarray, "text predicate"],
    in_a: Bool[np.ndarray, " text"],
    orders: list[Int[np.ndarray, " text"]],
    look_every: int,
) -> Walk:
    """All orders cut into looks as a study with `look_every` cuts them, whole blocks each."""
    found = [[blocks(score[order, k], in_a[order]) for k in range(score.shape[1])] for order in orders]
    n_blocks = np.array([one[0].size for one in found[0]])
    looks = [look_of_blocks(one[1].sum(axis=0).astype(np.int64), look_every) for one in found[0]]
    steps = max((int(look[-1]) + 1 for look in looks if look.size), default=1)
    most = max((int(np.bincount(look).max()) for look in looks if look.size), default=1)
    difference = np.full((steps, most, len(orders), n_blocks.size), np.nan)
    estimate = np.full((steps, len(orders), n_blocks.size), np.nan)
    n_texts = np.zeros((steps, n_blocks.size), dtype=np.int64)
    for k in np.flatnonzero(n_blocks):
        size = np.bincount(looks[k], minlength=steps)
        ends = np.minimum(np.cumsum(size), n_blocks[k]) - 1
        place = np.arange(n_blocks[k]) - (np.cumsum(size) - size)[looks[k]]
        for o, of_order in enumerate(found):
            g, n, total = of_order[k]
            difference[looks[k], place, o, k] = g
            n_run, total_run = n.cumsum(axis=1)[:, ends], total.cumsum(axis=1)[:, ends]
            estimate[:, o, k] = total_run[0] / n_run[0] - total_run[1] / n_run[1]
            n_texts[:, k] = n_run.sum(axis=0)
    return Walk(difference, estimate, n_texts, min(int(in_a.sum()), int((~in_a).sum())))


def sequential_walk(
    steps: Walk, rule: Rule
) -> tuple[Int[np.ndarray, "order predicate"], Int[np.ndarray, "order predicate"]]:
    """Judgements spent, and what became of each predicate (`stats.decisions`), in every order."""
    n_steps, _, orders, hypotheses = steps.difference.shape
    status = np.full((orders, hypotheses), GO_ON)
    used = np.zeros((orders, hypotheses), dtype=np.int64)
    counts = np.zeros((orders * hypotheses, 2 * RESOLUTION + 1))
    gains = np.zeros((orders * hypotheses, len(CURTAILMENT_FRACTIONS)))
    for step in range(n_steps):
        going = status == GO_ON
        if not going.any():
            break
        used = np.where(going, steps.n_texts[step], used)
        new = mean_atom_counts(steps.difference[step].reshape(-1, orders * hypotheses), RESOLUTION)
        new *= going.reshape(-1, 1)
        before, n_new = counts.sum(axis=1), np.rint(new.sum(axis=1)).astype(np.int64)
        gains += curtailment_loggains(new, n_new, counts, before, steps.n_blocks, rule.min_effect)
        counts += new
        slack = rule.margin * mean_error_to_come(counts, steps.n_blocks)
        log_e = mean_logevalue_betting(counts, 0.0, TEST_FRACTIONS)
        futile = mean_logevalue_betting(counts[:, ::-1], -rule.min_effect, FUTILITY_FRACTIONS)
        parts = (log_e, futile, log_mean_exp(gains), slack)
        by_order = zip(*(part.reshape(orders, hypotheses) for part in parts), strict=True)
        for o, (evidence, against, short, margin) in enumerate(by_order):
            status[o], _ = next_status(
                status[o], evidence, against, steps.estimate[step, o], margin, rule, short
            )
    return used, status


def null_rates(
    score: Float[np.ndarray, "text predicate"],
    labels: list[Bool[np.ndarray, " text"]],
    orders: list[Int[np.ndarray, " text"]],
    alpha: float,
) -> dict[str, float]:
    """How often the e-values ever say something, read after every single block and whatever the effect.

    `predicate`: one e-value reaches 1/alpha; `study_fdr`: e-BH has any discovery; `study_fwer`: their mean
    reaches 1/alpha, without which closed testing has none. Where nothing is true, any discovery is false.
    """
    found = []
    for label, order in zip(labels, orders, strict=True):
        series = [blocks(score[order, k], label[order])[0] for k in range(score.shape[1])]
        g = np.zeros((max(one.size for one in series), len(series)))
        for k, one in enumerate(series):
            g[: one.size, k] = one
        capital = np.mean([np.exp(np.cumsum(np.log1p(f * g), axis=0)) for f in TEST_FRACTIONS], axis=0)
        sizes = np.arange(g.shape[1], 0, -1)
        best = (np.sort(capital, axis=1) * sizes).max(axis=1) / g.shape[1]
        found.append(
            (
                (capital.max(axis=0, initial=0) >= 1 / alpha).mean(),
                (best >= 1 / alpha).any(),
                (capital.mean(axis=1) >= 1 / alpha).any(),
            )
        )
    predicate, fdr, fwer = np.mean(found, axis=0)
    return {
        "null_predicate": float(predicate),
        "null_study_fdr": float(fdr),
        "null_study_fwer": float(fwer),
    }
