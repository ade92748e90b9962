"""What sees pictures: EfficientNet-Lite0, CLIP's picture tower, and the space in which they meet texts."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tasks.engines.encoders import encoder
from tasks.engines.encoders.pictures import clip, lite, space
from tasks.engines.encoders.pictures import encoder as pictures
from tasks.errors import EngineError
from tests.tiny_clip import save_tiny_clip, save_tiny_siglip

NETWORK = lite.loaded(lite.SMALL_SIDE)


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def noise(n: int, seed: int = 0) -> list[bytes]:
    rng = np.random.default_rng(seed)
    return [png(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)) for _ in range(n)]


@pytest.mark.parametrize(("name", "wanted"), [("china.jpg", "palace"), ("flower.jpg", "daisy")])
def test_real_photographs_are_of_the_classes_they_should_be(name: str, wanted: str) -> None:
    import sklearn.datasets

    file = Path(sklearn.datasets.__file__).parent / "images" / name
    network = lite.loaded(lite.SIDE)
    share = network.probabilities(pictures.encoded(network, [file.read_bytes()]))[0]
    likeliest = [lite.names()[i] for i in np.argsort(share)[::-1][:5]]
    assert wanted in likeliest
    assert share.sum() == pytest.approx(1, abs=1e-5)


def test_folded_normalisation_gives_what_convolution_and_normalisation_give() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    convolution, norm = nn.Conv2d(3, 5, 3, 1, 1, bias=False), nn.BatchNorm2d(5, eps=1e-3).eval()
    norm.running_mean, norm.running_var = torch.randn(5), torch.rand(5) + 0.5
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    weights = {"c.weight": convolution.weight, **{f"n.{key}": one for key, one in norm.state_dict().items()}}
    seen = torch.randn(2, 3, 8, 8)
    with torch.inference_mode():
        folded = lite._convolution(weights, "c", "n", 3, 5, 3, 1)(seen)
        assert torch.allclose(folded, norm(convolution(seen)), atol=1e-5)


def test_a_vector_depends_on_its_picture_alone() -> None:
    files = noise(20)
    together = pictures.encoded(NETWORK, files)
    assert np.array_equal(together[17], pictures.encoded(NETWORK, [files[17]])[0])
    assert np.array_equal(together[::-1], pictures.encoded(NETWORK, files[::-1]))


def test_vectors_are_unit_and_keep_the_length_of_the_features() -> None:
    rows = pictures.encoded(NETWORK, noise(3))
    assert rows.shape == (3, lite.N_FEATURES + 1)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-6)
    again = np.hstack([lite.features(rows), np.ones((3, 1))])
    assert rows == pytest.approx(again / np.linalg.norm(again, axis=1, keepdims=True), abs=1e-6)
    assert np.linalg.norm(lite.features(rows), axis=1).min() > 2


def test_classes_have_a_name_each() -> None:
    assert len(set(lite.names())) == lite.N_CLASSES
    assert lite.names()[733] == "pole"


def test_bytes_that_are_no_picture_are_one_clear_error() -> None:
    with pytest.raises(EngineError, match="Run collect again"):
        pictures.encoded(NETWORK, [b"no picture"])


def test_without_captions_a_picture_lies_nearest_the_name_of_its_only_class() -> None:
    names = np.eye(lite.N_CLASSES, dtype=np.float32)
    rows = pictures.encoded(NETWORK, noise(6))
    placed = space.Space(NETWORK, names).vectors(rows)
    assert np.array_equal(placed.argmax(axis=1), NETWORK.logits(rows).argmax(axis=1))
    assert (np.count_nonzero(placed, axis=1) == space.N_NAMES).all()


def test_captions_correct_the_space_for_pictures_that_had_none() -> None:
    """The captions tell red from blue, which no class name does in this made space of texts."""
    rng = np.random.default_rng(1)
    names = rng.normal(size=(lite.N_CLASSES, 8)).astype(np.float32)
    red, blue = np.eye(8, dtype=np.float32)[:2]
    is_red = rng.random(80) < 0.5
    files = [_tinted(rng, one) for one in is_red]
    rows, captions = pictures.encoded(NETWORK, files), np.where(is_red[:, None], red, blue)
    plain, taught = space.Space(NETWORK, names), space.Space(NETWORK, names)
    taught.learn(rows[:40], captions[:40])

    def right(of: space.Space) -> float:
        placed = of.vectors(rows[40:])
        return float((((placed @ red) > (placed @ blue)) == is_red[40:]).mean())

    assert right(taught) == 1.0
    assert right(plain) < 0.9
    assert taught.correction is not None
    assert taught.correction.n_captions == 40


def test_captions_that_say_nothing_of_the_pictures_add_little() -> None:
    rng = np.random.default_rng(2)
    names = rng.normal(size=(lite.N_CLASSES, 8)).astype(np.float32)
    rows = pictures.encoded(NETWORK, noise(40, 3))
    captions = rng.normal(size=(40, 8)).astype(np.float32)
    of = space.Space(NETWORK, names)
    of.learn(rows, captions / np.linalg.norm(captions, axis=1, keepdims=True))
    assert of.correction is not None
    added = lite.features(pictures.encoded(NETWORK, noise(20, 4))) @ of.correction.slopes
    assert added.var(axis=0).sum() < 0.2 * captions.var(axis=0).sum() / 8


def test_few_captions_fit_nothing() -> None:
    names = np.ones((lite.N_CLASSES, 2), dtype=np.float32)
    of = space.Space(NETWORK, names)
    n = space.LEAST_CAPTIONS - 1
    of.learn(pictures.encoded(NETWORK, noise(n)), np.ones((n, 2), dtype=np.float32))
    assert of.correction is None


def test_the_picture_tower_agrees_with_transformers(tmp_path: Path) -> None:
    import torch
    from transformers import CLIPModel

    tower = clip.loaded(str(save_tiny_clip(tmp_path)), "")
    assert (tower.dim, tower.side) == (8, 8)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    levels = (pixels / 255 - np.array(clip.MEAN)) / np.array(clip.SPREAD)
    model = CLIPModel.from_pretrained(tmp_path).eval()
    with torch.inference_mode():
        seen = model.vision_model(
            torch.tensor(levels.transpose(0, 3, 1, 2), dtype=torch.float32)
        ).pooler_output
        wanted = model.visual_projection(seen).numpy()
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    assert tower.encode(pixels) == pytest.approx(wanted, abs=1e-5)


def test_the_picture_tower_of_siglip_agrees_with_transformers(tmp_path: Path) -> None:
    import torch
    from transformers import SiglipModel

    tower = clip.loaded(str(save_tiny_siglip(tmp_path)), "")
    assert (tower.dim, tower.side, tower.resample) == (16, 8, clip.BICUBIC)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    levels = torch.tensor((pixels / 127.5 - 1).transpose(0, 3, 1, 2), dtype=torch.float32)
    with torch.inference_mode():
        wanted = SiglipModel.from_pretrained(tmp_path).eval().get_image_features(levels).pooler_output.numpy()
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    assert tower.encode(pixels) == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("save", [save_tiny_clip, save_tiny_siglip])
def test_a_picture_is_shown_as_the_folder_says_and_whole(
    save: Callable[[Path], Path], tmp_path: Path
) -> None:
    plain = clip.loaded(str(save(tmp_path / "plain")), "")
    told = {"image_mean": [0.1] * 3, "image_std": [0.4] * 3, "resample": 0, "do_center_crop": True}
    (save(tmp_path / "told") / "preprocessor_config.json").write_text(json.dumps(told))
    other = clip.loaded(str(tmp_path / "told"), "")
    assert (other.resample, plain.resample) == (0, clip.BICUBIC) and other.name != plain.name
    wide = np.zeros((8, 80, 3), dtype=np.uint8)
    wide[:, 70:] = 255  # what a crop would cut off
    seen, cropped = pictures.encoded(other, [png(wide), png(wide[:, 36:44])])
    pixels = np.asarray(Image.fromarray(wide).resize((8, 8), Image.Resampling.NEAREST))
    again = np.repeat(pixels[None], pictures.BATCH, axis=0)
    assert seen == pytest.approx(other.encode(again)[0], abs=1e-6)
    assert seen @ cropped < 0.9999


def test_a_model_of_texts_alone_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="picture tower"):
        clip.loaded(str(tmp_path), "")
    folder = save_tiny_clip(tmp_path / "clip")
    told = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(told["text_config"]))
    with pytest.raises(EngineError, match=r"wanted a model with a picture tower in \S+, it has none. Name "):
        clip.loaded(str(folder), "")


def test_which_network_goes_with_an_encoder_of_texts(tmp_path: Path) -> None:
    folder = save_tiny_clip(tmp_path / "clip")
    assert encoder.clip_place(str(folder)) == (str(folder), "")
    assert encoder.clip_place(str(save_tiny_siglip(tmp_path / "siglip"))) == (str(tmp_path / "siglip"), "")
    assert encoder.clip_place("bundled") is None
    assert encoder.clip_place("openai:text-embedding-3-small") is None


def _tinted(rng: np.random.Generator, red: bool) -> bytes:
    pixels = rng.integers(0, 90, (32, 32, 3), dtype=np.uint8)
    pixels[..., 0 if red else 2] += 160
    return png(pixels)
