"""Weights for the parts of an encoder: they repair what they were fitted on, and random ones do not."""

import numpy as np
import pytest

from benchmarks import directions
from tasks.engines.encoders import encoder
from tasks.engines.encoders.reweighting import Products, fitted_weights
from tasks.errors import EngineError

RNG = np.random.default_rng(3)
LEFT, RIGHT = RNG.normal(size=(2, 40, 5, 6))
DIFFERS = np.arange(40) < 20


def test_cosines_are_those_of_the_weighted_sums() -> None:
    weights = RNG.normal(size=5)
    left, right = (np.einsum("ipd,p->id", side, weights) for side in (LEFT, RIGHT))
    wanted = (left * right).sum(1) / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)
    np.testing.assert_allclose(Products.of(LEFT, RIGHT).cosines(weights), wanted)


def test_slopes_are_those_of_the_cosines() -> None:
    products, weights, step = Products.of(LEFT, RIGHT), RNG.normal(size=5), 1e-6
    _, slopes = products.cosines_and_slopes(weights)
    for part in range(5):
        aside = step * (np.arange(5) == part)
        change = products.cosines(weights + aside) - products.cosines(weights - aside)
        np.testing.assert_allclose(slopes[:, part], change / 2 / step, atol=1e-6)


def test_the_part_that_holds_the_difference_gains_and_the_others_stay() -> None:
    """Part 0 says what both texts share, part 1 how they differ, part 2 what paraphrases differ in."""
    shared = RNG.normal(size=(40, 6))
    left = np.stack([shared, np.zeros((40, 6)), np.zeros((40, 6))], axis=1)
    right = left.copy()
    right[DIFFERS, 1, 0] = 0.6
    right[~DIFFERS, 2, 1] = 0.6
    weights = fitted_weights(Products.of(left, right), DIFFERS, 0.95)
    assert weights[1] > 1.2 and weights[2] < 1
    far = fitted_weights(Products.of(left, right), DIFFERS, 0.95, penalty=1e6)
    np.testing.assert_allclose(far, 1, atol=1e-3)


@pytest.mark.parametrize("every", [True, False])
def test_pairs_of_one_kind_alone_are_refused(every: bool) -> None:
    with pytest.raises(EngineError, match="one kind only"):
        fitted_weights(Products.of(LEFT, RIGHT), np.full(40, every), 0.9)


def test_failures_are_repaired_on_words_that_were_not_fitted_on() -> None:
    """The benchmark on few pairs; roles, which only the order of words tells, stay as they were."""
    model = encoder.opened("bundled")
    found = directions.measured(model, n_pairs=40, n_draws=5)
    assert found["identity_error"] < 1e-12
    assert min(found["head_rank_r"].values()) >= 0.8
    for name, most in {"negation": 0.15, "tense": 0.5, "quantifier": 0.5}.items():
        assert found["collisions"][name]["after"] <= most
    assert found["collisions"]["tense"]["before"] > 0.5
    assert found["collisions"]["roles"]["after"] > 0.9
    assert found["paraphrases_kept"] >= 0.75 and found["paraphrases_unseen"]["after"] >= 0.75
    assert found["gain"] > 0.3 and found["random_gain"] < 0.05
