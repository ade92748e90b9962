"""Paired answers: intervals cover, tests keep their level, noise is told for what it is.

The small case of each runs always; more under the marker. `benchmarks.pairs` has the designs and makes the
tables of docs/statistics.md.
"""

import numpy as np
import pytest
from scipy import stats

from benchmarks.pairs import DOCUMENTS, EFFECTS, TIES, coefficients, covered, judged, nothing
from tasks.stats.orders import agreement_sufficient, orders_kappa_cohen, position_bias

ALPHA = 0.05
REASON = 0.01
"""Intervals are not exact: what may be missed over and above chance."""


def most(draws: int, rate: float) -> float:
    """The largest share of draws that chance lets pass once in ten thousand."""
    return float(stats.binom.isf(1e-4, draws, rate)) / draws


def holds(design: tuple[int, int, float], ties: float, effect: float, draws: int, seed: int) -> None:
    found = covered(*design, ties, effect, draws, np.random.default_rng(seed))
    assert 1 - found["covered"] <= most(draws, ALPHA + REASON)
    if effect == 0:
        assert found["size"] <= most(draws, ALPHA)


@pytest.mark.parametrize(
    ("design", "ties", "effect"),
    [
        ((20, 1, 0.0), 0.0, 0.9),
        ((100, 1, 0.0), 0.8, 0.0),
        ((50, 3, 1.0), 0.2, 0.5),
        ((300, 5, 0.7), 0.5, 0.0),
    ],
)
def test_paired_differences_small(design: tuple[int, int, float], ties: float, effect: float) -> None:
    holds(design, ties, effect, 500, 0)


@pytest.mark.simulation
@pytest.mark.parametrize("design", DOCUMENTS, ids=str)
def test_paired_differences(design: tuple[int, int, float]) -> None:
    for ties in TIES:
        for effect in EFFECTS:
            if effect <= 1 - ties + 1e-9:
                holds(design, ties, effect, 2000, 1)


def noise_is_told(pairs: int, studies: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = [nothing(pairs, rng) for _ in range(studies)]
    for name in ("identity", "length alone", "preference"):
        missed = np.mean([not one[f"{name} covers 0.5"] for one in found])
        assert missed <= most(studies, ALPHA), name
    assert np.mean([not one["lift covers 0"] for one in found]) <= most(studies, ALPHA + REASON)
    assert np.mean([one["any discovery"] for one in found]) <= most(studies, ALPHA)
    assert abs(np.mean([one["accuracy"] for one in found]) - 0.5) < 4 * 0.1 / np.sqrt(studies)
    # What it is for: traits picked and tested on the same pairs.
    assert np.mean([one["naive: kept of 10"] for one in found]) > 2
    assert np.mean([one["naive: accuracy"] for one in found]) > 0.57


def test_noise_small() -> None:
    noise_is_told(50, 40, 0)


@pytest.mark.simulation
@pytest.mark.parametrize("pairs", [50, 100, 300])
def test_noise(pairs: int) -> None:
    """Random labels, 200 seeds: intervals of accuracy cover 0.5, and studies with a discovery are few."""
    noise_is_told(pairs, 200, 1)


def coefficients_hold(pairs: int, traits: int, lopsided: bool, studies: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = [coefficients(pairs, traits, lopsided, rng) for _ in range(studies)]
    null = np.ones(traits, dtype=bool)
    null[[1, 7]] = False
    rejected = np.array([one["p"] <= ALPHA for one in found])
    inside = np.array([one["inside"] for one in found])
    # Traits of one study are not independent: each by itself.
    assert (rejected[:, null].mean(axis=0) <= most(studies, ALPHA + REASON)).all()
    assert rejected[:, null].mean() <= ALPHA + 2 * REASON
    assert ((1 - inside.mean(axis=0)) <= most(studies, ALPHA + REASON)).all()
    planted = np.array([one["estimate"][[1, 7]] for one in found])
    assert np.nanmedian(planted, axis=0) == pytest.approx([0.8, -0.8], abs=0.2)


def test_coefficients_small() -> None:
    coefficients_hold(300, 10, True, 40, 0)


@pytest.mark.simulation
@pytest.mark.parametrize("lopsided", [False, True])
@pytest.mark.parametrize(("pairs", "traits"), [(300, 10), (300, 20), (700, 20)])
def test_coefficients(pairs: int, traits: int, lopsided: bool) -> None:
    coefficients_hold(pairs, traits, lopsided, 300, 1)


@pytest.mark.parametrize("pairs", [50, 100, 300])
def test_a_judge_that_guesses_defines_nothing(pairs: int) -> None:
    rng, document = np.random.default_rng(0), np.arange(pairs)
    for ties in (0.0, 0.3, 0.8):
        for bias in (0.0, 0.3):
            first, second = judged(pairs, 60, ties, bias, True, rng)
            agreement = orders_kappa_cohen(first, second, document, 0.95)
            assert agreement_sufficient(agreement).mean() < 0.05
            assert agreement.hi.mean() > 0 > agreement.lo.mean()


@pytest.mark.parametrize("ties", [0.0, 0.3, 0.8])
def test_a_judge_that_leans_to_the_first_and_else_is_right_is_well_defined(ties: float) -> None:
    rng, inside = np.random.default_rng(1), []
    for _ in range(40):
        first, second = judged(200, 5, ties, 0.3, False, rng)
        agreement = orders_kappa_cohen(first, second, np.arange(200), 0.95)
        assert agreement_sufficient(agreement).mean() >= 0.8
        lean = position_bias(first, second, np.arange(200), 0.95)
        inside.append(lean.lo <= 0.3 <= lean.hi)
    assert 1 - np.mean(inside) <= most(40, ALPHA + REASON)
