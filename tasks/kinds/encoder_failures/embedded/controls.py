"""A matched control: the left text of a pair with words exchanged for unrelated ones, overlap kept near."""

import functools
import re
from collections.abc import Collection, Sequence

import numpy as np

from tasks.engines.embedded.lexicon import function_words
from tasks.engines.pairs import lexical_overlap
from tasks.kinds.encoder_failures.embedded import lexicon
from tasks.kinds.encoder_failures.embedded.inflection import article
from tasks.kinds.encoder_failures.embedded.lexicon import Lexicon

_WORD = re.compile(r"[^\W_]+(?:['’\-][^\W_]+)*")
_CONTENT = {"noun", "verb", "adjective"}
_ENDINGS = ("ing", "ed", "s", "")
Key = tuple[str, str, str]


def controls(pairs: Sequence[tuple[str, str]], rng: np.random.Generator) -> list[tuple[str, str]]:
    """For each pair its left text, and that text with words exchanged for unrelated ones.

    As many words are exchanged as bring the lexical overlap nearest to the pair's own, one at least. A text
    without any content word stands twice.

    Args:
        pairs: texts that show a failure.
        rng: every draw is made with it.
    """
    return [(left, _exchanged(left, right, rng)) for left, right in pairs]


def _exchanged(left: str, right: str, rng: np.random.Generator) -> str:
    """`left` with words exchanged, so that its overlap is about that of `right`; itself where none can be.

    Words the lexicon does not know are exchanged only where it knows too few.
    """
    known = lexicon.load()
    spans = [(found.start(), found.end()) for found in _WORD.finditer(left)]
    words = [left[start:end].casefold() for start, end in spans]
    taken = {*words, *(found[0].casefold() for found in _WORD.finditer(right))}
    order = [int(i) for i in rng.permutation(len(words))]
    is_listed = [bool(known.readings(word)) for word in words]
    chosen: dict[int, str] = {}
    texts: list[str] = []
    for position in sorted(order, key=lambda i: not is_listed[i]):
        pool = _listed(known, words[position]) if is_listed[position] else _alike(words[position])
        fitting = [w for w in pool if _is_unrelated(known, w, words[position], taken)]
        if not fitting:
            continue
        chosen[position] = fitting[int(rng.integers(len(fitting)))]
        taken.add(chosen[position])
        texts.append(_rewritten(left, spans, chosen))
    if not texts:
        return left
    wanted = float(lexical_overlap([left], [right])[0])
    gap = np.abs(lexical_overlap([left] * len(texts), texts) - wanted)
    # Rounded: of equally near ones the first, with the fewest exchanged.
    return texts[int(np.argmin(gap.round(12)))]


def _is_unrelated(known: Lexicon, word: str, replaced: str, texts: Collection[str]) -> bool:
    """Whether a word can stand in the same place and is near in meaning to nothing the texts say."""
    return article(word) == article(replaced) and not any(known.are_related(word, other) for other in texts)


@functools.cache
def _by_key() -> dict[Key, tuple[str, ...]]:
    """Single words by part, role and form."""
    found: dict[Key, list[str]] = {}
    for word, readings in lexicon.load().forms.items():
        for reading in readings:
            if reading.part in _CONTENT and " " not in word:
                found.setdefault((reading.part, reading.role, reading.form), []).append(word)
    return {key: tuple(words) for key, words in found.items()}


@functools.cache
def _in_phrases() -> frozenset[str]:
    """Words of phrases (front, handful): exchanged alone they would leave nothing that makes sense."""
    return frozenset(part for word in lexicon.load().forms if " " in word for part in word.split())


@functools.cache
def _stand_ins() -> tuple[str, ...]:
    """Nouns, and verbs in -ing and past: a stand-in for a word of unknown part with the same ending."""
    forms = {"one", "many", "ing", "past"}
    every = {word for (_, _, form), words in _by_key().items() if form in forms for word in words}
    return tuple(sorted(word for word in every if word.isalpha() and word not in function_words()))


def _listed(known: Lexicon, word: str) -> list[str]:
    """Words that can be all that a word can be; empty for a word that carries no content."""
    readings = known.readings(word)
    if any(reading.part not in _CONTENT for reading in readings):
        return []
    if any(reading.role == "place" for reading in readings):
        return _places(known, word)
    first, *others = [(r.part, r.role, r.form) for r in readings]
    fitting = [set(_by_key()[key]) for key in others]
    # What can be several things at once (old: of people and of things) finds few that can be all of them.
    return [w for w in _by_key()[first] if all(w in words for words in fitting)] or list(_by_key()[first])


def _places(known: Lexicon, word: str) -> list[str]:
    """Places that take the same preposition."""
    entries = [entry.split(" ", 1) for places in known.places.values() for entry in places]
    taken = {preposition for preposition, place in entries if place == word}
    return [place for preposition, place in entries if preposition in taken]


def _alike(word: str) -> list[str]:
    """Words with the same ending: the nearest to the same part of speech without a lexicon."""
    if word in function_words() or word in _in_phrases() or not word.isalpha():
        return []
    return [w for w in _stand_ins() if _ending(w) == _ending(word)]


def _ending(word: str) -> str:
    return next(end for end in _ENDINGS if word.endswith(end))


def _rewritten(text: str, spans: Sequence[tuple[int, int]], chosen: dict[int, str]) -> str:
    parts, end = [], 0
    for position, (start, stop) in enumerate(spans):
        word = chosen.get(position)
        if word is not None:
            word = word.capitalize() if text[start].isupper() else word
            parts += [text[end:start], word]
            end = stop
    return "".join([*parts, text[end:]])
