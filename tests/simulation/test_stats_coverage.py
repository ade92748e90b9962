"""Size and coverage of the tests on texts with known truth: seeded, tolerance from binomial error.

The small case of each runs always; the whole table of `benchmarks.coverage` under the marker.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from benchmarks.coverage import DESIGNS, FEW, GRID, PAIRED, Design, draw, layout, measure
from tasks.stats import clustered
from tasks.stats.differences import difference
from tasks.stats.missing import share_difference_bounds_missing
from tasks.stats.multiplicity import pvalues_adjusted_bh, pvalues_adjusted_holm

LEVEL = 0.95
NOMINAL = 0.05
# Student's approximations are not exact: what a size may exceed the level by, over and above chance.
REASON = 0.01


def most(draws: int, rate: float) -> float:
    """The largest share of draws that chance lets pass once in ten thousand."""
    return float(stats.binom.isf(1e-4, draws, rate)) / draws


SMALL = [
    Design(60, 90, share=0.05),
    Design(40, 40, share=0.5, shift=-0.2),
    Design(80, 120, binary=False),
    Design(40, 40, 5, True, rho=0.3),
    Design(6, 6, 10, rho=0.3),
    Design(2, 2, 10, rho=0.3),
    Design(2, 20, 5, True, rho=0.5),
    Design(15, 15, 5, True, True, rho=0.3),
    Design(40, 40, 5, True, rho=0.3, binary=False),
    Design(3, 3, 10, rho=0.3, binary=False),
    Design(3, 20, 5, True, rho=0.3, shift=0.2, binary=False),
    Design(10, 10, 4, False, True, rho=0.3, binary=False),
    Design(10, 10, 1, False, True, rho=0.7),
    Design(100, 100, 1, False, True, rho=0.7, shift=0.1),
    Design(200, 200, 1, False, True, rho=0.9, share=0.02),
    Design(100, 100, 1, False, True, 0.5, rho=0.7),
    Design(20, 20, 5, True, True, 0.2, rho=0.5),
]


@pytest.mark.parametrize("design", SMALL, ids=str)
def test_size_and_coverage_small(design: Design) -> None:
    draws = 1000
    found = measure(design, draws, LEVEL, np.random.default_rng(0))
    assert 1 - found.covered <= most(draws, NOMINAL + REASON)
    if design.shift == 0:
        assert found.rejected <= most(draws, NOMINAL + REASON)


WELCH_LIMIT = Design(10, 40, binary=False)
"""Ten rows with a few high scores among them: too few for Welch, and docs/statistics.md says so."""


def test_the_limit_of_welch_is_no_worse_than_the_documentation_says() -> None:
    assert WELCH_LIMIT in DESIGNS
    assert 0.06 < measure(WELCH_LIMIT, 1000, LEVEL, np.random.default_rng(1)).rejected < 0.13


@pytest.mark.simulation
@pytest.mark.parametrize("design", [*(d for d in DESIGNS if d != WELCH_LIMIT), *PAIRED], ids=str)
def test_size_and_coverage(design: Design) -> None:
    draws = 4000
    found = measure(design, draws, LEVEL, np.random.default_rng(1))
    assert 1 - found.covered <= most(draws, NOMINAL + REASON)
    if design.shift == 0:
        assert found.rejected <= most(draws, NOMINAL + REASON)


SMALL_GRID = [design for design in GRID if design.documents_a * design.rows < 1000][::7]


@pytest.mark.parametrize("design", SMALL_GRID, ids=str)
def test_coverage_over_shares_sizes_and_documents_small(design: Design) -> None:
    draws = 200
    assert 1 - measure(design, draws, LEVEL, np.random.default_rng(8)).covered <= most(
        draws, NOMINAL + REASON
    )


@pytest.mark.simulation
@pytest.mark.parametrize("design", [*GRID, *FEW], ids=str)
def test_coverage_over_shares_sizes_and_documents(design: Design) -> None:
    """Shares 0.001 to 0.5, 30 to 10,000 rows a group, documents of 1 to 50 rows: some five minutes."""
    draws = 2000
    found = measure(design, draws, LEVEL, np.random.default_rng(8))
    assert 1 - found.covered <= most(draws, NOMINAL + REASON)
    if design.shift == 0:
        assert found.rejected <= most(draws, NOMINAL + REASON)


SPARSE = [
    Design(6, 6, 50, rho=0.5, share=0.01, shift=0.05),
    Design(20, 20, 50, rho=0.5, share=0.001, shift=0.02),
    Design(40, 40, 50, rho=0.5, share=0.001, shift=0.02),
]
"""A few texts of one or two documents hold the predicate: too few to see how alike a document's texts are."""


@pytest.mark.parametrize("design", SPARSE, ids=str)
def test_coverage_of_a_rare_predicate_in_few_documents(design: Design) -> None:
    """Without `share_design_effect_unseen` 0.83 to 0.89 of the intervals hold the difference."""
    draws = 1000
    assert 1 - measure(design, draws, LEVEL, np.random.default_rng(9)).covered <= most(
        draws, NOMINAL + REASON
    )
    nothing = replace(design, shift=0.0)
    assert measure(nothing, draws, LEVEL, np.random.default_rng(9)).rejected <= most(draws, NOMINAL)


def test_unseen_documents_cost_no_width_in_an_ordinary_study(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand documents of one to three rows, shares of 0.05 and more: under 1 %."""
    designs = [Design(500, 500, 2, True, rho=0.2, share=share) for share in (0.05, 0.2, 0.5)]
    width = [measure(design, 100, LEVEL, np.random.default_rng(10)).width for design in designs]
    monkeypatch.setattr(clustered, "share_design_effect_unseen", lambda deff, *_: deff)
    least = [measure(design, 100, LEVEL, np.random.default_rng(10)).width for design in designs]
    assert all(one <= 1.01 * other for one, other in zip(width, least, strict=True))


def test_ignoring_documents_would_have_failed() -> None:
    """What the clustered test is for: the same rows as if independent reject several times too often."""
    design, rng = Design(20, 20, 8, rho=0.3), np.random.default_rng(2)
    in_a, document = layout(design, rng)
    score = draw(design, in_a, document, 500, rng)
    naive = difference(score, in_a, np.arange(len(in_a)), LEVEL, binary=True)
    honest = difference(score, in_a, document, LEVEL, binary=True)
    assert (naive.p <= NOMINAL).mean() > 0.15
    assert (honest.p <= NOMINAL).mean() <= most(500, NOMINAL)


def test_a_real_difference_is_found() -> None:
    """Careful is not blind: each of the four tests sees 0.3 with a few hundred rows."""
    for binary in (True, False):
        for design in (
            Design(150, 150, shift=0.3, binary=binary),
            Design(60, 60, 4, True, rho=0.2, shift=0.3, binary=binary),
        ):
            assert measure(design, 400, LEVEL, np.random.default_rng(3)).rejected > 0.9


def test_matched_documents_have_the_power_of_a_paired_test() -> None:
    """Pairs that correlate by 0.7, 20 % against 30 %: 72 % of studies saw it as if they were no pairs."""
    design = Design(200, 200, 1, False, True, rho=0.7, shift=0.1)
    assert measure(design, 400, LEVEL, np.random.default_rng(3)).rejected > 0.95


def test_intervals_are_not_needlessly_wide() -> None:
    """Enough documents: coverage near its level, so the size is not bought with width."""
    for design in (
        Design(200, 200, 1, False, True, rho=0.7),
        Design(120, 120),
        Design(120, 120, binary=False),
        Design(120, 120, 3, rho=0.3, binary=False),
    ):
        found = measure(design, 1000, LEVEL, np.random.default_rng(4))
        assert found.covered <= 1 - stats.binom.ppf(1e-4, 1000, NOMINAL) / 1000


def null_families(runs: int, rng: np.random.Generator) -> np.ndarray:
    """p-values of 15 correlated predicates on two random halves of one clustered corpus, per run."""
    design = Design(30, 30, 4, True, rho=0.3, share=0.1)
    found = []
    for _ in range(runs):
        in_a, document = layout(design, rng)
        score = draw(design, in_a, document, 15, rng)
        # Every second predicate repeats half of its neighbour's verdicts.
        score[::2, 1::2] = score[::2, :-1:2]
        found.append(difference(score, in_a, document, LEVEL, binary=True).p)
    return np.array(found)


@pytest.mark.parametrize("runs", [150, pytest.param(2000, marks=pytest.mark.simulation)])
def test_under_no_difference_any_discovery_is_as_rare_as_alpha(runs: int) -> None:
    p = null_families(runs, np.random.default_rng(5))
    assert np.mean([(pvalues_adjusted_bh(row) <= NOMINAL).any() for row in p]) <= most(runs, NOMINAL)
    assert np.mean([(pvalues_adjusted_holm(row) <= NOMINAL).any() for row in p]) <= most(runs, NOMINAL)
    by_rank = 1 / np.arange(1.0, p.shape[1] + 1)
    assert np.mean([(pvalues_adjusted_bh(row, by_rank) <= NOMINAL).any() for row in p]) <= most(runs, NOMINAL)
    # Unadjusted, it would not be.
    assert np.mean((p <= NOMINAL).any(axis=1)) > 2 * NOMINAL


@pytest.mark.parametrize("runs", [300, pytest.param(2000, marks=pytest.mark.simulation)])
def test_false_discovery_rate_with_true_and_false_hypotheses_mixed(runs: int) -> None:
    rng = np.random.default_rng(6)
    rows, true = 200, 8
    in_a = np.arange(2 * rows) < rows
    share = np.full((2 * rows, 40), 0.2)
    share[np.ix_(in_a, np.arange(40) < true)] = 0.36
    # Most true ones are expected, a few false ones are, too.
    weight = np.where(np.arange(40) % 5 < 4, np.where(np.arange(40) < true, 4.0, 1.0), 4.0)
    false_shares, found = np.zeros((2, runs)), np.zeros((2, runs))
    for run in range(runs):
        score = (rng.random(share.shape) < share).astype(float)
        p = difference(score, in_a, np.arange(2 * rows), LEVEL, True).p
        for way, q in enumerate((pvalues_adjusted_bh(p), pvalues_adjusted_bh(p, weight))):
            named = q <= 0.1
            false_shares[way, run] = named[true:].sum() / max(named.sum(), 1)
            found[way, run] = named[:true].mean()
    error = np.std(false_shares, axis=1) / np.sqrt(runs)
    # Weighted, what is false has the share of the level that its weights are.
    limit = 0.1 * np.array([32 / 40, weight[true:].sum() / weight.sum()])
    assert (false_shares.mean(axis=1) <= limit + 4 * error).all()
    assert 0.6 < found[0].mean() < found[1].mean()


def test_missing_verdict_bounds_hold_the_full_difference_when_refusals_depend_on_the_answer() -> None:
    rng = np.random.default_rng(7)
    verdict = (rng.random((400, 200)) < 0.3).astype(float)
    in_a = np.arange(400) < 200
    refused = rng.random(verdict.shape) < np.where((verdict == 1) & in_a[:, None], 0.4, 0.02)
    seen = np.where(refused, np.nan, verdict)
    lo, hi = share_difference_bounds_missing(seen, refused, in_a)
    full = verdict[in_a].mean(axis=0) - verdict[~in_a].mean(axis=0)
    observed = difference(seen, in_a, np.arange(400), LEVEL, True).validity
    assert ((lo <= full) & (full <= hi)).all()
    # Leaving the refusals out is biased: that is what the bounds are shown for.
    assert np.mean(observed - full) < -0.04
