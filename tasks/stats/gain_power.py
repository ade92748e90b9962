"""What gain in bits a study of this size could find, before anything is fitted."""

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy import stats


def gain_detectable(
    n: ArrayLike, alpha: ArrayLike = 0.05, power: ArrayLike = 0.8, min_effect: ArrayLike = 0.0
) -> Float[np.ndarray, "..."]:
    """Gives the smallest gain in bits a text that `gains.gains` finds with this power.

    Prefer it before a study, as `share_difference_detectable_fisher` before one of shares.

    Args:
        n: documents to test on, 1 or more; all arguments are broadcast.
        alpha: one-sided level of the test, in (0, 1); divide by the number of predicates for many.
        power: chance to find it, in (0, 1).
        min_effect: the estimate must be at least this many bits, too; 0 or more.

    Returns:
        Bits a text, over 0.

    Assumes:
        One text a document, a small gain, and a full model that is right: the logarithm of the ratio of two
        near likelihoods has twice its mean as its variance. Weights that are fitted badly, rare classes and
        long documents take more.

    Source:
        Le Cam's local asymptotic normality (van der Vaart 1998, Asymptotic Statistics, chapter 7): the log
        ratio is about normal with mean g and variance 2 g, in nats, so that g = 2 (z_alpha + z_power)^2 / n.
        Checked against simulated logistic models.
    """
    n, alpha, power, least = (np.asarray(x, dtype=float) for x in (n, alpha, power, min_effect))
    z_power = stats.norm.isf(1 - power)
    for_test = 2 * (stats.norm.isf(alpha) + z_power) ** 2 / n
    # x^2 - z_power sqrt(2 / n) x - least = 0, for x the root of the gain that exceeds `least` so often.
    step = z_power * np.sqrt(2 / n)
    for_size = ((step + np.sqrt(step**2 + 4 * least * np.log(2))) / 2) ** 2
    return np.asarray(np.maximum(for_test, np.where(least > 0, for_size, 0.0)) / np.log(2))
