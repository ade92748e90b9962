"""Two texts side by side: how many words they share, and how many stand in the same order.

Both are lexical. `lexical_overlap` does not see the order of words, so that a swap of roles leaves it at 1;
`word_order_similarity` does see it, and so is a reference that needs no encoder.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from tasks.engines.embedded import tokens

CELLS = 1_000_000
"""Numbers held for one step of the edit distances: pairs x words."""


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
    in the same order, and for two texts without words. Time grows with the product of the two lengths.

    Args:
        left: One text per pair.
        right: The other, as many.
    """
    numbers: dict[str, int] = {}
    coded = {
        text: [numbers.setdefault(word, len(numbers)) for word in words(text)]
        for text in dict.fromkeys((*left, *right))
    }
    pairs = [(coded[a], coded[b]) for a, b in zip(left, right, strict=True)]
    lengths = np.array([(len(a), len(b)) for a, b in pairs], dtype=np.int64).reshape(-1, 2)
    longest = lengths.max(axis=1, initial=0)
    distance = np.zeros(len(pairs))
    # Pairs of about one length together: little is padded.
    order = np.argsort(longest, kind="stable")[::-1]
    start = 0
    while start < len(order):
        part = order[start : start + max(1, CELLS // (int(longest[order[start]]) + 1))]
        distance[part] = _distances([pairs[k] for k in part], lengths[part])
        start += len(part)
    similarity: np.ndarray = 1 - distance / np.maximum(longest, 1)
    return similarity


def _distances(
    pairs: Sequence[tuple[list[int], list[int]]], lengths: Int[np.ndarray, "pair 2"]
) -> Int[np.ndarray, " pair"]:
    """Edit distances of all pairs at once, one word of the left texts per step."""
    left = _padded([a for a, _ in pairs], -1)
    right = _padded([b for _, b in pairs], -2)
    each = np.arange(len(pairs))
    column = np.arange(right.shape[1] + 1, dtype=np.int32)
    row = np.tile(column, (len(pairs), 1))
    found = lengths[:, 1].copy()  # right for every left text without words
    for i in range(left.shape[1]):
        best = np.empty_like(row)
        best[:, 0] = i + 1
        np.minimum(row[:, 1:] + 1, row[:, :-1] + (left[:, i, None] != right), out=best[:, 1:])
        # Insertions run along the row: the least of best[k] + (j - k) over k <= j.
        row = np.minimum.accumulate(best - column, axis=1) + column
        done = lengths[:, 0] == i + 1
        found[done] = row[each[done], lengths[done, 1]]
    return found


def _padded(rows: Sequence[Sequence[int]], fill: int) -> Int[np.ndarray, "pair word"]:
    padded = np.full((len(rows), max(map(len, rows))), fill, dtype=np.int32)
    for k, row in enumerate(rows):
        padded[k, : len(row)] = row
    return padded
