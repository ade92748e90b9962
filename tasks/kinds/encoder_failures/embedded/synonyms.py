"""Common English words that mean the same, and words that mean the opposite (synonyms.yaml).

What is not listed here cannot be told, and `edits.py` says so.
"""

import functools
from collections.abc import Mapping

from tasks.engines.embedded import wordlists

_DENYING = ("un", "non")


def rows(part: str) -> list[list[str]]:
    """The groups of synonyms of a part of speech: adjectives, verbs or nouns."""
    return [line.split() for line in wordlists.yaml_beside(__file__)[part].splitlines()]


@functools.cache
def groups() -> Mapping[str, frozenset[int]]:
    """Word -> the groups of synonyms it stands in, by number."""
    found: dict[str, set[int]] = {}
    for at, group in enumerate(row for part in ("adjectives", "verbs", "nouns") for row in rows(part)):
        for word in group:
            found.setdefault(word, set()).add(at)
    return {word: frozenset(numbers) for word, numbers in found.items()}


@functools.cache
def opposites() -> frozenset[frozenset[str]]:
    """The pairs that are listed as opposites."""
    return frozenset(
        frozenset(pair.split("/")) for pair in wordlists.yaml_beside(__file__)["opposites"].split()
    )


def are_synonyms(left: str, right: str) -> bool:
    """Whether a row lists both."""
    return left == right or bool(groups().get(left, frozenset()) & groups().get(right, frozenset()))


def are_opposites(left: str, right: str) -> bool:
    """Whether they are listed as opposites, directly or by a synonym of one, or formed as opposites."""
    if frozenset((left, right)) in opposites():
        return True
    short, long = sorted((left, right), key=len)
    if len(short) > 3 and any(long == prefix + short for prefix in _DENYING):
        return True
    return frozenset((left, right)) in _opposites_by_synonym() or any(
        one.endswith("less") and other.endswith("ful") and one[:-4] == other[:-3]
        for one, other in ((left, right), (right, left))
    )


@functools.cache
def _opposites_by_synonym() -> frozenset[frozenset[str]]:
    """Opposites of a word's synonyms: cheerful and sad, by happy and sad."""
    members: dict[int, list[str]] = {}
    for word, numbers in groups().items():
        for at in numbers:
            members.setdefault(at, []).append(word)
    found = {
        frozenset((like, other))
        for pair in opposites()
        for one, other in (tuple(pair), tuple(pair)[::-1])
        for at in groups().get(one, ())
        for like in members[at]
        if not are_synonyms(like, other)
    }
    return frozenset(found)
