"""Decides predicates one by one while verdicts come in: confirmed, futile, or go on. Valid at any stop.

Texts come in blocks (`blocks.py`), each block giving one difference A - B per predicate. Three things are
kept of them, whatever their number: how often which difference fell, and the sums for the estimate.
"""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from tasks.stats.betting import (
    CURTAILMENT_FRACTIONS,
    FUTILITY_FRACTIONS,
    TEST_FRACTIONS,
    log_mean_exp,
    mean_atom_counts,
    mean_atoms,
    mean_ci_betting,
    mean_logevalue_betting,
)
from tasks.stats.blocks import block_differences
from tasks.stats.decisions import (
    CONFIRMED,
    GO_ON,
    Rule,
    curtailment_loggains,
    evalues_adjusted,
    mean_error_to_come,
    next_status,
)


@dataclass(frozen=True)
class Look:
    """What was known after a batch, one entry per predicate; signs are those of A - B."""

    n_texts: Int[np.ndarray, " predicate"]
    """Judgements asked for so far."""
    n_blocks: Int[np.ndarray, " predicate"]
    """Blocks that gave a difference."""
    estimate: Float[np.ndarray, " predicate"]
    """Mean of A less mean of B over the verdicts so far; NaN before there are any. Where the walk stopped to
    confirm, it leans away from zero; the interval and `conservative` do not."""
    lo: Float[np.ndarray, " predicate"]
    hi: Float[np.ndarray, " predicate"]
    log_e: Float[np.ndarray, " predicate"]
    """Against no effect in the frozen direction; natural logarithm."""
    q: Float[np.ndarray, " predicate"]
    """Adjusted for all predicates, among those large enough to be named; 1 for the others."""
    status: Int[np.ndarray, " predicate"]
    """GO_ON, CONFIRMED, FUTILE or CURTAILED."""
    fragile: Bool[np.ndarray, " predicate"]
    """Confirmed, but not if every missing verdict had spoken against it."""


@dataclass
class Sequential:
    """A walk over the blocks of a study; the same arithmetic however far it has come.

    Call `update` with the verdicts of a batch of whole blocks, then `look` to decide; judge only predicates
    that are still `going`. What a decided predicate is told afterwards is ignored.

    Assumes:
        Blocks are taken in an order that no verdict had a part in; texts are independent between documents,
        and a text's expected verdict does not depend on how many texts its document has. Missing verdicts are
        left out, as in the fixed plan; `fragile` and `interval(missing=True)` say what they could change.

    Source:
        Shekhar & Ramdas (2024); Waudby-Smith & Ramdas (2024); Wang & Ramdas (2022). docs/sequential.md says
        what is guaranteed, with measured figures.
    """

    towards_a: Bool[np.ndarray, " predicate"]
    """The frozen direction: True where A is said to have more."""
    n_blocks: Int[np.ndarray, " predicate"] | int
    """Of the whole walk, one or one per predicate: those that it will have been asked about at the end."""
    rule: Rule = field(default_factory=Rule)
    resolution: int = 20
    """As of `betting.mean_atoms`; 1 is exact, and faster, for 0/1 verdicts in blocks of two texts."""
    weight: Float[np.ndarray, " predicate"] | None = None
    """As of `evalues_adjusted`."""
    path: list[Look] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.towards_a = np.asarray(self.towards_a, dtype=bool)
        k = self.towards_a.size
        self.sign = np.where(self.towards_a, 1.0, -1.0)
        self.status = np.zeros(k, dtype=np.int64)
        self.counts, self.counts_low, self.counts_high = (
            np.zeros((k, mean_atoms(self.resolution).size)) for _ in range(3)
        )
        self._n, self._sums = np.zeros((2, k)), np.zeros((2, k))
        self._asked = np.zeros(k, dtype=np.int64)
        self._log_e, self._log_e_futile = np.zeros((2, k))
        self._gains = np.zeros((k, len(CURTAILMENT_FRACTIONS)))
        self._missing = False
        # In the frozen direction, as everything but what `look` gives out.
        self._ends = np.stack([np.full(k, -1.0), np.full(k, 1.0)])
        self._news = np.zeros(k, dtype=bool)

    @property
    def going(self) -> NDArray[np.bool_]:
        """Predicates still to be judged."""
        return np.asarray(self.status == GO_ON)

    def update(
        self,
        score: Float[np.ndarray, "text predicate"],
        in_a: Bool[np.ndarray, " text"],
        block: Int[np.ndarray, " text"],
        asked: Bool[np.ndarray, "text predicate"] | None = None,
        bounds: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        """Takes in the verdicts of whole new blocks; columns of decided predicates are ignored.

        Args:
            score: in [0, 1]; NaN where there is none.
            in_a: True for texts of A.
            block: of `text_blocks`.
            asked: False where no verdict was asked for; all were if None.
            bounds: what a missing verdict could have been, in [0, 1].

        Raises:
            ValueError: shapes disagree, a score is outside [0, 1], or a block is not whole.
        """
        if score.ndim != 2 or score.shape[1] != self.sign.size:
            raise ValueError(f"wanted score (text, {self.sign.size} predicates), got {score.shape}")
        at = np.flatnonzero(self.going)
        part = score if at.size == score.shape[1] else score[:, at]
        wanted = asked if asked is None else asked[:, at]
        found = block_differences(part, in_a, block, wanted, bounds)
        sign = self.sign[at]
        new = mean_atom_counts(found.answered * sign, self.resolution)
        n_blocks = np.broadcast_to(self.n_blocks, self.sign.shape)[at]
        n_asked = (~np.isnan(found.low)).sum(axis=0)
        self._gains[at] += curtailment_loggains(
            new, n_asked, self.counts[at], self.counts_low[at].sum(axis=1), n_blocks, self.rule.min_effect
        )
        self.counts[at] += new
        if found.low is not found.answered:
            low, high = (mean_atom_counts(of * sign, self.resolution) for of in (found.low, found.high))
            self.counts_low[at] += np.where(sign[:, None] > 0, low, high)
            self.counts_high[at] += np.where(sign[:, None] > 0, high, low)
            self._missing = True
        else:
            self.counts_low[at] += new
            self.counts_high[at] += new
        self._n[:, at] += found.n
        self._sums[:, at] += found.total
        self._asked[at] += score.shape[0] if wanted is None else (wanted | ~np.isnan(part)).sum(axis=0)
        self._news[at] = True

    def look(self, last: bool = False) -> Look:
        """Decides on all that was taken in, and adds to the path.

        Args:
            last: the budget is spent, no more verdicts will come: what was seen is all the estimate there is.
        """
        at = np.flatnonzero(self._news)
        self._renew(at)
        estimate = self._estimate()
        slack = (
            np.zeros(estimate.size)
            if last
            else self.rule.margin * mean_error_to_come(self.counts, self.n_blocks)
        )
        self.status, q = next_status(
            self.status,
            self._log_e,
            self._log_e_futile,
            self.sign * estimate,
            slack,
            self.rule,
            log_mean_exp(self._gains),
            self.weight,
        )
        found = Look(
            n_texts=self._asked.copy(),
            n_blocks=np.rint(self.counts.sum(axis=1)).astype(np.int64),
            estimate=estimate,
            lo=np.fmin(np.where(self.towards_a, self._ends[0], -self._ends[1]), estimate),
            hi=np.fmax(np.where(self.towards_a, self._ends[1], -self._ends[0]), estimate),
            log_e=self._log_e.copy(),
            q=q,
            status=self.status,
            fragile=self._fragile(),
        )
        self.path.append(found)
        return found

    def interval(
        self, missing: bool = False
    ) -> tuple[Float[np.ndarray, " predicate"], Float[np.ndarray, " predicate"]]:
        """Gives the confidence sequence's interval for A - B as of now, from the counts alone.

        Args:
            missing: for all texts asked about, whatever the missing verdicts would have been.
        """
        low, high = (self.counts_low, self.counts_high) if missing else (self.counts, self.counts)
        level, horizon = (1 + self.rule.level) / 2, self._horizon
        lo, hi = mean_ci_betting(low, level, horizon)[0], mean_ci_betting(high, level, horizon)[1]
        return np.where(self.towards_a, lo, -hi), np.where(self.towards_a, hi, -lo)

    def conservative(self) -> Float[np.ndarray, " predicate"]:
        """Gives A - B by one standard error nearer to zero, 0 at least: to be shown for the estimate.

        Where the walk stops to confirm, the estimate leans away from zero, the more the earlier. This one is
        further from zero than the true difference in less than a third of such walks, of differences clearly
        over the minimum effect: see docs/sequential.md.

        Source:
            Own; the standard error is that of `mean_error_to_come` with no end in sight.
        """
        estimate = self._estimate()
        error = mean_error_to_come(self.counts, np.inf)
        return np.asarray(np.sign(estimate) * np.maximum(np.abs(estimate) - error, 0.0))

    @property
    def _horizon(self) -> int:
        return int(np.max(self.n_blocks, initial=1))

    def _renew(self, at: NDArray[np.intp]) -> None:
        """Evidence and intervals of those with new verdicts."""
        counts = self.counts[at]
        self._log_e[at] = mean_logevalue_betting(counts, 0.0, TEST_FRACTIONS)
        self._log_e_futile[at] = mean_logevalue_betting(
            counts[:, ::-1], -self.rule.min_effect, FUTILITY_FRACTIONS
        )
        self._ends[:, at] = mean_ci_betting(
            counts, (1 + self.rule.level) / 2, self._horizon, (self._ends[0, at], self._ends[1, at])
        )
        self._news[at] = False

    def _fragile(self) -> NDArray[np.bool_]:
        """Confirmed, but not on the worst that missing verdicts could have been."""
        confirmed = self.status == CONFIRMED
        if not self._missing or not confirmed.any():
            return np.zeros(confirmed.size, dtype=bool)
        log_e = mean_logevalue_betting(self.counts_low, 0.0)
        q = evalues_adjusted(log_e, confirmed, self.rule.control, self.weight)
        return np.asarray(confirmed & (q > self.rule.alpha))

    def _estimate(self) -> NDArray[np.float64]:
        mean = np.divide(self._sums, self._n, out=np.full(self._n.shape, np.nan), where=self._n > 0)
        return np.asarray(mean[0] - mean[1])


def difference_ci_last_look(
    walk_lo: Float[np.ndarray, " predicate"],
    walk_hi: Float[np.ndarray, " predicate"],
    fixed_lo: Float[np.ndarray, " predicate"],
    fixed_hi: Float[np.ndarray, " predicate"],
) -> tuple[Float[np.ndarray, " predicate"], Float[np.ndarray, " predicate"]]:
    """Gives the interval at the end of the walk, of predicates for which every text was judged.

    Both intervals are at 1 - (1 - level) / 2, so that together with all intervals before it covers at
    `level`. At the end the fixed one decides: it is 1.14 times as wide as it would be at `level`.

    Args:
        walk_lo: of the last `Look`.
        walk_hi: of the last `Look`.
        fixed_lo: of `differences.difference` at level (1 + level) / 2, on all verdicts.
        fixed_hi: likewise.

    Returns:
        Their intersection; the fixed interval where they are apart.

    Assumes:
        As the fixed interval, and the end is where all texts are judged, not where it looks best.

    Source:
        Bonferroni's inequality; the intersection is checked on a grid.
    """
    lo, hi = np.maximum(walk_lo, fixed_lo), np.minimum(walk_hi, fixed_hi)
    apart = lo > hi
    return np.where(apart, fixed_lo, lo), np.where(apart, fixed_hi, hi)
