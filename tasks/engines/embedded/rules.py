"""What the languages of a corpus say of its words: which carry no content, and which are forms of one word.

English has its list of function words in lexicon.yaml; other languages have theirs from stopwords-iso.
Stems are Snowball's.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.engines.embedded import lexicon, tokens
from tasks.engines.languages import LANGUAGES

LEAST_SHARE = 0.1
"""A language with fewer texts gives no rules: its function words may be content words of another."""


@dataclass(frozen=True)
class Rules:
    """The rules of the languages that a corpus is written in."""

    languages: tuple[str, ...] = ("en",)
    """Codes; the largest first."""

    @classmethod
    def of(cls, held: Mapping[str, float]) -> "Rules":
        """The rules for a corpus with these shares (0-1) of languages."""
        return cls(tuple(code for code, share in held.items() if code in LANGUAGES and share >= LEAST_SHARE))

    @functools.cached_property
    def function_words(self) -> frozenset[str]:
        """Casefolded words that carry no content of their own."""
        return frozenset().union(*map(_function_words, self.languages))

    def are_forms(self, one: str, other: str) -> bool:
        """Whether two words are inflections of one word in one of the languages."""
        return any(_stem(code, one) == _stem(code, other) for code in self.languages)

    def stems(self, word: str) -> set[tuple[str, str]]:
        """Its stem in each of the languages, with the code: words that share one are inflections."""
        return {(code, _stem(code, word)) for code in self.languages}

    def share_stem(self, words: Sequence[str], others: Sequence[str]) -> bool:
        """Whether some word of either is a form of one of the other."""
        return any(self.are_forms(one, other) for one in words for other in others)


@functools.cache
def _function_words(code: str) -> frozenset[str]:
    if code == "en":
        return lexicon.function_words()
    from stopwordsiso import has_lang, stopwords

    # What is cut into several words here ends with none of its own.
    said = (tokens.joined(word)[1:-1] for word in (stopwords(code) if has_lang(code) else ()))
    return frozenset(word for word in said if " " not in word)


@functools.lru_cache(maxsize=100_000)
def _stem(code: str, word: str) -> str:
    stemmer = _stemmer(code)
    return str(stemmer.stemWord(word)) if stemmer else word


@functools.cache
def _stemmer(code: str) -> Any:
    import snowballstemmer

    name = LANGUAGES[code].lower()
    return snowballstemmer.stemmer(name) if name in snowballstemmer.algorithms() else None
