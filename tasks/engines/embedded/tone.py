"""Sentiment by VADER's word list, read in time linear in the text.

VADER's own analyser takes seconds on long texts, so its lexicon is summed here: each word's valence,
turned round (times -0.74, VADER's factor) where one of the three words before it is a negation, and
the sum s put on VADER's scale, s / sqrt(s**2 + 15). Boosters, capitals and emoticons are left aside.

A word that is a name in the corpus (names.py) counts nothing, nor does one that alone carries a
difference: that is a word, which is proposed as one, and no tone. A definition says what is left out and
which words carry what is left.
"""

import functools
import math
from collections.abc import Collection, Mapping, Sequence, Set
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from tasks.engines.contrast import Contrast
from tasks.engines.embedded import lexicon, tokens
from tasks.engines.embedded.candidate import LEAST_LEAN, Candidate, Harvest

THRESHOLDS = (0.05, 0.5)
LEAST_LEFT = 0.5
"""Share of a difference that must be left without its strongest word."""
N_CARRIERS, MAX_ALONE = 3, 8
_FLIP, _REACH, _SCALE = -0.74, 3, 15.0


def harvest(contrast: Contrast, joined: Sequence[str], names: Collection[str]) -> Harvest:
    """Positive and negative, at all and strongly.

    Args:
        contrast: of the texts.
        joined: the texts, as tokens.joined gives them.
        names: casefolded words of the list that are names here.
    """
    words, valences = _table(joined)
    candidates = []
    for pole in ("positive", "negative"):
        for least in THRESHOLDS:
            candidate = _candidate(contrast, words, valences, pole, least, sorted(names))
            if 0 < candidate.held.sum() < len(candidate.held):
                candidates.append(candidate)
    return Harvest(candidates)


def phrase(definition: Mapping[str, Any]) -> str:
    """What the definition says, as a completion of 'the text ...'."""
    strongly = "strongly " if definition["least"] == THRESHOLDS[1] else ""
    carried = f", mostly {tokens.listed(definition['carried_by'])}" if definition.get("carried_by") else ""
    left_out = _left_out(definition.get("without", ()))
    return f"leans {strongly}towards a {definition['pole']} tone (by VADER's word list{carried}{left_out})"


def _left_out(words: Sequence[str]) -> str:
    if not words:
        return ""
    named, more = words[:N_CARRIERS], len(words) - N_CARRIERS
    if more <= 0:
        return f", without {tokens.listed(named)}"
    # How many are not named stands in no quotes: it is no word of the list.
    said = ", ".join(tokens.listed([word]) for word in named)
    return f", without {said} and {more} more"


def holds(definition: Mapping[str, Any], joined: Sequence[str]) -> Bool[np.ndarray, " text"]:
    """Whether each text (given as tokens.joined) meets a validated definition."""
    return _held(definition["pole"], definition["least"], compound(joined, definition.get("without", ())))


def compound(joined: Sequence[str], without: Collection[str] = ()) -> Float[np.ndarray, " text"]:
    """-1 to 1 for each text, given as tokens.joined; 0 without a word of the list."""
    return _scaled(np.array([_total(text.split(), frozenset(without)) for text in joined], dtype=np.float64))


def spans(definition: Mapping[str, Any], text: str) -> list[tuple[int, int]]:
    """The words of the list that count."""
    known = _valences().keys() - set(definition.get("without", ()))
    return [(start, end) for start, end, word in tokens.located(text) if word in known]


def lean(contrast: Contrast, joined: Sequence[str], names: Collection[str]) -> float:
    """z of a positive tone less that of a negative one: above 0 where A sounds better, names left out."""
    score = compound(joined, names)
    held = [_held(pole, THRESHOLDS[0], score) for pole in ("positive", "negative")]
    good, bad = contrast.measure(np.column_stack(held))[1].tolist()
    return float(good - bad)


def known_words() -> Set[str]:
    """The words of the list."""
    return _valences().keys()


def _candidate(
    contrast: Contrast, words: Sequence[str], valences: Any, pole: str, least: float, names: Sequence[str]
) -> Candidate:
    """The tone without the words that carry it alone."""
    sign = 1.0 if pole == "positive" else -1.0
    there = set(names).intersection(words)
    kept, alone = np.array([float(word not in there) for word in words]), list[str]()
    held = _held(pole, least, _scaled(valences @ kept))
    # Of what chance brings any word carries a half.
    is_clear = abs(float(contrast.measure(held[:, None])[1][0])) >= LEAST_LEAN
    while True:
        effect = float(contrast.weights @ held)
        # What each word of this pole adds to the difference.
        of_pole = kept * (sign * np.asarray(valences.sum(axis=0)).ravel() > 0)
        share = (sign * math.copysign(1.0, effect)) * (valences.T @ contrast.weights) * of_pole
        order = np.lexsort((np.arange(len(share)), -np.round(share, 9)))
        strongest = [int(i) for i in order[:N_CARRIERS] if share[i] > 0]
        if not strongest or not is_clear or len(alone) == MAX_ALONE:
            break
        rest = kept.copy()
        rest[strongest[0]] = 0.0
        held_then = _held(pole, least, _scaled(valences @ rest))
        left = float(contrast.weights @ held_then)
        if left * math.copysign(1.0, effect) >= LEAST_LEFT * abs(effect):
            break
        alone.append(words[strongest[0]])
        kept, held = rest, held_then
    definition = {
        "kind": "sentiment", "pole": pole, "least": least,
        "without": [*alone, *(name for name in names if name in there)],
        "carried_by": [words[i] for i in strongest],
    }  # fmt: skip
    measured, z = contrast.measure(held[:, None])
    return Candidate(phrase(definition), "style", "proxy", definition, held, float(measured[0]), float(z[0]))


def _table(joined: Sequence[str]) -> tuple[list[str], Any]:
    """Words of the list in the texts, and what each adds to a text's sum: SciPy csr array, text x word."""
    from scipy import sparse

    place: dict[str, int] = {}
    rows, columns, values = [], [], []
    for row, text in enumerate(joined):
        for word, valence in valences_of(text.split(), frozenset()):
            rows.append(row)
            columns.append(place.setdefault(word, len(place)))
            values.append(valence)
    shape = (len(joined), len(place))
    return list(place), sparse.csr_array((values, (rows, columns)), shape=shape, dtype=np.float64)


def _held(pole: str, least: float, score: Float[np.ndarray, " text"]) -> Bool[np.ndarray, " text"]:
    result: Bool[np.ndarray, " text"] = (score if pole == "positive" else -score) >= least
    return result


def _scaled(total: Float[np.ndarray, " text"]) -> Float[np.ndarray, " text"]:
    # Rounded, so that a sum in another order is the same verdict.
    result: Float[np.ndarray, " text"] = np.round(total / np.sqrt(total * total + _SCALE), 9)
    return result


def _total(words: Sequence[str], without: Set[str]) -> float:
    return sum(valence for _, valence in valences_of(words, without))


def valences_of(words: Sequence[str], without: Set[str]) -> list[tuple[str, float]]:
    """Words of the list with the valence they have here."""
    known, negations = _valences(), _negations()
    found, negated_until = [], -1
    for i, word in enumerate(words):
        valence = known.get(word)
        if valence is not None and word not in without:
            found.append((word, valence * (_FLIP if i <= negated_until else 1.0)))
        if word in negations:
            negated_until = i + _REACH
    return found


@functools.cache
def _valences() -> dict[str, float]:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return {word: float(valence) for word, valence in SentimentIntensityAnalyzer().lexicon.items()}


@functools.cache
def _negations() -> frozenset[str]:
    return frozenset(lexicon.listed("negations"))
