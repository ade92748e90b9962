"""How far texts lie along the parts of an encoder: the same as from all contributions at once."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tasks.engines.encoders import units
from tasks.engines.encoders.encoder import opened
from tasks.engines.encoders.parts import Contributions, Decomposed
from tasks.engines.encoders.textspan import Moments
from tasks.errors import EngineError
from tests.conftest import sentences
from tests.tiny_clip import save_tiny_clip
from tests.tiny_encoder import save_tiny_encoder

TEXTS = sentences(150, 0.5, 0)


@pytest.fixture(scope="module")
def decomposed(tmp_path_factory: pytest.TempPathFactory) -> Decomposed:
    folder = save_tiny_encoder(tmp_path_factory.mktemp("tiny") / "model")
    return Decomposed(opened(str(folder)), "tiny", "float64", 16)


@pytest.fixture(scope="module")
def whole(decomposed: Decomposed) -> Contributions:
    """What all parts add to all texts, held at once."""
    batches = list(decomposed.contributions(TEXTS))
    order = np.argsort(np.concatenate([one.rows for one in batches]))
    parts, neurons = (
        np.concatenate([getattr(one, key) for one in batches])[order] for key in ("parts", "neurons")
    )
    return Contributions(np.arange(len(TEXTS)), parts, neurons)


def test_units_are_called_by_layer_and_place(decomposed: Decomposed) -> None:
    assert units.names(decomposed, units.HEADS) == ["h0.0", "h0.1"]
    assert units.names(decomposed, units.MLPS) == ["m0"]
    assert units.names(decomposed, units.NEURONS) == [f"n0.{i}" for i in range(16)]


def test_moments_of_a_stream_are_those_of_all(decomposed: Decomposed, whole: Contributions) -> None:
    columns = [1, 3]
    for column, of in zip(columns, units.moments(decomposed.contributions(TEXTS), columns), strict=True):
        wanted = Moments.of(whole.parts[:, column])
        np.testing.assert_allclose(of.mean, wanted.mean, atol=1e-12)
        np.testing.assert_allclose(of.covariance, wanted.covariance, atol=1e-12)


def test_a_principal_direction_is_the_first_of_a_singular_value_decomposition(whole: Contributions) -> None:
    outputs = whole.parts[:, 1]
    (found,) = units.principal("h0.0", Moments.of(outputs))
    _, strength, axes = np.linalg.svd(outputs - outputs.mean(axis=0), full_matrices=False)
    assert abs(found.along @ axes[0]) == pytest.approx(1)
    assert found.share == pytest.approx(strength[0] ** 2 / (strength**2).sum())
    assert found.along[np.abs(found.along).argmax()] > 0


def test_a_part_that_adds_the_same_to_all_texts_has_no_direction() -> None:
    assert units.principal("h0.0", Moments.of(np.ones((5, 4)))) == []


def test_activations_are_projections_from_the_mean(decomposed: Decomposed, whole: Contributions) -> None:
    names = decomposed.parts.names
    parts = ["h0.1", "m0"]
    columns = [names.index(one) for one in parts]
    found = [
        one
        for p, c in zip(parts, columns, strict=True)
        for one in units.principal(p, Moments.of(whole.parts[:, c]))
    ]
    values, squared = units.along(decomposed.contributions(TEXTS), found, names, len(TEXTS))
    for i, (one, column) in enumerate(zip(found, columns, strict=True)):
        left = whole.parts[:, column] - whole.parts[:, column].mean(axis=0)
        np.testing.assert_allclose(values[:, i], left @ one.along, atol=1e-6)
        np.testing.assert_allclose(squared[:, i], (left**2).sum(axis=1), atol=1e-6)
    assert ((values**2).sum(axis=0) / squared.sum(axis=0)) == pytest.approx(
        [one.share for one in found], rel=1e-3
    )


def test_sentences_name_directions_of_their_own(decomposed: Decomposed, whole: Contributions) -> None:
    bank = ["during the covid outbreak", "after the spring holiday", "the old bridge", "a garden"]
    vectors = decomposed.encode(bank)
    found = units.spanned("m0", Moments.of(whole.parts[:, 3]), vectors, bank, 3)
    assert [one.unit for one in found] == ["m0/1", "m0/2", "m0/3"]
    assert len({one.sentence for one in found}) == 3
    for one in found:
        assert one.along @ vectors[bank.index(str(one.sentence))] > 0


def test_neurons_have_their_own_activation(decomposed: Decomposed, whole: Contributions) -> None:
    found = units.neurons(decomposed.contributions(TEXTS), ["n0.7", "n0.0"], len(TEXTS))
    np.testing.assert_allclose(found, whole.neurons[:, 0, [7, 0]], atol=1e-6)


def test_no_more_than_some_texts_are_held(decomposed: Decomposed, monkeypatch: pytest.MonkeyPatch) -> None:
    alive, most = 0, 0

    def counted(batches: Iterator[Contributions]) -> Iterator[Contributions]:
        nonlocal alive, most
        for one in batches:
            alive += len(one.rows)
            yield one

    monkeypatch.setattr(units, "_SUMMED_AT_ONCE", 20)
    for batch in units._gathered(counted(decomposed.contributions(TEXTS)), [1]):
        most = max(most, batch.shape[1])
    assert alive == len(TEXTS)
    assert most < 20 + 16


def test_an_encoder_without_such_parts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        EngineError, match="wanted a BERT whose vector is the sum of its parts; it is TextTower"
    ):
        Decomposed(opened(str(save_tiny_clip(tmp_path / "clip"))), "clip", "float32", 16)
