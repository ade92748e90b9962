"""Betting on bounded means, and e-values of many predicates, by example."""

import numpy as np
import pytest

from tasks.stats.betting import (
    horizon_fractions,
    mean_atom_counts,
    mean_atoms,
    mean_ci_betting,
    mean_logevalue_betting,
)
from tasks.stats.multiplicity import evalues_adjusted_ebh, evalues_adjusted_holm

NONE = np.nan


def test_values_are_counted_where_they_fall() -> None:
    assert mean_atoms(2).tolist() == [-1, -0.5, 0, 0.5, 1]
    #   two predicates: 1, -1, 0, 0.25 | 1, missing, 0.75, 0.5
    value = np.array([[1, 1], [-1, NONE], [0, 0.75], [0.25, 0.5]])
    counts = mean_atom_counts(value, resolution=2)
    assert counts.tolist() == [[1, 0, 1.5, 0.5, 1], [0, 0, 0, 1.5, 1.5]]
    assert (counts @ mean_atoms(2)).tolist() == [0.25, 2.25]
    assert mean_atom_counts(np.zeros((0, 2)), 1).tolist() == [[0, 0, 0]] * 2


def test_a_gambler_wins_what_the_bets_say() -> None:
    # A stake of a half on more than 0: 1.5 at a 1, 0.5 at a -1.
    counts = np.array([[0.0, 0, 1], [1, 0, 2], [0, 7, 0], [0, 0, 0]])
    e = np.exp(mean_logevalue_betting(counts, 0.0, [0.5]))
    assert e == pytest.approx([1.5, 0.5 * 1.5**2, 1, 1])
    # Two gamblers with half the money each.
    assert np.exp(mean_logevalue_betting(counts, 0.0, [0.5, 0.2])) == pytest.approx(
        [(1.5 + 1.2) / 2, (0.5 * 1.5**2 + 0.8 * 1.2**2) / 2, 1, 1]
    )
    # Against at most 0.6: 0 loses 0.6/1.6 of the stake, 1 gains 0.4/1.6 of it.
    assert np.exp(mean_logevalue_betting(np.array([[0.0, 1, 1]]), 0.6, [0.5])) == pytest.approx(
        (1 - 0.5 * 0.6 / 1.6) * (1 + 0.5 * 0.4 / 1.6)
    )


def test_rare_but_one_sided_is_found_within_some_hundred_pairs() -> None:
    """5 % against none: 10 of 200 pairs suffice for a level of 0.05 over 30 predicates."""
    found = np.array([[0.0, 190, 10], [5, 190, 5]])
    log_e = mean_logevalue_betting(found, 0.0)
    assert log_e[0] > np.log(30 / 0.05) / 1.5
    assert log_e[1] < 0


def test_intervals() -> None:
    counts = np.array([[0.0, 0, 0], [0, 100, 0], [0, 0, 100], [100, 0, 0], [30, 40, 30], [10, 50, 40]])
    lo, hi = mean_ci_betting(counts, 0.95, 100)
    assert (lo[0], hi[0]) == (-1, 1)
    assert lo[1] == pytest.approx(-hi[1]) and 0 < hi[1] < 0.1
    assert hi[2] == 1 and lo[2] > 0.9
    assert lo[3] == -1 and hi[3] == pytest.approx(-lo[2])
    assert lo[4] == pytest.approx(-hi[4]) and 0.15 < hi[4] < 0.3
    assert 0 < lo[5] < 0.3 < hi[5]
    wider_lo, wider_hi = mean_ci_betting(counts, 0.99, 100)
    assert (wider_lo <= lo).all() and (wider_hi >= hi).all() and wider_lo[5] < lo[5]


def test_bets_reach_from_the_best_at_the_end_to_nearly_all() -> None:
    bets = horizon_fractions(1000, 0.95)
    assert bets[0] == pytest.approx(np.sqrt(2 * np.log(40) / 1000))
    assert bets[-1] == pytest.approx(0.97) and (np.diff(np.log(bets)) < np.log(2.1)).all()
    assert horizon_fractions(1, 0.95)[0] == 0.5


@pytest.mark.parametrize(
    ("e", "ebh", "holm"),
    [
        ([], [], []),
        ([40], [1 / 40], [1 / 40]),
        ([0.5], [1], [1]),
        ([0, 0], [1, 1], [1, 1]),
        # 2/(1 * 100), and 2/(2 * 20) for both.
        ([100, 20], [0.02, 0.05], [1 / 60, 1 / 20]),
        ([20, 100], [0.05, 0.02], [1 / 20, 1 / 60]),
        # The smaller is held back by 0: its mean with it is 10.
        ([100, 20, 0], [3 / 100, 3 / 40, 1], [3 / 120, 1 / 10, 1]),
        # All of one size: 3/(3 * 30) for each.
        ([30, 30, 30], [1 / 30] * 3, [1 / 30] * 3),
        ([np.inf, 1], [0, 1], [2e-200, 1]),
    ],
)
def test_e_values_of_many(e: list[float], ebh: list[float], holm: list[float]) -> None:
    assert evalues_adjusted_ebh(np.array(e, dtype=float)) == pytest.approx(ebh)
    assert evalues_adjusted_holm(np.array(e, dtype=float)) == pytest.approx(holm)


@pytest.mark.parametrize("adjusted", [evalues_adjusted_ebh, evalues_adjusted_holm])
@pytest.mark.parametrize("e", [[1, NONE], [-0.1], [[1.0]]])
def test_what_is_no_e_value_is_refused(adjusted: object, e: list[float]) -> None:
    with pytest.raises(ValueError, match="wanted"):
        adjusted(np.array(e))  # type: ignore[operator]


def test_what_cannot_be_bet_on_is_refused() -> None:
    with pytest.raises(ValueError, match=r"wanted values in \[-1, 1\]"):
        mean_atom_counts(np.array([[1.2]]), 1)
    with pytest.raises(ValueError, match="resolution of at least 1"):
        mean_atoms(0)
    with pytest.raises(ValueError, match="odd number of atoms"):
        mean_logevalue_betting(np.zeros((1, 4)), 0.0)
    with pytest.raises(ValueError, match="wanted a null"):
        mean_logevalue_betting(np.zeros((1, 3)), 1.0)
    with pytest.raises(ValueError, match="wanted bets"):
        mean_logevalue_betting(np.zeros((1, 3)), 0.0, [1.0])
    with pytest.raises(ValueError, match="wanted a level"):
        mean_ci_betting(np.zeros((1, 3)), 1.0, 10)
    with pytest.raises(ValueError, match="wanted a horizon"):
        mean_ci_betting(np.zeros((1, 3)), 0.9, 0)
