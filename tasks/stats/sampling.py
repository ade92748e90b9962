"""Asking the dear judge where it matters, with known chances, so that the estimate stays unbiased.

    1. `verdict_uncertainty`     how unsure the cheap judge is of each text
    2. `sampling_probabilities`  the chance of each text to be asked: unsure ones more often, none never
    3. `sampled`                 who is asked
    4. `difference_sampled`      the difference and its interval, each asked text weighted by 1 / chance
                                 (prediction_powered.py)

This is active inference, and a cascade is the same: a cheap score for every text, the paid judge by chance.
No threshold decides anything, so nothing rests on the cheap judge being right.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

_ROUNDS = 60


def verdict_uncertainty(score: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Gives the standard deviation of a 0/1 verdict that is 1 with chance `score`: at most 0.5, at score 0.5.

    Prefer it where the cheap judge gives calibrated chances. Of 0/1 verdicts it is 0 and useless: take the
    judge's error at each verdict instead, sqrt(e (1 - e)), from an earlier gold sample.

    Args:
        score: chance that the gold judge says 1, in [0, 1]; NaN gives the largest uncertainty.

    Assumes:
        Nothing; a bad guess costs width, not coverage.

    Source:
        Zrnic & Candes (2024), Active Statistical Inference, ICML, arXiv:2403.03208: chances in
        proportion to the error expected of the cheap judge. Checked against `scipy.stats.bernoulli.std`.
    """
    chance = np.clip(np.nan_to_num(score, nan=0.5), 0.0, 1.0)
    return np.asarray(np.sqrt(chance * (1 - chance)))


def sampling_probabilities(
    uncertainty: Float[np.ndarray, " text"], n_gold: float, uniform: float = 0.5
) -> Float[np.ndarray, " text"]:
    """Gives the chance of each text to go to the gold judge, n_gold of them expected.

    A mixture: `uniform` of the budget is spread evenly, the rest in proportion to the uncertainty. Prefer 0.5
    unless the uncertainty is known to be good: no weight is then over twice that of even chances.

    Args:
        uncertainty: 0 or more, finite; any scale. All 0 gives even chances.
        n_gold: texts to be asked on average, over 0; of more than there are all are asked.
        uniform: even part, in (0, 1].

    Returns:
        Chances in (0, 1] that sum to min(n_gold, texts); none under uniform x n_gold / texts.

    Raises:
        ValueError: an argument is out of range.

    Assumes:
        Nothing.

    Source:
        Zrnic & Candes (2024) (mixing with uniform); what exceeds 1 goes to the other texts in
        proportion. Three texts, uncertainty 1, 0, 0, half of a budget of 1 even: 2/3, 1/6, 1/6, checked.
    """
    if not (uncertainty >= 0).all() or np.isinf(uncertainty).any():
        raise ValueError("wanted uncertainties of 0 or more, finite, got another one")
    if not n_gold > 0 or not 0 < uniform <= 1:
        raise ValueError(f"wanted n_gold over 0 and uniform in (0, 1], got {n_gold} and {uniform}")
    n, total = uncertainty.shape[0], uncertainty.sum()
    if n_gold >= n:
        return np.ones(n)
    even = n_gold / n
    unsure = n_gold * uncertainty / total if total > 0 else np.full(n, even)
    chance = np.minimum(uniform * even + (1 - uniform) * unsure, 1.0)
    for _ in range(_ROUNDS):
        free = chance < 1
        left = n_gold - (n - free.sum())
        if not free.any() or abs(chance.sum() - n_gold) < 1e-9 * n_gold:
            break
        chance[free] = np.minimum(chance[free] * left / chance[free].sum(), 1.0)
    return np.asarray(chance)


def sampled(probability: Float[np.ndarray, "*shape"], rng: np.random.Generator) -> Bool[np.ndarray, "*shape"]:
    """Gives which texts are asked: each by its own chance, independently of the others.

    Prefer it to a fixed number of texts: chances are then exact, whatever they are. The number asked varies
    by the root of their sum at most.

    Args:
        probability: of each text, or of each text and predicate, in [0, 1].
        rng: seeded by the caller.

    Assumes:
        Nothing.

    Source:
        Poisson sampling, Sarndal, Swensson & Wretman (1992), chapter 3.
    """
    return np.asarray(rng.random(probability.shape) < probability)


def mean_difference_estimate_aipw(
    cheap: Float[np.ndarray, "text predicate"],
    gold: Float[np.ndarray, "text predicate"],
    in_a: Bool[np.ndarray, " text"],
    probability: Float[np.ndarray, "..."],
    weight: float = 1.0,
) -> Float[np.ndarray, " predicate"]:
    """Gives the estimate that equals the full gold difference on average over the draws, exactly.

    Per group the mean over all texts of w f + [asked] (y - w f) / chance. Prefer `difference_sampled` for
    reporting: it is steadier. This one says what "unbiased" rests on.

    Args:
        cheap: f, a verdict in [0, 1] of every text.
        gold: y, of those asked, else NaN.
        in_a: True for rows of A, False for rows of B; neither empty.
        probability: chance of each text, or of each text and predicate, in (0, 1].
        weight: w, fixed before the gold verdicts are seen.

    Raises:
        ValueError: a probability is outside (0, 1].

    Assumes:
        Chances are those that the texts were drawn with.

    Source:
        Horvitz & Thompson (1952) as a difference estimator; Zrnic & Candes (2024). Checked by
        listing every possible draw of a small study.
    """
    psi = scores_rectified(cheap, gold, probability, weight)
    values = psi.lowest + (psi.highest - psi.lowest) * psi.score
    return np.asarray(values[in_a].mean(axis=0) - values[~in_a].mean(axis=0))


@dataclass(frozen=True)
class RectifiedScores:
    """Scores in [0, 1] to bet on: differences of their means, times the range, are those of gold means."""

    score: Float[np.ndarray, "text predicate"]
    lowest: float
    highest: float


def scores_rectified(
    cheap: Float[np.ndarray, "text predicate"],
    gold: Float[np.ndarray, "text predicate"],
    probability: Float[np.ndarray, "..."],
    weight: float = 1.0,
) -> RectifiedScores:
    """Gives w f + [asked] (y - w f) / chance, moved to [0, 1]: what a sequential plan may bet on.

    On average over the draw each is the gold verdict of its text, so that a confidence sequence for the
    difference of their means, times the range, is one for the difference of gold means at all times. Prefer
    `difference_sampled` for a fixed plan: the range makes bets small when chances are small.

    Args:
        cheap: f, in [0, 1]; a verdict of every text.
        gold: y, in [0, 1], of those asked, else NaN.
        probability: of each text, or of each text and predicate, in (0, 1]; may depend on texts seen before.
        weight: w in [0, 1], fixed in advance, or from texts seen before.

    Raises:
        ValueError: a probability is outside (0, 1].

    Assumes:
        Texts come in random order, and chances are those that they were drawn with.

    Source:
        Waudby-Smith & Ramdas (2024), JRSS B 86:1-27, need bounded observations with a fixed conditional mean;
        Csillag, Struchiner & Goedert (2025), Prediction-Powered E-Values, arXiv:2502.04294, the same idea.
    """
    _check_chances(probability)
    chance = np.asarray(probability, float)
    chance = chance[:, None] if chance.ndim == 1 else chance
    asked = ~np.isnan(gold)
    value = weight * cheap + np.where(asked, (np.nan_to_num(gold) - weight * cheap) / chance, 0.0)
    # f is in [0, 1], y is in [0, 1]: an asked text gives w f (1 - 1/c) + y/c.
    most = float(1 / chance.min())
    lowest, highest = min(0.0, weight * (1 - most)), max(most, weight)
    return RectifiedScores((value - lowest) / (highest - lowest), lowest, highest)


def _check_chances(probability: Float[np.ndarray, "..."]) -> None:
    if not ((np.asarray(probability) > 0) & (np.asarray(probability) <= 1)).all():
        raise ValueError(
            "wanted chances in (0, 1], got another one: a text that can never be asked is not covered"
        )
