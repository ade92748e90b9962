"""Betting against the same thing done the long way, and e-values against SciPy."""

from itertools import chain, combinations, permutations

import numpy as np
import pytest
from scipy import stats

from benchmarks.walking import RESOLUTION, order_units, sequential_walk, walk
from tasks.stats.betting import (
    TEST_FRACTIONS,
    horizon_fractions,
    log_mean_exp,
    mean_atom_counts,
    mean_ci_betting,
    mean_logevalue_betting,
    mean_loggains_betting,
)
from tasks.stats.decisions import CONFIRMED, CURTAILED, FUTILE, Rule, curtailment_loggains
from tasks.stats.multiplicity import evalues_adjusted_ebh, evalues_adjusted_holm
from tasks.stats.sequential import Sequential

NONE = np.nan


def capital(values: np.ndarray, null: float, fractions: np.ndarray) -> float:
    """Every gambler's stake, value by value."""
    stakes = np.ones(len(fractions)) / len(fractions)
    for x in values:
        stakes = stakes * (1 + fractions * (x - null) / (1 + null))
    return float(stakes.sum())


@pytest.mark.parametrize("null", [-0.9, -0.05, 0.0, 0.05, 0.7])
def test_the_e_value_is_the_product_written_out(null: float) -> None:
    rng = np.random.default_rng(0)
    values = rng.choice([-1.0, 0, 1], 60, p=[0.1, 0.6, 0.3])
    counts = mean_atom_counts(values[:, None], 1)
    found = mean_logevalue_betting(counts, null)[0]
    assert found == pytest.approx(np.log(capital(values, null, np.array(TEST_FRACTIONS))))
    # One null per predicate comes to the same.
    assert mean_logevalue_betting(counts, np.array([null]))[0] == pytest.approx(found)
    # Batches, each with a null of its own, add up bet by bet.
    other = min(null + 0.1, 0.8)
    parts = [mean_atom_counts(part[:, None], 1) for part in (values[:20], values[20:])]
    gains = sum(
        mean_loggains_betting(part, np.array([at])) for part, at in zip(parts, (null, other), strict=True)
    )
    stakes = np.ones(len(TEST_FRACTIONS)) / len(TEST_FRACTIONS)
    for x, at in zip(values, [null] * 20 + [other] * 40, strict=True):
        stakes = stakes * (1 + np.array(TEST_FRACTIONS) * (x - at) / (1 + at))
    assert log_mean_exp(np.asarray(gains)) == pytest.approx(np.log(stakes.sum()))
    # Graded: the shared-out value never earns more, and with fine atoms hardly less.
    graded = np.clip(values * rng.uniform(0.5, 1, 60), -1, 1)
    exact = np.log(capital(graded, null, np.array(TEST_FRACTIONS)))
    coarse, fine = (mean_logevalue_betting(mean_atom_counts(graded[:, None], r), null)[0] for r in (2, 400))
    assert coarse < fine <= exact + 1e-9
    assert fine == pytest.approx(exact, abs=1e-2)


@pytest.mark.parametrize("n", [3, 40, 900])
def test_the_interval_is_what_a_grid_of_means_does_not_reject(n: int) -> None:
    rng = np.random.default_rng(n)
    values = rng.choice([-1.0, -0.5, 0, 0.5, 1], (n, 5), p=[0.02, 0.05, 0.6, 0.2, 0.13])
    counts = mean_atom_counts(values, 2)
    lo, hi = mean_ci_betting(counts, 0.9, n)
    bets, limit = horizon_fractions(n, 0.9), np.log(2 / 0.1)
    grid = np.linspace(-0.9995, 0.9995, 4000)
    for k in range(5):
        above = [mean_logevalue_betting(counts[k : k + 1], v, bets)[0] for v in grid]
        below = [mean_logevalue_betting(counts[k : k + 1, ::-1], -v, bets)[0] for v in grid]
        kept = grid[(np.array(above) < limit) & (np.array(below) < limit)]
        assert lo[k] == pytest.approx(kept.min(), abs=6e-4)
        assert hi[k] == pytest.approx(kept.max(), abs=6e-4)
        # The end itself is on the safe side.
        if lo[k] > -1:
            assert mean_logevalue_betting(counts[k : k + 1], lo[k], bets)[0] >= limit


def test_an_e_value_has_a_mean_of_one_under_its_null() -> None:
    """Exactly, by all 3^7 walks: equal shares, so +1 and -1 are as likely."""
    walks = np.array(np.meshgrid(*[[-1.0, 0, 1]] * 7)).reshape(7, -1)
    chance = np.prod(np.where(walks == 0, 0.9, 0.05), axis=0)
    e = np.exp(mean_logevalue_betting(mean_atom_counts(walks, 1), 0.0))
    assert (e * chance).sum() == pytest.approx(1)
    # Under a smaller mean it is less.
    tilted = np.prod(np.select([walks == 0, walks > 0], [0.9, 0.04], 0.06), axis=0)
    assert (e * tilted).sum() < 1


@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize("values", [[1, 0, 0, -1, 1, -0.5], [1, NONE, 0, NONE, -1, 1], [1, 1, 1, 1, 1, -1]])
def test_curtailment_has_a_mean_of_at_most_one_over_all_orders(values: list[float], batch: int) -> None:
    """Of any blocks whose mean is the minimum or more, whatever is missing, and at any look."""
    orders = np.array(list(permutations(values))).T
    known = np.nanmean(values)
    for least in (known, known - 0.05):
        gains, counts, seen = np.zeros((orders.shape[1], 3)), np.zeros((orders.shape[1], 5)), 0
        for start in range(0, len(values), batch):
            part = orders[start : start + batch]
            new = mean_atom_counts(part, 2)
            asked = np.full(orders.shape[1], len(part))
            before = np.full(orders.shape[1], float(seen))
            gains += curtailment_loggains(new, asked, counts, before, len(values), least)
            counts, seen = counts + new, seen + len(part)
            assert np.exp(log_mean_exp(gains)).mean() <= 1 + 1e-9


def test_ebh_is_benjamini_hochberg_on_one_over_e() -> None:
    rng = np.random.default_rng(1)
    for size in (1, 2, 17, 200):
        e = np.exp(rng.normal(0, 4, size))
        p = np.minimum(1 / e, 1)
        assert evalues_adjusted_ebh(e) == pytest.approx(stats.false_discovery_control(p))


def test_closed_testing_by_all_sets() -> None:
    rng = np.random.default_rng(2)
    for size in (1, 2, 5, 9):
        e = np.exp(rng.normal(1, 3, size))
        sets = list(chain.from_iterable(combinations(range(size), r) for r in range(1, size + 1)))
        least = [min(e[list(s)].mean() for s in sets if k in s) for k in range(size)]
        assert evalues_adjusted_holm(e) == pytest.approx(np.minimum(1 / np.array(least), 1))


@pytest.mark.parametrize("control", ["fdr", "fwer"])
def test_the_replay_of_many_orders_is_the_walk_of_one(control: str) -> None:
    """`benchmarks.judgements_to_decision` runs the same plan as verify, only on all orders at once."""
    rng = np.random.default_rng(4)
    n = 480
    in_a = np.arange(2 * n) < n
    share = np.where(in_a[:, None], [0.3, 0.12, 0.2, 0.06, 0.02], [0.1, 0.01, 0.2, 0.01, 0.02])
    score = (rng.random(share.shape) < share).astype(float)
    orders = [order_units(in_a, rng) for _ in range(3)]
    rule = Rule(control=control)
    used, status = sequential_walk(walk(score, in_a, orders, 32), rule)
    for i, order in enumerate(orders):
        pairs = np.stack([order[in_a[order]], order[~in_a[order]]], axis=1).ravel()
        one = Sequential(np.ones(5, bool), n, rule, RESOLUTION)
        for start in range(0, 2 * n, 32):
            at = pairs[start : start + 32]
            one.update(score[at], in_a[at], np.arange(start, start + 32) // 2)
            end = one.look()
        assert end.n_texts.tolist() == used[i].tolist()
        assert end.status.tolist() == status[i].tolist()
    assert {CONFIRMED, FUTILE, CURTAILED} <= set(status.ravel())
