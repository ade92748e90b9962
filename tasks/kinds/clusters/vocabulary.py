"""Which words a text has: what the model explains, and which of them a predicate is made of.

A word is what `engines/embedded/tokens` takes for one, casefolded, if it has a letter: scripts without blanks
(Chinese, Thai) are cut by the dictionaries of ICU. A text has a word or has it not: words come in bursts, and
the tenth `goal` of a text says little that the first did not.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int

from tasks.engines import languages
from tasks.engines.embedded import tokens, tone
from tasks.engines.embedded.definitions import pattern_fault
from tasks.engines.embedded.programs import programs
from tasks.engines.embedded.rules import Rules
from tasks.errors import CorpusError

LEAST_DOCUMENTS = 3
"""What is in fewer says nothing of new texts."""
SILENT = frozenset(("exemplars", "encoder", "vector", "kind", "basis", "among"))
"""Keys of a definition that hold no words that it looks for."""


@dataclass(frozen=True)
class Vocabulary:
    """The words of a model, those in most documents first."""

    words: tuple[str, ...]
    languages: tuple[str, ...]
    """Codes of what the texts are written in: by their rules inflections are told."""

    @cached_property
    def place(self) -> dict[str, int]:
        """Word -> its column."""
        return {word: i for i, word in enumerate(self.words)}

    def held(self, texts: Sequence[str]) -> Any:
        """SciPy csr array, text x word, of 0 and 1: which words each text has."""
        return _held(self.words, tuple(texts))

    def parted(self, texts: Sequence[str]) -> tuple[Any, Any]:
        """The same of the first half of each text's distinct words, and of the second."""
        found = _found(self.words, tuple(texts))
        first = [row[: len(row) // 2] for row in found]
        second = [row[len(row) // 2 :] for row in found]
        return _table(first, len(self.words)), _table(second, len(self.words))

    def own(self, predicate: str, definition: str) -> tuple[int, ...]:
        """Columns of the words that a predicate is made of, and of their inflections.

        Args:
            predicate: every word of the sentence is one.
            definition: JSON of the embedded engine, of which all words it names are, those that its pattern
                matches, and the list that its program or tone goes by; or any other text.
        """
        said = set(said_in(predicate))
        try:
            read = json.loads(definition)
        except ValueError:
            said.update(said_in(definition))
            return self._forms(said)
        for key, value in _strings(read):
            said.update(said_in(value))
            if key == "pattern":
                said |= self._matching(value)
            elif key == "program" and value in programs():
                said |= self._matching(programs()[value].pattern)
            elif key == "pole":
                said |= tone.known_words()
        return self._forms(said)

    def _matching(self, pattern: str) -> set[str]:
        if pattern_fault(pattern):
            return set()
        # Texts may have them with a capital, and patterns go by it.
        plain = pl.Series(self.words, dtype=pl.String)
        is_found = plain.str.contains(pattern) | plain.str.to_titlecase().str.contains(pattern)
        return set(plain.filter(is_found | plain.str.to_uppercase().str.contains(pattern)).to_list())

    def _forms(self, said: set[str]) -> tuple[int, ...]:
        stems = {stem for word in said for stem in self._stems(word)}
        return tuple(
            i
            for i, of_word in enumerate(self._stemmed)
            if self.words[i] in said or not stems.isdisjoint(of_word)
        )

    @cached_property
    def _stemmed(self) -> list[frozenset[tuple[str, str]]]:
        return [self._stems(word) for word in self.words]

    def _stems(self, word: str) -> frozenset[tuple[str, str]]:
        return frozenset(Rules(self.languages).stems(word))


def of_texts(texts: Sequence[str], document: Int[np.ndarray, " text"], most: int) -> Vocabulary:
    """The words of these texts, at most so many.

    Args:
        texts: of the exploration half.
        document: of each, by number.
        most: words.

    Raises:
        CorpusError: no word is in enough documents.
    """
    seen: Counter[str] = Counter()
    of_document: dict[int, set[str]] = {}
    for text, number in zip(texts, document.tolist(), strict=True):
        of_document.setdefault(number, set()).update(said_in(text))
    for said in of_document.values():
        seen.update(said)
    kept = sorted(
        (word for word, n in seen.items() if n >= LEAST_DOCUMENTS), key=lambda word: (-seen[word], word)
    )
    if len(kept) < 2:
        raise CorpusError(
            f"clusters: wanted words in {LEAST_DOCUMENTS} documents or more of the exploration half, "
            f"to be explained by themes, got {len(kept)} in {len(of_document)} documents. Bring more texts."
        )
    held = languages.shares(sorted(set(texts)))
    return Vocabulary(tuple(kept[:most]), Rules.of(held).languages)


@lru_cache(maxsize=200_000)
def said_in(text: str) -> tuple[str, ...]:
    """The distinct words of a text, in the order in which they come."""
    said = dict.fromkeys(tokens.joined(text).split(" "))
    return tuple(word for word in said if any(map(str.isalpha, word)))


@lru_cache(maxsize=8)
def _found(words: tuple[str, ...], texts: tuple[str, ...]) -> list[list[int]]:
    """Of each text the columns of its words, in the order in which they come."""
    place = {word: i for i, word in enumerate(words)}
    return [[place[word] for word in said_in(text) if word in place] for text in texts]


@lru_cache(maxsize=8)
def _held(words: tuple[str, ...], texts: tuple[str, ...]) -> Any:
    return _table(_found(words, texts), len(words))


def _table(rows: Sequence[Sequence[int]], n_words: int) -> Any:
    from scipy import sparse

    column = np.array([i for row in rows for i in row], dtype=np.int64)
    start = np.concatenate([[0], np.cumsum([len(row) for row in rows], dtype=np.int64)])
    table = sparse.csr_array((np.ones(column.size), column, start), shape=(len(rows), n_words))
    table.sort_indices()
    return table


def _strings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a definition, with the key it stands under."""
    if isinstance(value, str) and key not in SILENT:
        yield key, value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _strings(one, name)
    elif isinstance(value, list) and key not in SILENT:
        for one in value:
            yield from _strings(one, key)
