"""What a study of this size could find, before anything is judged."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from tasks.stats.blocks import look_rows, text_blocks
from tasks.stats.decisions import CONFIRMED, GO_ON, Rule, mean_error_to_come
from tasks.stats.sequential import Look, Sequential

_BISECTIONS = 60
_UNREACHABLE = 1e-250


@dataclass(frozen=True)
class Outlook:
    """What would become of predicates of each true difference, in a walk that has not begun."""

    n_texts: Float[np.ndarray, " effect"]
    """Mean number of texts judged until the decision, or the end."""
    found: Float[np.ndarray, " effect"]
    """Share confirmed."""
    dropped: Float[np.ndarray, " effect"]
    """Share called futile or curtailed."""


def sequential_outlook(
    in_a: Bool[np.ndarray, " text"],
    document: Int[np.ndarray, " text"],
    effects: Sequence[float],
    rule: Rule,
    n_tests: int,
    look_every: int = 20,
    base_share: float = 0.1,
    n_draws: int = 100,
    seed: int = 0,
    paired: bool = False,
) -> Outlook:
    """Gives how many texts a predicate takes to its decision, and how often that is the right one.

    Prefer it before a sequential study, as `share_difference_detectable_fisher` before a fixed one. Walks are
    simulated, with the looks of a study.

    Args:
        in_a: True for texts of A.
        document: any integer per text; equal ones are one document.
        effects: share in the group that is said to have more, less the base share; 0 for a null predicate.
        rule: of the study.
        n_tests: predicates tested together; each is taken to be the only one that is there.
        look_every: texts between two looks, at first.
        base_share: share in the other group.
        n_draws: walks per effect.
        seed: of the order and of all verdicts.
        paired: texts are compared two by two: `base_share` are won by the other group's text.

    Raises:
        ValueError: a group is empty.

    Assumes:
        All texts that a document has in a group agree: the worst case. No verdict is missing.

    Source:
        Own, by simulation. A lone predicate among K is confirmed by e-BH (Wang & Ramdas 2022) and by closed
        testing with means (Vovk & Wang 2021) where its e-value is K / alpha or more.
    """
    rng = np.random.default_rng(seed)
    block = text_blocks(in_a, document, rng)
    effect = np.repeat(np.asarray(effects, dtype=float), n_draws)
    walk = Sequential(
        towards_a=np.ones(effect.size, dtype=bool),
        n_blocks=int(block.max()) + 1,
        rule=replace(rule, alpha=_UNREACHABLE),
        resolution=1 if (np.bincount(block) == 2).all() else 20,
    )
    needed = np.log(n_tests / rule.alpha)
    looks = look_rows(block, look_every)
    for number, rows in enumerate(looks, 1):
        is_last = number == len(looks)
        going = np.flatnonzero(walk.going)
        score = np.full((rows.size, effect.size), np.nan)
        share = np.minimum(base_share + effect[going], 1 - base_share if paired else 1)
        score[:, going] = _simulated_verdicts(in_a[rows], document[rows], share, base_share, paired, rng)
        walk.update(score, in_a[rows], block[rows])
        look = walk.look(last=is_last)
        walk.status[_confirmed_alone(walk, look, needed, is_last)] = CONFIRMED
        if not walk.going.any():
            break
    by_effect = (len(effects), n_draws)
    return Outlook(
        n_texts=look.n_texts.reshape(by_effect).mean(axis=1),
        found=(walk.status == CONFIRMED).reshape(by_effect).mean(axis=1),
        dropped=((walk.status != CONFIRMED) & (walk.status != GO_ON)).reshape(by_effect).mean(axis=1),
    )


def _simulated_verdicts(
    in_a: NDArray[np.bool_],
    document: NDArray[np.int64],
    share: NDArray[np.float64],
    base_share: float,
    paired: bool,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Verdicts of shape (text, predicate), alike for all texts that a document has in a group."""
    unit = document if paired else 2 * document + in_a
    names, at = np.unique(unit, return_inverse=True)
    uniform = rng.random((names.size, share.size))[at]
    if not paired:
        return np.asarray(uniform < np.where(in_a[:, None], share, base_share), dtype=float)
    won = np.where(uniform < share, 1.0, np.where(uniform < share + base_share, 0.0, 0.5))
    return np.where(in_a[:, None], won, 1 - won)


def _confirmed_alone(walk: Sequential, look: Look, needed: float, is_last: bool) -> NDArray[np.bool_]:
    """Those that the study would confirm were no other predicate there."""
    slack = 0.0 if is_last else walk.rule.margin * mean_error_to_come(walk.counts, walk.n_blocks)
    large = look.estimate >= walk.rule.min_effect + slack
    return np.asarray(walk.going & (look.log_e >= needed) & large)


def share_difference_detectable_fisher(
    n_a: ArrayLike,
    n_b: ArrayLike,
    alpha: ArrayLike = 0.05,
    power: ArrayLike = 0.8,
    base_share: ArrayLike = 0.1,
    deff: ArrayLike = 1.0,
    min_effect: ArrayLike = 0.0,
) -> Float[np.ndarray, " predicate"]:
    """Gives the smallest difference of two shares that Fisher's two-sided test finds with this power.

    Prefer it before a study, to see whether its size can answer the question. One share is `base_share`, the
    other lies towards one half, where a difference is hardest to see.

    Args:
        n_a: rows of A; all arguments are broadcast.
        n_b: rows of B.
        alpha: level of the test, in (0, 1); divide by the number of predicates for the worst case of many.
        power: chance to find it, in (0, 1).
        base_share: share of the group where the predicate is nearer to never or always; in [0, 1].
        deff: design effect, 1 or more: how many rows of one document count as one.
        min_effect: the estimate must be at least this large, too; 0 or more.

    Returns:
        Absolute difference in (0, 1); NaN where no possible one would be found.

    Assumes:
        Normal approximation with continuity correction.

    Source:
        Fleiss, Levin & Paik (2003), Statistical Methods for Rates and Proportions, chapter 4: |d| = z_alpha
        sqrt(p(1-p)(1/n_a+1/n_b)) + z_power sqrt(a(1-a)/n_a + b(1-b)/n_b) with p the weighted mean share, plus
        (1/n_a + 1/n_b)/2 for continuity, as Casagrande, Pike & Smith (1978) fit it to Fisher's test. Checked
        against the exact power of Fisher's test by enumeration: 0.80 to 0.90 where 0.8 is asked for; with
        many texts against statsmodels `power_proportions_2indep`.
    """
    n_a, n_b, alpha, power, base, deff, least = np.broadcast_arrays(
        *(np.asarray(x, dtype=float) for x in (n_a, n_b, alpha, power, base_share, deff, min_effect))
    )
    rows_a, rows_b = n_a / deff, n_b / deff
    base = np.minimum(base, 1 - base)
    z_alpha, z_power = stats.norm.isf(alpha / 2), stats.norm.isf(1 - power)
    enough = (rows_a > 0) & (rows_b > 0)
    rows_a, rows_b = np.where(enough, rows_a, 1.0), np.where(enough, rows_b, 1.0)
    low, high = np.zeros(base.shape), np.asarray(1 - base)
    enough = enough & _has_power(high, rows_a, rows_b, base, z_alpha, z_power, least)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        found = _has_power(middle, rows_a, rows_b, base, z_alpha, z_power, least)
        low, high = np.where(found, low, middle), np.where(found, middle, high)
    return np.where(enough, high, np.nan)


def _has_power(
    d: NDArray[np.float64],
    n_a: NDArray[np.float64],
    n_b: NDArray[np.float64],
    base: NDArray[np.float64],
    z_alpha: NDArray[np.float64],
    z_power: NDArray[np.float64],
    least: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Whether the harder of the two ways round (A or B on the base share) has the power."""
    per_row = 1 / n_a + 1 / n_b
    needed = np.zeros(d.shape)
    for share_a, share_b in ((base, base + d), (base + d, base)):
        together = (n_a * share_a + n_b * share_b) / (n_a + n_b)
        null = np.sqrt(together * (1 - together) * per_row)
        other = np.sqrt(share_a * (1 - share_a) / n_a + share_b * (1 - share_b) / n_b)
        bar = np.maximum(z_alpha * null + per_row / 2, least)
        needed = np.maximum(needed, bar + z_power * other)
    held: NDArray[np.bool_] = d >= needed
    return held


def design_effect_kish(rows: ArrayLike, icc: ArrayLike, spread: ArrayLike = 0.0) -> Float[np.ndarray, "..."]:
    """Gives how many rows of a document count as one, from its mean size and the likeness of its rows.

    Prefer it before a study; afterwards `clustered.py` estimates it from the verdicts.

    Args:
        rows: mean rows per document, 1 or more.
        icc: correlation of two rows of one document (intra-cluster correlation), in [0, 1].
        spread: standard deviation of the document sizes over their mean, 0 or more.

    Returns:
        Design effect, 1 or more.

    Assumes:
        Any two rows of one document correlate alike.

    Source:
        Kish (1965), Survey Sampling; with uneven sizes Eldridge, Ashby & Kerry (2006), Int. J. Epidemiology
        35:1292-1300: 1 + ((1 + spread^2) rows - 1) icc. Ten rows each at 0.05 give 1.45, checked; uneven
        sizes against the correlation matrix written out.
    """
    rows, icc, spread = (np.asarray(x, float) for x in (rows, icc, spread))
    return np.asarray(np.maximum(1 + ((1 + spread**2) * rows - 1) * icc, 1.0))


def share_difference_detectable_judged(
    n_a: ArrayLike,
    n_b: ArrayLike,
    alpha: ArrayLike = 0.05,
    power: ArrayLike = 0.8,
    base_share: ArrayLike = 0.1,
    deff: ArrayLike = 1.0,
    sensitivity: ArrayLike = 1.0,
    specificity: ArrayLike = 1.0,
    min_effect: ArrayLike = 0.0,
) -> Float[np.ndarray, "..."]:
    """Gives the smallest true difference that a judge who errs alike in A and B lets Fisher's test find.

    Such a judge shrinks a difference by sensitivity + specificity - 1 and moves the base share towards one
    half. Prefer it to `share_difference_detectable_fisher` where the judge's error is known.

    Args:
        n_a: rows of A; all arguments are broadcast.
        n_b: rows of B.
        alpha: level of the test, in (0, 1).
        power: chance to find it, in (0, 1).
        base_share: true share of the group where the predicate is nearer to never or always; in [0, 1].
        deff: design effect, 1 or more.
        sensitivity: chance that the judge says 1 where it holds, in [0, 1].
        specificity: chance that the judge says 0 where it does not, in [0, 1].
        min_effect: the judged difference must be at least this large, too; 0 or more.

    Returns:
        Absolute difference in (0, 1); NaN where no possible one would be found: such a study can find
        nothing.

    Assumes:
        As `share_difference_detectable_fisher`; errors do not depend on the group.

    Source:
        Rogan & Gladen (1978), American Journal of Epidemiology 107:71-76: the judged share is share x
        sensitivity + (1 - share) (1 - specificity). A perfect judge gives
        `share_difference_detectable_fisher`, checked; the power of one that errs by enumeration.
    """
    sensitivity, specificity = np.asarray(sensitivity, float), np.asarray(specificity, float)
    shrunk = np.asarray(sensitivity + specificity - 1)
    base = np.asarray(base_share, float)
    nearer = np.minimum(base, 1 - base)
    # A predicate that nearly always holds is the opposite of a rare one, with the two errors swapped.
    hit = np.where(base <= 0.5, sensitivity, specificity)
    false = np.where(base <= 0.5, 1 - specificity, 1 - sensitivity)
    judged = nearer * hit + (1 - nearer) * false
    found = share_difference_detectable_fisher(n_a, n_b, alpha, power, judged, deff, min_effect)
    real = np.divide(found, shrunk, out=np.full(np.broadcast(found, shrunk).shape, np.nan), where=shrunk > 0)
    return np.where(real <= 1 - nearer, real, np.nan)


def variance_ratio_ppi(
    n_gold: ArrayLike,
    n: ArrayLike,
    share: ArrayLike,
    sensitivity: ArrayLike,
    specificity: ArrayLike,
) -> Float[np.ndarray, "..."]:
    """Gives the variance of a prediction-powered mean over that of its gold verdicts alone.

    Its inverse is how many gold verdicts one is worth beside a cheap judge on all texts: n_gold / ratio goes
    where the number of texts goes in the functions above. Prefer it before gold verdicts are paid for.

    Args:
        n_gold: gold verdicts, at most n; all arguments are broadcast.
        n: texts that the cheap judge reads, over 0.
        share: true share of texts, in [0, 1].
        sensitivity: of the cheap judge, in [0, 1].
        specificity: of the cheap judge, in [0, 1].

    Returns:
        In (0, 1]: 1 for a judge that says nothing, n_gold / n for a perfect one.

    Assumes:
        Independent rows, the best weight; two unseen errors a group, which `difference_ppi` adds, left out.

    Source:
        Angelopoulos, Duchi & Zrnic (2023), PPI++, with the slope for lambda: 1 - r^2 (1 -
        n_gold/n), r the correlation of both verdicts (Cochran 1977, chapter 12, double sampling). Checked
        by simulation.
    """
    n_gold, n, share, sensitivity, specificity = np.broadcast_arrays(
        *(np.asarray(x, float) for x in (n_gold, n, share, sensitivity, specificity))
    )
    called = share * sensitivity + (1 - share) * (1 - specificity)
    spread = share * (1 - share) * called * (1 - called)
    joint = share * (1 - share) * (sensitivity + specificity - 1)
    squared = np.divide(joint**2, spread, out=np.zeros(spread.shape), where=spread > 0)
    useful = np.where(joint > 0, squared, 0.0)
    return np.asarray(1 - useful * (1 - np.minimum(n_gold / n, 1)))


def judgements_to_decision_expected(
    share_a: ArrayLike,
    share_b: ArrayLike,
    alpha: ArrayLike = 0.05,
    min_effect: ArrayLike = 0.0,
    deff: ArrayLike = 1.0,
    sensitivity: ArrayLike = 1.0,
    specificity: ArrayLike = 1.0,
) -> Float[np.ndarray, "..."]:
    """Gives the judgements that a sequential plan with the best possible bets needs for one predicate.

    Pairs of one text of A and one of B are bet on; the plan ends when the wealth against "no difference" (or,
    for a difference under `min_effect`, against that effect) reaches 1 / alpha. Bets that must be learned
    need more: see docs/judge-error.md for by how much, and cut the figure at the texts there are.

    Args:
        share_a: true share of A, in [0, 1]; all arguments are broadcast.
        share_b: true share of B.
        alpha: level, in (0, 1); for many predicates alpha times the share of them expected to be confirmed.
        min_effect: differences under it are futile, 0 or more; 0 for no futility.
        deff: design effect, 1 or more.
        sensitivity: of the judge, alike in A and B, in [0, 1].
        specificity: of the judge, alike in A and B, in [0, 1].

    Returns:
        Judgements of both groups together, 2 or more; infinite where a decision never comes.

    Assumes:
        Independent pairs, bets at the growth-optimal fraction known in advance, a judge without differential
        error, and no overshoot: a lower bound on what learned bets need, on average.

    Source:
        Shekhar & Ramdas (2024), IEEE Trans. Information Theory 70:1178-1203, and Breiman (1961): the expected
        time to wealth c is log(c) over the growth rate. Checked by simulating those bets: within 15 %.
    """
    share_a, share_b, alpha, least, deff, sensitivity, specificity = np.broadcast_arrays(
        *(np.asarray(x, float) for x in (share_a, share_b, alpha, min_effect, deff, sensitivity, specificity))
    )
    a, b = (share * sensitivity + (1 - share) * (1 - specificity) for share in (share_a, share_b))
    least = least * np.maximum(sensitivity + specificity - 1, 0)
    up, down = np.maximum(a * (1 - b), b * (1 - a)), np.minimum(a * (1 - b), b * (1 - a))
    real = np.asarray(up - down)
    against_nothing = _growth(up, down, np.zeros(real.shape))
    against_effect = _growth(down, up, least)
    growth = np.where(real >= least, against_nothing, against_effect)
    pairs = np.divide(
        np.log(1 / alpha) * deff, growth, out=np.full(growth.shape, np.inf), where=growth > 1e-12
    )
    return np.asarray(2 * np.maximum(pairs, 1.0))


def _growth(
    up: NDArray[np.float64], down: NDArray[np.float64], shift: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Largest mean log growth of bets on x + shift, where x is 1, 0 or -1 with chances up, rest and down."""
    stay = 1 - up - down
    low, high = np.zeros(up.shape), np.full(up.shape, 1.0) / np.maximum(1 - shift, 1e-9)
    for _ in range(_BISECTIONS):
        bet = (low + high) / 2
        slope = (
            up * (1 + shift) / (1 + bet * (1 + shift))
            + stay * shift / (1 + bet * shift)
            - down * (1 - shift) / np.maximum(1 - bet * (1 - shift), 1e-15)
        )
        low, high = np.where(slope > 0, bet, low), np.where(slope > 0, high, bet)
    lost = np.where(down > 0, down * np.log(np.maximum(1 - low * (1 - shift), 1e-300)), 0.0)
    return np.asarray(up * np.log1p(low * (1 + shift)) + stay * np.log1p(low * shift) + lost)
