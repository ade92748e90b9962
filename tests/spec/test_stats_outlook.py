"""sequential_outlook: a study's sizes in, how far its judging would go out."""

import numpy as np
import pytest

from tasks.stats.decisions import Rule
from tasks.stats.power import Outlook, sequential_outlook

RULE = Rule(alpha=0.05, min_effect=0.05)


def outlook(
    n: int = 1000, rows: int = 1, n_tests: int = 20, paired: bool = False, rule: Rule = RULE
) -> Outlook:
    """n texts of A and n of B, in documents of so many rows."""
    in_a = np.tile([True, False], n) if paired else np.repeat([True, False], n)
    document = np.arange(2 * n) // (2 if paired else rows)
    effects = [0, 0.05, 0.1, 0.2]
    return sequential_outlook(in_a, document, effects, rule, n_tests, n_draws=100, paired=paired)


def test_larger_differences_are_found_sooner_and_more_often() -> None:
    found = outlook()
    assert found.found[0] <= 0.03 and found.dropped[0] > 0.8
    assert (np.diff(found.found) >= 0).all() and found.found[-1] == 1
    assert found.n_texts[1] > found.n_texts[2] > found.n_texts[3]
    assert (found.n_texts <= 2000).all()


def test_one_among_many_takes_longer() -> None:
    few, many = outlook(n_tests=1), outlook(n_tests=1000)
    assert many.n_texts[3] > few.n_texts[3]
    assert many.found[1] < few.found[1]


def test_documents_of_texts_that_agree_count_as_one_text() -> None:
    together, few = outlook(1000, rows=10), outlook(100)
    assert together.found == pytest.approx(few.found, abs=0.15)
    assert together.n_texts[3] == pytest.approx(10 * few.n_texts[3], rel=0.15)


def test_pairs_are_judged_against_each_other() -> None:
    found = outlook(paired=True)
    assert found.found[0] <= 0.03 and found.found[-1] == 1


def test_the_same_seed_gives_the_same() -> None:
    one, two = outlook(200), outlook(200)
    assert np.array_equal(one.n_texts, two.n_texts) and np.array_equal(one.found, two.found)


def test_agrees_with_the_study_s_own_walk() -> None:
    """benchmarks.sequential_stopping, 0.1 on a base of 0.05: found in 0.99 of walks, some 490 texts.

    There eight of 40 are confirmed, and only together for as little evidence as one of five alone.
    """
    in_a = np.repeat([True, False], 2000)
    found = sequential_outlook(in_a, np.arange(4000), [0.0, 0.1], RULE, 5, base_share=0.05, n_draws=200)
    assert 0.7 * 490 < found.n_texts[1] < 490
    assert found.n_texts[0] == pytest.approx(460, rel=0.15)
    assert found.found[1] > 0.97


def test_one_group_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="both groups"):
        sequential_outlook(np.ones(4, dtype=bool), np.arange(4), [0.1], RULE, 1)
