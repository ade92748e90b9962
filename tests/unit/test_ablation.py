"""Ablating parts: planted ones take what they carry from the encoder, random ones do not."""

from collections.abc import Iterator

import numpy as np
import pytest

from tasks.engines.encoders.ablation import (
    Batch,
    Effects,
    Named,
    ablated_cosines,
    attribute_directions,
    causal_test,
    part_means,
)

N_PARTS, DIM, N_ATTRIBUTES = 12, 24, 3
CARRIERS = {0: 2, 1: 5, 2: 9}
"""Attribute -> the part that adds its direction where it holds."""


def drawn(rng: np.random.Generator, n: int, carried: float) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors as sums of noisy parts, of which three also carry an attribute."""
    holds = (rng.random((n, N_ATTRIBUTES)) < 0.5).astype(float)
    parts = rng.normal(size=(n, N_PARTS, DIM)) / np.sqrt(DIM)
    for attribute, part in CARRIERS.items():
        parts[:, part, attribute] += carried * holds[:, attribute]
    return parts / np.linalg.norm(parts.sum(axis=1), axis=1)[:, None, None], holds


def batched(parts: np.ndarray, size: int = 50) -> Iterator[Batch]:
    order = np.arange(len(parts))[::-1]  # batches come in an order of their own
    for start in range(0, len(parts), size):
        yield order[start : start + size], parts[order[start : start + size]]


def effects(seed: int, named: list[Named], carried: float = 4.0, n: int = 400, **options: float) -> Effects:
    rng = np.random.default_rng(seed)
    seen, held_seen = drawn(rng, n, carried)
    new, held_new = drawn(rng, n, carried)
    return causal_test(
        batched(new),
        part_means(batched(seen)),
        attribute_directions(seen.sum(axis=1), held_seen),
        held_new,
        np.arange(n),
        named,
        range(N_PARTS),
        rng,
        **options,  # type: ignore[arg-type]
    )


RIGHT = [Named((part,), attribute) for attribute, part in CARRIERS.items()]


def test_a_part_that_carries_an_attribute_takes_its_margin_and_no_other() -> None:
    found = effects(0, RIGHT)
    assert (found.loss > 0.8).all()
    assert (np.abs(found.loss_others) < 0.2).all()
    np.testing.assert_allclose(found.p, 1 / N_PARTS)  # the most specific of all 12 sets of one part
    assert (found.n_random == N_PARTS - 1).all()
    assert found.p_all == pytest.approx(1 / 1000)
    assert (found.lo < found.specificity).all()
    assert (found.lo > 0.5).all()


def test_a_part_with_a_wrong_name_is_not_specific() -> None:
    found = effects(0, [Named((2,), 1), Named((7,), 0)])
    assert found.specificity[0] < -0.3  # it takes an attribute that it is not named for
    assert abs(found.specificity[1]) < 0.2
    assert (found.q > 0.1).all()


def test_sets_of_several_parts_are_drawn_at_random_and_never_as_the_named_one() -> None:
    found = effects(1, [Named((2, 3), 0), Named((3, 4), 1)], n_random=30)
    assert set(found.n_random.tolist()) <= {29, 30}  # one of them may be the named set itself
    assert found.loss[0] > 0.7
    assert found.p[0] < 0.3  # of random pairs one in six holds part 2, too
    assert found.p[1] > 0.1
    every = effects(1, [Named((2, 3), 0)], n_random=65)  # there are 66 sets of two parts
    assert every.n_random.tolist() == [65]
    assert every.p[0] <= 11 / 66  # none without part 2 is as specific


def test_what_is_left_follows_the_weight() -> None:
    same, half, none = (effects(0, RIGHT, weight=weight) for weight in (1.0, 0.5, 0.0))
    np.testing.assert_allclose(same.loss, 0, atol=1e-12)
    assert ((half.loss > 0.2) & (half.loss < none.loss)).all()


def test_cosines_are_those_of_the_vectors_that_remain() -> None:
    rng = np.random.default_rng(2)
    parts, _ = drawn(rng, 7, 1.0)
    means, directions = rng.normal(size=(N_PARTS, DIM)), np.eye(DIM)[:2]
    sets = rng.random((5, N_PARTS)) < 0.5
    found = ablated_cosines(parts, means, directions, sets, 0.25)
    for s, member in enumerate(sets):
        left = np.where(member[:, None], means + 0.25 * (parts - means), parts).sum(axis=1)
        expected = left / np.linalg.norm(left, axis=1, keepdims=True) @ directions.T
        np.testing.assert_allclose(found[:, s], expected, atol=1e-12)


def test_batches_of_any_size_give_the_same() -> None:
    rng = np.random.default_rng(3)
    parts, _ = drawn(rng, 30, 1.0)
    np.testing.assert_allclose(part_means(batched(parts, 7)), parts.mean(axis=0), atol=1e-12)


def test_what_cannot_be_lost_is_not_tested() -> None:
    found = effects(0, RIGHT, carried=0.0)
    assert np.isnan(found.specificity[found.margin <= 0]).all()
    rng = np.random.default_rng(0)
    parts, holds = drawn(rng, 100, 4.0)
    everywhere = np.column_stack([holds[:, 0], np.ones(100)])
    directions = attribute_directions(parts.sum(axis=1), everywhere)
    assert np.isnan(directions[1]).all()
    one = causal_test(
        batched(parts),
        part_means(batched(parts)),
        directions,
        everywhere,
        np.arange(100),
        RIGHT[:1],
        range(N_PARTS),
        rng,
    )
    assert np.isnan(one.specificity[0])  # no other attribute to compare with
    assert np.isnan(one.q[0])
    assert one.loss[0] > 0.7


def test_intervals_are_over_documents() -> None:
    rng = np.random.default_rng(4)
    parts, holds = drawn(rng, 200, 2.0)
    twice = np.repeat(parts, 2, axis=0), np.repeat(holds, 2, axis=0)
    widths = []
    for (given, held), document in (((parts, holds), np.arange(200)), (twice, np.repeat(np.arange(200), 2))):
        directions = attribute_directions(given.sum(axis=1), held)
        found = causal_test(
            batched(given), part_means(batched(given)), directions, held, document, RIGHT, range(N_PARTS), rng
        )
        widths.append(found.hi - found.lo)
    np.testing.assert_allclose(widths[0], widths[1], rtol=1e-4)  # copies say nothing new


def test_intervals_cover_and_noise_is_rarely_specific() -> None:
    """Names dealt at random: p is small as often as chance has it; intervals cover the large-sample value."""
    seeds = range(20)
    wrong = [Named((part,), attribute) for attribute, part in ((0, 1), (1, 4), (2, 8))]
    small = [effects(seed, wrong, n=150).p for seed in seeds]
    assert np.mean(np.array(small) <= 2 / N_PARTS) <= 0.3
    truth = effects(99, RIGHT, n=20_000).specificity
    covered = [(one.lo <= truth) & (truth <= one.hi) for one in (effects(s, RIGHT, n=150) for s in seeds)]
    assert np.mean(covered) >= 0.85
