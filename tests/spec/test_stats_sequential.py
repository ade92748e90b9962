"""A walk by example: blocks, batches, and what is decided when."""

import numpy as np
import pytest

from tasks.stats.blocks import block_differences, look_of_blocks, look_rows, text_blocks
from tasks.stats.decisions import (
    CONFIRMED,
    CURTAILED,
    FUTILE,
    GO_ON,
    Rule,
    curtailment_loggains,
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


def test_looks_come_after_whole_blocks_and_in_proportion_to_what_was_judged() -> None:
    # Pairs, six texts a look: three blocks each.
    assert look_of_blocks(np.full(7, 2), 6).tolist() == [0, 0, 0, 1, 1, 1, 2]
    # A large block is a look of its own; seven texts are not to be had in pairs.
    assert look_of_blocks(np.array([2, 9, 2, 2, 2, 2, 2]), 7).tolist() == [0, 0, 1, 1, 1, 1, 2]
    look = look_of_blocks(np.full(50_000, 2), 20)
    sizes = 2 * np.bincount(look)
    assert sizes[:30].tolist() == [20] * 30, "a 32nd of 640 is 20"
    judged = np.cumsum(sizes) - sizes
    assert (sizes[31:-1] <= judged[31:-1] / 32 + 2).all() and (sizes[31:-1] > judged[31:-1] / 32 - 2).all()
    assert sizes.size < 200
    block = np.array([2, 0, 1, 0, 1, 2])
    assert [rows.tolist() for rows in look_rows(block, 2)] == [[1, 3], [2, 4], [0, 5]]


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


def test_curtailed_needs_evidence_that_all_texts_would_not_reach_the_minimum() -> None:
    # Like futility, which is the stronger claim and named first.
    short, towards = log(10.1, 9.9, 10.1, 1000), np.array([0, 0, 0, 0.5])
    futile, status = log(9.9, 9.9, 10.1, 1), np.array([GO_ON, GO_ON, GO_ON, CONFIRMED])
    after, _ = next_status(status, log(1, 1, 1, 1000), futile, towards, np.zeros(4), Rule(), short)
    assert after.tolist() == [CURTAILED, GO_ON, FUTILE, CONFIRMED]
    again, _ = next_status(after, log(1e9, 1, 1, 1), NEVER, np.full(4, 0.5), np.zeros(4), Rule(), NEVER)
    assert again[0] == CURTAILED


def test_what_is_left_must_make_up_for_what_is_missing() -> None:
    """0 of 60 blocks so far, minimum 0.05: the same ten blocks say more the fewer are left."""
    counts, new = np.array([[0.0, 60, 0]]), np.array([[0.0, 10, 0]])
    ten, sixty = np.array([10]), np.array([60.0])
    few, some, many = (
        curtailment_loggains(new, ten, counts, sixty, n, 0.05)[0] for n in (80, 200, 1_000_000)
    )
    assert (few > some).all() and (some > many).all() and (many > 0).all()
    # 20 left would have to be 0.2 each: a bet of 0.15 on less gains that share of 0.2 / 0.8.
    assert few[0] == pytest.approx(10 * np.log1p(0.15 * 0.2 / 0.8))
    # Hardly any are left to make up for it: stakes stay bounded.
    assert curtailment_loggains(new, ten, counts, sixty, 70, 0.05)[0, 0] == pytest.approx(
        10 * np.log1p(0.15 * 0.35 / 0.65)
    )
    # Ahead by more than those left can undo: nothing is bet.
    assert not curtailment_loggains(new, ten, np.array([[0.0, 0, 60]]), sixty, 80, 0.05).any()
    # Blocks without a difference are as many of just the minimum.
    gone = curtailment_loggains(0 * new, ten, counts, sixty, 1_000_000, 0.05)
    assert gone == pytest.approx(0, abs=1e-3)


def test_a_walk_ends_where_the_texts_left_cannot_lift_the_estimate() -> None:
    """Half the texts, 0.02 too few: too little for futility, and all that is left to know."""
    walk = walked(400, [0.2], [0.2])
    end = walk.path[-1]
    assert end.status.tolist() == [CURTAILED] and end.n_texts[0] < 700
    endless = walked(400, [0.2], [0.2], n_blocks=1_000_000).path[-1]
    assert endless.status.tolist() == [GO_ON]


def test_the_estimate_is_shown_a_standard_error_nearer_to_zero() -> None:
    at = np.arange(200)
    score = np.column_stack([(at % 2 == 0) & (at % 5 == 0), (at % 2 == 1) & (at % 5 == 0), at < 1, at < 0])
    walk = Sequential(np.array([True, True, True, False]), 10_000, resolution=1)
    walk.update(score.astype(float), at % 2 == 0, at // 2)
    # 20 of 100 differ, one more by 1: s2 = 0.21 - 0.04.
    error = np.sqrt((0.21 - 0.04) / 100)
    assert walk.conservative() == pytest.approx([0.2 - error, -0.2 + error, 0, 0])


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
    walk = Sequential(**{"n_blocks": n, "towards_a": np.ones(len(share_a), bool), **settings})  # type: ignore[arg-type]
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
