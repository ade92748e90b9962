"""Correlation of verdicts, paraphrase groups and conditional differences on drawn tables."""

import numpy as np
import pytest

from tasks.stats.agreement import conditional_difference, paraphrase_groups, verdicts_phi
from tasks.stats.stratified import mean_difference_ci_mh, mean_difference_estimate_mh

NONE = np.nan


def test_phi_of_drawn_verdicts() -> None:
    #            same  opposite  half  constant
    score = np.array(
        [
            [1, 1, 0, 1, 1],
            [1, 1, 0, 0, 1],
            [0, 0, 1, 1, 1],
            [0, 0, 1, 0, 1],
        ],
        dtype=float,
    )
    expected = [
        [1, 1, -1, 0, 0],
        [1, 1, -1, 0, 0],
        [-1, -1, 1, 0, 0],
        [0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0],
    ]
    assert verdicts_phi(score) == pytest.approx(np.array(expected), abs=1e-12)


def test_phi_uses_the_texts_that_both_were_judged_on() -> None:
    score = np.array([[1, 1], [0, 0], [1, NONE], [NONE, 1], [0, 0]], dtype=float)
    assert verdicts_phi(score)[0, 1] == pytest.approx(1)
    never_together = np.array([[1, NONE], [0, NONE], [NONE, 1], [NONE, 0]], dtype=float)
    assert verdicts_phi(never_together)[0, 1] == 0


def test_phi_of_a_predicate_that_nearly_always_holds_keeps_its_digits() -> None:
    score = np.ones((100_000, 2))
    score[7] = 0
    assert verdicts_phi(score)[0, 1] == pytest.approx(1, abs=1e-9)
    assert verdicts_phi(np.full((1000, 2), 0.1)).tolist() == [[0, 0], [0, 0]]


def test_a_chain_is_not_one_group() -> None:
    """0 and 1 agree, 1 and 2 agree, 0 and 2 do not: two groups, and the strongest leads."""
    phi = np.array([[1.0, 0.8, 0.3], [0.8, 1.0, 0.7], [0.3, 0.7, 1.0]])
    assert paraphrase_groups(phi, 0.6, np.array([0.1, 0.3, 0.2])).tolist() == [1, 1, 2]


@pytest.mark.parametrize(
    ("threshold", "strength", "expected"),
    [
        (0.5, [3, 2, 1], [0, 0, 2]),  # the opposite of a predicate is the same finding
        (0.5, [2, 3, 1], [1, 1, 2]),
        (0.9, [3, 2, 1], [0, 0, 2]),  # exactly at the threshold counts
        (0.91, [3, 2, 1], [0, 1, 2]),
        (0.5, [1, 1, 1], [0, 0, 2]),  # a tie goes to the first
        (0.5, [NONE, 1, 2], [1, 1, 2]),
        (0.0, [1, 2, 3], [2, 2, 2]),
    ],
)
def test_groups_and_leaders(threshold: float, strength: list[float], expected: list[int]) -> None:
    phi = np.array([[1.0, -0.9, 0.1], [-0.9, 1.0, 0.2], [0.1, 0.2, 1.0]])
    assert paraphrase_groups(phi, threshold, np.array(strength, dtype=float)).tolist() == expected


def test_groups_of_none_and_one() -> None:
    assert paraphrase_groups(np.zeros((0, 0)), 0.5, np.zeros(0)).tolist() == []
    assert paraphrase_groups(np.zeros((1, 1)), 0.5, np.zeros(1)).tolist() == [0]
    with pytest.raises(ValueError, match="shape"):
        paraphrase_groups(np.zeros((2, 2)), 0.5, np.zeros(3))


def test_a_predicate_that_repeats_its_leader_adds_nothing() -> None:
    in_a = np.array([True] * 6 + [False] * 6)
    leader = np.array([1, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0], dtype=float)
    assert conditional_difference(leader, leader, in_a) == 0
    own = np.where(in_a, 1.0, 0.0)
    assert conditional_difference(own, leader, in_a) == 1


def test_a_conditional_difference_is_the_weighted_mean_over_strata() -> None:
    in_a = np.array([True, True, False, False, True, False, False])
    leader = np.array([1, 1, 1, 1, 0, 0, 0], dtype=float)
    score = np.array([1, 0, 0, 0, 1, 1, 0], dtype=float)
    # Leader 1: 1/2 - 0, weight 2*2/4; leader 0: 1 - 1/2, weight 1*2/3.
    assert conditional_difference(score, leader, in_a) == pytest.approx((0.5 * 1 + 0.5 * 2 / 3) / (1 + 2 / 3))
    leader[4:] = NONE
    assert conditional_difference(score, leader, in_a) == pytest.approx(0.5)
    assert np.isnan(conditional_difference(score, np.where(in_a, 1.0, 0.0), in_a))


def test_a_graded_leader_is_cut_into_ten() -> None:
    rng = np.random.default_rng(0)
    leader, in_a = rng.random(20_000), rng.random(20_000) < 0.5
    leader = np.clip(leader + 0.2 * in_a, 0, 1)
    assert (
        abs(conditional_difference(leader, leader, in_a)) < 0.02 < leader[in_a].mean() - leader[~in_a].mean()
    )


def test_strata_of_the_tolbutamide_trial() -> None:
    """Deaths by treatment and age: 8/106 against 5/120, and 22/98 against 16/85."""
    arms = [(8, 106, True, 0), (5, 120, False, 0), (22, 98, True, 1), (16, 85, False, 1)]
    score = np.concatenate([np.arange(n) < k for k, n, _, _ in arms]).astype(float)[:, None]
    in_a = np.concatenate([np.full(n, a) for _, n, a, _ in arms])
    stratum = np.concatenate([np.full(n, s) for _, n, _, s in arms])
    assert mean_difference_estimate_mh(score, in_a, stratum) == pytest.approx([0.0349], abs=5e-5)
    w = np.array([106 * 120 / 226, 98 * 85 / 183])
    var_a = np.array([8 * 98 / 106**3, 22 * 76 / 98**3])
    var_b = np.array([5 * 115 / 120**3, 16 * 69 / 85**3])
    half = 1.959964 * np.sqrt((w**2 * (var_a + var_b)).sum()) / w.sum()
    lo, hi = mean_difference_ci_mh(score, in_a, stratum, 0.95)
    assert (lo[0], hi[0]) == pytest.approx((0.034900 - half, 0.034900 + half), abs=1e-5)
    assert mean_difference_ci_mh(score, in_a, np.full(409, -1), 0.95) == ([-1], [1])
