"""What is decided at a look, for all predicates at once: confirmed, futile, curtailed or go on."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import ArrayLike

from tasks.stats.betting import CURTAILMENT_FRACTIONS, mean_atoms, mean_loggains_betting
from tasks.stats.multiplicity import evalues_adjusted_ebh, evalues_adjusted_holm, pvalues_adjusted_bh

GO_ON, CONFIRMED, FUTILE, CURTAILED = 0, 1, 2, 3
_CONTROLS = ("fdr", "fwer")
_LARGEST_LOG = 460.0
_STEEPEST = 0.9
"""Mean of the blocks to come up to which is bet: one of 1 would stake everything on the next block; under
-0.9 nothing is bet."""


@dataclass(frozen=True)
class Rule:
    """What counts as decided; fixed before the first verdict."""

    alpha: float = 0.05
    """Of the study: expected share of false discoveries (fdr), or chance of any (fwer)."""
    min_effect: float = 0.05
    """In the frozen direction, 0 or more."""
    control: str = "fdr"
    futility: float = 0.1
    """Chance to drop a predicate whose effect is min_effect or more (futile), and one whose estimate with all
    texts would be (curtailed), each; costs power, never truth."""
    margin: float = 0.5
    """How many standard errors of what is still to come the estimate must lie above min_effect."""
    level: float = 0.95
    """Of the intervals, one predicate at a time: half of 1 - level is for the walk, half for its end."""

    def __post_init__(self) -> None:
        for name in ("alpha", "futility", "level"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"wanted {name} in (0, 1), got {getattr(self, name)}")
        if not 0 <= self.min_effect < 1 or self.margin < 0:
            raise ValueError(
                f"wanted min_effect in [0, 1) and margin 0 or more, got {self.min_effect} and {self.margin}"
            )
        if self.control not in _CONTROLS:
            raise ValueError(f"wanted control fdr or fwer, got {self.control}")


def next_status(
    status: Int[np.ndarray, " predicate"],
    log_e: Float[np.ndarray, " predicate"],
    log_e_futile: Float[np.ndarray, " predicate"],
    towards: Float[np.ndarray, " predicate"],
    slack: Float[np.ndarray, " predicate"],
    rule: Rule,
    log_e_curtailed: Float[np.ndarray, " predicate"] | None = None,
    weight: Float[np.ndarray, " predicate"] | None = None,
) -> tuple[Int[np.ndarray, " predicate"], Float[np.ndarray, " predicate"]]:
    """Gives the status after a look, and q.

    Only a predicate whose estimate is large enough bets for the study: the others' e-values count as 0. So
    what is confirmed is itself a set to which the guarantee applies, not a selection from one, and since
    decided predicates keep their e-values, it only grows.

    Args:
        status: before the look.
        log_e: against an effect of at most 0 in the frozen direction; of a decided predicate, at its stop.
        log_e_futile: against an effect of at least min_effect.
        towards: the estimate in the frozen direction; NaN where there is none.
        slack: how far the estimate must lie above min_effect.
        rule: as of `Sequential`.
        log_e_curtailed: against an estimate of at least min_effect with all texts; none is dropped for it if
            None.
        weight: as of `evalues_adjusted`.

    Assumes:
        e-processes in one common history.

    Source:
        Wang & Ramdas (2022), on self-consistent e-testing procedures (any set with e >= K / (alpha * its
        size) is one to which the false discovery rate applies); Vovk & Wang (2021) for fwer. See
        docs/sequential.md.
    """
    named = (status == CONFIRMED) | ((status == GO_ON) & (towards >= rule.min_effect + slack))
    q = evalues_adjusted(log_e, named, rule.control, weight)
    after = status.copy()
    enough = -np.log(rule.futility)
    if log_e_curtailed is not None:
        after[(status == GO_ON) & (log_e_curtailed >= enough)] = CURTAILED
    after[(status == GO_ON) & (log_e_futile >= enough)] = FUTILE
    after[named & (q <= rule.alpha)] = CONFIRMED
    return after, q


def evalues_adjusted(
    log_e: Float[np.ndarray, " predicate"],
    named: Bool[np.ndarray, " predicate"],
    control: str,
    weight: Float[np.ndarray, " predicate"] | None = None,
) -> Float[np.ndarray, " predicate"]:
    """Gives q by the study's control, with the evidence of predicates that may not be named counted as none.

    Args:
        log_e: natural logarithms of e-values.
        named: False where the e-value counts as 0.
        control: fdr or fwer.
        weight: as of `evalues_adjusted_ebh`; family-wise control takes none.

    Assumes:
        As the functions called.

    Source:
        `multiplicity.py`.
    """
    e = np.exp(np.clip(log_e, -_LARGEST_LOG, _LARGEST_LOG))
    e = np.where(named, e, 0.0)
    return evalues_adjusted_holm(e) if control == "fwer" else evalues_adjusted_ebh(e, weight)


def pvalues_adjusted(
    p: Float[np.ndarray, " predicate"],
    named: Bool[np.ndarray, " predicate"],
    weight: Float[np.ndarray, " predicate"] | None = None,
) -> Float[np.ndarray, " predicate"]:
    """Gives q of a fixed plan, with the p of predicates that may not be named counted as 1.

    Prefer it to correcting first and dropping small effects then: what is dropped has by then lowered the bar
    for what is left, and true effects of no size let chance through (with small effects of rare predicates a
    false discovery rate of 0.05 became 0.48: `tests/simulation/test_minimum_effect.py`).

    Args:
        p: two-sided, of all predicates of the study.
        named: False where p counts as 1: the estimate in the frozen direction is under the minimum effect.
        weight: as of `pvalues_adjusted_bh`.

    Assumes:
        As `pvalues_adjusted_bh`. What counts is never under p, so it stays valid; and it only falls as the
        estimate in the frozen direction grows, so positive dependence of estimates is enough.

    Source:
        Benjamini & Yekutieli (2001), Annals of Statistics 29:1165-1188, theorem 1.2, for p-values raised so.
        What counts as 0 evidence in `evalues_adjusted`.
    """
    return pvalues_adjusted_bh(np.where(named, p, 1.0), weight)


def mean_error_to_come(
    counts: Float[np.ndarray, "predicate atom"], n_blocks: ArrayLike
) -> Float[np.ndarray, " predicate"]:
    """Gives the standard error, as seen now, of what the mean over all blocks will be; 0 when all are seen.

    Args:
        counts: of `betting.mean_atom_counts`.
        n_blocks: of the whole walk, one or one per predicate.

    Assumes:
        Blocks still to come are like those seen. Steers effort only: no guarantee rests on it.

    Source:
        Cochran (1977), Sampling Techniques, section 2.6: sqrt(s2 / n * (1 - n/N)), s2 with one more block
        that differs by 1, so that a rare predicate not met yet is not taken for one that does not exist.
    """
    atoms = mean_atoms(counts.shape[1] // 2)
    n = counts.sum(axis=1)
    seen = np.maximum(n, 1)
    variance = (counts @ atoms**2 + 1) / seen - (counts @ atoms / seen) ** 2
    ahead = np.clip(1 - n / np.maximum(n_blocks, 1), 0, 1)
    return np.asarray(np.sqrt(np.maximum(variance, 0) / seen * ahead))


def curtailment_loggains(
    new: Float[np.ndarray, "predicate atom"],
    n_asked: Int[np.ndarray, " predicate"],
    counts: Float[np.ndarray, "predicate atom"],
    n_before: Float[np.ndarray, " predicate"],
    n_blocks: ArrayLike,
    min_effect: float,
) -> Float[np.ndarray, "predicate bet"]:
    """Gives what bets on "with all its blocks the mean is under min_effect" gained in one batch.

    Summed over batches, and mixed by `betting.log_mean_exp`, it is a log e-value. Blocks are drawn without
    replacement from those there are: where the mean so far is behind, those to come would have to be above
    min_effect by what is missing, which is refuted the sooner the fewer they are. Where it is ahead they may
    be under it by as much. A block without a difference counts as one of just min_effect, which changes
    nothing of what is claimed about the others.

    Args:
        new: differences of the batch, of `betting.mean_atom_counts`, in the frozen direction.
        n_asked: blocks of the batch asked about, with a difference or without.
        counts: differences before it.
        n_before: blocks asked about before it.
        n_blocks: of the whole walk, one or one per predicate.
        min_effect: the mean in question.

    Assumes:
        Blocks come in random order. Nothing on how verdicts came about.

    Source:
        Waudby-Smith & Ramdas (2020), NeurIPS 33: conditional mean of what is left, section 3, with bets in
        place of exponentials; a batch under one null by Maclaurin's inequality. Curtailment: Lan, Simon &
        Halperin (1982), Sequential Analysis 1:207-219. Checked by simulation.
    """
    behind = min_effect * counts.sum(axis=1) - counts @ mean_atoms(counts.shape[1] // 2)
    ahead = np.maximum(np.asarray(n_blocks) - n_before, np.maximum(n_asked, 1))
    needed = min_effect + behind / ahead
    bets = needed > -_STEEPEST
    needed = np.clip(needed, -_STEEPEST, _STEEPEST)
    gains = mean_loggains_betting(new[:, ::-1], -needed, CURTAILMENT_FRACTIONS)
    neutral = np.log1p(np.multiply.outer((needed - min_effect) / (1 - needed), CURTAILMENT_FRACTIONS))
    gains += (n_asked - new.sum(axis=1))[:, None] * neutral
    return np.where(bets[:, None], gains, 0.0)
