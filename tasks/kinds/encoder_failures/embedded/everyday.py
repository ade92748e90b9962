"""Everyday English words beyond the closed lists: part of speech, topic, and how two of them are related.

Made from WordNet 3.0 (everyday.txt): broad, with fewer senses than a word has. It tells what is written in
captions, reviews or headlines; it does not know names, slang or words that came later.
"""

import functools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tasks.kinds.encoder_failures.embedded.inflection import (
    irregular_verbs,
    plural,
    plurals,
    verb_forms,
)
from tasks.kinds.encoder_failures.embedded.readings import VERB_FORMS, Reading

PARTS = {"n": "noun", "v": "verb", "a": "adjective", "r": "adverb"}
_WIDEST = 120
_FURTHEST = 30
Relation = Literal["same", "near", "opposite", "apart"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A word as one part of speech."""

    part: str
    topic: str
    """Of its most frequent sense: animal, person, artifact, motion ..."""
    senses: tuple[str, ...]


@dataclass(frozen=True)
class Words:
    """All that the file holds."""

    entries: Mapping[str, tuple[Entry, ...]]
    """Base form -> its parts of speech, the most frequent first."""
    wider: Mapping[str, tuple[str, ...]]
    """Sense -> the next wider ones."""
    opposites: frozenset[tuple[str, frozenset[str]]]

    def entry(self, lemma: str, part: str) -> Entry | None:
        """The word as that part of speech."""
        return next((one for one in self.entries.get(lemma, ()) if one.part == part), None)


@functools.cache
def load() -> Words:
    """The words, read once per process."""
    text = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    words, wider, opposites = (part.splitlines() for part in lines.strip().split("\n\n"))
    entries: dict[str, tuple[Entry, ...]] = {}
    for word, part, topic, *senses in map(str.split, words):
        entries[word] = (*entries.get(word, ()), Entry(PARTS[part], topic, tuple(senses)))
    return Words(
        entries,
        {sense: tuple(above) for sense, *above in map(str.split, wider)},
        frozenset((PARTS[part], frozenset((a, b))) for part, a, b in map(str.split, opposites)),
    )


@functools.lru_cache(maxsize=65536)
def readings(form: str) -> tuple[Reading, ...]:
    """What a casefolded word form can be, the most frequent first; empty for a word that is not listed."""
    found: dict[Reading, None] = {}
    for lemma in _lemmas(form):
        for one in load().entries.get(lemma, ()):
            for written, reading in _forms(lemma, one.part):
                if written == form:
                    found[reading] = None
    return tuple(found)


def _lemmas(form: str) -> Iterator[str]:
    """Words of which this may be a form, itself first."""
    yield form
    yield from _irregular().get(form, ())
    for ending in ("s", "es", "d", "ed", "ing"):
        if form.endswith(ending) and len(form) > len(ending) + 1:
            stem = form.removesuffix(ending)
            yield from (stem, stem + "e", stem[:-1] + "y", stem[:-1])


@functools.cache
def _irregular() -> Mapping[str, tuple[str, ...]]:
    """Form -> words that no rule gives it from."""
    found: dict[str, tuple[str, ...]] = {many: (one,) for one, many in plurals().items()}
    for base, several in irregular_verbs().items():
        for form in several:
            found[form] = (*found.get(form, ()), base)
    return found


def _forms(lemma: str, part: str) -> list[tuple[str, Reading]]:
    if part == "noun":
        return [(lemma, Reading(part, lemma, "one")), (plural(lemma), Reading(part, lemma, "many"))]
    if part == "verb":
        written = zip(verb_forms(lemma), VERB_FORMS, strict=True)
        return [(form, Reading(part, lemma, name)) for form, name in written]
    return [(lemma, Reading(part, lemma))]


def topic(lemma: str, part: str) -> str:
    """What the word is about; empty where it is not listed."""
    one = load().entry(lemma, part)
    return one.topic if one else ""


@functools.lru_cache(maxsize=65536)
def related(left: str, right: str, part: str) -> Relation | None:
    """How two words of one part of speech are related; None where either is not listed.

    `same`: the first sense of one is among those of the other. `near`: another sense is shared, or one is
    wider than the other. `apart`: neither; whoever asks takes them to exclude each other.
    """
    words = load()
    one, other = words.entry(left, part), words.entry(right, part)
    if one is None or other is None:
        return None
    if (part, frozenset((left, right))) in words.opposites:
        return "opposite"
    if left == right:
        return "same"
    shared = set(one.senses) & set(other.senses)
    if shared & {*one.senses[:1], *other.senses[:1]}:
        return "same"
    is_wider = _above(one) & set(other.senses) or _above(other) & set(one.senses)
    return "near" if shared or is_wider else "apart"


def are_of_one_sort(left: str, right: str, steps: int) -> bool:
    """Whether two nouns have a wider sense in common that is at most so many steps above each, and not wide
    enough to stand for anything: thing, person."""
    one, other = load().entry(left, "noun"), load().entry(right, "noun")
    if one is None or other is None:
        return False
    near, far = ({*entry.senses[:1], *_above(entry, steps)} for entry in (one, other))
    return any(_breadth().get(sense, 0) <= _WIDEST for sense in near & far)


@functools.cache
def _breadth() -> Mapping[str, int]:
    """Sense -> how many nouns lie below it, by their first sense."""
    counted: Counter[str] = Counter()
    for entries in load().entries.values():
        for one in entries:
            if one.part == "noun":
                counted.update(_above(one, _FURTHEST))
    return counted


@functools.lru_cache(maxsize=16384)
def _above(entry: Entry, steps: int = 99) -> frozenset[str]:
    """Senses wider than those of the word, at most so many steps up; of its first sense where few."""
    words, found = load(), set[str]()
    level = set(entry.senses if steps == 99 else entry.senses[:1])
    for _ in range(steps):
        level = {wide for sense in level for wide in words.wider.get(sense, ())} - found
        if not level:
            break
        found |= level
    return frozenset(found)
