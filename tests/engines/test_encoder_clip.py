"""CLIP's text tower, on a tiny model with random weights that the real code loads from a folder."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.engines.encoders import encoder
from tasks.engines.encoders.clip import ClipEncoder
from tasks.errors import EngineError
from tasks.study import Study
from tests.tiny_clip import WINDOW, save_tiny_clip, save_tiny_siglip

LONG = "a long caption about a harbour and its many boats"
TEXTS = [
    "a dog bites a man",
    "a man bites a dog",
    "",
    "x",
    "y",
    LONG,
    "ein Zug hält",
    "a dog bites a man",
    "two cats",
    "مرحبا",
]


def opened(folder: Path | str, precision: str = "float32") -> Any:
    study = Study.model_validate(
        {
            "name": "s",
            "data": "d",
            "goal": "g",
            "collect": {"group": "random"},
            "embed": {"encoder": "none", "precision": precision},
        }
    )
    return encoder.open_named(str(folder), study)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_clip(tmp_path_factory.mktemp("models") / "clip")


@pytest.fixture
def changed(tiny: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the model with weights, configuration or files changed."""

    def make(weights: Callable[[dict[str, Any]], object] | None = None, **config: Any) -> Path:
        from safetensors.numpy import load_file, save_file

        folder = tmp_path / "clip"
        shutil.copytree(tiny, folder)
        if weights is not None:
            found = load_file(folder / "model.safetensors")
            weights(found)
            save_file(found, folder / "model.safetensors", metadata={"format": "pt"})
        content = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        content["text_config"] |= config
        (folder / "config.json").write_text(json.dumps(content), encoding="utf-8")
        return folder

    return make


def test_vectors_are_the_projected_ones_of_the_whole_model(tiny: Path) -> None:
    import torch
    from transformers import AutoTokenizer, CLIPModel

    whole, tokenizer = CLIPModel.from_pretrained(tiny), AutoTokenizer.from_pretrained(tiny)
    inputs = tokenizer(TEXTS, padding=True, truncation=True, return_tensors="pt")
    with torch.inference_mode():
        wanted = whole.eval().get_text_features(**inputs).pooler_output.numpy()
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    model = opened(tiny)
    rows = model.encode(TEXTS)
    assert isinstance(model, ClipEncoder)
    assert (model.dim, rows.dtype) == (8, np.float32)
    np.testing.assert_allclose(rows, wanted, atol=1e-5)
    assert (rows[0] != rows[1]).any()
    assert rows[0] @ rows[6] < 0.99  # or all that was compared would be alike


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_vector_depends_on_its_text_alone(tiny: Path, precision: str) -> None:
    model = opened(tiny, precision)
    together = model.encode(TEXTS)
    assert (np.concatenate([model.encode([text]) for text in TEXTS]) == together).all()
    assert (model.encode(TEXTS[::-1])[::-1] == together).all()
    assert (model.encode([*(f"{i} dogs" for i in range(70)), *TEXTS])[70:] == together).all()
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)


def test_a_text_over_the_window_is_cut_and_counted(tiny: Path) -> None:
    model = opened(tiny)
    before = model.n_truncated
    fits = "b" * (WINDOW - 2)
    rows = model.encode([fits, f"{fits} more", f"{fits} other", "short", LONG * 100])
    assert model.n_truncated - before == 3
    assert (rows[1] == rows[2]).all()
    model.encode(["short again"])
    assert model.n_truncated - before == 3


def test_a_sentence_transformers_folder_of_clip_gives_the_same_vectors(tiny: Path, tmp_path: Path) -> None:
    """Of the layout that the published models have, with and without normalising."""
    folder = tmp_path / "clip"
    shutil.copytree(tiny, folder / "0_CLIPModel")
    modules = [
        {"idx": 0, "name": "0", "path": "0_CLIPModel", "type": "sentence_transformers.models.CLIPModel"},
        {"idx": 1, "name": "1", "path": "1_Normalize", "type": "sentence_transformers.models.Normalize"},
    ]
    plain = opened(tiny)
    for kept in (1, 2):
        (folder / "modules.json").write_text(json.dumps(modules[:kept]), encoding="utf-8")
        model = opened(folder)
        assert model.name == plain.name  # of the weights, wherever they lie: vectors are shared
        assert (model.encode(TEXTS) == plain.encode(TEXTS)).all()


def test_a_text_tower_alone_is_a_model_too(tiny: Path, tmp_path: Path) -> None:
    from transformers import CLIPConfig, CLIPTextModelWithProjection

    config = CLIPConfig.from_pretrained(tiny)
    config.text_config.projection_dim = 8
    tower = CLIPTextModelWithProjection.from_pretrained(tiny, config=config.text_config)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "tower").mkdir(exist_ok=True)
        shutil.copy(tiny / file, tmp_path / "tower")
    tower.save_pretrained(tmp_path / "tower")
    assert (opened(tmp_path / "tower").encode(TEXTS) == opened(tiny).encode(TEXTS)).all()


def test_weights_in_a_pickle_are_read_as_numbers_alone(
    tiny: Path, changed: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from safetensors.torch import load_file

    monkeypatch.chdir(tmp_path)
    folder = changed()
    weights: dict[str, Any] = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    assert (opened(folder).encode(TEXTS) == opened(tiny).encode(TEXTS)).all()
    encoder._load.cache_clear()
    torch.save(weights | {"logit_scale": Evil()}, folder / "pytorch_model.bin")
    with pytest.raises(EngineError, match="wanted a sentence-transformers or CLIP model"):
        opened(folder)
    assert not (tmp_path / "ran").exists()


class Evil:
    """Writes a file when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("import pathlib; pathlib.Path('ran').write_text('x')",))


def test_the_name_follows_the_weights(tiny: Path, changed: Callable[..., Path]) -> None:
    def nudge(weights: dict[str, Any]) -> None:
        weights["text_projection.weight"][0, 0] += 1

    assert opened(tiny).name.startswith("clip-")
    assert opened(changed(nudge)).name != opened(tiny).name


def test_weights_that_are_not_there_are_not_made_up(changed: Callable[..., Path]) -> None:
    folder = changed(lambda weights: weights.pop("text_projection.weight"))
    with pytest.raises(EngineError, match=r"`text_projection\.weight` is not there"):
        opened(folder)


def test_nan_stops_with_the_text_named(changed: Callable[..., Path]) -> None:
    folder = changed(lambda weights: weights["text_projection.weight"].fill(np.nan))
    with pytest.raises(EngineError, match="NaN, infinity or zero for 'a dog'"):
        opened(folder).encode(["a dog"])


@pytest.mark.parametrize("file", ["tokenizer.json", "model.safetensors"])
def test_a_folder_that_lacks_a_file_is_an_error(file: str, changed: Callable[..., Path]) -> None:
    folder = changed()
    (folder / file).unlink()
    with pytest.raises(EngineError, match="wanted a sentence-transformers or CLIP model"):
        opened(folder)


def test_another_models_tokeniser_is_an_error(changed: Callable[..., Path]) -> None:
    """Without an end of text that the model knows, all texts would have one vector."""
    with pytest.raises(EngineError, match="tokeniser is another model's"):
        opened(changed(eos_token_id=3))


@pytest.fixture(scope="module")
def siglip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_siglip(tmp_path_factory.mktemp("models") / "siglip")


def test_siglip_gives_the_projected_vectors_of_the_whole_model(siglip: Path) -> None:
    import torch
    from transformers import AutoTokenizer, SiglipModel

    whole, tokenizer = SiglipModel.from_pretrained(siglip), AutoTokenizer.from_pretrained(siglip)
    ids = tokenizer(TEXTS, padding="max_length", truncation=True, return_tensors="pt")["input_ids"]
    assert ids.shape == (len(TEXTS), WINDOW)
    with torch.inference_mode():
        wanted = whole.eval().get_text_features(input_ids=ids).pooler_output.numpy()
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    model = opened(siglip)
    rows = model.encode(TEXTS)
    assert isinstance(model, ClipEncoder)
    np.testing.assert_allclose(rows, wanted, atol=1e-5)
    assert np.abs(rows[0] - rows[8]).max() > 1e-3  # or all that was compared would be alike
    assert model.n_truncated == sum(len(text) >= WINDOW for text in set(TEXTS))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_vector_of_siglip_depends_on_its_text_alone(siglip: Path, precision: str) -> None:
    model = opened(siglip, precision)
    together = model.encode(TEXTS)
    assert (np.concatenate([model.encode([text]) for text in TEXTS]) == together).all()
    assert (model.encode([*(f"{i} dogs" for i in range(70)), *TEXTS])[70:] == together).all()
