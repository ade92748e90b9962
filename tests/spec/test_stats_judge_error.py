"""What the cheap judge gets wrong, and how far judges agree: drawn verdicts in, figures out."""

import numpy as np
import pytest

from tasks.stats.differences import difference
from tasks.stats.judge_error import judge_error
from tasks.stats.missing import difference_worst_case_missing
from tasks.stats.reliability import judges_alpha_krippendorff, judges_kappa_cohen

NONE = np.nan


def test_rates_by_group_of_a_drawn_table() -> None:
    #        A: 4 true, 3 called; 4 not, 1 called. B: 2 true, both called; 6 not, 3 called.
    gold = np.array([1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0], dtype=float)[:, None]
    cheap = np.array([1, 1, 1, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0], dtype=float)[:, None]
    found = judge_error(cheap, gold, np.arange(16) < 8, np.arange(16), 0.95)
    assert found.sensitivity.estimate == pytest.approx([5 / 6])
    assert (found.sensitivity.estimate_a[0], found.sensitivity.estimate_b[0]) == pytest.approx((3 / 4, 1))
    assert found.specificity.estimate == pytest.approx([6 / 10])
    assert (found.specificity.estimate_a[0], found.specificity.estimate_b[0]) == pytest.approx((3 / 4, 1 / 2))
    assert found.sensitivity.difference == pytest.approx([-1 / 4])
    assert (found.sensitivity.n_gold[0], found.specificity.n_gold[0]) == (6, 10)
    # Cheap validity 4/8 - 5/8, gold 4/8 - 2/8.
    assert found.bias == pytest.approx([-1 / 8 - 2 / 8])
    assert found.bias_lo < found.bias < found.bias_hi
    # Two of two is not certainty.
    assert found.sensitivity.lo_b < 0.5
    assert found.sensitivity.hi_b == 1


def test_texts_without_gold_say_nothing_and_no_true_text_says_nothing_of_sensitivity() -> None:
    gold = np.array([0, 0, 0, NONE, 0, 0, 0, NONE])[:, None]
    cheap = np.array([0, 0, 1, 1, 0, 0, 0, 1], dtype=float)[:, None]
    found = judge_error(cheap, gold, np.arange(8) < 4, np.arange(8), 0.95)
    assert np.isnan(found.sensitivity.estimate[0])
    assert (found.sensitivity.lo[0], found.sensitivity.hi[0]) == (0, 1)
    assert (found.sensitivity.lo_difference[0], found.sensitivity.hi_difference[0]) == (-1, 1)
    assert found.specificity.estimate == pytest.approx([5 / 6])


def test_texts_asked_more_often_count_less() -> None:
    """All called texts were asked, and one in ten of the others: unweighted, sensitivity looks too good."""
    rng = np.random.default_rng(0)
    n = 40_000
    truth = (rng.random(n) < 0.3).astype(float)
    cheap = np.where(truth == 1, rng.random(n) < 0.7, rng.random(n) < 0.05).astype(float)
    chance = np.where(cheap == 1, 1.0, 0.1)
    gold = np.where(rng.random(n) < chance, truth, NONE)
    given = (cheap[:, None], gold[:, None], rng.random(n) < 0.5, np.arange(n), 0.95)
    assert judge_error(*given).sensitivity.estimate > 0.9
    weighted = judge_error(*given, probability=chance)
    assert weighted.sensitivity.lo < 0.7 < weighted.sensitivity.hi
    assert weighted.specificity.lo < 0.95 < weighted.specificity.hi
    assert weighted.bias == pytest.approx([0], abs=0.02)


def test_texts_of_one_document_count_less() -> None:
    gold = np.ones((60, 1))
    cheap = np.repeat(np.arange(12) % 4 > 0, 5).astype(float)[:, None]
    in_a = np.arange(60) < 30
    apart = judge_error(cheap, gold, in_a, np.arange(60), 0.95).sensitivity
    together = judge_error(cheap, gold, in_a, np.arange(60) // 5, 0.95).sensitivity
    assert apart.estimate == together.estimate == pytest.approx([0.75])
    assert together.hi - together.lo > 1.5 * (apart.hi - apart.lo)


def test_kappa_of_a_drawn_table() -> None:
    """20 yes yes, 5 yes no, 10 no yes, 15 no no: agreement 0.7, by chance 0.5, kappa 0.4."""
    first = np.array([1] * 25 + [0] * 25, dtype=float)[:, None]
    second = np.array([1] * 20 + [0] * 5 + [1] * 10 + [0] * 15, dtype=float)[:, None]
    found = judges_kappa_cohen(first, second, np.arange(50), 0.95)
    assert found.estimate == pytest.approx([0.4])
    assert 0 < found.lo[0] < 0.4 < found.hi[0] < 0.7
    second[0] = NONE
    assert judges_kappa_cohen(first, second, np.arange(50), 0.95).n == [49]


def test_agreement_that_is_perfect_absent_or_unknown() -> None:
    verdict = (np.arange(40) % 2 == 0).astype(float)[:, None]
    perfect = judges_kappa_cohen(verdict, verdict, np.arange(40), 0.95)
    assert (perfect.estimate[0], perfect.hi[0]) == (1, 1)
    assert 0.7 < perfect.lo[0] < 0.95
    constant = judges_kappa_cohen(np.zeros((40, 1)), np.zeros((40, 1)), np.arange(40), 0.95)
    assert np.isnan(constant.estimate[0])
    assert (constant.lo[0], constant.hi[0]) == (-1, 1)
    opposite = judges_kappa_cohen(verdict, 1 - verdict, np.arange(40), 0.95)
    assert opposite.estimate == pytest.approx([-1])
    # Three positive texts in all: too few to say anything.
    rare = (np.arange(40) < 3).astype(float)[:, None]
    few = judges_kappa_cohen(rare, rare, np.arange(40), 0.95)
    assert (few.lo[0], few.hi[0]) == (-1, 1)
    empty = judges_kappa_cohen(np.full((4, 1), NONE), verdict[:4], np.arange(4), 0.95)
    assert (empty.n[0], empty.lo[0], empty.hi[0]) == (0, -1, 1)


def test_alpha_of_three_judges_with_gaps_and_grades() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random((300, 1, 1))
    verdict = np.clip(truth + 0.1 * rng.standard_normal((300, 1, 3)), 0, 1)
    verdict[rng.random(verdict.shape) < 0.2] = NONE
    found = judges_alpha_krippendorff(verdict, np.arange(300), 0.95, "interval")
    # Variance of truth 1/12, of error 0.01, less what is cut off at the ends.
    assert found.lo < 0.9 < found.hi
    assert found.hi - found.lo < 0.1
    noise = judges_alpha_krippendorff(rng.random((300, 1, 3)), np.arange(300), 0.95, "interval")
    assert noise.lo < 0 < noise.hi
    with pytest.raises(ValueError, match="metric"):
        judges_alpha_krippendorff(verdict, np.arange(300), 0.95, "ordinal")  # type: ignore[arg-type]


def test_a_discovery_that_hangs_on_refusals_is_fragile() -> None:
    n = 200
    in_a, document = np.arange(n) < 100, np.arange(n)
    score = np.zeros((n, 3))
    score[:60, 0] = score[100:120, 0] = 1  # 0.6 against 0.2: holds, whatever ten refusals were
    score[:30, 1] = score[100:112, 1] = 1  # 0.3 against 0.12: does not
    score[:30, 2] = score[100:128, 2] = 1  # 0.3 against 0.28: no discovery to begin with
    missing = np.zeros_like(score, dtype=bool)
    missing[90:100] = missing[190:200] = True
    seen = np.where(missing, NONE, score)
    found = difference_worst_case_missing(seen, missing, in_a, document, 0.95, binary=True)
    assert found.fragile.tolist() == [False, True, False]
    # Predicate 1 at worst: 30 of 100 against 12 + 10 of 100.
    assert found.validity[1] == pytest.approx(0.3 - 0.22)
    down = difference_worst_case_missing(seen, missing, ~in_a, document, 0.95, binary=True)
    assert down.fragile.tolist() == [False, True, False]
    assert (down.validity[1], down.hi[1]) == pytest.approx((-found.validity[1], -found.lo[1]))
    # Not asked for is not missing.
    whole = difference(seen, in_a, document, 0.95, True)
    unasked = difference_worst_case_missing(seen, missing & False, in_a, document, 0.95, binary=True)
    assert unasked.lo == pytest.approx(whole.lo)
    assert not unasked.fragile.any()
    with pytest.raises(ValueError, match="alike"):
        difference_worst_case_missing(seen, missing[:1], in_a, document, 0.95, binary=True)
