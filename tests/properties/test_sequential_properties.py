"""What holds for every walk: symmetry, batches, order of a batch, monotony, growth of what is confirmed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.stats.betting import mean_atom_counts, mean_ci_betting, mean_logevalue_betting
from tasks.stats.blocks import text_blocks
from tasks.stats.decisions import CONFIRMED, GO_ON, Rule
from tasks.stats.multiplicity import evalues_adjusted_ebh, evalues_adjusted_holm
from tasks.stats.sequential import Sequential

UNHURRIED = settings(deadline=None, max_examples=60)

Drawn = tuple[np.ndarray, np.ndarray, np.ndarray]


@st.composite
def verdicts(draw: st.DrawFn) -> Drawn:
    """Scores with missing ones, groups that are not empty, documents that may repeat."""
    texts, predicates = draw(st.integers(2, 40)), draw(st.integers(1, 4))
    values = [0.0, 1.0, 1.0] if draw(st.booleans()) else [0.0, 0.1, 0.25, 0.9, 1.0]
    cell = st.sampled_from([*values, *values, *values, np.nan])
    score = draw(st.lists(cell, min_size=texts * predicates, max_size=texts * predicates))
    in_a = np.array([True, False, *draw(st.lists(st.booleans(), min_size=texts - 2, max_size=texts - 2))])
    most = draw(st.sampled_from([3, 1000]))
    document = draw(st.lists(st.integers(0, most), min_size=texts, max_size=texts))
    return np.array(score).reshape(texts, predicates), in_a, np.array(document)


def walk_through(
    drawn: Drawn, batch: int = 4, towards_a: bool = True, rule: Rule | None = None
) -> Sequential:
    score, in_a, document = drawn
    block = text_blocks(in_a, document, np.random.default_rng(0))
    n = int(block.max()) + 1
    walk = Sequential(np.full(score.shape[1], towards_a), n, rule or Rule(), resolution=20)
    for start in range(0, n, batch):
        at = (block >= start) & (block < start + batch)
        walk.update(score[at], in_a[at], block[at])
        walk.look()
    return walk


@UNHURRIED
@given(verdicts())
def test_blocks_are_whole_and_use_everything(drawn: Drawn) -> None:
    _, in_a, document = drawn
    block = text_blocks(in_a, document, np.random.default_rng(1))
    for number in range(block.max() + 1):
        assert in_a[block == number].any() and not in_a[block == number].all()
    for one in np.unique(document):
        assert np.unique(block[document == one]).size == 1


@UNHURRIED
@given(verdicts())
def test_swapping_groups_and_direction_changes_signs_only(drawn: Drawn) -> None:
    score, in_a, document = drawn
    one = walk_through(drawn).path[-1]
    # The walk over swapped groups has another random order: the same blocks are made by hand.
    block = text_blocks(in_a, document, np.random.default_rng(0))
    other = Sequential(np.zeros(score.shape[1], bool), int(block.max()) + 1, Rule(), 20)
    for start in range(0, int(block.max()) + 1, 4):
        at = (block >= start) & (block < start + 4)
        other.update(score[at], ~in_a[at], block[at])
        end = other.look()
    assert end.status.tolist() == one.status.tolist()
    assert end.log_e == pytest.approx(one.log_e)
    assert end.lo == pytest.approx(-one.hi) and end.hi == pytest.approx(-one.lo)
    assert end.estimate == pytest.approx(-one.estimate, nan_ok=True)


@UNHURRIED
@given(verdicts(), st.integers(1, 5))
def test_batches_and_rows_within_a_batch_do_not_matter_to_what_is_known(drawn: Drawn, batch: int) -> None:
    undecided = Rule(alpha=1e-9, futility=1e-9)
    one, other = walk_through(drawn, 1000, rule=undecided), walk_through(drawn, batch, rule=undecided)
    assert other.counts == pytest.approx(one.counts)
    assert other.path[-1].log_e == pytest.approx(one.path[-1].log_e)
    assert other.path[-1].estimate == pytest.approx(one.path[-1].estimate, nan_ok=True)
    assert other.interval() == (pytest.approx(one.interval()[0]), pytest.approx(one.interval()[1]))


@UNHURRIED
@given(verdicts())
def test_missing_verdicts_only_widen_and_predicates_do_not_touch_evidence_of_others(drawn: Drawn) -> None:
    undecided = Rule(alpha=1e-9, futility=1e-9)
    walk = walk_through(drawn, rule=undecided)
    end = walk.path[-1]
    assert (end.lo <= end.hi).all() and (np.fmax(end.lo, end.estimate) <= end.hi).all()
    alone = walk_through((drawn[0][:, :1], *drawn[1:]), rule=undecided)
    assert alone.counts[0] == pytest.approx(walk.counts[0])
    worst = mean_logevalue_betting(walk.counts_low, 0.0)
    best = mean_logevalue_betting(walk.counts_high, 0.0)
    full = ~np.isnan(drawn[0]).any(axis=0)
    assert (worst <= best + 1e-9).all()
    assert walk.counts_low[full] == pytest.approx(walk.counts[full])


@UNHURRIED
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=60), st.floats(0.5, 0.99), st.integers(1, 5))
def test_intervals_are_monotone_in_level_and_hold_the_mean(
    values: list[float], level: float, resolution: int
) -> None:
    counts = mean_atom_counts(np.array(values)[:, None], resolution)
    lo, hi = mean_ci_betting(counts, level, 50)
    wider = mean_ci_betting(counts, (1 + level) / 2, 50)
    assert wider[0] <= lo + 1e-6 and hi - 1e-6 <= wider[1]
    assert lo <= np.mean(values) + 1e-9 and np.mean(values) - 1e-9 <= hi


E_VALUES = st.lists(st.one_of(st.just(0.0), st.floats(1e-3, 1e12)), min_size=1, max_size=12)


@UNHURRIED
@given(E_VALUES, st.integers(0, 11), st.floats(1, 1e6))
def test_more_evidence_never_hurts_anyone(e: list[float], which: int, factor: float) -> None:
    before = np.array(e)
    after = before.copy()
    after[which % len(e)] *= factor
    weight = np.arange(1.0, len(e) + 1)
    for adjusted in (evalues_adjusted_ebh, evalues_adjusted_holm, lambda e: evalues_adjusted_ebh(e, weight)):
        assert (adjusted(after) <= adjusted(before) + 1e-12).all()
        # Never less demanding than one test alone.
        assert (adjusted(before) >= np.minimum(1, 1 / np.maximum(before, 1e-300)) - 1e-12).all()


@UNHURRIED
@given(st.integers(0, 10_000))
def test_what_is_confirmed_stays_and_is_a_set_of_its_own_right(seed: int) -> None:
    """Any of the set has e of at least K / (alpha * its size), at the end as at the stop."""
    rng = np.random.default_rng(seed)
    score = (rng.random((240, 8)) < rng.uniform(0.05, 0.9, 8)).astype(float)
    in_a = np.arange(240) % 2 == 0
    score[in_a, :5] = rng.random((120, 5)) < 0.8
    walk = walk_through((score, in_a, np.arange(240)), batch=8, rule=Rule(margin=0))
    confirmed = np.zeros(8, dtype=bool)
    for look in walk.path:
        now = look.status == CONFIRMED
        assert (now >= confirmed).all()
        confirmed = now
        if now.any():
            assert (look.log_e[now] >= np.log(8 / (0.05 * now.sum())) - 1e-9).all()
        assert (look.n_texts[look.status == GO_ON] == look.n_texts.max()).all()
