"""Adjusted p-values, bounds for missing verdicts and detectable differences, by example."""

import numpy as np
import pytest

from tasks.stats.missing import share_difference_bounds_missing
from tasks.stats.multiplicity import evalues_adjusted_ebh, pvalues_adjusted_bh, pvalues_adjusted_holm
from tasks.stats.power import share_difference_detectable_fisher

NONE = np.nan

THROMBOLYSIS = [
    *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
    *(0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0),
]
"""The example of Benjamini & Hochberg (1995), section 4.1."""


def test_the_example_of_benjamini_and_hochberg() -> None:
    p = np.array(THROMBOLYSIS)
    assert (pvalues_adjusted_bh(p) <= 0.05).sum() == 4
    assert (pvalues_adjusted_holm(p) <= 0.05).sum() == 3


@pytest.mark.parametrize(
    ("p", "bh", "holm"),
    [
        ([], [], []),
        ([0.03], [0.03], [0.03]),
        ([0.01, 0.02, 0.03], [0.03, 0.03, 0.03], [0.03, 0.04, 0.04]),
        ([0.03, 0.01, 0.02], [0.03, 0.03, 0.03], [0.04, 0.03, 0.04]),
        ([0.01, 0.5, 0.04], [0.03, 0.5, 0.06], [0.03, 0.5, 0.08]),
        ([0.6, 0.9], [0.9, 0.9], [1.0, 1.0]),
        ([0.0, 1.0], [0.0, 1.0], [0.0, 1.0]),
    ],
)
def test_adjusted_p_values(p: list[float], bh: list[float], holm: list[float]) -> None:
    assert pvalues_adjusted_bh(np.array(p)) == pytest.approx(bh)
    assert pvalues_adjusted_holm(np.array(p)) == pytest.approx(holm)


@pytest.mark.parametrize("adjusted", [pvalues_adjusted_bh, pvalues_adjusted_holm])
@pytest.mark.parametrize("p", [[0.1, NONE], [1.1], [-0.1], [[0.1]]])
def test_what_is_no_p_value_is_refused(adjusted: object, p: list[float]) -> None:
    with pytest.raises(ValueError, match="wanted"):
        adjusted(np.array(p))  # type: ignore[operator]


def test_weights_shift_the_level_to_whom_more_was_expected_of() -> None:
    p = np.array([0.02, 0.03, 0.2, 0.0004])
    # Alone the first would need p <= 0.05 / 4; with two thirds of the level 0.05 * 2 / 3 is enough.
    assert pvalues_adjusted_bh(p, np.array([6, 1, 1, 1])) == pytest.approx([0.02, 0.09, 0.45, 0.0036])
    assert pvalues_adjusted_bh(p, np.full(4, 7.0)) == pytest.approx(pvalues_adjusted_bh(p))


def test_no_weight_makes_a_discovery_of_what_is_none_alone() -> None:
    # p / weight * size / rank alone is 0.008 * 4 / 4.
    p = np.array([0.2, 1e-9, 1e-9, 1e-9])
    assert pvalues_adjusted_bh(p, np.array([25.0, 1, 1, 1]))[0] == pytest.approx(0.2)
    assert evalues_adjusted_ebh(1 / p, np.array([25.0, 1, 1, 1]))[0] == pytest.approx(0.2)


@pytest.mark.parametrize("seed", range(20))
def test_weighted_q_is_the_least_level_of_a_discovery(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 12))
    p, weight = rng.beta(0.3, 1, size), rng.gamma(1.0, size=size) + 0.01
    q = pvalues_adjusted_bh(p, weight)
    for level in rng.uniform(0, 0.6, 40):
        ranks = [
            at
            for r in range(1, size + 1)
            if (at := p <= np.minimum(level, level * r * weight / weight.sum())).sum() >= r
        ]
        discoveries = ranks[-1] if ranks else np.zeros(size, dtype=bool)
        assert (q <= level).tolist() == discoveries.tolist()


@pytest.mark.parametrize("weight", [[1.0], [1.0, 0.0], [1.0, -1.0], [1.0, NONE], [1.0, np.inf]])
def test_what_is_no_weight_is_refused(weight: list[float]) -> None:
    for adjusted in (pvalues_adjusted_bh, evalues_adjusted_ebh):
        with pytest.raises(ValueError, match="weights over 0"):
            adjusted(np.array([0.1, 0.2]), np.array(weight))


def test_bounds_when_verdicts_are_missing() -> None:
    #   refused in A, none missing, not asked, all missing
    score = np.array(
        [
            [1, 1, 1, NONE],
            [1, 1, 1, NONE],
            [0, 0, 0, NONE],
            [NONE, 1, NONE, NONE],
            [1, 1, 1, NONE],
            [0, 0, 0, NONE],
        ],
        dtype=float,
    )
    missing = np.zeros(score.shape, dtype=bool)
    missing[3, 0] = missing[:, 3] = True
    missing[0, 1] = True  # has a value: ignored
    in_a = np.array([True] * 4 + [False] * 2)
    lo, hi = share_difference_bounds_missing(score, missing, in_a)
    assert lo == pytest.approx([2 / 4 - 1 / 2, 3 / 4 - 1 / 2, 2 / 3 - 1 / 2, -1])
    assert hi == pytest.approx([3 / 4 - 1 / 2, 3 / 4 - 1 / 2, 2 / 3 - 1 / 2, 1])
    lo, hi = share_difference_bounds_missing(score, missing, ~in_a)
    assert lo == pytest.approx([1 / 2 - 3 / 4, 1 / 2 - 3 / 4, 1 / 2 - 2 / 3, -1])
    empty = share_difference_bounds_missing(score[:, :1], missing[:, :1], np.ones(6, dtype=bool))
    assert empty == (pytest.approx([3 / 6 - 1]), pytest.approx([4 / 6]))
    with pytest.raises(ValueError, match="wanted score"):
        share_difference_bounds_missing(score, missing[:, :1], in_a)


def test_detectable_differences() -> None:
    d = share_difference_detectable_fisher
    # .1 against .1 + d: z's 1.96 and 0.8416, standard errors sqrt(p(1-p)/250) at the mean share and
    # sqrt((.09 + b(1-b))/500), 1/500 for continuity.
    b, mean = 0.16168, 0.13084
    needed = 1.959964 * np.sqrt(mean * (1 - mean) / 250) + 0.841621 * np.sqrt((0.09 + b * (1 - b)) / 500)
    assert d(500, 500, base_share=0.1) == pytest.approx(needed + 1 / 500, abs=1e-5)
    # More rows, a lower demand or a rarer predicate: smaller differences are found.
    assert d(2000, 2000) < d(500, 500) < d(500, 100)
    assert d(500, 500, power=0.5) < d(500, 500) < d(500, 500, alpha=0.05 / 50)
    assert d(500, 500, base_share=0.01) < d(500, 500) < d(500, 500, base_share=0.4)
    # Four rows that count as one; a share of .9 is a share of .1 of the opposite.
    assert d(400, 800, deff=4) == pytest.approx(float(d(100, 200)))
    assert d(300, 200, base_share=0.9) == pytest.approx(float(d(300, 200, base_share=0.1)))
    assert d(300, 200) == pytest.approx(float(d(200, 300)))
    # Most of many texts are asked for a size, not for a doubt: the minimum plus 0.8416 standard errors.
    b = 0.12
    at_least = d(50_000, 50_000, base_share=0.1, min_effect=0.02)
    assert at_least == pytest.approx(0.02 + 0.841621 * np.sqrt((0.09 + b * (1 - b)) / 50_000), abs=1e-4)
    assert d(500, 500, min_effect=0.02) == d(500, 500)
    # No difference at all would do with three rows a side, or with none on one.
    assert np.isnan(d([3, 0, 50], [3, 50, 50])).tolist() == [True, True, False]
