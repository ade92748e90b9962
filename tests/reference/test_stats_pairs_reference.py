"""Paired answers against SciPy, scikit-learn and statsmodels, and the same thing done the long way."""

import itertools

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score, roc_auc_score

from tasks.stats.liked import liked_coefficients
from tasks.stats.logistic import logistic_coefficients
from tasks.stats.orders import orders_kappa_cohen
from tasks.stats.paired import paired_difference, paired_mean_ci, paired_mean_pvalue_sign_flip
from tasks.stats.telling import identity_told, pair_folds, preference_told

NONE = np.nan


@pytest.mark.parametrize(
    ("over", "under", "ties"),
    [(6, 0, 14), (8, 1, 0), (30, 17, 5), (400, 20, 380), (3000, 1000, 0), (5, 5, 5)],
)
def test_p_of_one_pair_a_document_is_the_sign_tests(over: int, under: int, ties: int) -> None:
    d = np.repeat([1.0, -1.0, 0.0], [over, under, ties])[:, None]
    found = paired_difference(d, np.arange(d.size), 0.95)
    assert found.p == pytest.approx([stats.binomtest(over, over + under).pvalue], rel=1e-9)
    assert found.method == ["sign_flip"]
    assert found.estimate == pytest.approx([(over - under) / d.size])


def test_p_in_the_far_tail_keeps_its_digits() -> None:
    """Sums of one and of two in one convolution: all of one sign, so 2 / 2^m exactly."""
    d = np.ones((1400, 1))
    document = np.concatenate([np.arange(500), 500 + np.arange(900) // 2])
    p, _ = paired_mean_pvalue_sign_flip(d, document)
    assert p == pytest.approx([0.5**949], rel=1e-9)
    one_back = np.where(np.arange(1400)[:, None] == 0, -1.0, d)
    # At most 1 flipped of the sum: none, or one of the 500 single ones.
    assert paired_mean_pvalue_sign_flip(one_back, document)[0] == pytest.approx([501 * 0.5**949], rel=1e-9)
    assert paired_mean_pvalue_sign_flip(np.ones((3000, 1)), np.arange(3000))[0][0] > 0


@pytest.mark.parametrize("values", [[-1, 0, 1], [-1, -0.5, 0, 0.5, 1], [-0.73, -0.2, 0, 0.11, 0.4, 0.99]])
def test_p_is_the_share_of_all_signs(values: list[float]) -> None:
    rng = np.random.default_rng(0)
    document = np.repeat(np.arange(11), [1, 2, 1, 1, 3, 1, 2, 1, 1, 1, 1])
    d = rng.choice(values, size=(document.size, 4)) * 1.0
    d[3, 1] = NONE
    sums = np.stack([np.bincount(document, weights=np.nan_to_num(column)) for column in d.T])
    signs = np.array(list(itertools.product((1, -1), repeat=11)))
    expected = (np.abs(signs @ sums.T) >= np.abs(sums.sum(axis=1)) - 1e-9).mean(axis=0)
    assert paired_mean_pvalue_sign_flip(d, document)[0] == pytest.approx(expected)


def test_p_of_very_many_graded_documents_is_normal_and_near_the_exact_one() -> None:
    d = np.random.default_rng(1).uniform(-0.9, 1, (5000, 1))
    p, method = paired_mean_pvalue_sign_flip(d, np.arange(5000))
    assert method == ["sign_flip_normal"]
    assert p == pytest.approx([2 * stats.norm.sf(d.sum() / np.sqrt((d**2).sum()))])
    fewer, exact = paired_mean_pvalue_sign_flip(d[:1000], np.arange(1000))
    assert exact == ["sign_flip"]
    near = 2 * stats.norm.sf(abs(d[:1000].sum()) / np.sqrt((d[:1000] ** 2).sum()))
    assert fewer == pytest.approx([near], rel=0.1)


def test_interval_of_one_pair_a_document_is_bonetts_and_prices() -> None:
    """With t for z, t^2 / 4 pairs for one, and each residual raised by its share."""
    over, under, n = 30, 12, 200
    d = np.repeat([1.0, -1.0, 0.0], [over, under, n - over - under])[:, None]
    t = stats.t.ppf(0.975, n - 1)
    added = t**2 / 4
    one, other = (over + added) / (n + 2 * added), (under + added) / (n + 2 * added)
    half = t * np.sqrt((one + other - (one - other) ** 2) / (n + 2 * added))
    estimate, lo, hi = paired_mean_ci(d, np.arange(n), 0.95)
    assert estimate == pytest.approx([18 / 200])
    assert (lo[0], hi[0]) == pytest.approx((one - other - half, one - other + half), abs=4e-4)


def test_interval_of_many_documents_is_the_ratio_estimators() -> None:
    rng = np.random.default_rng(2)
    document = np.repeat(np.arange(2000), rng.integers(1, 5, 2000))
    d = np.clip(rng.standard_normal(2000)[document] / 3 + rng.standard_normal(document.size) / 3 + 0.1, -1, 1)
    model = sm.OLS(d, np.ones(d.size)).fit(cov_type="cluster", cov_kwds={"groups": document})
    _, lo, hi = paired_mean_ci(d[:, None], document, 0.95)
    assert (lo[0], hi[0]) == pytest.approx(model.conf_int()[0], abs=5e-4)


def scored(seed: int, n: int = 160) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Trait differences that tell something, graded preferences with ties and gaps, documents, folds."""
    rng = np.random.default_rng(seed)
    x = rng.choice([-1.0, -0.5, 0.0, 0.5, 1.0], size=(n, 4)) + np.array([0.3, 0, 0, -0.2])
    preference = np.clip(np.round(x[:, 1] + rng.standard_normal(n), 1) / 2, -1, 1)
    preference[:10] = NONE
    document = np.arange(n) // 2
    return np.clip(x, -1, 1), preference, document, pair_folds(document, rng)


def by_scikit_learn(x: np.ndarray, label: np.ndarray, weight: np.ndarray, fold: np.ndarray) -> np.ndarray:
    score = np.zeros(len(x))
    for k in np.unique(fold):
        rest = (fold != k) & (weight > 0)
        scale = np.sqrt((x[rest] ** 2).mean(axis=0))
        model = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-10, max_iter=1000)
        model.fit(x[rest] / scale, label[rest], sample_weight=weight[rest])
        score[fold == k] = model.decision_function(x[fold == k] / scale)
    return score


def test_identity_is_told_as_by_scikit_learn_whatever_the_random_signs() -> None:
    x, _, document, fold = scored(0)
    found = identity_told(x, document, fold, 0.95)
    aucs = []
    for seed in range(40):
        sign = np.random.default_rng(seed).choice([-1, 1], len(x))
        score = (
            by_scikit_learn(x * sign[:, None], sign, np.ones(len(x)), fold)
            if seed < 3
            else found.score * sign
        )
        assert score * sign == pytest.approx(found.score, abs=1e-4)
        assert ((score > 0) == (sign > 0)).mean() == pytest.approx(found.accuracy)
        aucs.append(roc_auc_score(sign, score))
    assert np.mean(aucs) == pytest.approx(found.auc, abs=0.005)


def test_preference_is_told_as_by_scikit_learn() -> None:
    x, preference, document, fold = scored(1)
    found = preference_told(x, preference, document, fold, 0.95)
    wanted = np.nan_to_num(preference)
    used = wanted != 0
    assert found.n == used.sum() and found.n_left_out == (~used).sum() > 10
    score = by_scikit_learn(x, np.sign(wanted), np.abs(wanted), fold)
    assert found.score == pytest.approx(score, abs=1e-4)
    side, said = np.sign(wanted[used]), np.sign(score[used])
    assert found.accuracy == pytest.approx((side == said).mean())
    assert found.balanced == pytest.approx(balanced_accuracy_score(side, said))
    of = [fold[used] == k for k in np.unique(fold)]
    n = [(side[one] > 0).sum() * (side[one] < 0).sum() for one in of]
    aucs = [roc_auc_score(side[one], score[used][one]) for one in of]
    assert found.auc == pytest.approx(np.average(aucs, weights=n))
    assert found.majority == pytest.approx(max((side > 0).mean(), (side < 0).mean()))


def test_logistic_coefficients_are_statsmodels_and_scikit_learns() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((300, 3)), rng.random(300)
    beta, inverse = logistic_coefficients(x, y, np.full(3, 1e-9), np.zeros(3), 1e-12)
    model = sm.GLM(y, x, family=sm.families.Binomial()).fit()
    assert beta == pytest.approx(model.params, abs=1e-6)
    assert inverse == pytest.approx(model.normalized_cov_params, rel=1e-4)
    label = y > 0.4
    penalised, _ = logistic_coefficients(x, label.astype(float), np.ones(3), np.zeros(3), 1e-12, y)
    ridge = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-10).fit(x, label, sample_weight=y)
    assert penalised == pytest.approx(ridge.coef_[0], abs=1e-4)


def test_liked_at_many_pairs_is_the_clustered_logistic_model() -> None:
    rng = np.random.default_rng(4)
    document = np.arange(12_000) // 2
    length = rng.standard_normal(12_000)
    x = np.sign(np.round(0.5 * length[:, None] + rng.standard_normal((12_000, 3))))
    chance = 1 / (1 + np.exp(-(length + x @ np.array([0.6, 0.0, -0.4]))))
    preference = (rng.random((2, 12_000)) < chance).mean(axis=0) * 2 - 1
    found = liked_coefficients(x, length[:, None], preference, document, pair_folds(document, rng), 0.95)
    model = sm.GLM((1 + preference) / 2, np.column_stack([x, length]), family=sm.families.Binomial())
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": document})
    assert found.estimate == pytest.approx(fit.params[:3], abs=0.01)
    width = fit.conf_int()[:3, 1] - fit.conf_int()[:3, 0]
    assert found.hi - found.lo == pytest.approx(width, rel=0.03)
    assert found.p == pytest.approx(2 * stats.norm.sf(np.abs(found.estimate) / (width / 3.92)), abs=0.02)


def test_agreement_of_orders_is_scikit_learns_on_pairs_and_their_exchanged_copies() -> None:
    rng = np.random.default_rng(5)
    truth = rng.choice([0.0, 0.5, 1.0], p=[0.1, 0.3, 0.6], size=(80, 2))
    first, second = (np.where(rng.random(truth.shape) < 0.3, place, truth) for place in (1.0, 0.0))
    first[0, 0] = NONE
    found = orders_kappa_cohen(first, second, np.arange(80), 0.95)
    assert list(found.n) == [79, 80]
    for j in (0, 1):
        one, other = first[j == 0 :, j], second[j == 0 :, j]
        labels = [(2 * np.concatenate(both)).astype(int) for both in ((one, 1 - other), (other, 1 - one))]
        assert found.estimate[j] == pytest.approx(cohen_kappa_score(*labels))
