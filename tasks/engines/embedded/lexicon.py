"""Closed classes of English (lexicon.yaml): function words, negations, hedges and others."""

import functools

from tasks.engines.embedded import wordlists


@functools.cache
def function_words() -> frozenset[str]:
    """Words that carry no content of their own."""
    return frozenset(listed("function_words"))


def listed(name: str) -> tuple[str, ...]:
    """The words of one of the lists, in order, once each."""
    return wordlists.words(wordlists.yaml_beside(__file__)[name])
