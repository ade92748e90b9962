"""Gains by documents, their e-value, and intervals of resamples."""

import numpy as np
import pytest
from scipy import stats

from tasks.stats.gains import association, document_mass, gains, log_evalue
from tasks.stats.resampled import interval, weights_by_document

NAN = float("nan")


def test_a_document_counts_once_and_gaps_are_left_out() -> None:
    full = np.array([1.0, 3.0, 0.0, 2.0, 5.0])
    without = np.array([[0, 0], [0, NAN], [1, 1], [1, 0], [0, NAN]], dtype=float)
    document = np.array([7, 7, 8, 9, 10])
    found = gains(full, without, document, 0.95)
    assert found.mean == pytest.approx([np.mean([2, -1, 1, 5]), np.mean([1, -1, 2])])
    assert found.n_documents.tolist() == [4, 3]
    test = stats.ttest_1samp([2, -1, 1, 5], 0, alternative="greater")
    assert found.p[0] == pytest.approx(test.pvalue)
    ends = stats.ttest_1samp([2, -1, 1, 5], 0).confidence_interval(0.95)
    assert (found.lo[0], found.hi[0]) == pytest.approx((ends.low, ends.high))
    of_each = gains(np.column_stack([full, full]), without, document, 0.95)
    assert of_each.p == pytest.approx(found.p)


def test_a_variance_that_the_model_expects_is_the_least() -> None:
    full, without = np.full(50, 0.011), np.zeros((50, 1))
    full[::2] -= 0.002
    document = np.arange(50)
    assert gains(full, without, document, 0.95).p[0] < 1e-9
    least = gains(full, without, document, 0.95, np.full((50, 1), 0.04))
    assert least.p[0] == pytest.approx(stats.t.sf(0.01 / np.sqrt(0.04 / 50), 49), rel=0.02)
    alike = gains(full, without, document // 2 * 0 + document // 10, 0.95, np.full((50, 1), 0.04))
    assert alike.p[0] > 0.1
    assert gains(full, without, document, 0.95, np.full((50, 1), 1e-9)).p[0] < 1e-9


def test_texts_of_a_document_that_are_one_are_no_more_than_one() -> None:
    full = np.random.default_rng(1).normal(0.3, 1, 40)
    one = gains(full, np.zeros((40, 1)), np.arange(40), 0.9, np.full((40, 1), 2.0))
    copies = gains(
        np.repeat(full, 5), np.zeros((200, 1)), np.repeat(np.arange(40), 5), 0.9, np.full((200, 1), 2.0)
    )
    for name in ("mean", "lo", "hi", "p"):
        assert getattr(copies, name) == pytest.approx(getattr(one, name), rel=0.03)


def test_too_few_documents_or_no_difference_tell_nothing() -> None:
    two = gains(np.array([1.0, 2.0]), np.zeros((2, 1)), np.array([0, 1]), 0.95)
    assert (two.p[0], two.lo[0], two.hi[0]) == (1, -np.inf, np.inf)
    assert gains(np.ones(9), np.ones((9, 1)), np.arange(9), 0.95).p[0] == 1
    none = gains(np.ones(9), np.full((9, 1), NAN), np.arange(9), 0.95)
    assert np.isnan(none.mean[0])
    assert none.p[0] == 1
    with pytest.raises(ValueError, match="level"):
        gains(np.ones(9), np.ones((9, 1)), np.arange(9), 1.0)
    with pytest.raises(ValueError, match="wanted full"):
        gains(np.ones(8), np.ones((9, 1)), np.arange(9), 0.95)


def test_the_evalue_adds_up_documents() -> None:
    full, without = np.array([3.0, 1.0, 0.0, 9.0]), np.array([[1.0], [1.0], [2.0], [NAN]])
    found = log_evalue(full, without, np.array([0, 0, 1, 1]))
    assert found == pytest.approx([np.log(2) * (1 - 2)])
    assert document_mass(np.array([5, 5, 2, 5])) == pytest.approx([1 / 3, 1 / 3, 1, 1 / 3])


def test_resamples_draw_whole_documents() -> None:
    document = np.array([3, 3, 1, 8, 8, 8])
    drawn = weights_by_document(document, 500, np.random.default_rng(0))
    assert drawn.shape == (500, 6)
    assert (drawn[:, 0] == drawn[:, 1]).all()
    assert (drawn[:, [0, 2, 3]].sum(axis=1) == 3).all()
    assert drawn.mean(axis=0) == pytest.approx(1, abs=0.15)


def test_the_interval_is_as_wide_as_resamples_differ_or_the_model_expects() -> None:
    draws = np.array([[0.0, 1.0], [2.0, 1.0]])
    lo, hi = interval(draws, np.array([1.0, 1.0]), 0.95, np.array([0.1, 0.5]))
    assert hi - 1 == pytest.approx(stats.norm.ppf(0.975) * np.array([np.sqrt(2), 0.5]))
    assert 1 - lo == pytest.approx(hi - 1)


def test_what_verdicts_say_must_go_with_them_whatever_the_documents_are_like() -> None:
    """Documents of several texts, alike inside: verdicts dealt out between documents are found seldom."""
    rng, n = np.random.default_rng(5), 400
    document = np.repeat(np.arange(60), rng.integers(1, 6, 60))
    told = rng.standard_t(3, 60)[document, None] + rng.normal(size=(len(document), n))
    chance = (rng.random((60, n)) < 0.3)[document].astype(float)
    p = association(chance, np.broadcast_to(told, chance.shape), document)
    assert (p < 0.05).mean() < 0.08
    true = (told[:, :5] > 0.5).astype(float)
    assert association(true, told[:, :5], document).max() < 0.001


def test_what_does_not_vary_is_not_found() -> None:
    document = np.arange(6)
    nothing = np.array([[np.nan, 1.0, 0.0]] * 6)
    assert association(nothing, np.arange(18.0).reshape(6, 3), document).tolist() == [1.0, 1.0, 1.0]
