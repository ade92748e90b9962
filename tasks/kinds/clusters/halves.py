"""Whether a theme is in both halves of a text: what is about something is about it throughout.

Any vector of a text is made of its words, so that texts that are near each other share words even where words
come without any order: parts of a heap of such texts foretell words, and mean nothing. Of such a text the first
half tells nothing of the second. Themes are made from some documents, and the texts of others are parted; a theme
is held to be one if, given the length of the texts, what its words say of the one half goes with what they say of
the other.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

from tasks.kinds.fitted.model import Verdicts

LEVEL = 0.005
"""Of at least one of all themes being in both halves: else there are none."""
LEVEL_OF_ONE = 0.05
"""Of each theme, where there are some; both divided by the number of themes."""


def p_repeated(
    first: Any,
    second: Any,
    odds: Float[np.ndarray, "word theme"],
    z: Verdicts,
    document: Int[np.ndarray, " text"],
) -> Float[np.ndarray, " theme"]:
    """One-sided p of each theme being in both halves no more than chance has it.

    Args:
        first: text x word, of 0 and 1: the first half of each text's distinct words.
        second: the other half.
        odds: how much commoner each word is in each theme; these texts had no part in it.
        z: verdicts that are given.
        document: of each text; each counts once.

    Source:
        t of the partial correlation of normal scores (van der Waerden 1952): of themes of few texts the plain
        scores are too skewed for it.
    """
    known = np.column_stack(
        [np.ones(len(z)), *(np.asarray(h.sum(axis=1)).ravel() for h in (first, second)), z]
    )
    place = np.unique(document, return_inverse=True)[1]
    n = int(place.max(initial=-1)) + 1
    free = n - known.shape[1] - 1
    if free < 1:
        return np.ones(odds.shape[1])
    left = []
    for half in (first, second):
        said = half @ odds
        said = said - known @ np.linalg.lstsq(known, said, rcond=None)[0]
        total = np.zeros((n, odds.shape[1]))
        np.add.at(total, place, said)
        rank = stats.rankdata(np.round(total / np.bincount(place)[:, None], 9), axis=0)
        left.append(stats.norm.ppf(rank / (n + 1)))
    size = np.sqrt((left[0] ** 2).sum(axis=0) * (left[1] ** 2).sum(axis=0))
    correlation = np.where(size > 0, (left[0] * left[1]).sum(axis=0) / np.where(size > 0, size, 1.0), 0.0)
    t = correlation * np.sqrt(free / np.maximum(1 - correlation**2, 1e-12))
    return np.asarray(stats.t.sf(t, free))
