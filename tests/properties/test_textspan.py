"""TextSpan finds planted directions in order, and what does not matter changes nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.engines.encoders.textspan import Moments, textspan

DIM, SPREADS = 12, np.array([4.0, 3.0, 2.0, 1.0])
N_PLANTED = len(SPREADS)
seeds = st.integers(0, 2**32 - 1)


def planted(seed: int, n: int = 400) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Outputs around a far mean that vary along the first sentences of a bank, and that bank."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(DIM, DIM)))[0]
    along, _ = np.linalg.qr(rng.normal(size=(n, N_PLANTED)))
    outputs = along * SPREADS @ axes[:N_PLANTED] + 50 * axes[-1]
    # Strangers lie outside the outputs' span, mixtures in it and out of it.
    strangers = axes[N_PLANTED:-1]
    mixtures = 0.5 * axes[:N_PLANTED] + strangers[:N_PLANTED]
    return outputs, np.vstack([axes[:N_PLANTED], strangers, mixtures]), rng


@given(seed=seeds)
@settings(deadline=None, max_examples=30)
def test_planted_directions_are_found_in_order_until_nothing_is_left(seed: int) -> None:
    outputs, bank, rng = planted(seed)
    order = rng.permutation(len(bank))
    span = textspan(Moments.of(outputs), bank[order], 10)
    assert order[span.chosen].tolist() == list(range(N_PLANTED))
    np.testing.assert_allclose(span.directions, bank[:N_PLANTED], atol=1e-6)
    assert span.share.sum() == pytest.approx(1)
    assert span.explained(outputs) == pytest.approx(1)


@given(seed=seeds)
@settings(deadline=None, max_examples=30)
def test_the_length_of_sentences_and_where_outputs_lie_change_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    outputs, bank = rng.normal(size=(60, DIM)) @ rng.normal(size=(DIM, DIM)), rng.normal(size=(30, DIM))
    span = textspan(Moments.of(outputs), bank, 5)
    scaled = textspan(Moments.of(outputs + rng.normal(size=DIM)), bank * rng.uniform(0.01, 100, (30, 1)), 5)
    assert span.chosen.tolist() == scaled.chosen.tolist()
    np.testing.assert_allclose(span.directions, scaled.directions, atol=1e-8)


@given(seed=seeds, n_directions=st.integers(1, DIM))
@settings(deadline=None, max_examples=30)
def test_directions_are_orthonormal_lean_to_their_sentence_and_explain_no_more_than_axes_do(
    seed: int, n_directions: int
) -> None:
    rng = np.random.default_rng(seed)
    outputs, bank = rng.normal(size=(60, DIM)) @ rng.normal(size=(DIM, DIM)), rng.normal(size=(30, DIM))
    moments = Moments.of(outputs)
    span = textspan(moments, bank, n_directions)
    np.testing.assert_allclose(span.directions @ span.directions.T, np.eye(n_directions), atol=1e-9)
    assert ((span.directions * bank[span.chosen]).sum(axis=1) > 0).all()
    assert span.along(outputs).var(axis=0) == pytest.approx(span.share * outputs.var(axis=0).sum())
    values = np.sort(np.linalg.eigvalsh(moments.covariance))[::-1]
    assert span.share.sum() <= values[:n_directions].sum() / values.sum() + 1e-9
    assert span.explained(outputs) == pytest.approx(span.share.sum())


def test_the_first_sentence_is_the_one_along_which_outputs_vary_most() -> None:
    rng = np.random.default_rng(5)
    outputs, bank = rng.normal(size=(200, DIM)) @ rng.normal(size=(DIM, DIM)), rng.normal(size=(40, DIM))
    along = outputs @ (bank / np.linalg.norm(bank, axis=1, keepdims=True)).T
    assert textspan(Moments.of(outputs), bank, 1).chosen.tolist() == [int(along.var(axis=0).argmax())]


def test_a_copy_of_a_sentence_is_not_taken_again() -> None:
    outputs, bank, _ = planted(1)
    span = textspan(Moments.of(outputs), np.vstack([bank[:1], bank[:1] * 3, bank[:2]]), 10)
    assert span.chosen.tolist() == [0, 3]


def test_outputs_that_do_not_vary_have_no_direction() -> None:
    span = textspan(Moments.of(np.ones((5, DIM))), np.eye(DIM), 3)
    assert span.chosen.size == 0
    assert span.directions.shape == (0, DIM)


def test_new_outputs_elsewhere_are_explained_worse_than_by_their_mean() -> None:
    outputs, bank, _ = planted(2)
    span = textspan(Moments.of(outputs), bank, 10)
    assert span.explained(outputs + 100 * bank[N_PLANTED]) < 0
