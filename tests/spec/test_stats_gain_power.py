"""gain_detectable: documents in, the smallest gain in bits that is mostly found out."""

import numpy as np
import pytest
from scipy import stats

from tasks.stats.gain_power import gain_detectable

DRAWS = 2000


def found(n: int, bits: float, least: float = 0.0) -> float:
    """How often a sentence that holds for half of the texts, and tells a coin that much, is found among n."""
    rng = np.random.default_rng(0)
    right = _share_right(bits)
    is_right = rng.random((DRAWS, n)) < right
    gain = np.log2(2 * np.where(is_right, right, 1 - right))
    mean, error = gain.mean(axis=1), gain.std(axis=1, ddof=1) / np.sqrt(n)
    p = stats.t.sf(mean / error, n - 1)
    return float(((p <= 0.05) & (mean >= least)).mean())


def _share_right(bits: float) -> float:
    """The share of right guesses by which a fair coin is known that well."""
    grid = np.linspace(0.5, 1 - 1e-9, 100_001)
    known = 1 + grid * np.log2(grid) + (1 - grid) * np.log2(1 - grid)
    return float(grid[np.searchsorted(known, bits)])


@pytest.mark.parametrize("n", [100, 400, 2000])
def test_the_smallest_gain_is_found_in_4_of_5_cases(n: int) -> None:
    assert found(n, float(gain_detectable(n))) == pytest.approx(0.8, abs=0.03)


def test_a_minimum_is_exceeded_in_4_of_5_cases() -> None:
    least = 0.05
    assert found(400, float(gain_detectable(400, min_effect=least)), least) == pytest.approx(0.8, abs=0.03)


def test_by_hand() -> None:
    """2 (1.6449 + 0.8416)^2 / 1000 nats."""
    assert float(gain_detectable(1000)) == pytest.approx(2 * 6.1826 / 1000 / np.log(2), rel=1e-4)
    assert gain_detectable([100, 200], alpha=[0.05, 0.01]).shape == (2,)


def test_many_documents_find_less_and_many_predicates_more() -> None:
    assert gain_detectable(2000) < gain_detectable(1000) < gain_detectable(1000, alpha=0.05 / 12)
