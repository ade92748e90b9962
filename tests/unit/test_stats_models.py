"""Labels, scores and words given predicates: each against another implementation of the same model."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import optimize, sparse, special, stats
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss

from tasks.stats import multinomial, normal, wording
from tasks.stats.multinomial import weighted_variance

RNG = np.random.default_rng(0)
Z = (RNG.random((400, 4)) < 0.3).astype(float)
LABEL = (Z @ RNG.normal(size=(4, 3)) + RNG.gumbel(size=(400, 3))).argmax(axis=1)
SCORE = Z @ np.array([1.0, -0.5, 0.0, 2.0]) + RNG.normal(size=400) + 3
COUNTS = sparse.csr_array(RNG.poisson(np.exp(Z @ RNG.normal(0, 0.5, (4, 30)) - 1)))


def without(column: int) -> np.ndarray:
    return np.delete(Z, column, axis=1)


def test_labels_are_scikit_learns_logistic_regression() -> None:
    model = multinomial.fit(Z, LABEL, 3, ridge=2.0, pseudo_texts=0.0)
    other = LogisticRegression(C=0.5, tol=1e-10, max_iter=5000).fit(Z, LABEL)
    assert model.weight[1:] == pytest.approx(other.coef_.T, abs=1e-5)
    assert model.weight.sum(axis=1) == pytest.approx(0, abs=1e-12)
    bits = multinomial.log2_likelihood(model, Z, LABEL)
    assert -bits.mean() * np.log(2) == pytest.approx(log_loss(LABEL, other.predict_proba(Z)), abs=1e-8)
    again = multinomial.fit(Z, LABEL, 3, ridge=2.0, pseudo_texts=0.0, start=model.weight + 0.3)
    assert again.weight == pytest.approx(model.weight, abs=1e-6)


def test_masses_are_copies() -> None:
    mass = RNG.integers(0, 3, 400)
    copied = np.repeat(np.arange(400), mass)
    one = multinomial.fit(Z, LABEL, 3, mass=mass.astype(float)).weight
    assert one == pytest.approx(multinomial.fit(Z[copied], LABEL[copied], 3).weight, abs=1e-6)
    score = normal.fit(Z, SCORE, mass=mass.astype(float))
    assert score.weight == pytest.approx(normal.fit(Z[copied], SCORE[copied]).weight)
    words = wording.fit(Z, COUNTS, mass=mass.astype(float)).weight
    assert words == pytest.approx(wording.fit(Z[copied], COUNTS[copied]).weight, abs=1e-3)


def test_classes_told_apart_and_classes_absent_have_finite_weights() -> None:
    told = Z[:, 0].astype(int)
    for ridge in (1.0, 0.0):
        model = multinomial.fit(Z, told, 3, ridge)
        assert np.isfinite(model.weight).all()
        assert np.isfinite(multinomial.log2_likelihood(model, Z, np.full(400, 2))).all()
    most_likely = multinomial.fit(Z, told, 2, ridge=0.0, pseudo_texts=0.0)
    assert multinomial.log2_likelihood(most_likely, Z, told).sum() == pytest.approx(0, abs=1e-5)


def test_no_predicate_leaves_the_shares_of_the_classes() -> None:
    model = multinomial.fit(np.zeros((400, 0)), LABEL, 4)
    share = (np.bincount(LABEL, minlength=4) + 0.25) / 401
    assert special.softmax(model.weight[0]) == pytest.approx(share)


def test_errors_of_weights_are_statsmodels() -> None:
    free = multinomial.fit(Z, LABEL, 3, ridge=0.0, pseudo_texts=0.0)
    x = sm.add_constant(Z)
    covariance = np.asarray(sm.MNLogit(LABEL, x).fit(disp=0).cov_params())
    # Theirs are over the first class: of its own weights, 0 each; ours are over the mean of all classes.
    centre = np.kron((np.eye(3) - 1 / 3)[:, 1:], np.eye(5))
    expected = np.sqrt(np.diag(centre @ covariance @ centre.T)).reshape(3, 5).T
    found = multinomial.weight_error(free, Z, ridge=0.0, pseudo_texts=0.0)
    assert found == pytest.approx(expected, rel=1e-4)
    assert (multinomial.weight_error(multinomial.fit(Z[:3], LABEL[:3], 3, 4.0), Z[:3], 4.0)[1:] <= 0.5).all()
    ols = sm.OLS(SCORE, x).fit()
    line = normal.fit(Z, SCORE, ridge=0.0)
    assert normal.weight_error(line, Z, ridge=0.0) == pytest.approx(ols.bse * np.sqrt(395 / 400))


def test_scores_are_scikit_learns_ridge_and_scipys_density() -> None:
    model, other = normal.fit(Z, SCORE, ridge=3.0), Ridge(3.0).fit(Z, SCORE)
    assert model.weight == pytest.approx([other.intercept_, *other.coef_])
    error = SCORE - other.predict(Z)
    assert model.sd == pytest.approx(error.std(), rel=1e-3)
    density = stats.norm.logpdf(SCORE, other.predict(Z), model.sd) / np.log(2)
    assert normal.log2_likelihood(model, Z, SCORE) == pytest.approx(density)


def test_equal_scores_have_a_spread_all_the_same() -> None:
    for n in (400, 399, 7):  # the mean of so many may miss them by a rounding
        for equal in (5.0, 0.1, 1 / 3):
            assert normal.fit(Z[:n], np.full(n, equal)).sd == pytest.approx(equal / 1000)
    assert normal.fit(Z, Z[:, 0]).sd > 0
    assert normal.fit(np.zeros((400, 0)), SCORE).weight == pytest.approx([SCORE.mean()])


def test_words_are_the_minimum_by_a_general_minimiser() -> None:
    model = wording.fit(Z, COUNTS, ridge=2.0)
    counts = COUNTS.toarray()
    x = np.column_stack([np.ones(401), np.vstack([Z, counts.sum(axis=1) @ Z / counts.sum()])])
    table = np.vstack([counts, np.full(30, 1 / 30)])

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        w = flat.reshape(5, 30)
        fit = special.log_softmax(x @ w, axis=1)
        slope = x.T @ (np.exp(fit) * table.sum(axis=1, keepdims=True) - table)
        slope[1:] += 2 * w[1:]
        return float((w[1:] ** 2).sum() - (table * fit).sum()), slope.ravel()

    general = optimize.minimize(loss, np.zeros(150), jac=True, method="L-BFGS-B", options={"maxiter": 5000})
    assert loss(model.weight.ravel())[0] <= general.fun + 1e-3
    assert model.weight[1:] == pytest.approx(general.x.reshape(5, 30)[1:], abs=0.01)


def test_bits_of_words_are_scipys_multinomial_and_some_may_not_count() -> None:
    model, counts = wording.fit(Z, COUNTS), COUNTS.toarray()
    chance = special.softmax(model.weight[0] + Z @ model.weight[1:], axis=1)
    ways = special.gammaln(counts.sum(axis=1) + 1) - special.gammaln(counts + 1).sum(axis=1)
    expected = (stats.multinomial.logpmf(counts, counts.sum(axis=1), chance) - ways) / np.log(2)
    assert wording.log2_likelihood(model, Z, COUNTS) == pytest.approx(expected)
    counting = np.arange(30) < 12
    left = chance[:, counting] / chance[:, counting].sum(axis=1, keepdims=True)
    some = (counts[:, counting] * np.log2(left)).sum(axis=1)
    assert wording.log2_likelihood(model, Z, COUNTS, counting) == pytest.approx(some)
    assert wording.log2_likelihood(model, Z[:1], COUNTS[[0]] * 0) == pytest.approx([0])


def test_verdicts_between_0_and_1_are_taken_as_they_are() -> None:
    filled = np.where(RNG.random(Z.shape) < 0.2, Z.mean(axis=0), Z)
    label = multinomial.fit(filled, LABEL, 3, pseudo_texts=0.0)
    other = LogisticRegression(tol=1e-10, max_iter=5000).fit(filled, LABEL)
    assert label.weight[1:] == pytest.approx(other.coef_.T, abs=1e-5)
    words = wording.fit(filled, COUNTS, start=wording.fit(Z, COUNTS).weight)
    assert words.weight == pytest.approx(wording.fit(filled, COUNTS).weight, abs=0.01)


def test_variances_of_gains_are_those_of_draws_from_the_model_without() -> None:
    rng, row, n = np.random.default_rng(5), np.array([[1.0, 0, 1, 0]]), 40_000
    many, rest = np.repeat(row, n, axis=0), np.repeat(row[:, [0, 1, 3]], n, axis=0)
    full, less = multinomial.fit(Z, LABEL, 3), multinomial.fit(without(2), LABEL, 3)
    chance = special.softmax(less.weight[0] + rest[0] @ less.weight[1:])
    label = rng.choice(3, n, p=chance)
    gain = multinomial.log2_likelihood(full, many, label) - multinomial.log2_likelihood(less, rest, label)
    assert multinomial.gain_variance(full, less, 2, row) == pytest.approx([gain.var()], rel=0.05)
    line, short = normal.fit(Z, SCORE), normal.fit(without(2), SCORE)
    score = rng.normal(short.weight[0] + rest[0] @ short.weight[1:], short.sd, n)
    gain = normal.log2_likelihood(line, many, score) - normal.log2_likelihood(short, rest, score)
    assert normal.gain_variance(line, short, 2, row) == pytest.approx([gain.var()], rel=0.05)
    words, fewer = wording.fit(Z, COUNTS), wording.fit(without(2), COUNTS)
    counting = np.arange(30) != 4
    chance = special.softmax((fewer.weight[0] + rest[0] @ fewer.weight[1:])[counting])
    counts = np.zeros((n, 30))
    counts[:, counting] = rng.multinomial(7, chance, n)
    text = sparse.csr_array(counts)
    gain = wording.log2_likelihood(words, many, text, counting)
    gain -= wording.log2_likelihood(fewer, rest, text, counting)
    found = wording.gain_variance(words, fewer, 2, row, text[[0]], counting)
    assert found == pytest.approx([gain.var()], rel=0.05)


def test_weighted_variance_is_numpys() -> None:
    value, chance = RNG.normal(size=(3, 5)), RNG.dirichlet(np.ones(5), 3)
    expected = [float(np.cov(v, aweights=p, ddof=0)) for v, p in zip(value, chance, strict=True)]
    assert weighted_variance(value, chance) == pytest.approx(expected)


def test_what_cannot_be_fitted_says_so() -> None:
    with pytest.raises(ValueError, match="labels below 2"):
        multinomial.fit(Z, LABEL, 2)
    with pytest.raises(ValueError, match="as many rows"):
        normal.fit(Z, SCORE[1:])
    with pytest.raises(ValueError, match="finite"):
        normal.fit(Z, np.where(SCORE > 3, np.nan, SCORE))
    with pytest.raises(ValueError, match="wanted a word"):
        wording.fit(Z, COUNTS * 0)
