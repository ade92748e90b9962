"""The threshold that an encoder's own scale gives: what 1 in 1,000 pairs of two documents reach."""

import numpy as np
import pytest

from tasks.kinds.encoder_failures import scale
from tasks.kinds.encoder_failures.scale import chosen_threshold


def spread(n: int, dim: int = 8, shift: float = 0.0) -> np.ndarray:
    """Directions around a common one: the larger the shift, the nearer they all are."""
    vectors = np.random.default_rng(1).standard_normal((n, dim))
    vectors[:, 0] += shift
    return vectors


def test_it_is_reached_by_one_pair_in_a_thousand() -> None:
    vectors = spread(200)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    every = np.sort((unit @ unit.T)[np.triu_indices(200, 1)])[::-1]
    found = chosen_threshold(vectors, [str(i) for i in range(200)])
    assert 0 <= (every >= found).sum() - 20 <= 3
    assert found == round(found, 3)


def test_it_follows_the_encoder() -> None:
    documents = [str(i) for i in range(200)]
    wide, narrow = (chosen_threshold(spread(200, shift=shift), documents) for shift in (0.0, 20.0))
    assert wide < 0.95 < 0.98 < narrow <= 1


def test_length_and_order_of_rows_change_nothing() -> None:
    vectors, documents = spread(150), [str(i) for i in range(150)]
    order = np.random.default_rng(2).permutation(150)
    longer = vectors * np.arange(1, 151)[:, None]
    found = chosen_threshold(vectors, documents)
    assert chosen_threshold(longer, documents) == found
    assert chosen_threshold(vectors[order], [documents[i] for i in order]) == found


def test_pairs_of_one_document_are_left_out() -> None:
    vectors = np.repeat(spread(100), 5, axis=0)  # five equal texts in each document
    documents = [str(i // 5) for i in range(500)]
    alone = chosen_threshold(spread(100), [str(i) for i in range(100)])
    assert chosen_threshold(vectors, documents) == pytest.approx(alone, abs=0.03)
    assert chosen_threshold(vectors, ["one"] * 500) == 1.0


def test_many_texts_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = [str(i) for i in range(400)]
    every = chosen_threshold(spread(400), documents)
    monkeypatch.setattr(scale, "N_PAIRS", 40_000)
    assert chosen_threshold(spread(400), documents) == pytest.approx(every, abs=0.03)


def test_texts_without_direction_are_near_to_nothing() -> None:
    assert chosen_threshold(np.zeros((50, 4)), [str(i) for i in range(50)]) == scale.LEAST
    assert chosen_threshold(np.ones((50, 4)), [str(i) for i in range(50)]) == 1.0
