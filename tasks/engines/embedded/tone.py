"""Sentiment by VADER's word list, read in time linear in the text.

VADER's own analyser takes seconds on long texts, so its lexicon is summed here: each word's valence,
turned round (times -0.74, VADER's factor) where one of the three words before it is a negation, and
the sum s put on VADER's scale, s / sqrt(s**2 + 15). Boosters, capitals and emoticons are left aside.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from tasks.engines.contrast import Contrast
from tasks.engines.embedded import lexicon, tokens
from tasks.engines.embedded.candidate import Candidate, Harvest

THRESHOLDS = (0.05, 0.5)
_FLIP, _REACH, _SCALE = -0.74, 3, 15.0


def harvest(contrast: Contrast, joined: Sequence[str]) -> Harvest:
    """Positive and negative, at all and strongly."""
    score = compound(joined)
    definitions: list[dict[str, Any]] = [
        {"kind": "sentiment", "pole": pole, "least": least}
        for pole in ("positive", "negative")
        for least in THRESHOLDS
    ]
    held = np.column_stack([_held(definition, score) for definition in definitions])
    effect, z = contrast.measure(held)
    candidates = [
        Candidate(phrase(d), "style", "proxy", d, held[:, i], float(effect[i]), float(z[i]))
        for i, d in enumerate(definitions)
        if 0 < held[:, i].sum() < len(held)
    ]
    return Harvest(candidates)


def phrase(definition: Mapping[str, Any]) -> str:
    """What the definition says, as a completion of 'the text ...'."""
    strongly = "strongly " if definition["least"] == THRESHOLDS[1] else ""
    return f"leans {strongly}towards a {definition['pole']} tone (by VADER's word list)"


def holds(definition: Mapping[str, Any], joined: Sequence[str]) -> Bool[np.ndarray, " text"]:
    """Whether each text (given as tokens.joined) meets a validated definition."""
    return _held(definition, compound(joined))


def compound(joined: Sequence[str]) -> Float[np.ndarray, " text"]:
    """-1 to 1 for each text, given as tokens.joined; 0 without a word of the list."""
    return np.array([_compound(text.split()) for text in joined], dtype=np.float64)


def spans(text: str) -> list[tuple[int, int]]:
    """The words of the list."""
    known = _valences()
    return [(start, end) for start, end, word in tokens.located(text) if word in known]


def _held(definition: Mapping[str, Any], score: Float[np.ndarray, " text"]) -> Bool[np.ndarray, " text"]:
    signed = score if definition["pole"] == "positive" else -score
    result: Bool[np.ndarray, " text"] = signed >= definition["least"]
    return result


def _compound(words: list[str]) -> float:
    known, negations = _valences(), _negations()
    total, negated_until = 0.0, -1
    for i, word in enumerate(words):
        valence = known.get(word)
        if valence is not None:
            total += valence * (_FLIP if i <= negated_until else 1.0)
        if word in negations:
            negated_until = i + _REACH
    return total / math.sqrt(total * total + _SCALE)


@functools.cache
def _valences() -> dict[str, float]:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return {word: float(valence) for word, valence in SentimentIntensityAnalyzer().lexicon.items()}


@functools.cache
def _negations() -> frozenset[str]:
    return frozenset(lexicon.listed("negations"))
