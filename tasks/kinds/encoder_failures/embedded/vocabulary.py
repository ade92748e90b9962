"""What a word can be: part of speech, base form and form, from closed lists and, for others, from its ending.

The lists of lexicon.yaml come first; the ones here add common English beside the scenes written there.
"""

import functools
from collections.abc import Mapping

from tasks.engines.embedded import wordlists
from tasks.kinds.encoder_failures.embedded import everyday, lexicon, synonyms
from tasks.kinds.encoder_failures.embedded.inflection import irregular_verbs, plural, verb_forms
from tasks.kinds.encoder_failures.embedded.readings import VERB_FORMS, Reading


def readings(word: str) -> tuple[Reading, ...]:
    """What a casefolded word can be: by the lists, or else by its ending; several where it is open."""
    if word in _listed():
        return _listed()[word]
    found = everyday.readings(word)
    # `burned` is an adjective there, and a form of a verb all the same.
    is_verb_like = word.endswith(("ing", "ed")) and not any(one.part == "verb" for one in found)
    return (*found, *_by_ending(word)) if is_verb_like else found or _by_ending(word)


def is_listed(word: str) -> bool:
    """Whether a list holds this word form."""
    return word in _listed() or bool(everyday.readings(word))


def verb_class(lemma: str) -> str:
    """What is done; empty where no list says."""
    return _by_class("verb_classes").get(lemma, "")


def attribute_class(lemma: str) -> str:
    """What an adjective tells; empty where no list says."""
    return _attributes().get(lemma, "")


def noun_class(lemma: str) -> str:
    """What a noun names; `thing` for those of the lexicon that stand in no row here, empty for others."""
    topic = everyday.topic(lemma, "noun")
    return _nouns().get(lemma) or ("role" if topic == "person" else topic)


@functools.cache
def adverbs() -> frozenset[str]:
    """Adverbs that do not end in -ly, and some that do."""
    return frozenset(wordlists.yaml_beside(__file__)["adverbs"].split())


def is_wider(left: str, right: str) -> bool:
    """Whether one of two nouns may stand for the other."""
    if right in _wider().get(left, ()) or left in _wider().get(right, ()):
        return True
    return everyday.related(left, right, "noun") == "near"


@functools.cache
def _listed() -> Mapping[str, tuple[Reading, ...]]:
    lists = wordlists.yaml_beside(__file__)
    found: dict[str, dict[Reading, None]] = {}
    for word, listed in lexicon.load().forms.items():
        for one in listed:
            if one.part in {"noun", "verb", "adjective"} and " " not in word:
                found.setdefault(word, {})[Reading(one.part, one.lemma, one.form)] = None
    for noun in _nouns():
        for form, number in ((noun, "one"), (plural(noun), "many")):
            found.setdefault(form, {})[Reading("noun", noun, number)] = None
    found["people"] = {Reading("noun", "people", "many"): None}
    paired = [word for row in synonyms.rows("verbs") for word in row if "_" not in word]
    plain = [*" ".join([*lists["verb_classes"].values(), lists["other_verbs"]]).split(), *paired]
    for base in dict.fromkeys([*irregular_verbs(), *plain]):
        for form, name in zip(verb_forms(base), VERB_FORMS, strict=True):
            found.setdefault(form, {})[Reading("verb", base, name)] = None
    adjectives = [word for row in synonyms.rows("adjectives") for word in row]
    for adjective in dict.fromkeys([*_attributes(), *adjectives, *lists["other_adjectives"].split()]):
        found.setdefault(adjective, {})[Reading("adjective", adjective)] = None
    return {word: tuple(several) for word, several in found.items()}


def _by_ending(word: str) -> tuple[Reading, ...]:
    if len(word) > 4 and word.endswith("ing"):
        return tuple(Reading("verb", lemma, "ing") for lemma in _stems(word[:-3]))
    if len(word) > 3 and word.endswith("ied"):
        return (Reading("verb", word[:-3] + "y", "past"), Reading("verb", word[:-3] + "y", "participle"))
    if len(word) > 4 and word.endswith("ed"):
        stems = _stems(word[:-2])
        return tuple(Reading("verb", lemma, form) for lemma in stems for form in ("past", "participle"))
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return tuple(Reading("noun", lemma, "many") for lemma in _singulars(word))
    return (Reading("noun", word, "one"),)


def _stems(stem: str) -> list[str]:
    if len(stem) > 2 and stem[-1] == stem[-2] and stem[-1] not in "lsz":
        return [stem[:-1], stem]
    # Written with e in most words that end so: dance, change, raise, drive; not in lift, walk, open.
    with_e = stem.endswith(
        ("c", "g", "v", "z", "u", "as", "is", "os", "us", "at", "ir", "ur", "bl", "tl", "dl")
    )
    return [stem + "e", stem] if with_e and not stem.endswith("ng") else [stem, stem + "e"]


def _singulars(word: str) -> list[str]:
    if word.endswith("ies"):
        return [word[:-3] + "y"]
    if word.endswith(("ches", "shes", "sses", "xes")):
        return [word[:-2]]
    return [word[:-1]]


@functools.cache
def _nouns() -> dict[str, str]:
    listed = {
        one.lemma: "role" if one.role == "animate" else "thing"
        for several in lexicon.load().forms.values()
        for one in several
        if one.part == "noun" and " " not in one.lemma
    }
    paired = {word: "thing" for row in synonyms.rows("nouns") for word in row}
    return paired | listed | _by_class("nouns")


@functools.cache
def _attributes() -> dict[str, str]:
    words = lexicon.load()
    listed = {"colour": words.colours, "size": words.sizes, "material": words.materials}
    own = _by_class("attributes")
    return {word: name for name, several in listed.items() for word in several} | own


@functools.cache
def _by_class(kind: str) -> dict[str, str]:
    """Word -> the first class that lists it."""
    found: dict[str, str] = {}
    for name, several in wordlists.yaml_beside(__file__)[kind].items():
        for word in several.split():
            found.setdefault(word, name)
    return found


@functools.cache
def _wider() -> Mapping[str, frozenset[str]]:
    """A wide word -> what it may stand for."""
    lists = wordlists.yaml_beside(__file__)
    found = {wide: frozenset(narrow.split()) for wide, narrow in lists["wider"].items()}
    whole = {
        wide: frozenset(lists["nouns"][name].split()[1:]) for wide, name in lists["wider_than_class"].items()
    }
    return found | whole
