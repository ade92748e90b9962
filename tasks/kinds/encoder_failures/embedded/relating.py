"""What it means when one unit stands for another: a kind of edit, and whether the meaning stays."""

import functools
from dataclasses import dataclass

from tasks.kinds.encoder_failures.embedded import closed, everyday, lexicon, synonyms, vocabulary
from tasks.kinds.encoder_failures.embedded.units import Unit

CONTENT = frozenset({"noun", "adjective", "word"})
_NEVER = 9.0
_STEM = 4
"""Letters by which two words may be forms of one: smile, smiling."""
_FREE = frozenset({"be", "with", "of"})
"""What may come and go beside a denial or an amount: `no people` and `without people`."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two texts."""

    kind: str
    same: bool | None
    """Whether the meaning stays; None where no list tells."""
    cost: float
    """For the alignment: 0 for the same unit."""


SAME = Change("identical", True, 0.0)
AGREEMENT = Change("agreement", None, 0.1)
UNREAD = Change("other", None, 1.1)


@functools.lru_cache(maxsize=65536)
def exchanged(left: Unit, right: Unit) -> Change:
    """What it means that `right` stands for `left`; the same for both orders."""
    if left.part == right.part or {left.part, right.part} <= CONTENT:
        by_part = {"verb": _verbs, "preposition": _prepositions, "amount": _amounts, "number": _numbers}
        return by_part.get(left.part, _content if left.part in CONTENT else _closed)(left, right)
    parts = {left.part, right.part}
    if parts <= {"number", "amount", "negation", "preposition"} and parts != {"preposition", "negation"}:
        few = {left.key, right.key} in ({"2", "few"}, {"3", "few"}, {"with", "few"})
        return Change("quantifier", few, 0.4)
    if parts <= CONTENT | {"verb", "adverb"}:
        related = _listed_pair(left, right)
        return related or Change("other", None, 1.3)
    return Change("other", None, _NEVER)


def gap_cost(unit: Unit) -> float:
    """What it costs that a unit has no counterpart."""
    return 0.2 if unit.part == "owner" or (unit.part, unit.key) == ("verb", "be") else 0.7


def is_free(unit: Unit) -> bool:
    """Whether a unit without a counterpart says nothing of its own beside a denial or an amount."""
    return unit.key in _FREE or unit.part in {"owner", "frame"}


def may_be_related(left: Unit, right: Unit) -> bool:
    """Whether two words of any parts may say the same or the contrary; of words on no list they may."""
    if not (vocabulary.is_listed(left.key) and vocabulary.is_listed(right.key)):
        return True
    if left.key[:_STEM] == right.key[:_STEM] or _listed_pair(left, right):
        return True
    return any(
        everyday.related(left.key, right.key, part) not in {"apart", None} for part in everyday.PARTS.values()
    )


def _closed(left: Unit, right: Unit) -> Change:
    if left.key == right.key:
        return SAME
    if {left.key, right.key} == {"and", "or"}:
        return Change("other", False, 0.6)
    return Change("other", None, 0.6)


def _numbers(left: Unit, right: Unit) -> Change:
    return SAME if left.key == right.key else Change("number", False, 0.3)


def _amounts(left: Unit, right: Unit) -> Change:
    if left.key == right.key:
        return SAME if left.text == right.text else Change("synonym", True, 0.1)
    return Change("quantifier", False, 0.3)


def _prepositions(left: Unit, right: Unit) -> Change:
    if left.key == right.key:
        return SAME if left.text == right.text else Change("synonym", True, 0.1)
    pair = frozenset((left.key, right.key))
    if pair in _opposite_places():
        return Change("preposition", False, 0.5)
    words = closed.load()
    if pair in words.loose or pair & words.unsaid:
        return Change("other", None, 0.5)
    return Change("preposition", False, 0.5)


@functools.cache
def _opposite_places() -> frozenset[frozenset[str]]:
    listed = lexicon.load().prepositions
    found = (frozenset(map(closed.key, pair)) for pair in listed)
    return frozenset(found) | {frozenset(("to", "from")), frozenset(("toward", "far_from"))}


def _verbs(left: Unit, right: Unit) -> Change:
    told = _change_of_time(left, right)
    if left.key == right.key:
        return told
    related = _listed_pair(left, right)
    if related and related.same:
        return related if told.same else Change(told.kind, told.same, 0.4)
    if related:
        return related
    classes = {vocabulary.verb_class(left.key), vocabulary.verb_class(right.key)}
    differ = len(classes) == 2 and "" not in classes
    if differ or everyday.related(left.key, right.key, "verb") == "apart":
        return Change("action", False, 0.9)
    return Change("other", None, 0.9)


def _change_of_time(left: Unit, right: Unit) -> Change:
    """What the auxiliaries and endings of one verb say."""
    if left.passive != right.passive:
        return Change("other", None, 0.3)
    times = {left.time, right.time}
    if len(times) == 2 and "any" not in times and times != {"bare", "present"}:
        # A caption's bare `running` may be of any time but the future.
        return Change("tense", None if "bare" in times and "future" not in times else False, 0.2)
    if {left.form, right.form} == {"base", "third"} and " " not in left.text + right.text:
        # `dogs bark`, `a dog barks`: agreement; with the same subject it may be a noun, `debate`, `debates`.
        return AGREEMENT
    aspects = {left.aspect, right.aspect}
    if len(aspects) == 2:
        return Change("tense", False if aspects == {"perfect", "progressive"} else None, 0.2)
    return SAME


def _content(left: Unit, right: Unit) -> Change:
    if left.key == right.key:
        if {left.form, right.form} == {"one", "many"}:
            return Change("number", False, 0.2)
        return SAME
    if related := _listed_pair(left, right):
        counted = {left.form, right.form} == {"one", "many"} and related.same
        return Change("number", False, 0.4) if counted else related
    kinds = vocabulary.attribute_class(left.key), vocabulary.attribute_class(right.key)
    if all(kinds):
        return Change("attribute", False, 0.8)
    nouns = vocabulary.noun_class(left.key), vocabulary.noun_class(right.key)
    if all(nouns) and not _is_cut(left.text, right.text):
        person_by_role = set(nouns) == {"person", "role"}
        unsure = person_by_role or vocabulary.is_wider(left.key, right.key)
        return Change("other", None, 0.9) if unsure else Change("entity", False, 0.9)
    are_adjectives = left.part == right.part == "adjective"
    is_told = are_adjectives and everyday.related(left.key, right.key, "adjective") == "apart"
    return Change("attribute", False, 0.8) if is_told else UNREAD


def _is_cut(left: str, right: str) -> bool:
    """Whether a word may be the other, mistyped: `fores` and `forest`."""
    short, long = sorted((left, right), key=len)
    return len(short) > 3 and long[:-1] == short


def _listed_pair(left: Unit, right: Unit) -> Change | None:
    """Synonym or opposite, by any list; None where neither."""
    words = lexicon.load()
    # As written, too: `unlocked` and `locked` are listed, `lock` is not. Auxiliaries stand before.
    written = left.text.split()[-1:], right.text.split()[-1:]
    for one, other in ((left.key, right.key), ("".join(written[0]), "".join(written[1]))):
        if frozenset((one, other)) in synonyms.opposites() or other in words.opposites.get(one, ()):
            return Change("antonym", False, 0.5)
        if one == other or synonyms.are_synonyms(one, other) or other in words.synonyms.get(one, ()):
            return Change("synonym", True, 0.3)
        if synonyms.are_opposites(one, other):
            return Change("antonym", False, 0.5)
    relation = everyday.related(left.key, right.key, left.part) if left.part == right.part else None
    if relation == "same":
        return Change("synonym", True, 0.3)
    # Of nouns a list calls opposites what are two people or things: man and woman.
    return Change("antonym", False, 0.5) if relation == "opposite" and left.part != "noun" else None
