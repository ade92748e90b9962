"""Documents, strata and weights against statsmodels, SciPy, scikit-learn and polars."""

import numpy as np
import polars as pl
import pytest
from scipy import stats
from sklearn.cluster import AgglomerativeClustering
from sklearn.preprocessing import LabelBinarizer, SplineTransformer
from statsmodels.genmod.cov_struct import Independence
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_estimating_equations import GEE
from statsmodels.regression.linear_model import OLS, WLS
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import power_proportions_2indep
from statsmodels.stats.weightstats import DescrStatsW

from tasks.stats.agreement import conditional_difference, paraphrase_groups
from tasks.stats.clustered import (
    mean_difference_ci_cluster_robust,
    mean_difference_variance_cr2,
    share_difference_ci_cluster_score,
    share_difference_pvalue_cluster_score,
)
from tasks.stats.conditional import covariate_spline
from tasks.stats.design_effect import difference_variance_kept, share_design_effect_unseen
from tasks.stats.differences import difference
from tasks.stats.documents import document_sums
from tasks.stats.means import bounded_ci, mean_difference_moments, t_pvalue
from tasks.stats.power import (
    design_effect_kish,
    share_difference_detectable_fisher,
    share_difference_detectable_judged,
)
from tasks.stats.prediction_powered import difference_sampled
from tasks.stats.rectifier import (
    group_rectified,
    members,
    ratio_or_one,
    share_effective_size,
    share_independent_variance,
)
from tasks.stats.sampling import verdict_uncertainty
from tasks.stats.shares import (
    share_difference_ci_mn,
    share_difference_pvalue_fisher,
    share_difference_pvalue_mn,
)
from tasks.stats.stratified import mean_difference_ci_mh, mean_difference_estimate_mh

NONE = np.nan


def verdicts(seed: int, texts: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Graded scores with gaps, groups, and documents of which some have texts in both."""
    rng = np.random.default_rng(seed)
    document = rng.integers(0, texts // 4, texts)
    in_a = rng.random(texts) < (document % 3) / 2
    score = np.clip(rng.random(texts // 4)[document] + 0.2 * rng.standard_normal(texts), 0, 1)
    return np.where(rng.random(texts) < 0.1, NONE, score)[:, None], in_a, document


def test_document_sums_are_polars() -> None:
    score, in_a, document = verdicts(0)
    found = document_sums(score, in_a, document)
    frame = pl.DataFrame({"s": score[:, 0], "a": in_a, "d": document}).with_columns(
        pl.col("s").fill_nan(None)
    )
    for a, rows, total, squares, n, documents, mean in (
        (True, found.rows_a, found.sum_a, found.squares_a, found.n_a, found.documents_a, found.mean_a),
        (False, found.rows_b, found.sum_b, found.squares_b, found.n_b, found.documents_b, found.mean_b),
    ):
        own = pl.col("s").filter(pl.col("a") == a)
        by = frame.group_by("d").agg(n=own.count(), total=own.sum()).sort("d")
        assert rows[:, 0].tolist() == by["n"].to_list()
        assert total[:, 0] == pytest.approx(by["total"].to_numpy())
        seen = frame.filter(a=a)["s"].drop_nulls()
        assert (n[0], squares[0]) == (seen.len(), pytest.approx((seen**2).sum()))
        assert documents[0] == frame.filter(a=a).drop_nulls()["d"].n_unique()
        assert mean[0] == pytest.approx(seen.mean())
    every = frame["s"].drop_nulls()
    assert found.variance_together == pytest.approx([every.var()])
    seen = ~np.isnan(score[:, 0])
    fit = OLS(score[seen, 0], np.column_stack([in_a, ~in_a])[seen] * 1.0)
    assert found.squares_within == pytest.approx([fit.fit().ssr])
    assert not found.constant_a[0] and not found.constant_b[0]
    assert document_sums(np.full((4, 1), 0.1), np.arange(4) < 2, np.arange(4)).constant_a.all()
    assert members(document).toarray().T.tolist() == LabelBinarizer().fit_transform(document).tolist()


def clustered_shares(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """0/1 verdicts of 500 documents of 1 to 9 texts, each in one group, correlated."""
    rng = np.random.default_rng(seed)
    document = np.repeat(np.arange(500), rng.integers(1, 10, 500))
    in_a = document % 5 < 2
    held = rng.random(len(document)) < rng.beta(0.6, 1.4, 500)[document] + 0.1 * in_a
    return held.astype(float), in_a, document


@pytest.mark.parametrize("seed", range(4))
def test_the_clustered_score_test_is_that_of_estimating_equations_with_many_documents(seed: int) -> None:
    """Score test of GEE with independence: the same up to the CR2 correction and where it is standardised."""
    score, in_a, document = clustered_shares(seed)
    sums = document_sums(score[:, None], in_a, document)
    p = share_difference_pvalue_cluster_score(sums, mean_difference_variance_cr2(sums))
    design = np.column_stack([np.ones(len(score)), in_a])
    null = {"family": Binomial(), "cov_struct": Independence()}
    small = GEE(score, design[:, :1], document, **null)
    theirs = GEE(score, design, document, **null).fit().model.compare_score_test(small.fit())
    z = [stats.norm.isf(float(value) / 2) for value in (p[0], np.squeeze(theirs["p-value"]))]
    assert z[0] == pytest.approx(z[1], rel=0.03)


@pytest.mark.parametrize("seed", range(4))
def test_clustered_intervals_are_those_of_a_sandwich_with_many_documents(seed: int) -> None:
    score, in_a, document = clustered_shares(seed)
    fit = OLS(score, np.column_stack([np.ones(len(score)), in_a])).fit(
        cov_type="cluster", cov_kwds={"groups": document}, use_t=True
    )
    lo, hi = fit.conf_int(0.05)[1]
    sums = document_sums(score[:, None], in_a, document)
    variance = mean_difference_variance_cr2(sums)
    for interval in (mean_difference_ci_cluster_robust, share_difference_ci_cluster_score):
        own = interval(sums, variance, 0.95)
        assert (own[0][0], own[1][0]) == pytest.approx((lo, hi), abs=0.03 * (hi - lo))


def test_documents_whose_texts_are_one_count_once() -> None:
    """4 texts a document, all alike: the score test of the documents, at n - 1 of n and Student's t."""
    rng = np.random.default_rng(1)
    held, side = rng.random(50) < 0.3, np.arange(50) < 25
    score, in_a, document = np.repeat(held, 4) * 1.0, np.repeat(side, 4), np.repeat(np.arange(50), 4)
    sums = document_sums(score[:, None], in_a, document)
    variance = mean_difference_variance_cr2(sums)
    k_a, k_b = held[side].mean() * 24, held[~side].mean() * 24
    # Groups of a size: their design effects differ by no more than rounding of the whole's.
    lo, hi = share_difference_ci_mn(k_a, 24, k_b, 24, 0.95, variance.df)
    own = share_difference_ci_cluster_score(sums, variance, 0.95)
    assert (own[0][0], own[1][0]) == pytest.approx((lo[0], hi[0]), abs=1e-9)
    p = share_difference_pvalue_mn(k_a, 24, k_b, 24, variance.df)
    assert share_difference_pvalue_cluster_score(sums, variance) == pytest.approx(p)
    one = group_rectified(score[:, None], score[:, None], np.ones((200, 1)), in_a, members(document))
    share = held[side].mean()
    assert share_independent_variance(one) == pytest.approx([share * (1 - share) / 100])
    assert share_effective_size(one, np.ones(1), np.ones(1), np.zeros(1)) == pytest.approx([24])
    assert ratio_or_one(np.array([3.0, 1.0]), np.array([2.0, 0.0])).tolist() == [1.5, 1]


def pairs(n: int, both: int, only_a: int, only_b: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """0/1 verdicts of matched texts: in both groups, in one alone, in none."""
    a, b = np.arange(n) < both + only_a, np.arange(n) < both
    b[both + only_a : both + only_a + only_b] = True
    return np.r_[a, b][:, None] * 1.0, np.arange(2 * n) < n, np.tile(np.arange(n), 2)


@pytest.mark.parametrize(("only_a", "only_b"), [(14, 3), (16, 4), (30, 12), (5, 0), (9, 1), (4, 4)])
def test_matched_pairs_are_mcnemars(only_a: int, only_b: int) -> None:
    """As careful as the exact test or nearly, and no more careful: without the pairs p was 4 to 15 times it.

    statsmodels' p without its correction is too small by up to a third; ours stays over it.
    """
    score, in_a, document = pairs(100, 30, only_a, only_b)
    p = difference(score, in_a, document, 0.95, binary=True).p[0]
    table = [[30, only_a], [only_b, 70 - only_a - only_b]]
    bare, exact = (mcnemar(table, exact=is_exact, correction=False).pvalue for is_exact in (False, True))
    assert 0.9 * bare <= p <= 1.1 * exact


def test_what_shared_documents_leave_of_a_variance_by_hand() -> None:
    """Of 10 pairs 4 differ, by 1/10 each: 0.04, beside 0.1 apart; one more such document makes it 0.05."""
    a, b = np.zeros((10, 1)), np.zeros((10, 1))
    a[:6] = b[3:7] = 0.1
    assert difference_variance_kept(a, b) == pytest.approx([0.04 / 0.1 * (1 + 1 / 4)])
    # No document in both groups leaves all; those that pull apart add.
    assert difference_variance_kept(np.r_[a, 0 * b], np.r_[0 * a, b]) == pytest.approx([1])
    assert difference_variance_kept(a, -a) == pytest.approx([2])
    # One document alone says too little; none that differs says nothing.
    assert difference_variance_kept(a, np.where(np.arange(10)[:, None] < 1, 0, a)) == pytest.approx([2 / 11])
    assert difference_variance_kept(a, a) == pytest.approx([1])


def unseen(*figures: float) -> float:
    return float(share_design_effect_unseen(*(np.array([float(x)]) for x in figures))[0])


def test_what_unseen_documents_do_to_a_design_effect_by_hand() -> None:
    """One positive text in one of 6 documents of 50: u = 5/6, so r = u / (1 + u) = 5/11, odds of 5/6.

    They are raised by 2 u / 1, to 5/6 * 8/3 = 20/9: r = 20/29, and the design effect is 1 + 49 r.
    """
    assert unseen(1, 1, 50, 1, 1, 0, 6) == pytest.approx(1 + 49 * 20 / 29)
    # One document of the other group halves the weight: r = (5/12) / (17/12), odds of 5/12 become 10/9.
    assert unseen(1, 1, 50, 1, 1, 1, 6) == pytest.approx(1 + 49 * 10 / 19)
    # Weights that make independent rows count 1.5 times: r is what lies between 1.5 and 50.
    assert unseen(1.5, 1.5, 50, 1, 1, 0, 6) == pytest.approx(1.5 + 48.5 * 20 / 29)
    # A design effect of 25.5 is odds of 1; 20 documents of 40 leave no text to add, but 2 u / d = 1/20.
    assert unseen(25.5, 1, 50, 300, 20, 0, 40) == pytest.approx(1 + 49 * 21 / 41, abs=1e-4)


def test_unseen_documents_change_nothing_where_there_are_none_or_where_there_is_no_clustering() -> None:
    assert unseen(1, 1, 50, 0, 0, 9, 6) == 50
    assert unseen(3, 1, 50, 40, 6, 0, 6) == 3
    assert unseen(1.02, 1, 1, 1, 1, 0, 50) == 1.02
    assert unseen(80, 1, 50, 1, 1, 0, 6) == 80
    assert unseen(2, 1, 3, 80, 70, 90, 1000) == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_mantel_haenszel_is_least_squares_with_a_level_for_every_stratum(seed: int) -> None:
    """The weights n_a n_b / n are those of a regression on the group and the strata."""
    score, in_a, document = verdicts(seed)
    stratum, seen = document % 7, ~np.isnan(score[:, 0])
    dummies = (stratum[:, None] == np.arange(7)) * 1.0
    fit = OLS(score[seen, 0], np.column_stack([in_a, dummies])[seen]).fit()
    assert mean_difference_estimate_mh(score, in_a, stratum) == pytest.approx(fit.params[:1])
    assert conditional_difference(score[:, 0], stratum / 7, in_a) == pytest.approx(fit.params[0])
    # Its variance: population variances within cells, so least squares' own with a variance for each cell.
    lo, hi = mean_difference_ci_mh(score, in_a, stratum, 0.95)
    within, total = 0.0, 0.0
    for k in range(7):
        a, b = (score[seen & (stratum == k) & side, 0] for side in (in_a, ~in_a))
        if a.size and b.size:
            w = a.size * b.size / (a.size + b.size)
            within, total = within + w**2 * (a.var() / a.size + b.var() / b.size), total + w
    half = stats.norm.ppf(0.975) * np.sqrt(within) / total
    assert (hi - lo)[0] / 2 == pytest.approx(half)


def test_weighted_gold_verdicts_are_those_of_a_weighted_regression() -> None:
    """Weights are inverse chances: the sandwich of weighted least squares, G / (G - 1) apart at most."""
    rng = np.random.default_rng(2)
    n = 4000
    document, in_a = np.arange(n) // 4, np.arange(n) // 4 % 2 == 0
    truth = (rng.random(n) < rng.beta(1, 2, n // 4)[document]).astype(float)
    chance = 0.1 + 0.4 * rng.random(n)
    gold, weight = np.where(rng.random(n) < chance, truth, NONE), 1 / chance
    asked = ~np.isnan(gold)
    x = np.column_stack([in_a, ~in_a]) * 1.0
    fit = WLS(gold[asked], x[asked], weights=weight[asked]).fit(
        cov_type="cluster", cov_kwds={"groups": document[asked], "use_correction": False}
    )
    groups = [
        group_rectified(truth[:, None], gold[:, None], weight[:, None], side, members(document))
        for side in (in_a, ~in_a)
    ]
    assert [group.gold[0] for group in groups] == pytest.approx(fit.params)
    assert [group.gold_variance[0] for group in groups] == pytest.approx(np.diag(fit.cov_params()), rel=0.01)
    by_weight = DescrStatsW(gold[asked & in_a], weight[asked & in_a])
    assert groups[0].gold[0] == pytest.approx(by_weight.mean)
    # Without a word from the cheap judge the interval is that regression's, up to score against Wald.
    found = difference_sampled(np.zeros((n, 1)), gold[:, None], in_a, document, chance, 0.95, binary=True)
    test = fit.t_test([[1, -1]])
    lo, hi = test.conf_int()[0]
    assert (found.lo[0], found.hi[0]) == pytest.approx((lo, hi), abs=0.03 * (hi - lo))
    assert found.p[0] == pytest.approx(float(np.squeeze(test.pvalue)), abs=0.02)


def test_students_interval_and_p_are_scipys() -> None:
    estimate, error, df = np.array([0.1, -0.3]), np.array([0.04, 0.2]), np.array([7.0, 30.0])
    lo, hi = bounded_ci(estimate, error, df, 0.9, np.array([9.0, 9]), np.array([9.0, 9]))
    theirs = stats.t.interval(0.9, df, estimate, error)
    assert (lo.tolist(), hi.tolist()) == (pytest.approx(theirs[0]), pytest.approx(theirs[1]))
    x = np.random.default_rng(3).random(20) - 0.4
    one = stats.ttest_1samp(x, 0)
    assert t_pvalue(x.mean(), np.array([stats.sem(x)]), 19.0) == pytest.approx([one.pvalue])
    moments = mean_difference_moments(x[:, None], np.arange(20) < 8)
    assert moments.var_a == pytest.approx([np.var(x[:8], ddof=1)])
    assert moments.var == pytest.approx([np.var(x, ddof=1)])


def test_bends_span_what_scikit_learns_splines_span() -> None:
    x = np.random.default_rng(4).gamma(2, size=500)
    ours = np.column_stack([np.ones(500), covariate_spline(x)])
    knots = np.quantile(x, [0, 0.1, 0.3, 0.5, 0.7, 0.9, 1])[:, None]
    theirs = SplineTransformer(degree=1, knots=knots).fit_transform(x[:, None])
    for one, other in ((ours, theirs), (theirs, ours)):
        left = one - other @ np.linalg.lstsq(other, one, rcond=None)[0]
        assert np.abs(left).max() < 1e-8


@pytest.mark.parametrize("seed", range(5))
def test_paraphrase_groups_are_scikit_learns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    phi = np.corrcoef(
        rng.standard_normal((12, 3)) @ rng.standard_normal((3, 40)) + rng.standard_normal((12, 40))
    )
    strength = rng.random(12)
    found = paraphrase_groups(phi, 0.5, strength)
    theirs = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="complete", distance_threshold=0.5
    ).fit_predict(1 - np.abs(phi))
    assert 1 < len(set(found)) < 12
    for group in np.unique(theirs):
        inside = np.flatnonzero(theirs == group)
        assert set(found[inside]) == {inside[np.argmax(strength[inside])]}


def test_uncertainty_is_the_standard_deviation_of_a_coin() -> None:
    chance = np.linspace(0, 1, 11)
    assert verdict_uncertainty(chance) == pytest.approx(stats.bernoulli.std(chance))


def test_design_effects_are_those_of_the_correlation_matrix() -> None:
    """Variance of a mean over documents of uneven sizes, written out, over that of independent rows."""
    sizes = np.array([1, 2, 3, 10, 4, 4])
    document = np.repeat(np.arange(6), sizes)
    working = np.where(document[:, None] == document, 0.3, 0.0)
    np.fill_diagonal(working, 1)
    expected = working.sum() / sizes.sum()
    assert design_effect_kish(sizes.mean(), 0.3, sizes.std() / sizes.mean()) == pytest.approx(expected)


def test_with_many_texts_the_detectable_difference_is_statsmodels() -> None:
    """The correction for continuity is then nothing, and both are the normal power of two shares."""
    d = float(share_difference_detectable_fisher(40_000, 40_000, 0.01, 0.9, 0.2))
    power = power_proportions_2indep(d, 0.2, 40_000, 1, 0.01, return_results=False)
    assert power == pytest.approx(0.9, abs=3e-3)
    # Independent rows over a design effect are so many fewer rows.
    half = float(share_difference_detectable_fisher(40_000, 40_000, 0.01, 0.9, 0.2, 2.0))
    assert half == pytest.approx(float(share_difference_detectable_fisher(20_000, 20_000, 0.01, 0.9, 0.2)))
    effect = NormalIndPower().solve_power(nobs1=40_000, alpha=0.01, power=0.9)
    assert d / np.sqrt(0.2 * 0.8) == pytest.approx(effect, rel=0.02)


def test_a_judge_who_errs_lets_fishers_test_find_it_as_often_as_said() -> None:
    """Exact power by enumeration, with the shares that the judge turns the true ones into."""
    n, base, sensitivity, specificity = 150, 0.1, 0.8, 0.9
    d = float(share_difference_detectable_judged(n, n, 0.05, 0.8, base, 1.0, sensitivity, specificity))
    k_a, k_b = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    p = share_difference_pvalue_fisher(k_a, np.full_like(k_a, n), k_b, np.full_like(k_b, n))
    judged = [share * sensitivity + (1 - share) * (1 - specificity) for share in (base + d, base)]
    chance = stats.binom.pmf(k_a, n, judged[0]) * stats.binom.pmf(k_b, n, judged[1])
    assert 0.79 <= chance[p <= 0.05].sum() <= 0.86
