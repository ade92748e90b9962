"""The parts of an encoder sum to its vector, and nothing else does."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.engines.encoders.encoder import opened
from tasks.engines.encoders.parts import Decomposed, Parts, part_names
from tasks.errors import EngineError
from tests.tiny_encoder import save_tiny_encoder

TEXTS = [
    "Rain is expected on the coast.",
    "",
    "The council approved the budget for the new bridge after a long debate.",
    "word " * 600,
    "A doctor did not visit the museum.",
]


@pytest.fixture(scope="module")
def bundled() -> Any:
    return opened("bundled")


@pytest.fixture(scope="module")
def decomposed(bundled: Any) -> Decomposed:
    return Decomposed(bundled, "bundled", "float64", 64)


def apart(found: np.ndarray, whole: np.ndarray) -> float:
    return float((np.linalg.norm(found - whole, axis=1) / np.linalg.norm(whole, axis=1)).max())


def contributed(decomposed: Decomposed) -> np.ndarray:
    found = np.empty((len(TEXTS), len(decomposed.parts.names), decomposed.dim))
    for one in decomposed.contributions(TEXTS):
        found[one.rows] = one.parts
    return found


@pytest.fixture(scope="module")
def whole(bundled: Any) -> np.ndarray:
    vectors: np.ndarray = bundled.encode(TEXTS)
    return vectors


@pytest.fixture(scope="module")
def parts(decomposed: Decomposed) -> np.ndarray:
    return contributed(decomposed)


def test_the_parts_sum_to_what_the_model_gives(
    decomposed: Decomposed, parts: np.ndarray, whole: np.ndarray
) -> None:
    names = decomposed.parts.names
    assert len(names) == 1 + 72 + 6 + 6
    assert names[1 + 4 * 12 + 6] == "h4.6"
    assert apart(parts.sum(axis=1), whole) < 1e-12


@pytest.mark.parametrize("name", part_names(6, 12))
def test_no_part_can_be_forgotten(
    decomposed: Decomposed, parts: np.ndarray, whole: np.ndarray, name: str
) -> None:
    kept = [other != name for other in decomposed.parts.names]
    assert apart(parts[:, kept].sum(axis=1), whole) > 1e-6


def test_the_neurons_of_a_layer_sum_to_its_mlp(decomposed: Decomposed) -> None:
    mlps = [decomposed.parts.names.index(f"m{layer}") for layer in range(6)]
    for one in decomposed.contributions(TEXTS):
        added = np.einsum("tln,lnd->tld", one.neurons, decomposed.parts.neuron_directions)
        np.testing.assert_allclose(added, one.parts[:, mlps], rtol=0, atol=1e-12)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_a_model_of_a_folder_is_decomposed_too(tmp_path: Path, pooling: str) -> None:
    model = opened(str(save_tiny_encoder(tmp_path / "tiny")))
    model[1].pooling_mode = pooling
    one = Decomposed(model, "tiny", "float64", 64)
    whole = model.encode(TEXTS)
    assert apart(contributed(one).sum(axis=1), whole / np.linalg.norm(whole, axis=1, keepdims=True)) < 1e-12


def test_other_models_are_refused_by_what_they_are(tmp_path: Path) -> None:
    from sentence_transformers.base.modules import Dense

    model = opened(str(save_tiny_encoder(tmp_path / "tiny")))
    model[1].pooling_mode = "max"
    with pytest.raises(EngineError, match="its pooling is max"):
        Parts(model, "tiny")
    model[1].pooling_mode = "mean"
    model.append(Dense(16, 24))
    with pytest.raises(EngineError, match=r"Transformer \+ Pooling \+ Dense"):
        Parts(model, "tiny")


def test_a_model_that_adds_something_else_is_refused(tmp_path: Path) -> None:
    model = opened(str(save_tiny_encoder(tmp_path / "tiny")))
    model[0].auto_model.encoder.layer[0].register_forward_hook(lambda module, given, came: came + 1)
    with pytest.raises(EngineError, match="parts sum to another vector"):
        Parts(model, "tiny")
