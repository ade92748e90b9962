"""Our statistics against SciPy, statsmodels, numpy, plain matrices and published tables."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import test_proportions_2indep

from tasks.stats.agreement import verdicts_phi
from tasks.stats.clustered import (
    mean_difference_ci_cluster_robust,
    mean_difference_pvalue_cluster_robust,
    mean_difference_variance_cr2,
    share_effective_sizes_rao_scott,
)
from tasks.stats.documents import document_sums
from tasks.stats.means import (
    mean_difference_ci_normal,
    mean_difference_ci_welch,
    mean_difference_moments,
    mean_difference_pvalue_pooled_t,
    mean_difference_pvalue_welch,
)
from tasks.stats.multiplicity import pvalues_adjusted_bh, pvalues_adjusted_holm
from tasks.stats.power import share_difference_detectable_fisher
from tasks.stats.shares import (
    share_difference_ci_mn,
    share_difference_pvalue_fisher,
    share_difference_pvalue_mn,
)

# statsmodels names a function so that pytest would collect it.
test_proportions_2indep.__test__ = False


def tables(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    n_a, n_b = rng.integers(1, 400, n), rng.integers(1, 3000, n)
    k_a = rng.binomial(n_a, rng.beta(0.3, 0.5, n))
    k_b = rng.binomial(n_b, rng.beta(0.3, 0.5, n))
    return np.stack([k_a, n_a, k_b, n_b])


def test_fisher_is_scipys() -> None:
    cells = tables(150, 0)
    ours = share_difference_pvalue_fisher(*cells)
    theirs = [stats.fisher_exact([[a, n - a], [b, m - b]]).pvalue for a, n, b, m in cells.T]
    assert ours == pytest.approx(theirs, rel=1e-7, abs=0)


def test_newcombes_published_examples_of_the_score_interval() -> None:
    """Newcombe (1998), Table II, method 6 (Miettinen-Nurminen), level 0.95."""
    published = {
        (56, 70, 48, 80): (0.0528, 0.3382),
        (9, 10, 3, 10): (0.1700, 0.8406),
        (6, 7, 2, 7): (0.0342, 0.8534),
        (5, 56, 0, 29): (-0.0326, 0.1933),
        (0, 10, 0, 20): (-0.1658, 0.2844),
        (0, 10, 0, 10): (-0.2879, 0.2879),
        (10, 10, 0, 20): (0.7156, 1.0000),
        (10, 10, 0, 10): (0.6636, 1.0000),
    }
    lo, hi = share_difference_ci_mn(*np.array(list(published)).T, 0.95)
    assert np.stack([lo, hi], axis=1) == pytest.approx(np.array(list(published.values())), abs=5.1e-5)


def constrained_variance(d: float, k_a: int, n_a: int, k_b: int, n_b: int) -> float:
    """By bisection on the slope of the log-likelihood, which is concave."""

    def slope(a: float) -> float:
        b = a - d
        terms = ((k_a, a, 1), (n_a - k_a, 1 - a, -1), (k_b, b, 1), (n_b - k_b, 1 - b, -1))
        return sum(sign * count / share for count, share, sign in terms if count)

    low, high = max(0.0, d), min(1.0, 1 + d)
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    a = (low + high) / 2
    b, n = a - d, n_a + n_b
    return (a * (1 - a) / n_a + b * (1 - b) / n_b) * n / (n - 1)


def test_interval_ends_solve_the_score_equation() -> None:
    """By the likelihood itself: statsmodels' interval has a wrong coefficient (its issue 10269)."""
    cells = tables(80, 1)
    ends = share_difference_ci_mn(*cells, 0.99)
    z = stats.norm.ppf(0.995)
    for i, (k_a, n_a, k_b, n_b) in enumerate(cells.T.tolist()):
        for end in (float(ends[0][i]), float(ends[1][i])):
            if abs(end) < 1 - 1e-6:
                score = abs(k_a / n_a - k_b / n_b - end)
                score /= np.sqrt(constrained_variance(end, k_a, n_a, k_b, n_b))
                assert score == pytest.approx(z, rel=1e-5)


def test_score_p_is_statsmodels() -> None:
    for k_a, n_a, k_b, n_b in [(7, 40, 3, 90), (1, 100, 9, 300), (20, 50, 20, 50)]:
        theirs = test_proportions_2indep(k_a, n_a, k_b, n_b, method="score").pvalue
        assert share_difference_pvalue_mn(k_a, n_a, k_b, n_b) == pytest.approx(theirs, rel=1e-9)


def test_welch_and_pooled_t_are_scipys() -> None:
    rng = np.random.default_rng(2)
    score = rng.beta(1, 3, (60, 5))
    score[rng.random(score.shape) < 0.1] = np.nan
    in_a = np.arange(60) < 17
    moments = mean_difference_moments(score, in_a)
    lo, hi = mean_difference_ci_welch(moments, 0.9)
    for i in range(5):
        a, b = (column[~np.isnan(column)] for column in (score[in_a, i], score[~in_a, i]))
        welch = stats.ttest_ind(a, b, equal_var=False)
        interval = welch.confidence_interval(0.9)
        assert mean_difference_pvalue_welch(moments)[i] == pytest.approx(welch.pvalue, rel=1e-9)
        assert (lo[i], hi[i]) == pytest.approx((interval.low, interval.high), abs=1e-10)
        pooled = stats.ttest_ind(a, b, alternative="greater").pvalue
        assert mean_difference_pvalue_pooled_t(moments)[i] == pytest.approx(pooled, rel=1e-9)
        half = stats.norm.ppf(0.95) * np.sqrt(np.var(a) / a.size + np.var(b) / b.size)
        published = mean_difference_ci_normal(moments, 0.9)
        assert (published[0][i], published[1][i]) == pytest.approx(
            (a.mean() - b.mean() - half, a.mean() - b.mean() + half), abs=1e-12
        )


def test_pooled_t_without_variance_goes_by_the_sign() -> None:
    score = np.array([[1, 0, 1], [1, 0, 1], [0, 1, 1], [0, 1, 1]], dtype=float)
    moments = mean_difference_moments(score, np.array([True, True, False, False]))
    assert mean_difference_pvalue_pooled_t(moments).tolist() == [0, 1, 0.5]


def clusters(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Documents of 1 to 6 rows, some in A, some in B, some in both; correlated graded scores."""
    rng = np.random.default_rng(seed)
    document = rng.integers(0, 14, 50)
    in_a = rng.random(50) < (document % 3) / 2
    score = np.clip(rng.normal(0.5, 0.2, 14)[document] + rng.normal(0, 0.1, 50), 0, 1)
    return score, in_a, document


def dense_cr2(in_a: np.ndarray, document: np.ndarray, score: np.ndarray, rho: float) -> tuple[float, float]:
    """Bell & McCaffrey with matrices: variance and Satterthwaite degrees of freedom."""
    x = np.stack([in_a, ~in_a], axis=1).astype(float)
    bread = np.linalg.inv(x.T @ x)
    annihilator = np.eye(len(score)) - x @ bread @ x.T
    residual, contrast = annihilator @ score, bread @ np.array([1.0, -1.0])
    columns, variance = [], 0.0
    for name in np.unique(document):
        inside = document == name
        values, vectors = np.linalg.eigh(annihilator[np.ix_(inside, inside)])
        root = (vectors / np.sqrt(values)) @ vectors.T
        pull = root @ x[inside] @ contrast
        variance += float(pull @ residual[inside]) ** 2
        columns.append(annihilator[:, inside] @ pull)
    weights = np.stack(columns, axis=1)
    same = document[:, None] == document[None, :]
    working = (1 - rho) * np.eye(len(score)) + rho * same
    form = weights.T @ working @ weights
    return variance, float(np.trace(form) ** 2 / np.trace(form @ form))


@pytest.mark.parametrize("seed", range(6))
def test_the_closed_form_of_cr2_is_the_one_by_matrices(seed: int) -> None:
    from tasks.stats import clustered

    score, in_a, document = clusters(seed)
    sums = document_sums(score[:, None], in_a, document)
    found = mean_difference_variance_cr2(sums)
    n_a, n_b = sums.n_a, sums.n_b
    alpha, beta = clustered._weights(sums.rows_a, n_a), clustered._weights(sums.rows_b, n_b)
    for rho in (0.0, 0.4, 0.99):
        variance, df = dense_cr2(in_a, document, score, rho)
        assert found.var == pytest.approx([variance], rel=1e-9)
        ours = clustered._degrees_of_freedom(sums, alpha, beta, np.array([rho]))
        assert ours == pytest.approx([df], rel=1e-7)


@pytest.mark.parametrize("seed", range(3))
def test_without_the_correction_it_is_statsmodels_cluster_variance(seed: int) -> None:
    """Same documents many times over: leverage goes to 0 and CR2 to the plain sandwich."""
    score, in_a, document = clusters(seed)
    copies = 400
    shifted = np.concatenate([document + 100 * i for i in range(copies)])
    many, group = np.tile(score, copies), np.tile(in_a, copies)
    theirs = OLS(many, np.stack([group, ~group], axis=1).astype(float)).fit(
        cov_type="cluster", cov_kwds={"groups": shifted, "use_correction": False}
    )
    expected = np.array([1.0, -1.0]) @ theirs.cov_params() @ np.array([1.0, -1.0])
    found = mean_difference_variance_cr2(document_sums(many[:, None], group, shifted))
    assert found.var == pytest.approx([expected], rel=2e-3)


def test_one_row_per_document_is_welch_and_deff_n_over_n_minus_1() -> None:
    rng = np.random.default_rng(3)
    score, in_a = rng.random((40, 1)), np.arange(40) < 15
    moments = mean_difference_moments(score, in_a)
    found = mean_difference_variance_cr2(document_sums(score, in_a, np.arange(40)))
    assert found.var == pytest.approx(moments.var_a / 15 + moments.var_b / 25)
    verdict = (score < 0.3).astype(float)
    sums = document_sums(verdict, in_a, np.arange(40))
    size_a, size_b = share_effective_sizes_rao_scott(sums, mean_difference_variance_cr2(sums))
    # The whole's design effect lies between n/(n-1) of both, the group's own is the larger in A.
    assert size_a == pytest.approx([14])
    assert 23.5 < size_b[0] < 24


def test_pairs_are_the_paired_t_test() -> None:
    rng = np.random.default_rng(4)
    level = rng.uniform(0.2, 0.6, 12)
    a, b = level + rng.normal(0.1, 0.02, 12), level + rng.normal(0, 0.02, 12)
    score = np.concatenate([a, b])[:, None]
    in_a, document = np.arange(24) < 12, np.tile(np.arange(12), 2)
    sums = document_sums(score, in_a, document)
    variance = mean_difference_variance_cr2(sums)
    theirs = stats.ttest_rel(a, b)
    interval = theirs.confidence_interval(0.95)
    lo, hi = mean_difference_ci_cluster_robust(sums, variance, 0.95)
    assert mean_difference_pvalue_cluster_robust(sums, variance) == pytest.approx([theirs.pvalue], rel=1e-6)
    assert (lo[0], hi[0]) == pytest.approx((interval.low, interval.high), abs=1e-9)


def test_adjusted_p_values_are_scipys_and_statsmodels() -> None:
    p = np.random.default_rng(5).beta(0.3, 1, 200)
    assert pvalues_adjusted_bh(p) == pytest.approx(stats.false_discovery_control(p))
    assert pvalues_adjusted_holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_phi_is_numpys_on_each_pair() -> None:
    rng = np.random.default_rng(6)
    score = (rng.random((300, 6)) < rng.random(300)[:, None]).astype(float)
    score[:, 5] = rng.random(300)
    score[rng.random(score.shape) < 0.2] = np.nan
    found = verdicts_phi(score)
    for i in range(6):
        for j in range(6):
            both = ~np.isnan(score[:, i]) & ~np.isnan(score[:, j])
            assert found[i, j] == pytest.approx(np.corrcoef(score[both, i], score[both, j])[0, 1], abs=1e-12)


@pytest.mark.parametrize(
    ("n_a", "n_b", "base", "alpha"),
    [
        *((30, 30, 0.1, 0.05), (50, 50, 0.5, 0.05), (50, 50, 0.1, 0.001)),
        *((100, 40, 0.1, 0.05), (200, 200, 0.02, 0.05), (60, 60, 0.0, 0.05)),
    ],
)
def test_detectable_differences_have_the_exact_power_asked_for(
    n_a: int, n_b: int, base: float, alpha: float
) -> None:
    d = float(share_difference_detectable_fisher(n_a, n_b, alpha, 0.8, base))
    k_a, k_b = np.meshgrid(np.arange(n_a + 1), np.arange(n_b + 1), indexing="ij")
    p = share_difference_pvalue_fisher(k_a, np.full_like(k_a, n_a), k_b, np.full_like(k_b, n_b))
    for share_a, share_b in ((base, base + d), (base + d, base)):
        chance = stats.binom.pmf(k_a, n_a, share_a) * stats.binom.pmf(k_b, n_b, share_b)
        assert 0.79 <= chance[p <= alpha].sum() <= 0.91


def test_degrees_of_freedom_count_documents_when_their_rows_are_one() -> None:
    """2 documents of 25 rows against 50 of one row; the rows of a document the same, or independent."""
    rng = np.random.default_rng(7)
    document = np.concatenate([np.repeat([0, 1], 25), np.arange(2, 52)])
    in_a = document < 2
    alike, apart = rng.random(52)[document], rng.random(100)
    df = mean_difference_variance_cr2(document_sums(np.stack([alike, apart], 1), in_a, document)).df
    # Welch-Satterthwaite on 2 and 50 document means, and on rows: 4 / (1/1 + 1/49) with equal weights.
    assert df[0] == pytest.approx((1 / 2 + 1 / 50) ** 2 / (1 / 4 + 1 / 50**2 / 49), rel=0.03)
    assert df[1] == pytest.approx(4 / (1 + 1 / 49), rel=0.1)
