"""Jumps of a share: where they are, what they are not."""

import numpy as np
import pytest

from tasks.stats.changes import changes

N = 600
TIME = np.arange(N) / N


def found(share: np.ndarray, seed: int = 0, most: int = 3) -> list:
    rng = np.random.default_rng(seed)
    held = (rng.random(share.size) < share).astype(float)
    return changes(held, np.linspace(0, 1, share.size), np.arange(share.size), 0.95, rng, most)


def test_one_jump_is_found_with_its_shares() -> None:
    (one,) = found(np.where(TIME < 0.4, 0.1, 0.5))
    assert one.lo < 0.4 <= one.hi
    assert one.at == pytest.approx(0.4, abs=0.05)
    assert (one.before, one.after) == pytest.approx((0.1, 0.5), abs=0.08)
    assert one.p <= 0.05


def test_three_levels_are_two_jumps_in_order_of_time() -> None:
    share = np.select([TIME < 0.3, TIME < 0.7], [0.1, 0.7], 0.2)
    first, second = found(share)
    assert first.lo < 0.3 <= first.hi < second.lo < 0.7 <= second.hi
    assert first.after == second.before
    assert len(found(share, most=1)) == 1


def test_a_jump_lies_between_times_and_no_order_of_rows_changes_it() -> None:
    time = np.repeat(np.arange(6.0), 50)
    rng = np.random.default_rng(1)
    held = (rng.random(300) < np.where(time < 4, 0.1, 0.6)).astype(float)
    document = np.arange(300)
    (one,) = changes(held, time, document, 0.95, np.random.default_rng(0))
    assert (one.at, one.lo, one.hi) == (4, 3, 4)
    order = rng.permutation(300)
    again = changes(held[order], time[order], document[order], 0.95, np.random.default_rng(0))
    assert (again[0].at, again[0].lo, again[0].hi) == (4, 3, 4)


def test_gaps_are_left_out() -> None:
    held = np.tile([0.0, 1.0, np.nan, np.nan], 40)
    held[80:] = np.where(np.isnan(held[80:]), np.nan, 1.0)
    (one,) = changes(held, np.arange(160.0), np.arange(160), 0.95, np.random.default_rng(0))
    assert one.before == pytest.approx(0.5, abs=0.1)
    assert one.after == 1


def test_texts_of_one_document_are_no_jump() -> None:
    """Forty texts that agree, of one document, among a hundred of one text each."""
    held = np.tile([1.0, 0.0, 0.0, 0.0], 35)
    held[80:120] = 1.0
    time = np.arange(140.0)
    assert changes(held, time, np.arange(140), 0.95, np.random.default_rng(0))
    document = np.where((time >= 80) & (time < 120), 80, np.arange(140))
    assert changes(held, time, document, 0.95, np.random.default_rng(0)) == []


@pytest.mark.parametrize("held", [np.zeros(50), np.ones(50), np.full(50, np.nan), np.zeros(0)], ids=str)
def test_where_nothing_varies_there_is_no_jump(held: np.ndarray) -> None:
    time = np.arange(float(held.size))
    assert changes(held, time, np.arange(held.size), 0.95, np.random.default_rng(0)) == []


def test_one_time_and_few_documents_have_no_jump() -> None:
    held = np.tile([0.0, 1.0], 20)
    assert changes(held, np.zeros(40), np.arange(40), 0.95, np.random.default_rng(0)) == []
    sorted_held, few = np.sort(held), np.arange(40) // 10
    assert changes(sorted_held, np.arange(40.0), few, 0.95, np.random.default_rng(0)) == []


def test_what_cannot_be_searched_says_so() -> None:
    rng, held = np.random.default_rng(0), np.array([0.0, 1.0])
    with pytest.raises(ValueError, match="of each text"):
        changes(held, np.zeros(3), np.arange(2), 0.95, rng)
    with pytest.raises(ValueError, match="finite times"):
        changes(held, np.array([0.0, np.inf]), np.arange(2), 0.95, rng)
    with pytest.raises(ValueError, match="0, 1 or NaN"):
        changes(held / 2, np.zeros(2), np.arange(2), 0.95, rng)
    with pytest.raises(ValueError, match="level"):
        changes(held, np.zeros(2), np.arange(2), 0.0, rng)
