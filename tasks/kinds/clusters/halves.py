"""Whether a theme is in both halves of a text: what is about something is about it throughout.

Any vector of a text is made of its words, so that texts that are near each other share words even where words
come without any order: parts of a heap of such texts foretell words, and mean nothing. Of such a text the
first half tells nothing of the second. So themes are made from half of the documents, and the texts of the
others are parted: what the words of the themes say of the one half of a text must go with what they say of
the other, given their lengths.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

from tasks.kinds.fitted.model import Verdicts

LEVEL = 0.005
"""Of themes being in both halves at all: else there are none."""
LEVEL_OF_ONE = 0.05
"""Of each theme, where there are some; divided by their number."""


@dataclass(frozen=True)
class Halves:
    """What the words of themes say of either half of texts that had no part in the themes."""

    first: Float[np.ndarray, "document theme"]
    """Normal scores, given the lengths of the halves and what is known of the text."""
    second: Float[np.ndarray, "document theme"]
    free: int
    """Degrees of freedom."""


def said(
    first: Any,
    second: Any,
    odds: Float[np.ndarray, "word theme"],
    z: Verdicts,
    document: Int[np.ndarray, " text"],
) -> Halves:
    """What the words of themes say of halves of texts; documents count once.

    Args:
        first: text x word, of 0 and 1: the first half of each text's distinct words.
        second: the other half.
        odds: how much commoner each word is in each theme; these texts had no part in it.
        z: verdicts that are given.
        document: of each text.
    """
    known = np.column_stack(
        [np.ones(len(z)), *(np.asarray(h.sum(axis=1)).ravel() for h in (first, second)), z]
    )
    place = np.unique(document, return_inverse=True)[1]
    n = int(place.max(initial=-1)) + 1
    scores = []
    for half in (first, second):
        told = half @ odds
        told = told - known @ np.linalg.lstsq(known, told, rcond=None)[0]
        total = np.zeros((n, odds.shape[1]))
        np.add.at(total, place, told)
        mean = np.round(total / np.bincount(place)[:, None], 9)
        scores.append(stats.norm.ppf(stats.rankdata(mean, axis=0) / (n + 1)))
    return Halves(scores[0], scores[1], n - known.shape[1])


def p_any(parts: list[Halves]) -> float:
    """One-sided p of all themes together being in both halves no more than chance has it.

    Source:
        The mean and variance of the trace of S1' S2 where the rows of S2 are permuted (Mantel 1967), columns
        being centred: 0 and sum((S1' S1) * (S2' S2)) / (n - 1); over disjoint documents both add up.
    """
    total = sum(float((one.first * one.second).sum()) for one in parts)
    variance = sum(
        float(((one.first.T @ one.first) * (one.second.T @ one.second)).sum()) / max(one.free, 1)
        for one in parts
    )
    return float(stats.norm.sf(total / np.sqrt(variance))) if variance > 0 else 1.0


def p_each(parts: list[Halves]) -> Float[np.ndarray, " theme"]:
    """One-sided p of each theme being in both halves, times their number: t of the correlation.

    Source:
        Normal scores (van der Waerden 1952): of themes of few texts plain scores are too skewed for it.
    """
    both, first, second = (
        sum((a * b).sum(axis=0) for a, b in pairs)
        for pairs in (
            [(one.first, one.second) for one in parts],
            [(one.first, one.first) for one in parts],
            [(one.second, one.second) for one in parts],
        )
    )
    free = max(sum(one.free for one in parts) - 1, 1)
    size = np.sqrt(first * second)
    correlation = np.where(size > 0, both / np.where(size > 0, size, 1.0), 0.0)
    t = correlation * np.sqrt(free / np.maximum(1 - correlation**2, 1e-12))
    return np.asarray(stats.t.sf(t, free) * len(t))
