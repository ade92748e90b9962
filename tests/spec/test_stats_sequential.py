"""A walk by example: blocks, batches, and what is decided when."""

import numpy as np
import pytest

from tasks.stats.blocks import block_differences, text_blocks
from tasks.stats.decisions import (
    CONFIRMED,
    CURTAILED,
    FUTILE,
    GO_ON,
    Rule,
    mean_error_to_come,
    next_status,
)
from tasks.stats.sequential import Sequential, difference_ci_last_look

NONE = np.nan
A, B = True, False


def whole(in_a: list[bool], document: list[int], seed: int = 0) -> np.ndarray:
    return text_blocks(np.array(in_a), np.array(document), np.random.default_rng(seed))


def test_every_block_has_texts_of_both_groups_and_documents_stay_whole() -> None:
    in_a = [A] * 3 + [B] * 7
    block = whole(in_a, list(range(10)))
    assert sorted(block[:3]) == [0, 1, 2]
    assert sorted(np.bincount(block[3:])) == [2, 2, 3]
    # Document 5 has both groups: a block of its own; 7 and 8 make the other.
    block = whole([A, B, B, A, B, B], [5, 5, 5, 7, 8, 8])
    assert len(set(block[:3])) == 1 and len(set(block[3:])) == 1 and block[0] != block[3]
    # No document of B alone: those of A join the documents with both.
    block = whole([A, B, A, A], [1, 1, 2, 3])
    assert block.tolist() == [0, 0, 0, 0]


def test_the_order_is_the_seeds_and_any_block_may_come_first() -> None:
    in_a, document = [A, B] * 20, list(range(40))
    assert whole(in_a, document).tolist() == whole(in_a, document).tolist()
    first = {int(np.flatnonzero(whole(in_a, document, seed) == 0)[0]) for seed in range(60)}
    assert len(first) > 10


@pytest.mark.parametrize("in_a", [[A, A], [B], []])
def test_one_group_alone_is_refused(in_a: list[bool]) -> None:
    with pytest.raises(ValueError, match="both groups"):
        whole(in_a, list(range(len(in_a))))


def test_differences_within_blocks() -> None:
    #        plain, one of B missing, A of block 1 missing
    score = np.array([[1, 1, 1], [0, NONE, 0], [1, 1, 1], [1, 1, NONE], [0.4, 0.4, 0.4]])
    in_a, block = np.array([A, B, B, A, B]), np.array([4, 4, 4, 7, 7])
    found = block_differences(score, in_a, block)
    assert found.answered == pytest.approx(np.array([[0.5, 0, 0.5], [0.6, 0.6, NONE]]), nan_ok=True)
    assert found.low == pytest.approx(np.array([[0.5, 0, 0.5], [0.6, 0.6, -0.4]]))
    assert found.high == pytest.approx(np.array([[0.5, 0.5, 0.5], [0.6, 0.6, 0.6]]))
    # Not asked is not missing: it moves no bound.
    asked = ~np.isnan(score)
    kept = block_differences(score, in_a, block, asked)
    assert kept.low == pytest.approx(found.answered, nan_ok=True)
    assert kept.high == pytest.approx(found.answered, nan_ok=True)


def test_half_a_block_or_a_score_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="whole blocks"):
        block_differences(np.ones((1, 1)), np.array([A]), np.array([0]))
    with pytest.raises(ValueError, match=r"verdicts in \[0, 1\]"):
        block_differences(np.full((2, 1), 1.5), np.array([A, B]), np.array([0, 0]))
    with pytest.raises(ValueError, match="wanted score"):
        block_differences(np.ones((2, 1)), np.array([A]), np.array([0, 0]))
    with pytest.raises(ValueError, match=r"3 predicates"):
        Sequential(np.ones(3, bool), 1).update(np.ones((2, 1)), np.array([A, B]), np.array([0, 0]))


def log(*e: float) -> np.ndarray:
    return np.log(np.array(e))


GOING = np.full(4, GO_ON)
NEVER = np.zeros(4)
"""log e against the minimum effect: no evidence."""


def decided(
    e: np.ndarray, towards: list[float], control: str = "fdr", status: np.ndarray = GOING
) -> list[int]:
    rule = Rule(control=control)
    return next_status(status, e, NEVER, np.array(towards), np.zeros(4), rule)[0].tolist()


def test_confirmed_needs_evidence_over_all_predicates_and_an_estimate_of_the_minimum() -> None:
    # Four predicates at 0.05: one alone needs 80, two of them 40 each.
    assert decided(log(79, 1, 1, 1), [0.2] * 4) == [GO_ON] * 4
    assert decided(log(80.1, 1, 1, 1), [0.2] * 4) == [CONFIRMED, GO_ON, GO_ON, GO_ON]
    assert decided(log(40.1, 40.1, 1, 1), [0.2] * 4) == [CONFIRMED, CONFIRMED, GO_ON, GO_ON]
    # One whose estimate is too small does not help the other over the line.
    assert decided(log(40.1, 40.1, 1, 1), [0.2, 0.049, 0.2, 0.2]) == [GO_ON] * 4
    assert decided(log(1e9, 1, 1, 1), [-0.2, 0.2, 0.2, 0.2]) == [GO_ON] * 4
    assert decided(log(1e9, 1, 1, 1), [NONE, 0.2, 0.2, 0.2]) == [GO_ON] * 4
    # One confirmed before does, and stays.
    before = np.array([CONFIRMED, GO_ON, GO_ON, GO_ON])
    assert decided(log(80.1, 40.1, 1, 1), [0, 0.2, 0.2, 0.2], status=before) == [
        CONFIRMED,
        CONFIRMED,
        GO_ON,
        GO_ON,
    ]
    # Family-wise the second is held back by the small ones: its mean with both is 59/3 or 20.
    assert decided(log(1000, 57, 1, 1), [0.2] * 4, "fwer") == [CONFIRMED, GO_ON, GO_ON, GO_ON]
    assert decided(log(1000, 58.1, 1, 1), [0.2] * 4, "fwer") == [CONFIRMED, CONFIRMED, GO_ON, GO_ON]


def test_futile_needs_evidence_against_the_minimum() -> None:
    against = log(10.1, 9.9, 1000, 1000)
    towards, status = np.array([0, 0, 0.1, 0]), np.array([GO_ON, GO_ON, GO_ON, CONFIRMED])
    after, q = next_status(status, log(1, 1, 100, 1000), against, towards, np.zeros(4), Rule())
    # What is confirmed at the same look is confirmed, and what was confirmed stays.
    assert after.tolist() == [FUTILE, GO_ON, CONFIRMED, CONFIRMED]
    assert q == pytest.approx([1, 1, 4 / 200, 4 / 1000])
    # A dropped one never comes back.
    again, _ = next_status(after, log(1e9, 1, 1, 1), NEVER, np.full(4, 0.5), np.zeros(4), Rule())
    assert again[0] == FUTILE


def test_near_the_minimum_the_walk_goes_on() -> None:
    slack = np.full(4, 0.02)
    after, _ = next_status(GOING, log(*[1e9] * 4), NEVER, np.array([0.06, 0.071, 0.05, 0.3]), slack, Rule())
    assert after.tolist() == [GO_ON, CONFIRMED, GO_ON, CONFIRMED]
    # 100 of 400 blocks, 25 of them +1: s2 = 0.26 - 0.0625, of which 3/4 is still to come.
    counts = np.array([[0.0, 75, 25], [0, 75, 25]])
    assert mean_error_to_come(counts, np.array([400, 100])) == pytest.approx(
        [np.sqrt((0.26 - 0.0625) / 100 * 0.75), 0]
    )


def walked(n: int, share_a: list[float], share_b: list[float], **settings: object) -> Sequential:
    """Pairs in batches of 16 with the given shares in exact proportion, A more on the left."""
    rng = np.random.default_rng(3)
    score = np.zeros((2 * n, len(share_a)))
    for k, shares in enumerate(zip(share_a, share_b, strict=True)):
        for group, part in enumerate(shares):
            score[group::2, k] = rng.permutation(np.arange(n) < round(part * n))
    walk = Sequential(n_blocks=n, **{"towards_a": np.ones(len(share_a), bool), **settings})  # type: ignore[arg-type]
    for start in range(0, 2 * n, 32):
        at = np.arange(start, min(start + 32, 2 * n))
        walk.update(score[at], at % 2 == 0, at // 2)
        walk.look()
    return walk


def test_a_walk() -> None:
    """Large, rare but real, none, wrong way round."""
    walk = walked(1000, [0.6, 0.08, 0.1, 0.1], [0.1, 0.005, 0.1, 0.6])
    end = walk.path[-1]
    assert end.status.tolist() == [CONFIRMED, CONFIRMED, CURTAILED, FUTILE]
    assert end.n_texts[0] < 150 and end.n_texts[1] < 900 and end.n_texts[3] < 200
    assert (end.lo <= end.estimate).all() and (end.estimate <= end.hi).all()
    assert end.lo[0] > 0 and end.lo[1] > -0.02 and end.hi[3] < 0.1
    # What is decided stays as it was; the path shows when.
    stop = next(i for i, look in enumerate(walk.path) if look.status[0] == CONFIRMED)
    for look in walk.path[stop:]:
        assert (look.n_texts[0], look.estimate[0], look.lo[0]) == (
            end.n_texts[0],
            end.estimate[0],
            end.lo[0],
        )
    assert walk.path[0].status[0] == GO_ON and walk.path[0].n_texts.tolist() == [32] * 4


def test_the_frozen_direction_counts() -> None:
    either = walked(300, [0.6, 0.6], [0.1, 0.1], towards_a=np.array([True, False])).path[-1]
    assert either.status.tolist() == [CONFIRMED, FUTILE]
    # Intervals and estimates are of A - B for both.
    assert either.estimate[1] > 0.3 and either.hi[1] > 0.3


def test_a_budget_that_runs_out_leaves_an_interval() -> None:
    walk = walked(2000, [0.3], [0.28])
    early = walk.path[9]
    assert early.status.tolist() == [GO_ON] and early.n_texts.tolist() == [320]
    assert early.lo[0] < 0.02 < early.hi[0] and early.hi[0] - early.lo[0] < 0.4
    # The last look asks for no margin: nothing is still to come.
    near = Sequential(np.ones(1, bool), 10_000, Rule(margin=50))
    at = np.arange(200)
    near.update((at % 2 == 0)[:, None] * (at % 3 == 0)[:, None].astype(float), at % 2 == 0, at // 2)
    assert near.look().status[0] == GO_ON
    assert near.look(last=True).status[0] == CONFIRMED


def test_a_discovery_that_missing_verdicts_could_undo_is_fragile() -> None:
    score = np.zeros((400, 2))
    at = np.arange(400)
    in_a = at % 2 == 0
    score[in_a & (at % 5 == 0)] = 1
    # Of the second predicate a third of B's verdicts is missing.
    score[~in_a & (at % 3 == 0), 1] = NONE
    walk = Sequential(np.ones(2, bool), 200)
    walk.update(score, in_a, at // 2)
    end = walk.look()
    assert end.status.tolist() == [CONFIRMED, CONFIRMED]
    assert end.fragile.tolist() == [False, True]
    lo, hi = walk.interval(missing=True)
    plain_lo, plain_hi = walk.interval()
    assert lo[1] < plain_lo[1] - 0.2 and hi[1] >= plain_hi[1] - 0.05
    assert (lo[0], hi[0]) == (plain_lo[0], plain_hi[0])
    # Asked for every text, answered by fewer.
    assert end.n_texts.tolist() == [400, 400] and end.n_blocks[1] < end.n_blocks[0] == 200


def test_the_end_of_the_walk() -> None:
    lo, hi = difference_ci_last_look(
        *np.array([[-0.1, 0.0, 0.5], [0.4, 0.6, 0.6], [0.1, -0.2, 0.1], [0.5, 0.2, 0.3]])
    )
    assert lo.tolist() == [0.1, 0.0, 0.1] and hi.tolist() == [0.4, 0.2, 0.3]


@pytest.mark.parametrize(
    "settings",
    [
        {"alpha": 0},
        {"futility": 1},
        {"level": 1.5},
        {"min_effect": -0.1},
        {"margin": -1},
        {"control": "holm"},
    ],
)
def test_rules_that_make_no_sense_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="wanted"):
        Rule(**settings)  # type: ignore[arg-type]
