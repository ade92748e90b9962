"""Differences were documents to change places: moments by every permutation, p by many, few documents."""

import itertools

import numpy as np
import pytest
from scipy import stats

from tasks.stats.documents import DocumentSums, document_sums
from tasks.stats.exchanged import mean_difference_permutation_pearson3

SCORE = np.array([1, 1, 0, 1, 1, 0, 0, 0, 1, 0, 1, 0], dtype=float)[:, None]
DOCUMENT = np.array([0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 5])


def sums(score: np.ndarray, in_a: np.ndarray, document: np.ndarray) -> DocumentSums:
    return document_sums(score, in_a.astype(bool), document)


def test_moments_are_those_of_all_permutations_of_documents() -> None:
    in_a = np.isin(DOCUMENT, [0, 3])
    mean = np.array([SCORE[d == DOCUMENT].mean() for d in range(6)])
    rows = np.bincount(DOCUMENT)
    pull = np.where(np.isin(range(6), [0, 3]), rows / in_a.sum(), -rows / (~in_a).sum())
    dealt = np.array([pull @ mean[list(order)] for order in itertools.permutations(range(6))])
    value = SCORE[in_a].mean() - SCORE[~in_a].mean()
    curve = stats.pearson3(stats.skew(dealt), 0, dealt.std())
    _, _, p = mean_difference_permutation_pearson3(sums(SCORE, in_a, DOCUMENT), 0.95)
    assert p[0] == pytest.approx(curve.sf(abs(value)) + curve.cdf(-abs(value)))


def test_documents_in_both_groups_change_the_sign_of_their_difference() -> None:
    rng = np.random.default_rng(0)
    document = np.repeat(np.arange(40), 2)
    in_a = np.tile([1, 0], 40)
    score = (rng.random((80, 1)) < np.where(in_a, 0.7, 0.4)[:, None]).astype(float)
    apart = score[::2, 0] - score[1::2, 0]
    _, _, p = mean_difference_permutation_pearson3(sums(score, in_a, document), 0.95)
    # McNemar's statistic without a correction.
    assert p[0] == pytest.approx(2 * stats.norm.sf(abs(apart.sum()) / np.sqrt((apart**2).sum())))


def test_few_documents_that_agree_prove_nothing_beside_many_that_nearly_do() -> None:
    document = np.repeat(np.arange(70), 10)
    in_a = document < 8
    score = np.where(document >= 60, 0.0, 1.0)[:, None]
    lo, hi, p = mean_difference_permutation_pearson3(sums(score, in_a, document), 0.95)
    assert p[0] > 0.2 and lo[0] < 0 < hi[0]


def test_the_interval_ends_at_nothing_where_p_is_one_in_twenty_and_sides_may_be_swapped() -> None:
    rng = np.random.default_rng(1)
    document, in_a = rng.integers(0, 30, 200), rng.random(200) < 0.4
    score = (rng.random((200, 50)) < 0.3 + 0.15 * in_a[:, None]).astype(float)
    lo, hi, p = mean_difference_permutation_pearson3(sums(score, in_a, document), 0.95)
    assert 0 < (p < 0.05).sum() < 50
    assert (((lo > 0) | (hi < 0)) <= (p < 0.05)).all()
    other_lo, other_hi, other_p = mean_difference_permutation_pearson3(sums(score, ~in_a, document), 0.95)
    np.testing.assert_allclose((other_lo, other_hi, other_p), (-hi, -lo, p), atol=1e-12)


@pytest.mark.parametrize(
    ("score", "in_a", "document", "wanted"),
    [
        ([1, 0, 1], [1, 0, 0], [0, 1, 1], (-1, 1, 1)),
        ([1, 1, 1, 1], [1, 0, 0, 0], [0, 1, 2, 3], (0, 0, 1)),
        ([1, 0, 1, 0], [1, 1, 1, 1], [0, 1, 2, 3], (-1, 1, 1)),
    ],
    ids=["two documents", "all alike", "no row of B"],
)
def test_where_nothing_can_be_told_p_is_one(
    score: list[int], in_a: list[int], document: list[int], wanted: tuple[float, float, float]
) -> None:
    of = sums(np.array(score, dtype=float)[:, None], np.array(in_a), np.array(document))
    found = mean_difference_permutation_pearson3(of, 0.95)
    assert tuple(float(one[0]) for one in found) == wanted
