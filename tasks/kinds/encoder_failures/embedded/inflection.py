"""English forms by rule, for the words of lexicon.yaml: plural, verb forms, article.

Rules with the exceptions that these lists need, no model of English: a new word is checked by reading
`forms` of it once.
"""

import functools
import re
from collections.abc import Mapping

from tasks.engines.embedded import wordlists

_STRESSED_END = {"begin", "outrun", "unwrap"}
_VOWELS = "aeiou"
_SOUNDED = re.compile(r"(?!uni(?![nm])|us[ei]|eu|one\b)[aeiou]|hour|honest|honou?r|heir", re.IGNORECASE)
"""Starts with a vowel sound: `an umbrella` and `an honest man`, but `a unicorn` and `a useful box`."""


def plural(noun: str) -> str:
    """The plural of a singular noun; of several words the last one changes."""
    head, space, last = noun.rpartition(" ")
    return head + space + (plurals().get(last) or _with_s(last))


@functools.cache
def plurals() -> Mapping[str, str]:
    """Singular -> plural, of nouns that no rule inflects."""
    found: Mapping[str, str] = wordlists.yaml_beside(__file__)["plurals"]
    return found


def article(word: str) -> str:
    """`a` or `an`, by how the next word starts."""
    return "an" if _SOUNDED.match(word) else "a"


def verb_forms(base: str) -> tuple[str, str, str, str, str]:
    """Base, third person, past, participle and -ing form."""
    regular = base[:-1] + "ied" if _ends_cy(base) else _stem(base) + "ed"
    past, participle = irregular_verbs().get(base, (regular, regular))
    ing = base[:-2] + "ying" if base.endswith("ie") else _stem(base) + "ing"
    return base, _with_s(base), past, participle, ing


@functools.cache
def irregular_verbs() -> Mapping[str, tuple[str, str]]:
    """Base -> past and participle, of verbs that no rule inflects."""
    entries = (entry.split(":") for entry in wordlists.yaml_beside(__file__)["irregular_verbs"].split())
    return {base: (past, participle) for base, past, participle in entries}


def _with_s(word: str) -> str:
    if _ends_cy(word):
        return word[:-1] + "ies"
    return word + ("es" if re.search(r"(?:s|x|z|ch|sh)$", word) else "s")


def _ends_cy(word: str) -> bool:
    return word.endswith("y") and word[-2:-1] not in _VOWELS


def _stem(verb: str) -> str:
    """What -ed and -ing are put to: `chas`, `grabb`, `lift`."""
    if verb.endswith("e"):
        return verb[:-1]
    ends_doubled = verb in _STRESSED_END or re.fullmatch(r"(?:qu|[^aeiou])*[aeiou][^aeiouwxy]", verb)
    return verb + verb[-1] if ends_doubled else verb
