"""Words, overlap and word order of two texts."""

import random

import pytest

from tasks.engines.pairs import lexical_overlap, word_order_similarity, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" ... !? ", []),
        ("A dog, a DOG.", ["a", "dog", "a", "dog"]),
        ("It's 3 o\u2019clock", ["it's", "3", "o\u2019clock"]),
        ("well-known (half)", ["well", "known", "half"]),
        ("Straße ÉTÉ", ["strasse", "été"]),
        ("e\u0301te\u0301", ["été"]),
        ("кошка И собака", ["кошка", "и", "собака"]),
        ("狗 咬", ["狗", "咬"]),
        ("a 🐕 runs", ["a", "runs"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("left", "right", "overlap", "order"),
    [
        ("", "", 1, 1),
        ("", "...", 1, 1),
        ("", "a", 0, 0),
        ("a dog bites a man", "A man bites a dog!", 1, 1 - 2 / 5),
        ("a b c d", "b c d", 3 / 4, 3 / 4),
        ("a b c d", "a x c d", 3 / 5, 3 / 4),
        ("a a a", "a", 1 / 3, 1 / 3),
        ("a b", "c d", 0, 0),
        ("kitten sitting on it", "on it", 2 / 4, 2 / 4),
    ],
)
def test_two_texts(left: str, right: str, overlap: float, order: float) -> None:
    for one, other in ((left, right), (right, left)):
        assert lexical_overlap([one], [other])[0] == pytest.approx(overlap)
        assert word_order_similarity([one], [other])[0] == pytest.approx(order)


def _distance(left: list[str], right: list[str]) -> int:
    """Levenshtein's recursion, a cell at a time."""
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        above, row = row, [i]
        for j, b in enumerate(right, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (a != b)))
    return row[-1]


def test_many_pairs_of_many_lengths_at_once() -> None:
    rng = random.Random(0)
    made = [rng.choices("abcd", k=rng.randrange(0, 12)) for _ in range(600)]
    left, right = made[:300], made[300:]
    similarity = word_order_similarity([" ".join(a) for a in left], [" ".join(b) for b in right])
    for a, b, found in zip(left, right, similarity, strict=True):
        assert found == pytest.approx(1 - _distance(a, b) / max(len(a), len(b), 1))


def test_no_pairs() -> None:
    assert lexical_overlap([], []).shape == word_order_similarity([], []).shape == (0,)


def test_as_many_left_as_right() -> None:
    for measure in (lexical_overlap, word_order_similarity):
        with pytest.raises(ValueError, match="argument 2"):
            measure(["a"], [])
