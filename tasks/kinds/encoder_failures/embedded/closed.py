"""Closed classes of English (closed.yaml): negation, amounts, numbers, prepositions, auxiliaries, fillers."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.engines.embedded import wordlists
from tasks.engines.embedded.wordlists import groups, words

_SETS = (
    "negations", "unsaid", "symmetric", "conjunctions", "articles", "fillers", "not_adverbs", "owners",
    "present_be", "past_be", "future", "modals",
)  # fmt: skip
"""Classes that closed.yaml lists as they are."""


@dataclass(frozen=True)
class Closed:
    """All closed classes; closed.yaml says what each is."""

    negations: frozenset[str]
    denied: Mapping[str, str]
    somebody: Mapping[str, str]
    numbers: Mapping[str, int]
    phrases: Mapping[tuple[str, ...], tuple[str, str]]
    """Every listed phrase, word by word, with its class and its key; articles count as words."""
    unsaid: frozenset[str]
    loose: frozenset[frozenset[str]]
    """Pairs of keys."""
    symmetric: frozenset[str]
    conjunctions: frozenset[str]
    articles: frozenset[str]
    fillers: frozenset[str]
    not_adverbs: frozenset[str]
    owners: frozenset[str]
    present_be: frozenset[str]
    past_be: frozenset[str]
    be: frozenset[str]
    """Every form of be."""
    have: Mapping[str, str]
    do: Mapping[str, str]
    future: frozenset[str]
    modals: frozenset[str]
    auxiliaries: frozenset[str]
    """All forms of be, have and do, words of the future, modal verbs."""


@functools.cache
def load() -> Closed:
    """The closed classes, read once per process."""
    lists = wordlists.yaml_beside(__file__)
    own = {name: frozenset(lists[name].split()) for name in _SETS}
    be = own["present_be"] | own["past_be"] | frozenset(lists["other_be"].split())
    return Closed(
        **own,
        denied=lists["denied"],
        somebody=lists["somebody"],
        numbers={word: value for value, word in enumerate(words(lists["counted"]))} | lists["numbers"],
        phrases=_phrases(lists),
        loose=frozenset(frozenset(map(key, pair)) for pair in groups(lists["loose"])),
        be=be,
        have=lists["have"],
        do=lists["do"],
        auxiliaries=be.union(lists["have"], lists["do"], own["future"], own["modals"]),
    )


def key(phrase: str) -> str:
    """A phrase as one word: what units of closed classes are called by."""
    return phrase.replace(" ", "_")


def _phrases(lists: Mapping[str, Any]) -> dict[tuple[str, ...], tuple[str, str]]:
    found: dict[tuple[str, ...], tuple[str, str]] = {}
    for group in groups(lists["prepositions"]):
        found |= {tuple(phrase.split()): ("preposition", key(group[0])) for phrase in group}
    for amount, phrases in lists["amounts"].items():
        name = lists["same_amount"].get(amount, amount)
        found |= {tuple(phrase.split()): ("amount", name) for phrase in words(phrases)}
    for frame in words(lists["frames"]):
        found |= {(*frame.split(), "of"): ("frame", "photo")}
    found |= {("with", "no"): ("denied", "with"), ("without", "any"): ("denied", "with")}
    found |= {("not", "any"): ("negation", "not"), ("no", "longer"): ("negation", "not")}
    found |= {("going", "to"): ("auxiliary", "going_to"), ("about", "to"): ("auxiliary", "about_to")}
    return found
