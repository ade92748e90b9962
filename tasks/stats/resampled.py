"""Intervals from resampled documents: how much a fit would differ with other documents."""

import numpy as np
from jaxtyping import Float, Int
from scipy import stats


def weights_by_document(
    document: Int[np.ndarray, " text"], n: int, rng: np.random.Generator
) -> Float[np.ndarray, "draw text"]:
    """Gives how often each text is in each of n resamples of whole documents.

    Args:
        document: any integer per text; equal ones are one document.
        n: resamples.
        rng: source of chance.

    Returns:
        Whole numbers; all texts of a document have the same, and over documents they add up to as many as
        there are documents.

    Assumes:
        Documents are independent and alike.

    Source:
        Davison & Hinkley (1997), Bootstrap Methods and Their Application, section 3.8, the cluster bootstrap.
        Checked by hand.
    """
    names, position = np.unique(document, return_inverse=True)
    drawn = rng.multinomial(names.size, np.full(names.size, 1 / names.size), size=n)
    return np.asarray(drawn[:, position], dtype=float)


def interval(
    draws: Float[np.ndarray, "draw *figure"],
    estimate: Float[np.ndarray, "*figure"],
    level: float,
    least_error: Float[np.ndarray, "*figure"] | float = 0.0,
) -> tuple[Float[np.ndarray, "*figure"], Float[np.ndarray, "*figure"]]:
    """Gives the normal interval of figures: the estimate, and the spread of its resamples on both sides.

    Args:
        draws: the figures of each resample, two or more.
        estimate: the figures of the documents as they are.
        level: coverage, in (0, 1).
        least_error: a standard error, where a model says one (`weight_error`): the spread is no less.

    Returns:
        Lower and upper ends.

    Assumes:
        Figures are near normal on their scale, as weights in log-odds are.

    Source:
        Efron & Tibshirani (1993), An Introduction to the Bootstrap, section 13.2.
    """
    error = np.maximum(np.asarray(draws).std(axis=0, ddof=1), least_error)
    half = stats.norm.ppf((1 + level) / 2) * error
    return estimate - half, estimate + half
