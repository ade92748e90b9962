"""Tilted pools: the published objective, its one minimum, shares, densities."""

import json

import numpy as np
import pytest
from scipy import optimize, special

from tasks.stats.masses import text_masses
from tasks.stats.tilting import Tilting, fit, gain_variance, log2_ratio, patterns, share_error, shares
from tests.conftest import SHARED, shared_file


def drawn(texts: int = 60, predicates: int = 3, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random((texts, predicates)) < 0.4).astype(float)


def objective(weight: np.ndarray, z: np.ndarray, smoothing: float) -> float:
    """The published objective, text x text."""
    linear = weight @ z.T
    loss = special.logsumexp(linear, axis=1) - np.diag(linear)
    return float(loss.mean() + smoothing * (np.diff(weight, axis=0) ** 2).mean())


def slope(weight: np.ndarray, z: np.ndarray, smoothing: float) -> np.ndarray:
    """Of the objective."""
    jump = np.diff(weight, axis=0)
    found = (special.softmax(weight @ z.T, axis=1) @ z - z) / len(z)
    found[1:] += 2 * smoothing * jump / jump.size
    found[:-1] -= 2 * smoothing * jump / jump.size
    return found


def test_patterns_are_the_distinct_rows() -> None:
    z = np.round(drawn(200) * 0.5 + drawn(200, seed=1) * 0.25, 2)
    pattern, member = patterns(z)
    assert pattern[member] == pytest.approx(z)
    assert sorted(map(tuple, pattern)) == sorted(map(tuple, np.unique(z, axis=0)))
    assert patterns(np.zeros((4, 0)))[0].shape == (1, 0)
    assert patterns(np.zeros((0, 2)))[0].shape == (0, 2)


def test_no_weights_give_the_logarithm_of_the_number_of_texts() -> None:
    assert fit(np.zeros((50, 0)), np.arange(50.0)).objective == pytest.approx(np.log(50))
    assert objective(np.zeros((60, 3)), drawn(), 1.0) == pytest.approx(np.log(60))


@pytest.mark.parametrize("smoothing", [0.1, 1.0, 100.0])
def test_it_is_the_minimum_of_the_published_objective(smoothing: float) -> None:
    z, order = drawn(), np.random.default_rng(3).permutation(60)
    model = fit(z[order], order.astype(float), smoothing)
    assert model.objective == pytest.approx(objective(model.weight, z, smoothing), abs=1e-9)
    ridge = 1e-6 / z.size
    general = optimize.minimize(
        lambda w: objective(w.reshape(z.shape), z, smoothing) + ridge * (w**2).sum(),
        np.zeros(z.size),
        jac=lambda w: slope(w.reshape(z.shape), z, smoothing).ravel() + 2 * ridge * w,
        method="L-BFGS-B",
        options={"gtol": 1e-9, "ftol": 1e-15, "maxiter": 5000, "maxfun": 50000},
    )
    reached = model.objective + ridge * (model.weight**2).sum()
    assert reached <= general.fun + 1e-9
    assert reached == pytest.approx(general.fun, abs=1e-6)


@shared_file("topics_over_time.json")
def test_the_recorded_topics_reach_the_optimum() -> None:
    problem = json.loads((SHARED / "data/topics_over_time.json").read_text(encoding="utf-8"))
    z = np.array(problem["reference_phi_denotation"], dtype=float)
    model = fit(z, np.arange(len(z), dtype=float))
    assert model.objective <= 6.742570
    # They are topics, one for each text: shares of a time add up to 1, whatever the weights.
    assert shares(model, model.time).sum(axis=1) == pytest.approx(1)


def test_texts_of_one_time_without_smoothing_have_their_own_shares() -> None:
    z, time = drawn(400), np.repeat([3.0, 1.0], 200)
    model = fit(z, time, smoothing=0.0)
    assert model.time.tolist() == [1.0, 3.0]
    own = np.array([z[200:].mean(axis=0), z[:200].mean(axis=0)])
    assert shares(model, np.array([1.0, 3.0])) == pytest.approx(own, abs=1e-4)
    # Constant beyond the ends, between them in between.
    assert shares(model, np.array([-5.0, 9.0])) == pytest.approx(own, abs=1e-4)


def test_masses_are_copies_of_texts_and_a_start_changes_nothing() -> None:
    z, time = drawn(40), np.arange(40) // 2.0
    mass = np.random.default_rng(5).integers(1, 4, 40).astype(float)
    weighted = fit(z, time, 5.0, mass=mass)
    copied = fit(np.repeat(z, mass.astype(int), axis=0), np.repeat(time, mass.astype(int)), 5.0)
    assert weighted.weight == pytest.approx(copied.weight, abs=1e-9)
    assert weighted.objective == pytest.approx(copied.objective)
    mass[:2] = 0.0
    weighted = fit(z, time, 5.0, mass=mass)
    # A time without texts keeps its place, and its weights are its neighbour's.
    assert weighted.weight[0] == pytest.approx(weighted.weight[1], abs=1e-4)
    again = fit(z, time, 5.0, mass=mass, start=fit(z, time, 5.0).weight)
    assert again.weight == pytest.approx(weighted.weight, abs=1e-6)


def test_the_mean_ratio_of_the_pool_is_one_at_every_time() -> None:
    z = drawn(80)
    model = fit(z, np.arange(80.0), 3.0)
    for time in (-1.0, 0.0, 17.3, 79.0):
        assert np.mean(2 ** log2_ratio(model, z, np.full(80, time))) == pytest.approx(1)
    one = Tilting(np.array([0.0, 2.0]), np.array([[0.0], [2.0]]), np.array([[0.0], [1.0]]), np.ones(2), 1, 0)
    by_hand = np.log2(np.e / ((1 + np.e) / 2))
    assert log2_ratio(one, np.ones((1, 1)), np.array([1.0])) == pytest.approx([by_hand])


def test_the_variance_of_a_gain_is_that_of_texts_drawn_from_the_model_without() -> None:
    z, time = drawn(80), np.arange(80.0)
    full, without = fit(z, time, 3.0), fit(z[:, [0, 2]], time, 3.0)
    at = np.full(80, 20.0)
    rest = log2_ratio(without, z[:, [0, 2]], at)
    gain = log2_ratio(full, z, at) - rest
    chance = 2**rest / 80
    expected = float(np.cov(gain, aweights=chance, ddof=0))
    assert gain_variance(full, without, 1, at[:1]) == pytest.approx([expected])


def test_a_pool_may_be_others_texts() -> None:
    pool = fit(drawn(300, 1), np.arange(300.0), 100.0)
    found = fit(np.ones((10, 1)), np.zeros(10), 1.0, ridge=0.05, pool=pool)
    assert found.count.sum() == 300
    assert found.weight[0, 0] > 1


def test_errors_of_shares_by_the_dense_inverse() -> None:
    z, time, smoothing, ridge = drawn(30, 2), np.arange(30.0), 20.0, 1e-3
    model = fit(z, time, smoothing, ridge)

    def moved(unit: np.ndarray) -> np.ndarray:
        w = 1e-4 * unit.reshape(model.weight.shape)
        up, down = (slope(model.weight + by, z, smoothing) for by in (w, -w))
        return 30 * ((up - down) / 2e-4 + 2 * ridge * unit.reshape(w.shape) / w.size).ravel()

    hessian = np.array([moved(unit) for unit in np.eye(60)])
    inverse = np.linalg.inv(hessian)[20:22, 20:22]
    chance = special.softmax(z @ model.weight[10])
    by_weight = np.cov(z.T, aweights=chance, ddof=0)
    expected = np.sqrt(np.diag(by_weight @ inverse @ by_weight))
    assert share_error(model, time, np.array([10.0]), ridge) == pytest.approx(expected[None], rel=1e-3)


def test_what_cannot_be_fitted_says_so() -> None:
    z = drawn(4)
    with pytest.raises(ValueError, match="as many rows"):
        fit(z, np.zeros(3))
    with pytest.raises(ValueError, match="finite"):
        fit(z, np.array([0, 1, 2, np.nan]))
    with pytest.raises(ValueError, match="sum over 0"):
        fit(z, np.zeros(4), mass=np.zeros(4))
    with pytest.raises(ValueError, match="ridge over 0"):
        fit(z, np.zeros(4), ridge=0.0)
    with pytest.raises(ValueError, match="to start with"):
        fit(z, np.zeros(4), start=np.zeros((2, 3)))
    assert text_masses(z, None).tolist() == [1.0] * 4
