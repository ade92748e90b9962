"""What the words of lexicon.yaml can be: part of speech, role, base form and form."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.engines.embedded.wordlists import groups, words
from tasks.kinds.encoder_failures.embedded.inflection import plural, verb_forms

ByDomain = Mapping[str, tuple[str, ...]]
VERB_FORMS = ("base", "third", "past", "participle", "ing")
_USES = ("reversible", "handling", "intransitive")


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb with its forms and what it is used for here."""

    base: str
    third: str
    past: str
    participle: str
    ing: str
    reversible: bool
    """Any animate does it to any other; the other way round means something else."""
    handling: bool
    """An animate does it to something that can be held."""
    intransitive: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """What a word form can be."""

    part: str
    """noun, verb, adjective, number, quantifier, preposition or negation."""
    lemma: str
    form: str = ""
    """Of nouns: one or many; of verbs: base, third, past, participle or ing; else empty."""
    role: str = ""
    """Of nouns: animate, object, support or place; of verbs: reversible, handling or intransitive; of
    adjectives: animate, object, colour, size or material. Empty where it does not matter."""


def verbs(lists: Mapping[str, Any]) -> tuple[Verb, ...]:
    """Every verb once, with all its uses; one that is a synonym or opposite only has no use but that."""
    uses: dict[str, set[str]] = {}
    for use in _USES:
        for base in words(lists[use]):
            uses.setdefault(base, set()).add(use)
    others = groups(f"{lists['synonyms']['verb']} {lists['antonyms']['verb']}")
    for base in itertools.chain.from_iterable(others):
        uses.setdefault(base, set())
    return tuple(Verb(*verb_forms(base), *(use in used for use in _USES)) for base, used in uses.items())


def all_readings(lists: Mapping[str, Any], every_verb: tuple[Verb, ...]) -> dict[str, tuple[Reading, ...]]:
    """Word form or phrase -> what it can be."""
    read = [*_nouns(lists), *_adjectives(lists), *_closed(lists)]
    read += itertools.chain.from_iterable(map(_verb_readings, every_verb))
    forms: dict[str, dict[Reading, None]] = {}
    for word, reading in read:
        forms.setdefault(word, {})[reading] = None
    return {word: tuple(found) for word, found in forms.items()}


def _verb_readings(verb: Verb) -> list[tuple[str, Reading]]:
    """A reading per form and use."""
    uses = [use for use in _USES if getattr(verb, use)] or [""]
    return [
        (getattr(verb, form), Reading("verb", verb.base, form, use)) for form in VERB_FORMS for use in uses
    ]


def _nouns(lists: Mapping[str, Any]) -> list[tuple[str, Reading]]:
    by_role: dict[str, list[str]] = {}
    for role in ("animate", "object", "support", "place"):
        for text in lists[f"{role}s"].values():
            by_role.setdefault(role, []).extend(
                e.partition("_")[2] if role == "place" else e for e in text.split()
            )
    known = set(itertools.chain.from_iterable(by_role.values()))
    for role in ("animate", "object", "place"):
        for group in groups(lists["synonyms"][role]):
            # Some groups of things are about supports: they keep that role.
            told = next((r for r, nouns in by_role.items() if set(group) & set(nouns)), role)
            by_role[told] += [word for word in group if word not in known]
    return [
        (form, Reading("noun", noun, number, role))
        for role, nouns in by_role.items()
        for noun in nouns
        for form, number in ((noun, "one"), (plural(noun), "many"))
    ]


def _adjectives(lists: Mapping[str, Any]) -> list[tuple[str, Reading]]:
    by_role: dict[str, list[str]] = {
        "colour": list(words(lists["colours"])),
        "size": list(words(lists["sizes"])),
        "material": list(words(lists["materials"])),
    }
    for role in ("animate", "object"):
        paired = itertools.chain.from_iterable(groups(lists["antonyms"][role]))
        by_role[role] = [*paired, *words(lists["plain_adjectives"][role])]
    known = set(itertools.chain.from_iterable(by_role.values()))
    for group in groups(lists["synonyms"]["adjective"]):
        told = next((r for r, found in by_role.items() if set(group) & set(found)), "")
        by_role.setdefault(told, []).extend(word for word in group if word not in known)
    return [(w, Reading("adjective", w, role=role)) for role, found in by_role.items() for w in found]


def _closed(lists: Mapping[str, Any]) -> list[tuple[str, Reading]]:
    listed = {
        "number": words(lists["numbers"]),
        "negation": words(lists["negations"]),
        "preposition": _flat(lists["prepositions"], lists["synonyms"]["preposition"]),
        "quantifier": _flat(lists["quantifiers"], lists["synonyms"]["quantifier"]),
    }
    return [(word, Reading(part, word)) for part, found in listed.items() for word in found]


def _flat(*texts: str) -> list[str]:
    return list(itertools.chain.from_iterable(group for text in texts for group in groups(text)))
