"""Which texts go to the dear judge, with what chance, and that nothing is biased by the choice."""

import itertools

import numpy as np
import pytest

from tasks.stats.prediction_powered import difference_ppi, difference_sampled
from tasks.stats.sampling import (
    mean_difference_estimate_aipw,
    sampled,
    sampling_probabilities,
    scores_rectified,
    verdict_uncertainty,
)

NONE = np.nan


def test_unsure_is_in_the_middle() -> None:
    assert verdict_uncertainty(np.array([0, 1, 0.5, 0.1, NONE])) == pytest.approx([0, 0, 0.5, 0.3, 0.5])


@pytest.mark.parametrize(
    ("uncertainty", "n_gold", "uniform", "expected"),
    [
        ([1, 0, 0], 1, 0.5, [2 / 3, 1 / 6, 1 / 6]),
        ([1, 1, 1, 1], 2, 0.5, [0.5] * 4),
        ([0, 0, 0, 0], 1, 0.5, [0.25] * 4),
        ([3, 1], 1, 1.0, [0.5, 0.5]),
        ([1, 2], 5, 0.5, [1, 1]),
        # The first would have 1.25: the quarter over goes to the others.
        ([1, 0, 0], 2, 0.25, [1, 0.5, 0.5]),
    ],
)
def test_chances(uncertainty: list[float], n_gold: float, uniform: float, expected: list[float]) -> None:
    found = sampling_probabilities(np.array(uncertainty, dtype=float), n_gold, uniform)
    assert found == pytest.approx(expected)


def test_the_budget_is_kept_and_weights_are_bounded() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        uncertainty = rng.exponential(size=200) ** 3
        chance = sampling_probabilities(uncertainty, 60, 0.4)
        assert chance.sum() == pytest.approx(60)
        assert chance.min() >= 0.4 * 60 / 200 - 1e-12
        assert chance.max() <= 1
    asked = sampled(np.tile(chance[:, None], 4000), rng)
    assert asked.mean(axis=1) == pytest.approx(chance, abs=0.04)


@pytest.mark.parametrize(
    ("uncertainty", "n_gold", "uniform"),
    [([-1.0, 1.0], 1, 0.5), ([NONE, 1.0], 1, 0.5), ([np.inf, 1.0], 1, 0.5), ([1.0], 0, 0.5), ([1.0], 1, 0)],
)
def test_bad_chances_are_refused(uncertainty: list[float], n_gold: float, uniform: float) -> None:
    with pytest.raises(ValueError, match="wanted"):
        sampling_probabilities(np.array(uncertainty), n_gold, uniform)


@pytest.mark.parametrize("weight", [0.0, 0.6, 1.0])
def test_over_all_draws_the_estimate_is_the_full_gold_difference(weight: float) -> None:
    """Six texts, every one of the 64 possible draws with its chance: no bias, whatever the chances."""
    cheap = np.array([0.9, 0.2, 0.4, 0.7, 0.1, 1.0])[:, None]
    truth = np.array([1, 0, 1, 0, 0, 1.0])[:, None]
    in_a = np.array([True, True, True, False, False, False])
    chance = np.array([0.9, 0.2, 0.5, 0.3, 1.0, 0.7])
    mean, total = 0.0, 0.0
    for asked in itertools.product([False, True], repeat=6):
        odds = float(np.prod(np.where(asked, chance, 1 - chance)))
        if odds:
            gold = np.where(np.array(asked)[:, None], truth, NONE)
            mean += odds * mean_difference_estimate_aipw(cheap, gold, in_a, chance, weight)[0]
            total += odds
    assert total == pytest.approx(1)
    assert mean == pytest.approx(truth[in_a].mean() - truth[~in_a].mean())


def test_rectified_scores_lie_in_0_to_1_and_mean_what_they_should() -> None:
    rng = np.random.default_rng(1)
    n = 50_000
    cheap = rng.random((n, 1))
    truth = (rng.random((n, 1)) < 0.2 + 0.5 * cheap).astype(float)
    chance = 0.1 + 0.4 * rng.random(n)
    gold = np.where(sampled(chance, rng)[:, None], truth, NONE)
    for weight in (0.0, 0.5, 1.0):
        found = scores_rectified(cheap, gold, chance, weight)
        assert found.score.min() >= 0
        assert found.score.max() <= 1
        mean = found.lowest + (found.highest - found.lowest) * found.score.mean()
        assert mean == pytest.approx(truth.mean(), abs=0.03)


def test_even_chances_are_a_random_subsample() -> None:
    rng = np.random.default_rng(2)
    truth = (rng.random((300, 1)) < 0.3).astype(float)
    gold = np.where(rng.random((300, 1)) < 0.4, truth, NONE)
    in_a, document = np.arange(300) < 150, np.arange(300)
    even = difference_sampled(truth, gold, in_a, document, np.full(300, 0.4), 0.95, True)
    plain = difference_ppi(truth, gold, in_a, document, 0.95, True)
    assert (even.lo[0], even.hi[0]) == pytest.approx((plain.lo[0], plain.hi[0]))


def test_choosing_without_weighting_would_be_biased() -> None:
    """Texts of A that the cheap judge calls 1 are asked often: unweighted, A looks as if it had more."""
    rng = np.random.default_rng(3)
    n = 20_000
    in_a, truth = np.arange(n) < n // 2, (rng.random((n, 1)) < 0.3).astype(float)
    cheap = np.clip(0.3 + 0.3 * truth + 0.2 * rng.standard_normal((n, 1)), 0, 1)
    chance = np.where(in_a & (cheap[:, 0] > 0.5), 0.5, 0.05)
    gold = np.where(sampled(chance, rng)[:, None], truth, NONE)
    given = (in_a, np.arange(n))
    naive = difference_ppi(np.zeros_like(cheap), gold, *given, 0.95, True)
    assert naive.lo > 0.1
    found = difference_sampled(cheap, gold, *given, chance, 0.95, True)
    assert found.lo < 0 < found.hi
    assert found.hi - found.lo < 0.2


def test_a_text_that_can_never_be_asked_is_an_error() -> None:
    cheap, in_a = np.zeros((2, 1)), np.array([True, False])
    for chance in ([0.0, 1.0], [1.5, 1.0], [NONE, 1.0]):
        with pytest.raises(ValueError, match="chances"):
            difference_sampled(cheap, cheap, in_a, np.arange(2), np.array(chance), 0.95, True)
