"""Words of inputs: which hold what an explanation lists, and how near they are by words."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from tasks.engines.embedded.tokens import BREAK, joined_all

_AT_ONCE = 64
"""Inputs whose cosines with all others are computed together."""


def listed(explanation: str) -> list[str]:
    """The words or phrases that an explanation lists."""
    return [one for one in (part.strip() for part in explanation.split(",")) if one]


class Index:
    """Which inputs hold a word or phrase: whole words, whatever their case."""

    def __init__(self, joined: Sequence[str]) -> None:
        self._joined = joined
        self._at: dict[str, list[int]] = {}
        for i, text in enumerate(self._joined):
            for word in set(text.split()):
                self._at.setdefault(word, []).append(i)

    def holding(self, phrases: Sequence[str]) -> Bool[np.ndarray, " input"]:
        """The inputs with one of these."""
        held = np.zeros(len(self._joined), dtype=bool)
        for phrase in joined_all(phrases):
            held[self._with(phrase)] = True
        return held

    def _with(self, phrase: str) -> Int[np.ndarray, " held"]:
        words = phrase.split()
        if all(word == BREAK for word in words):
            return np.empty(0, dtype=np.int64)
        rarest = min((self._at.get(word, []) for word in words), key=len)
        return np.array([i for i in rarest if phrase in self._joined[i]], dtype=np.int64)


class Weighed:
    """Words of inputs, rare ones counting more (TF-IDF)."""

    def __init__(self, joined: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._rows = TfidfVectorizer(analyzer=str.split).fit_transform(joined)
        self._turned = self._rows.T.tocsr()
        self._start, self._block = 0, np.empty((0, len(joined)))

    def near(self, at: int) -> Float[np.ndarray, " input"]:
        """The cosine of every input with one of them; cheap where they are asked for in their order."""
        if not self._start <= at < self._start + len(self._block):
            self._start = at
            self._block = (self._rows[at : at + _AT_ONCE] @ self._turned).toarray()
        return np.asarray(self._block[at - self._start])
