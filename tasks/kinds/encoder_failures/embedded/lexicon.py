"""Closed lists of common English words by role (lexicon.yaml), with their forms, opposites and synonyms.

Closed means: a word that is not listed has no reading here, and whoever asks must say so.
"""

import functools
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tasks.engines.embedded import wordlists
from tasks.engines.embedded.wordlists import groups, words
from tasks.kinds.encoder_failures.embedded.inflection import plural
from tasks.kinds.encoder_failures.embedded.readings import (
    ByDomain,
    Reading,
    Verb,
    all_readings,
    verbs,
)


@dataclass(frozen=True)
class Lexicon:
    """All lists. Phrases of several words have spaces."""

    animates: ByDomain
    objects: ByDomain
    supports: ByDomain
    places: ByDomain
    """With their preposition: `in kitchen`. Words of no domain stand under the empty name."""
    verbs: tuple[Verb, ...]
    verb_antonyms: tuple[tuple[str, str], ...]
    animate_antonyms: tuple[tuple[str, str], ...]
    object_antonyms: tuple[tuple[str, str], ...]
    colours: tuple[str, ...]
    sizes: tuple[str, ...]
    materials: tuple[str, ...]
    prepositions: tuple[tuple[str, str], ...]
    """Opposites."""
    quantifiers: tuple[tuple[str, str], ...]
    """Opposites."""
    numbers: tuple[str, ...]
    """From zero on."""
    synonyms: Mapping[str, frozenset[str]]
    """Word -> words that say the same in a caption, itself left out; base forms."""
    opposites: Mapping[str, frozenset[str]]
    """Word -> its opposites: verbs, adjectives, prepositions, quantifiers; base forms."""
    kin: Mapping[str, frozenset[str]]
    """Word -> words too near in meaning to be unrelated."""
    domain_words: Mapping[str, frozenset[str]]
    """What a description of each domain may say, its own nouns included."""
    forms: Mapping[str, tuple[Reading, ...]]
    """Word form or phrase -> all its readings."""

    def readings(self, word: str) -> tuple[Reading, ...]:
        """What a casefolded word form or phrase can be; empty for a word that is not listed."""
        return self.forms.get(word, ())

    def lemmas(self, word: str) -> frozenset[str]:
        """Base forms that a word form can have; the word itself where it is not listed."""
        return frozenset(r.lemma for r in self.readings(word)) or frozenset({word})

    def are_synonyms(self, left: str, right: str) -> bool:
        """Whether two word forms say the same in a caption and agree in form (chases, pursues)."""
        readings = itertools.product(self.readings(left), self.readings(right))
        return any(
            a.part == b.part and a.form == b.form and b.lemma in self.synonyms.get(a.lemma, ())
            for a, b in readings
        )

    def are_related(self, left: str, right: str) -> bool:
        """Whether two words have one base form, or are synonyms, opposites or near in meaning."""
        for a, b in itertools.product(self.lemmas(left), self.lemmas(right)):
            if a == b or any(b in links.get(a, ()) for links in (self.synonyms, self.opposites, self.kin)):
                return True
        return False


@functools.cache
def load() -> Lexicon:
    """The lexicon, read once per process."""
    lists = wordlists.yaml_beside(__file__)
    nouns = {
        key: {name: words(text) for name, text in lists[key].items()}
        for key in ("animates", "objects", "supports", "places")
    }
    antonyms = {role: groups(text) for role, text in lists["antonyms"].items()}
    prepositions, quantifiers = groups(lists["prepositions"]), groups(lists["quantifiers"])
    every_verb = verbs(lists)
    return Lexicon(
        **nouns,
        verbs=every_verb,
        verb_antonyms=_two(antonyms["verb"]),
        animate_antonyms=_two(antonyms["animate"]),
        object_antonyms=_two(antonyms["object"]),
        colours=words(lists["colours"]),
        sizes=words(lists["sizes"]),
        materials=words(lists["materials"]),
        prepositions=_two(prepositions),
        quantifiers=_two(quantifiers),
        numbers=words(lists["numbers"]),
        synonyms=_linked(itertools.chain.from_iterable(map(groups, lists["synonyms"].values()))),
        opposites=_linked([*itertools.chain.from_iterable(antonyms.values()), *prepositions, *quantifiers]),
        kin=_linked(groups(lists["kin"])),
        domain_words={
            name: frozenset(words(text)) | _own_words(nouns, name) for name, text in lists["domains"].items()
        },
        forms=all_readings(lists, every_verb),
    )


def _two(found: Iterable[tuple[str, ...]]) -> tuple[tuple[str, str], ...]:
    return tuple((first, second) for first, second in found)


def _linked(found: Iterable[tuple[str, ...]]) -> dict[str, frozenset[str]]:
    links: dict[str, set[str]] = {}
    for group in found:
        for word in group:
            links.setdefault(word, set()).update(other for other in group if other != word)
    return {word: frozenset(others) for word, others in links.items()}


def _own_words(nouns: Mapping[str, ByDomain], domain: str) -> frozenset[str]:
    """The nouns that stand under this domain, singular and plural."""
    own: set[str] = set()
    for key, by_domain in nouns.items():
        for entry in by_domain[domain]:
            noun = entry.partition(" ")[2] if key == "places" else entry
            own |= {noun, plural(noun)}
    return frozenset(own)
