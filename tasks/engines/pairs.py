"""Two texts side by side: how many words they share, and how many stand in the same order.

Both are lexical. `lexical_overlap` does not see the order of words, so that a swap of roles leaves it at 1;
`word_order_similarity` does see it, and so is a reference that needs no encoder.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from rapidfuzz.distance import Levenshtein

from tasks.engines.embedded import tokens


def words(text: str) -> list[str]:
    """The text's casefolded words in order, without punctuation.

    A word keeps the apostrophe inside it; composed and decomposed accents are the same.
    """
    parts = tokens.joined(unicodedata.normalize("NFC", text)).split()
    return [part for part in parts if part[0].isalnum() or part[0] == "_"]


def lexical_overlap(left: Sequence[str], right: Sequence[str]) -> Float[np.ndarray, " pair"]:
    """Share of words in common, 0-1: Jaccard's index of the two multisets of words.

    1 for the same words in any order, and for two texts without words.

    Args:
        left: One text per pair.
        right: The other, as many.
    """
    bags = {text: Counter(words(text)) for text in {*left, *right}}
    pairs = ((bags[a], bags[b]) for a, b in zip(left, right, strict=True))
    return np.array([_jaccard(a, b) for a, b in pairs], dtype=np.float64)


def _jaccard(left: Counter[str], right: Counter[str]) -> float:
    union = (left | right).total()
    return (left & right).total() / union if union else 1.0


def word_order_similarity(left: Sequence[str], right: Sequence[str]) -> Float[np.ndarray, " pair"]:
    """One minus the word edit distance over the longer length, 0-1.

    Words are inserted, deleted or exchanged at a cost of 1 each (Levenshtein 1966). 1 for the same words
    in the same order, and for two texts without words.

    Args:
        left: One text per pair.
        right: The other, as many.
    """
    numbers: dict[str, int] = {}
    coded = {
        text: [numbers.setdefault(word, len(numbers)) for word in words(text)]
        for text in dict.fromkeys((*left, *right))
    }
    pairs = ((coded[a], coded[b]) for a, b in zip(left, right, strict=True))
    return np.array([Levenshtein.normalized_similarity(a, b) for a, b in pairs], dtype=np.float64)
