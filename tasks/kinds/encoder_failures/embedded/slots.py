"""Fills the slots of templates: words of a domain that a corpus does not use, drawn at random."""

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from tasks.kinds.encoder_failures.embedded.inflection import article, plural
from tasks.kinds.encoder_failures.embedded.lexicon import Lexicon
from tasks.kinds.encoder_failures.embedded.readings import VERB_FORMS, Verb

LEAST = 6
"""A role with fewer fresh words than this is topped up with words of the corpus."""
_ARTICLE = re.compile(r"\b(a|an) (?=(\w+))")
_SLOT = re.compile(r"\{(\w+)")
_ROLES = {
    "agent": "animate",
    "other": "animate",
    "third": "animate",
    "second": "object",
    "shade": "colour",
    "stuff": "material",
}
"""Slots that share the words of another name, each with a word of its own."""
_CLOSED = frozenset({"place", "amount", "portion", "count", "lie", "stand", "go"})
"""Roles that every corpus uses up: what they say is the failure itself, or where it happens."""
_AMOUNTS = frozenset(
    {"few", "many", "a few", "a lot of", "hardly any", "plenty of", "a handful of", "hundreds of"}
)
"""Quantifiers that can stand before any plural."""
_SHARES = _AMOUNTS | {"some", "all", "most"}
"""Quantifiers that can stand before a plural subject; `no` would be a negation."""


@dataclass(frozen=True)
class Noun:
    """Singular and plural."""

    one: str
    many: str

    def __str__(self) -> str:
        return self.one


@dataclass(frozen=True)
class Place:
    """A preposition and a noun: `in the kitchen`."""

    preposition: str
    noun: str

    def __str__(self) -> str:
        return f"{self.preposition} the {self.noun}"


@dataclass(frozen=True)
class Pair:
    """What stands in the left text, and what in the right one."""

    left: "Filler"
    right: "Filler"


Filler = str | Noun | Place | Verb | Pair


class Slots:
    """Draws words for templates.

    Args:
        lexicon: where they come from.
        known: casefolded words that a corpus uses already; others come first.
        domain: only nouns of this domain; None for all nouns.
    """

    def __init__(
        self,
        lexicon: Lexicon,
        known: frozenset[str] = frozenset(),
        domain: str | None = None,
    ) -> None:
        self._known = known
        self._lexicon = lexicon
        self._all = _fillers(lexicon, domain)
        self._widened = False
        self._parted: dict[str, tuple[list[Filler], list[Filler]]] = {}

    def widen(self) -> bool:
        """Lets all words in from now on; False where they are already."""
        was, self._widened = self._widened, True
        return not was

    def fill(self, left: str, right: str, rng: np.random.Generator) -> tuple[str, str]:
        """Both templates with the same words."""
        slots = list(dict.fromkeys(_SLOT.findall(left + right)))
        drawn: dict[str, Filler] = {}
        for role, named in itertools.groupby(sorted(slots, key=_role), key=_role):
            names = list(named)
            drawn |= zip(names, self._draw(role, len(names), rng), strict=True)
        return _written(left, drawn), _written(right, drawn)

    def _draw(self, role: str, n: int, rng: np.random.Generator) -> list[Filler]:
        """Different words of a role that do not say the same: a swap of synonyms would change nothing."""
        pool = self._pool(role, rng)
        if n == 1:
            return [pool[int(rng.integers(len(pool)))]]
        near = self._lexicon.are_related if role in {"colour", "material"} else self._lexicon.are_synonyms
        drawn: list[Filler] = []
        for position in rng.permutation(len(pool)):
            filler = pool[int(position)]
            if not any(near(str(filler), str(other)) for other in drawn):
                drawn.append(filler)
            if len(drawn) == n:
                break
        return drawn

    def _pool(self, role: str, rng: np.random.Generator) -> list[Filler]:
        every = self._all[role]
        if self._widened:
            return every
        if role not in self._parted:
            fresh = [filler for filler in every if self._is_fresh(role, filler)]
            self._parted[role] = fresh, [filler for filler in every if filler not in fresh]
        fresh, used = self._parted[role]
        n_short = max(0, LEAST - len(fresh))
        return fresh + [used[int(i)] for i in rng.permutation(len(used))[:n_short]] if n_short else fresh

    def _is_fresh(self, role: str, filler: Filler) -> bool:
        return role in _CLOSED or self._known.isdisjoint(_forms(filler))


def _role(slot: str) -> str:
    return _ROLES.get(slot, slot)


def _written(template: str, drawn: Mapping[str, Filler]) -> str:
    return _ARTICLE.sub(lambda found: f"{article(found[2])} ", template.format_map(drawn))


def _forms(filler: Filler) -> set[str]:
    match filler:
        case Verb():
            return {getattr(filler, form) for form in VERB_FORMS}
        case Noun():
            return {filler.one, filler.many}
        case Pair():
            return _forms(filler.left) | _forms(filler.right)
        case _:
            return {str(filler)}


def _fillers(lexicon: Lexicon, domain: str | None) -> dict[str, list[Filler]]:
    def of(by_domain: Mapping[str, tuple[str, ...]]) -> list[str]:
        chosen = (words for name, words in by_domain.items() if domain in {None, name})
        return list(itertools.chain.from_iterable(chosen))

    verbs = {verb.base: verb for verb in lexicon.verbs}
    animates, objects = of(lexicon.animates), of(lexicon.objects)
    found: dict[str, Iterable[Filler]] = {
        "animate": map(_noun, animates),
        "object": map(_noun, objects),
        "support": map(_noun, of(lexicon.supports)),
        "place": (Place(*entry.split(" ", 1)) for entry in of(lexicon.places)),
        "act": (verb for verb in lexicon.verbs if verb.reversible),
        "do": (verb for verb in lexicon.verbs if verb.handling),
        "rest": (verb for verb in lexicon.verbs if verb.intransitive),
        "colour": lexicon.colours,
        "material": lexicon.materials,
        "amount": _both_ways(p for p in lexicon.quantifiers if set(p) <= _AMOUNTS),
        "portion": _both_ways(p for p in lexicon.quantifiers if set(p) <= _SHARES),
        "count": (Pair(a, b) for a, b in itertools.permutations(lexicon.numbers[2:], 2)),
        "lie": _both_ways(
            [("on", "under"), ("in front of", "behind"), ("to the left of", "to the right of")]
        ),
        "stand": _both_ways([("in front of", "behind"), ("to the left of", "to the right of")]),
        "go": _both_ways([("to", "from"), ("into", "out of")]),
        "mood": _both_ways(lexicon.animate_antonyms),
        "trait": _both_ways(lexicon.object_antonyms),
        "turn": (
            Pair(verbs[a], verbs[b])
            for a, b in lexicon.verb_antonyms
            if verbs[a].handling and verbs[b].handling
        ),
        "alias": _aliases(lexicon, animates),
        "same_object": _aliases(lexicon, objects),
        "same_act": (
            Pair(verb, verbs[other])
            for verb in lexicon.verbs
            for other in sorted(lexicon.synonyms.get(verb.base, ()))
            if verb.reversible and verbs[other].reversible
        ),
        "same_mood": (
            Pair(word, other)
            for word in itertools.chain.from_iterable(lexicon.animate_antonyms)
            for other in sorted(lexicon.synonyms.get(word, ()))
        ),
    }
    return {role: list(fillers) for role, fillers in found.items()}


def _noun(word: str) -> Noun:
    return Noun(word, plural(word))


def _both_ways(pairs: Iterable[tuple[str, str]]) -> list[Filler]:
    return [Pair(*ordered) for a, b in pairs for ordered in ((a, b), (b, a))]


def _aliases(lexicon: Lexicon, nouns: Iterable[str]) -> list[Filler]:
    return [
        Pair(_noun(noun), _noun(other)) for noun in nouns for other in sorted(lexicon.synonyms.get(noun, ()))
    ]
