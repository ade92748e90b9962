"""Questions with known answers: nobody who looks at half of one can know more than half of the answers."""

import numpy as np
import pytest

from tasks.engines.llm.marking import auroc, balanced_accuracy
from tasks.engines.llm.planting import MAX_CHARS, Planter, bank
from tasks.errors import CorpusError
from tests.conftest import sentences
from tests.planted import truth

TEXTS = sentences(60, 0.3, 1)


@pytest.mark.parametrize("size", [4, 8])
def test_texts_and_predicates_are_crossed(size: int) -> None:
    sheet = Planter(TEXTS, 0, size).planted(0, size)
    assert sheet.truth.shape == (size, size) == (sheet.texts.height, len(sheet.predicates))
    assert (sheet.truth.sum(axis=0) == size // 2).all(), "each predicate is true of half of the texts"
    assert (sheet.truth.sum(axis=1) == size // 2).all(), "half of the predicates are true of each text"
    for row, text in enumerate(sheet.texts["text"]):
        said = [truth(predicate.predicate, text) for predicate in sheet.predicates]
        assert said == sheet.truth[row].tolist()
    assert sheet.texts["text_id"].n_unique() == size
    assert ((sheet.place >= 0) == sheet.truth).all()
    assert set(sheet.place[sheet.truth]) == {0, 1, 2}, "at the start, in the middle and at the end"


def test_of_two_texts_one_holds_the_sentence_each_as_often() -> None:
    sheet = Planter(TEXTS, 0, 4, paired=True).planted(0, 4)
    assert sheet.texts["group"].to_list() == ["A", "B"] * 4
    assert (sheet.truth[::2] == ~sheet.truth[1::2]).all()
    assert (sheet.truth[::2].sum(axis=0) == 2).all() and (sheet.truth[::2].sum(axis=1) == 2).all()


def test_what_the_corpus_holds_is_not_planted() -> None:
    first = Planter(TEXTS, 0, 8).planted(0, 8)
    taken = {predicate.predicate for predicate in first.predicates}
    words = [one.sentences[0] for one in bank() if one.predicate in taken]
    held = [f"{text} {words[i % len(words)]}" for i, text in enumerate(TEXTS)]
    other = Planter(held, 0, 8).planted(0, 8)
    assert not taken & {predicate.predicate for predicate in other.predicates}


def test_a_corpus_that_holds_everything_is_an_error() -> None:
    everything = " ".join(one.sentences[0] for one in bank())
    with pytest.raises(CorpusError, match="free of what a judge would be asked"):
        Planter([everything], 0, 16)


def test_the_same_seed_asks_the_same_whatever_the_order_of_the_texts() -> None:
    asked = ((TEXTS, 0), (TEXTS[::-1], 0), (TEXTS, 1))
    one, other, third = (Planter(texts, seed, 4).planted(0, 4).texts for texts, seed in asked)
    assert one.equals(other) and not one.equals(third)


def test_long_texts_are_cut_before_anything_is_planted() -> None:
    long = [f"{text} {'word ' * 2000}" for text in TEXTS]
    sheet = Planter(long, 0, 4).planted(0, 4)
    for row, text in enumerate(sheet.texts["text"]):
        assert MAX_CHARS < len(text) < MAX_CHARS + 300
        assert [truth(p.predicate, text) for p in sheet.predicates] == sheet.truth[row].tolist()


def test_no_sentence_of_the_bank_makes_another_predicate_true() -> None:
    assert len({one.predicate for one in bank()}) == len(bank()) == 24
    for one in bank():
        assert len(one.sentences) == 3
        for sentence in one.sentences:
            found = {other.predicate for other in bank() if other.words.search(sentence)}
            assert found == {one.predicate}, sentence


@pytest.mark.parametrize(
    ("counts", "passes"),
    [((32, 32, 0, 32), True), ((32, 32, 32, 32), False), ((0, 32, 0, 32), False), ((20, 32, 12, 32), False),
     ((26, 32, 10, 32), True)],
)  # fmt: skip
def test_balanced_accuracy_and_its_ends(counts: tuple[int, int, int, int], passes: bool) -> None:
    mean, lo, hi = balanced_accuracy(*counts)
    assert mean is not None and lo is not None and hi is not None
    k_true, n_true, k_false, n_false = counts
    assert mean == pytest.approx((k_true / n_true + 1 - k_false / n_false) / 2, abs=1e-4)
    assert 0 <= lo <= mean <= hi <= 1 and (lo > 0.5) is passes


def test_newcombes_interval_of_a_published_example() -> None:
    """Newcombe (1998), table II, method 10: 56/70 against 48/80 differ by 0.0524 to 0.3339 (95 %)."""
    from tasks.engines.llm import marking

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(marking, "LEVEL", 0.95)
        _, lo, hi = balanced_accuracy(56, 70, 48, 80)
    assert (2 * lo - 1, 2 * hi - 1) == pytest.approx((0.0524, 0.3339), abs=2e-4)  # type: ignore[operator]


def test_auroc_counts_ties_half() -> None:
    held = np.array([True, True, False, False])
    assert auroc(held, np.array([0.9, 0.8, 0.2, 0.1])) == 1.0
    assert auroc(held, np.array([1.0, 0.0, 0.0, 0.0])) == 0.75
    assert auroc(held, np.array([0.5, 0.5, 0.5, 0.5])) == 0.5
    assert auroc(held[:2], np.array([0.5, 0.5])) is None
