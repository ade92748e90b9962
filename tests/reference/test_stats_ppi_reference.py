"""Gold verdicts, judge error, agreement and conditional effects against other people's code and examples."""

import numpy as np
import pytest
from scipy import special
from sklearn.linear_model import LogisticRegression
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.proportion import proportion_confint

from tasks.stats.clustered import mean_difference_variance_cr2, share_effective_sizes_rao_scott
from tasks.stats.conditional import covariate_spline, mean_difference_conditional
from tasks.stats.differences import difference
from tasks.stats.documents import document_sums
from tasks.stats.judge_error import judge_error, share_ci_wilson
from tasks.stats.power import (
    design_effect_kish,
    judgements_to_decision_expected,
    share_difference_detectable_fisher,
    share_difference_detectable_judged,
    variance_ratio_ppi,
)
from tasks.stats.prediction_powered import difference_ppi
from tasks.stats.rectifier import group_rectified, members, shares_effective_sizes
from tasks.stats.reliability import judges_alpha_krippendorff, judges_kappa_cohen
from tests.reference.record_ppi import drawn

NONE = np.nan

RECORDED = {
    # Estimate and standard error of A tuned, of A at lambda 0.7, of B tuned, of B at 0.7: ppi_py 0.2.3. It
    # cuts lambda at 1, so the drawn judge is one whose best weight is under 1.
    0: [0.39282263, 0.02073035, 0.39102664, 0.02113065, 0.3043337, 0.01622218, 0.30235449, 0.0164667],
    1: [0.3859995, 0.02157274, 0.38319957, 0.02196126, 0.30815996, 0.01720195, 0.30987339, 0.01746502],
    2: [0.38746089, 0.02129355, 0.38312018, 0.02155198, 0.3010449, 0.01603025, 0.30061395, 0.01625461],
}


@pytest.mark.parametrize("seed", RECORDED)
def test_one_group_at_a_given_weight_is_ppi_py(seed: int) -> None:
    in_a, truth, cheap, asked = drawn(seed)
    gold, member = np.where(asked, truth, NONE)[:, None], members(np.arange(len(in_a)))
    for side, at in ((in_a, 2), (~in_a, 6)):
        # Their mean over texts without a gold verdict is ours over all, at a weight that much smaller.
        weight = np.array([0.7 * side.sum() / (side & ~asked).sum()])
        group = group_rectified(cheap[:, None], gold, np.ones((len(in_a), 1)), side, member)
        assert group.mean(weight) == pytest.approx([RECORDED[seed][at]], abs=1e-8)
        error = np.sqrt((group.pull(weight) ** 2).sum(axis=0))
        assert error == pytest.approx([RECORDED[seed][at + 1]], rel=0.02)


@pytest.mark.parametrize("seed", RECORDED)
def test_power_tuning_finds_what_ppi_py_finds(seed: int) -> None:
    in_a, truth, cheap, asked = drawn(seed)
    gold = np.where(asked, truth, NONE)[:, None]
    for binary in (True, False):
        found = difference_ppi(cheap[:, None], gold, in_a, np.arange(len(in_a)), 0.95, binary)
        estimate = RECORDED[seed][0] - RECORDED[seed][4]
        error = np.hypot(RECORDED[seed][1], RECORDED[seed][5])
        # One weight for both groups instead of one each.
        assert found.validity == pytest.approx([estimate], abs=0.1 * error)
        assert (found.hi - found.lo) / 2 / 1.96 == pytest.approx([error], rel=0.04)


def test_without_a_cheap_judge_the_variance_is_cr2_and_the_sizes_are_rao_and_scotts() -> None:
    rng = np.random.default_rng(0)
    score = (rng.random((200, 6)) < 0.3).astype(float)
    score[rng.random(score.shape) < 0.2] = NONE
    in_a, document = rng.random(200) < 0.4, rng.integers(0, 60, 200)
    member, weight = members(document), np.ones((200, 1))
    a, b = (group_rectified(score, score, weight, side, member) for side in (in_a, ~in_a))
    sums = document_sums(score, in_a, document)
    variance = mean_difference_variance_cr2(sums)
    assert ((a.gold_pull - b.gold_pull) ** 2).sum(axis=0) == pytest.approx(variance.var)
    ours = shares_effective_sizes(a, b)
    for one, other in zip(ours, share_effective_sizes_rao_scott(sums, variance), strict=True):
        assert one == pytest.approx(other)


def test_wilson_is_statsmodels() -> None:
    for k, n in ((0, 10), (1, 30), (45, 50), (200, 200)):
        lo, hi = share_ci_wilson(k, n, 0.95)
        assert (float(lo), float(hi)) == pytest.approx(proportion_confint(k, n, method="wilson"), abs=1e-12)
    assert [float(end) for end in share_ci_wilson(45, 50, 0.95)] == pytest.approx([0.7864, 0.9565], abs=1e-4)


def test_sensitivity_of_45_of_50_and_its_interval() -> None:
    gold = np.array([1.0] * 50 + [0.0] * 50)[:, None]
    cheap = np.array([1.0] * 45 + [0.0] * 5 + [0.0] * 48 + [1.0] * 2)[:, None]
    found = judge_error(cheap, gold, np.arange(100) % 2 == 0, np.arange(100), 0.95)
    assert found.sensitivity.estimate == pytest.approx([0.9])
    assert (found.sensitivity.lo[0], found.sensitivity.hi[0]) == pytest.approx((0.7864, 0.9565), abs=1e-4)
    assert found.specificity.estimate == pytest.approx([0.96])
    # Differential error is `difference` among the texts where it holds.
    same = difference(np.where(gold == 1, cheap, NONE), np.arange(100) % 2 == 0, np.arange(100), 0.95, True)
    assert found.sensitivity.lo_difference == pytest.approx(same.lo)
    assert found.sensitivity.hi_difference == pytest.approx(same.hi)


def test_kappa_is_statsmodels() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random(2000) < 0.3
    first = np.where(rng.random(2000) < 0.85, truth, ~truth).astype(float)
    second = np.where(rng.random(2000) < 0.9, truth, ~truth).astype(float)
    table = [[((first == i) & (second == j)).sum() for j in (0, 1)] for i in (0, 1)]
    theirs = cohens_kappa(np.array(table))
    ours = judges_kappa_cohen(first[:, None], second[:, None], np.arange(2000), 0.95)
    assert ours.estimate == pytest.approx([theirs.kappa], abs=1e-12)
    assert (ours.hi - ours.lo) / 2 / 1.96 == pytest.approx([theirs.std_kappa], rel=0.02)


# Krippendorff (2011), section C: four observers, twelve units.
OBSERVERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NONE, NONE, NONE],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NONE, 3],
        [NONE, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NONE],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NONE],
    ]
).T[:, None, :]


def test_krippendorffs_example() -> None:
    nominal = judges_alpha_krippendorff(OBSERVERS, np.arange(12), 0.95)
    assert nominal.estimate == pytest.approx([0.743], abs=5e-4)
    interval = judges_alpha_krippendorff(OBSERVERS, np.arange(12), 0.95, "interval")
    assert interval.estimate == pytest.approx([0.849], abs=5e-4)
    # The twelfth unit has one value only.
    assert nominal.n.tolist() == [11]


def test_conditional_differences_are_those_of_models_fitted_one_by_one() -> None:
    rng = np.random.default_rng(2)
    n = 1500
    length = rng.standard_normal(n)
    in_a = rng.random(n) < special.expit(0.8 * length)
    latent = 0.7 * length[:, None] + rng.standard_normal((n, 4))
    score = (latent + 0.4 * in_a[:, None] * np.array([1, 0, 0, 1]) > 0.8).astype(float)
    covariate = covariate_spline(length)
    found = mean_difference_conditional(score, in_a, np.arange(n), covariate, 0.95, ridge=1.0, seed=3)
    fold = np.random.default_rng(3).permutation(n) % 5
    for j in range(4):
        columns = np.column_stack([covariate, np.delete(score, j, axis=1)])
        columns = (columns - columns.mean(axis=0)) / columns.std(axis=0)
        left, residual, centred = np.zeros(n), np.zeros(n), np.zeros(n)
        for k in range(5):
            rest, held = fold != k, fold == k
            model = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit(columns[rest], in_a[rest])
            left[held] = in_a[held] - model.predict_proba(columns[held])[:, 1]
            x = np.column_stack([np.ones(rest.sum()), columns[rest], in_a[rest] - in_a[rest].mean()])
            penalty = np.diag([1e-9] + [1.0] * columns.shape[1] + [1e-9])
            solved = np.linalg.solve(x.T @ x + penalty, x.T @ score[rest, j])
            residual[held] = score[held, j] - solved[0] - columns[held] @ solved[1:-1]
            centred[held] = in_a[held] - in_a[rest].mean()
        expected = (left * residual).sum() / (left * centred).sum()
        assert found.validity[j] == pytest.approx(expected, abs=2e-4)


def test_power_beside_known_figures() -> None:
    assert design_effect_kish(10, 0.05) == pytest.approx(1.45)
    perfect = share_difference_detectable_judged(500, 400)
    assert perfect == pytest.approx(share_difference_detectable_fisher(500, 400))
    worse = share_difference_detectable_judged(
        500, 400, sensitivity=[1, 0.8, 0.6], specificity=[1, 0.95, 0.9]
    )
    assert (np.diff(worse) > 0).all()
    # Twenty texts at the level of one of a hundred predicates, and a judge who guesses: nothing can be found.
    assert np.isnan(share_difference_detectable_judged(10, 10, 0.0005, sensitivity=0.6, specificity=0.9))
    assert np.isnan(share_difference_detectable_judged(9999, 9999, sensitivity=0.5, specificity=0.5))


def test_variance_ratio_is_what_draws_show() -> None:
    rng, n, n_gold = np.random.default_rng(4), 2000, 200
    truth = (rng.random((n, 3000)) < 0.3).astype(float)
    chance = rng.random(truth.shape)
    cheap = np.where(truth == 1, chance < 0.9, chance > 0.95).astype(float)
    y, f = truth[:n_gold], cheap[:n_gold]
    slope = 0.3 * 0.7 * 0.85 / ((q := 0.3 * 0.9 + 0.7 * 0.05) * (1 - q))
    corrected = y.mean(axis=0) - slope * (f.mean(axis=0) - cheap.mean(axis=0))
    ratio = corrected.var() / y.mean(axis=0).var()
    assert variance_ratio_ppi(n_gold, n, 0.3, 0.9, 0.95) == pytest.approx(ratio, rel=0.1)
    assert variance_ratio_ppi(n_gold, n, 0.3, 1.0, 1.0) == pytest.approx(0.1)
    assert variance_ratio_ppi(n_gold, n, 0.3, 0.5, 0.5) == pytest.approx(1)


@pytest.mark.parametrize(("a", "b", "sensitivity"), [(0.3, 0.2, 1.0), (0.1, 0.02, 1.0), (0.4, 0.2, 0.8)])
def test_expected_judgements_are_those_of_the_best_bets(a: float, b: float, sensitivity: float) -> None:
    rng = np.random.default_rng(5)
    expected = judgements_to_decision_expected(a, b, 0.05, sensitivity=sensitivity)
    a, b = a * sensitivity, b * sensitivity
    up, down = a * (1 - b), b * (1 - a)
    taken = []
    for _ in range(300):
        value = (rng.random(6000) < a) * 1.0 - (rng.random(6000) < b)
        wealth = np.cumsum(np.log1p((up - down) / (up + down) * value))
        assert wealth.max() >= np.log(20)
        taken.append(2 * (1 + np.argmax(wealth >= np.log(20))))
    assert np.mean(taken) == pytest.approx(float(expected), rel=0.15)
    assert judgements_to_decision_expected(0.2, 0.2, 0.05, 0.0) == np.inf
    assert judgements_to_decision_expected(0.2, 0.2, 0.05, 0.05) < np.inf
