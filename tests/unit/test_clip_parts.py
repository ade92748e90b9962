"""The parts of CLIP's picture tower sum to its vector, and nothing else does."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.engines.encoders import clip_parts
from tasks.engines.encoders.clip_parts import DecomposedPictures, TowerParts
from tasks.engines.encoders.parts import part_names
from tasks.engines.encoders.pictures import clip
from tasks.errors import EngineError
from tests.drawn_pictures import drawn, stored
from tests.tiny_clip import save_tiny_clip
from tests.tiny_encoder import save_tiny_encoder

PICTURES = [stored(drawn(number)) for number in range(20)]
LAYERS, HEADS = 3, 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose biases and normalisations are none that could be left out, as a new model's are."""
    import torch
    from transformers import CLIPModel

    folder = save_tiny_clip(tmp_path_factory.mktemp("models") / "clip", layers=LAYERS)
    model = CLIPModel.from_pretrained(folder)
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 1:
                weight.add_(torch.randn(weight.shape), alpha=0.5)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def decomposed(folder: Path) -> DecomposedPictures:
    return clip_parts.opened(str(folder), "float64")


@pytest.fixture(scope="module")
def whole(folder: Path) -> np.ndarray:
    """The vectors that the whole model gives, in float64."""
    import torch
    from transformers import CLIPModel

    tower = clip.opened(str(folder), "")
    pixels = np.concatenate([part for _, part in clip_parts.batches(PICTURES, tower)])
    model = CLIPModel.from_pretrained(folder).eval().double()
    with torch.inference_mode():
        found = model.get_image_features(tower.shown(pixels).double()).pooler_output.numpy()[: len(PICTURES)]
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def summed(decomposed: DecomposedPictures, without: str | None = None) -> np.ndarray:
    kept = [name != without for name in decomposed.parts.names]
    found = np.empty((len(PICTURES), decomposed.dim))
    for one in decomposed.contributions(PICTURES):
        found[one.rows] = one.parts[:, kept].sum(axis=1)
    return found


def test_the_parts_sum_to_what_the_model_gives(decomposed: DecomposedPictures, whole: np.ndarray) -> None:
    assert len(decomposed.parts.names) == 1 + LAYERS * HEADS + LAYERS + LAYERS
    assert np.linalg.norm(summed(decomposed) - whole, axis=1).max() < 1e-10


@pytest.mark.parametrize("name", part_names(LAYERS, HEADS))
def test_no_part_can_be_forgotten(decomposed: DecomposedPictures, whole: np.ndarray, name: str) -> None:
    assert np.linalg.norm(summed(decomposed, without=name) - whole, axis=1).max() > 1e-6


def test_the_neurons_of_a_layer_sum_to_its_mlp(decomposed: DecomposedPictures) -> None:
    mlps = [decomposed.parts.names.index(f"m{layer}") for layer in range(LAYERS)]
    for one in decomposed.contributions(PICTURES):
        added = np.einsum("tln,lnd->tld", one.neurons, decomposed.parts.neuron_directions)
        np.testing.assert_allclose(added, one.parts[:, mlps], rtol=0, atol=1e-12)


def test_a_head_is_its_own_slice_of_the_attention(folder: Path, decomposed: DecomposedPictures) -> None:
    """With the columns of one head in the output of its attention at 0, that head alone adds nothing."""
    changed = clip_parts.opened(str(folder), "float64")
    attention = changed._tower.model.vision_model.encoder.layers[-1].self_attn
    attention.out_proj.weight.data[:, attention.head_dim :] = 0
    found = next(changed.contributions(PICTURES[:1])).parts[0]
    before = next(decomposed.contributions(PICTURES[:1])).parts[0]
    named = dict(zip(changed.parts.names, np.linalg.norm(found, axis=1), strict=True))
    assert named[f"h{LAYERS - 1}.1"] == 0
    kept = found[changed.parts.names.index(f"h{LAYERS - 1}.0")]
    was = before[decomposed.parts.names.index(f"h{LAYERS - 1}.0")]
    assert kept @ was == pytest.approx(np.linalg.norm(kept) * np.linalg.norm(was))


def test_float32_is_near_and_a_picture_does_not_depend_on_its_neighbours(
    folder: Path, whole: np.ndarray
) -> None:
    model = clip_parts.opened(str(folder))
    assert np.linalg.norm(summed(model) - whole, axis=1).max() < 1e-4
    together = next(one for one in model.contributions(PICTURES) if 17 in one.rows)
    (alone,) = model.contributions(PICTURES[17:18])
    np.testing.assert_array_equal(alone.parts[0], together.parts[together.rows == 17][0])


def test_other_models_are_refused_by_what_they_are(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(EngineError, match="it is another model"):
        clip_parts.opened("bundled")
    with pytest.raises(EngineError, match="it is another model"):
        clip_parts.opened(str(save_tiny_encoder(tmp_path / "bert")))
    model: Any = clip.opened(str(folder), "").model
    with pytest.raises(EngineError, match="its model is CLIPVisionModel"):
        TowerParts(model.vision_model, "tower")


def test_a_model_that_adds_something_else_is_refused(folder: Path) -> None:
    model: Any = clip.opened(str(folder), "").model
    model.vision_model.encoder.layers[0].register_forward_hook(lambda module, given, came: came + 1)
    model.vision_model.encoder.layers[1].register_forward_hook(lambda module, given, came: came * 2)
    with pytest.raises(EngineError, match="parts sum to another vector"):
        TowerParts(model, "tower")
