"""Judges, missing verdicts and e-values against SciPy, scikit-learn, and the same thing done the long way."""

import itertools

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import cohen_kappa_score

from tasks.stats.betting import horizon_fractions, mean_atom_counts, mean_ci_betting
from tasks.stats.blocks import block_differences
from tasks.stats.decisions import evalues_adjusted
from tasks.stats.differences import difference
from tasks.stats.judge_error import judge_error, share_ci_wilson
from tasks.stats.missing import difference_worst_case_missing, share_difference_bounds_missing
from tasks.stats.multiplicity import evalues_adjusted_ebh, evalues_adjusted_holm
from tasks.stats.prediction_powered import difference_ppi
from tasks.stats.reliability import judges_alpha_krippendorff, judges_kappa_cohen
from tasks.stats.sequential import difference_ci_last_look

NONE = np.nan


def judged(seed: int, texts: int = 120) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Graded cheap verdicts, gold ones of two thirds, and groups."""
    rng = np.random.default_rng(seed)
    in_a = rng.random(texts) < 0.4
    truth = rng.random(texts) < 0.4
    cheap = np.clip(0.2 + 0.6 * truth + 0.2 * rng.standard_normal(texts), 0, 1)
    gold = np.where(rng.random(texts) < 0.67, truth.astype(float), NONE)
    return cheap[:, None], gold[:, None], in_a


@pytest.mark.parametrize("seed", range(4))
def test_a_judges_bias_is_welchs_test_of_its_errors(seed: int) -> None:
    cheap, gold, in_a = judged(seed)
    found = judge_error(cheap, gold, in_a, np.arange(120), 0.9)
    error = (cheap - gold)[:, 0]
    a, b = (error[side & ~np.isnan(error)] for side in (in_a, ~in_a))
    interval = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.9)
    assert found.bias == pytest.approx([a.mean() - b.mean()])
    # Their degrees of freedom go by the estimated variances, ours by the sizes (CR2).
    assert (found.bias_lo[0], found.bias_hi[0]) == pytest.approx((interval.low, interval.high), abs=2e-3)


@pytest.mark.parametrize("seed", range(4))
def test_a_judges_rates_are_shares_of_the_gold_texts(seed: int) -> None:
    cheap, gold, in_a = judged(seed)
    found = judge_error(cheap, gold, in_a, np.arange(120), 0.9)
    for rate, truth in ((found.sensitivity, 1.0), (found.specificity, 0.0)):
        right = (cheap[:, 0] >= 0.5) == truth
        for side, ends in (
            (np.ones(120, bool), (rate.estimate, rate.lo, rate.hi)),
            (in_a, (rate.estimate_a, rate.lo_a, rate.hi_a)),
            (~in_a, (rate.estimate_b, rate.lo_b, rate.hi_b)),
        ):
            of = (gold[:, 0] == truth) & side
            exact = stats.binomtest(int(right[of].sum()), int(of.sum())).proportion_ci(0.9, "wilson")
            expected = (right[of].mean(), exact.low, exact.high)
            assert tuple(float(end[0]) for end in ends) == pytest.approx(expected)
        assert rate.n_gold[0] == (gold[:, 0] == truth).sum()
        assert rate.difference == pytest.approx(rate.estimate_a - rate.estimate_b)


def test_a_rate_over_documents_whose_texts_are_one_counts_documents() -> None:
    """Every text four times over: Wilson's interval of n - 1 documents, with Student's t."""
    rng = np.random.default_rng(1)
    held = rng.random(40) < 0.8
    cheap, gold = np.repeat(held, 4)[:, None] * 1.0, np.ones((160, 1))
    found = judge_error(cheap, gold, np.arange(160) < 80, np.repeat(np.arange(40), 4), 0.95).sensitivity
    lo, hi = share_ci_wilson(held.mean() * 39, 39, 0.95, 39)
    assert (found.lo[0], found.hi[0]) == pytest.approx((float(lo), float(hi)))


def categories(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Four judges, five categories, gaps; documents of three texts that are alike."""
    rng = np.random.default_rng(seed)
    document = np.arange(60) // 3
    truth = (rng.integers(0, 5, 20)[document] + (rng.random(60) < 0.4)) % 5
    verdict = np.where(rng.random((60, 4)) < 0.7, truth[:, None], rng.integers(0, 5, (60, 4))).astype(float)
    verdict[rng.random(verdict.shape) < 0.15] = NONE
    return verdict, document


@pytest.mark.parametrize("seed", range(4))
def test_kappa_of_categories_is_scikit_learns(seed: int) -> None:
    verdict, document = categories(seed)
    both = ~np.isnan(verdict[:, :2]).any(axis=1)
    found = judges_kappa_cohen(verdict[:, [0]], verdict[:, [1]], document, 0.95)
    assert found.estimate == pytest.approx([cohen_kappa_score(*verdict[both, :2].T.astype(int))])


def alpha_by_coincidences(verdict: np.ndarray, interval: bool) -> float:
    """Krippendorff (2011) step by step: the matrix of coincidences, observed and expected disagreement."""
    values = np.unique(verdict[~np.isnan(verdict)])
    coincidence = np.zeros((values.size, values.size))
    for unit in verdict:
        given = unit[~np.isnan(unit)]
        for one, other in itertools.permutations(given, 2):
            coincidence[np.searchsorted(values, one), np.searchsorted(values, other)] += 1 / (given.size - 1)
    margin, n = coincidence.sum(axis=0), coincidence.sum()
    apart = (values[:, None] - values) ** 2 if interval else (values[:, None] != values) * 1.0
    return float(1 - (n - 1) * (coincidence * apart).sum() / (np.outer(margin, margin) * apart).sum())


@pytest.mark.parametrize("metric", ["nominal", "interval"])
@pytest.mark.parametrize("seed", range(3))
def test_alpha_is_the_matrix_of_coincidences_and_its_interval_a_jackknife(seed: int, metric: str) -> None:
    verdict, document = categories(seed)
    found = judges_alpha_krippendorff(verdict[:, None], document, 0.9, metric)  # type: ignore[arg-type]
    assert found.estimate == pytest.approx([alpha_by_coincidences(verdict, metric == "interval")])
    # Without each document in turn; on the scale of log(1 - alpha).
    left = [alpha_by_coincidences(verdict[document != k], metric == "interval") for k in range(20)]
    logs, reach = np.log(1 - np.array(left)), stats.t.ppf(0.95, 19)
    half = reach * np.sqrt(19 / 20 * ((logs - logs.mean()) ** 2).sum())
    centre = np.log(1 - found.estimate)
    assert (found.lo, found.hi) == (
        pytest.approx(1 - np.exp(centre + half)),
        pytest.approx(1 - np.exp(centre - half)),
    )


@pytest.mark.parametrize("seed", range(3))
def test_kappas_interval_is_a_jackknife_by_scikit_learn(seed: int) -> None:
    verdict, document = categories(seed)
    both = ~np.isnan(verdict[:, :2]).any(axis=1)
    found = judges_kappa_cohen(verdict[:, [0]], verdict[:, [1]], document, 0.9)
    names = np.unique(document[both])
    left = [cohen_kappa_score(*verdict[both & (document != k), :2].T.astype(int)) for k in names]
    logs, g = np.log(1 - np.array(left)), names.size
    half = stats.t.ppf(0.95, g - 1) * np.sqrt((g - 1) / g * ((logs - logs.mean()) ** 2).sum())
    centre = np.log(1 - found.estimate)
    assert (found.lo, found.hi) == (
        pytest.approx(1 - np.exp(centre + half)),
        pytest.approx(1 - np.exp(centre - half)),
    )


def fillings(score: np.ndarray, values: tuple[float, ...] = (0.0, 1.0)) -> np.ndarray:
    """Every way to fill in one column, (text, filling)."""
    at = np.flatnonzero(np.isnan(score))
    ways = np.array(list(itertools.product(values, repeat=at.size))).T.reshape(at.size, -1)
    filled = np.repeat(score[:, None], ways.shape[1], axis=1)
    filled[at] = ways
    return filled


@pytest.mark.parametrize("seed", range(20))
def test_bounds_are_the_extremes_of_every_filling(seed: int) -> None:
    rng = np.random.default_rng(seed)
    score, in_a = (rng.random((12, 1)) < 0.5) * 1.0, np.arange(12) < 5
    score[rng.random(12) < 0.4] = NONE
    lo, hi = share_difference_bounds_missing(score, np.isnan(score), in_a)
    every = fillings(score[:, 0], (0.0, 0.3, 1.0))
    found = every[in_a].mean(axis=0) - every[~in_a].mean(axis=0)
    assert (lo[0], hi[0]) == pytest.approx((found.min(), found.max()))
    # A block's bounds are the same thing.
    block = block_differences(score, in_a, np.zeros(12, dtype=int))
    assert (block.low.item(), block.high.item()) == pytest.approx((found.min(), found.max()))


@pytest.mark.parametrize("seed", range(20))
def test_the_worst_case_of_single_texts_is_the_worst_of_every_filling(seed: int) -> None:
    """0/1 verdicts of one text a document: the lowest end of all 2^7 fillings; fragile if any loses it."""
    rng = np.random.default_rng(seed)
    in_a, document = np.arange(60) < 30, np.arange(60)
    score = (rng.random(60) < np.where(in_a, 0.75, 0.25)) * 1.0
    score[rng.permutation(60)[:7]] = NONE
    lost = np.isnan(score)[:, None]
    side = in_a if seed % 2 else ~in_a
    found = difference_worst_case_missing(score[:, None], lost, side, document, 0.95, True)
    seen = difference(score[:, None], side, document, 0.95, True)
    every = difference(fillings(score), side, document, 0.95, True)
    if seen.lo <= 0 <= seen.hi:
        assert (found.lo, found.hi, found.fragile[0]) == (seen.lo, seen.hi, False)
    elif seed % 2:
        assert found.lo == pytest.approx([every.lo.min()])
        assert found.fragile[0] == (every.lo.min() <= 0)
    else:
        assert found.hi == pytest.approx([every.hi.max()])
        assert found.fragile[0] == (every.hi.max() >= 0)


def test_of_graded_verdicts_the_worst_mean_is_not_the_widest_interval() -> None:
    """One far value widens Student's interval by more than it moves the mean: docs/statistics.md says so."""
    rng = np.random.default_rng(0)
    score = np.concatenate([0.04 + 0.002 * rng.random(11), 0.02 + 0.002 * rng.random(11)])
    score[0] = NONE
    in_a, document = np.arange(22) < 11, np.arange(22)
    worst = difference_worst_case_missing(
        score[:, None], np.isnan(score)[:, None], in_a, document, 0.95, False
    )
    assert worst.lo > 0 and not worst.fragile[0]
    every = difference(fillings(score), in_a, document, 0.95, False)
    assert worst.validity == pytest.approx([every.validity.min()])
    assert every.lo[1] < 0 < every.validity[1]


def wealth(values: np.ndarray, null: float, bets: np.ndarray) -> float:
    """Waudby-Smith & Ramdas (2024), capital process: every bet's product over the values, then the mean."""
    capital = np.ones(bets.size)
    for x in values:
        capital *= 1 + bets / (1 + null) * (x - null)
    return float(capital.mean())


@pytest.mark.parametrize("seed", range(3))
def test_the_betting_interval_is_where_nobody_got_rich(seed: int) -> None:
    """Value by value at every mean of a grid, one gambler betting on more and one on less."""
    values = np.random.default_rng(seed).choice([-1.0, 0, 1], 80, p=[0.1, 0.5, 0.4])
    lo, hi = mean_ci_betting(mean_atom_counts(values[:, None], 1), 0.95, 80)
    bets, means = horizon_fractions(80, 0.95), np.linspace(-0.999, 0.999, 2000)
    kept = [m for m in means if max(wealth(values, m, bets), wealth(-values, -m, bets)) < 2 / 0.05]
    assert (lo[0], hi[0]) == pytest.approx((kept[0], kept[-1]), abs=1.5e-3)


@pytest.mark.parametrize("seed", range(5))
def test_ebh_is_its_definition(seed: int) -> None:
    """Wang & Ramdas (2022), e-BH: the k largest, of the largest k with k e_(k) >= K / alpha."""
    e = np.exp(np.random.default_rng(seed).normal(2, 3, 30))
    for alpha in (0.01, 0.05, 0.2):
        down = np.sort(e)[::-1]
        k = max([k for k in range(1, 31) if k * down[k - 1] >= 30 / alpha], default=0)
        named = np.isin(e, down[:k])
        assert (evalues_adjusted_ebh(e) <= alpha).tolist() == named.tolist()
    # What may not be named is as if it had no evidence.
    may = np.random.default_rng(seed).random(30) < 0.7
    for control, adjusted in (("fdr", evalues_adjusted_ebh), ("fwer", evalues_adjusted_holm)):
        expected = adjusted(np.where(may, e, 0.0))
        assert evalues_adjusted(np.log(e), may, control) == pytest.approx(expected)


def test_the_last_look_is_an_intersection() -> None:
    rng = np.random.default_rng(0)
    walk, fixed = (np.sort(rng.uniform(-1, 1, (2, 50)), axis=0) for _ in range(2))
    grid = np.linspace(-1, 1, 20_001)
    lo, hi = difference_ci_last_look(*walk, *fixed)
    for i in range(50):
        held = grid[
            (grid >= walk[0, i]) & (grid <= walk[1, i]) & (grid >= fixed[0, i]) & (grid <= fixed[1, i])
        ]
        expected = (held[0], held[-1]) if held.size else (fixed[0, i], fixed[1, i])
        assert (lo[i], hi[i]) == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("seed", range(3))
def test_the_tuned_estimate_has_the_variance_of_the_papers_formula(seed: int) -> None:
    """PPI++ written out at the weight chosen: var(y - w f) / n + w^2 var(f) / N in each group, graded."""
    rng = np.random.default_rng(seed)
    n = 6000
    in_a, truth = rng.random(n) < 0.5, rng.beta(2, 3, n)
    cheap = np.clip(truth + 0.15 * rng.standard_normal(n), 0, 1)
    gold = np.where(rng.random(n) < 0.2, truth, NONE)
    found = difference_ppi(cheap[:, None], gold[:, None], in_a, np.arange(n), 0.95, False)
    w, estimate, variance = found.weight[0], [], 0.0
    for side in (in_a, ~in_a):
        asked = side & ~np.isnan(gold)
        rest = side & np.isnan(gold)
        # Texts without a gold verdict are the independent second sample; the weight moves with it.
        own = w * rest.sum() / side.sum()
        estimate.append((gold - own * cheap)[asked].mean() + own * cheap[rest].mean())
        variance += (
            np.var((gold - own * cheap)[asked]) / asked.sum() + own**2 * np.var(cheap[rest]) / rest.sum()
        )
    assert found.validity == pytest.approx([estimate[0] - estimate[1]])
    half = stats.norm.ppf(0.975) * np.sqrt(variance)
    # Two unseen disagreements a group and Student's t make it a little wider.
    assert half < (found.hi - found.lo)[0] / 2 < 1.05 * half
