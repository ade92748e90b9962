"""Embed on pictures: each is seen once, and put among texts by captions of the exploration half."""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from tasks import embed, paths
from tasks.engines.encoders import encoder
from tasks.engines.encoders.pictures import encoder as pictures
from tasks.engines.encoders.pictures import lite
from tasks.store import frames, media
from tasks.study import Study, load
from tests.conftest import Project
from tests.tiny_clip import save_tiny_clip

STUDY = {"goal": "how do they differ", "data": "photos", "collect": {"a": {"path": "a"}, "b": {"path": "b"}}}
N = 48


def define(project: Project, **block: Any) -> Study:
    project.params(photos={**STUDY, "embed": {"shard_size": 20, **block}})
    return load("photos")


def put(captions: Sequence[str], n: int = N, seed: int = 0, size: int = 24) -> list[str]:
    """Writes 1_texts as collect would, and gives the hashes of its pictures in the order of the rows."""
    rng = np.random.default_rng(seed)
    stored: dict[str, bytes] = {}
    for _ in range(n):
        file = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (size, size, 3), dtype=np.uint8)).save(file, "PNG")
        stored[media.media_of(file.getvalue())] = file.getvalue()
    names = list(stored)
    half = ["explore"] * (n - n // 4) + ["confirm"] * (n // 4)
    texts = [
        {"text_id": f"{i:08d}", "text_hash": name, "text": captions[i % len(captions)], "group": "AB"[i % 2],
         "document_id": name, "half": half[i], "n_merged": 1, "media": name}
        for i, name in enumerate(names)
    ]  # fmt: skip
    facts = [
        {"media": name, "path": f"{name}.png", "format": "png", "n_bytes": 1, "width": size, "height": size,
         "n_frames": 1, "dhash": "0"}
        for name in sorted(names)
    ]  # fmt: skip
    with frames.writing(paths.output("photos", "collect")) as folder:
        frames.write(pl.DataFrame(texts, schema=frames.TEXTS), folder / "texts.parquet", frames.TEXTS)
        frames.write(pl.DataFrame(facts, schema=frames.PICTURES), folder / media.PICTURES, frames.PICTURES)
        media.write(folder, stored.items())
    return names


def output(name: str = "embeddings") -> np.ndarray:
    return np.load(paths.output("photos", "embed") / f"{name}.npy", allow_pickle=False)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures were encoded, call by call, from here on."""
    calls: list[int] = []
    encoded = pictures.encoded

    def counted(network: Any, files: Iterable[bytes]) -> np.ndarray:
        rows = encoded(network, files)
        calls.append(len(rows))
        return rows

    monkeypatch.setattr(pictures, "encoded", counted)
    return calls


def test_rows_are_unit_vectors_and_classes_aligned_with_the_rows(project: Project) -> None:
    names = put([""])
    manifest = embed.run(define(project))
    assert output().shape == (N, 384)
    assert np.linalg.norm(output(), axis=1) == pytest.approx(1, abs=1e-5)
    network = lite.loaded(lite.SMALL_SIDE)
    ((_, data),) = media.read("photos", [names[5]])
    own = network.probabilities(pictures.encoded(network, [data]))[0]
    assert output("classes")[5] == pytest.approx(own, abs=1e-6)
    assert manifest["pictures"] == {
        "encoder": network.name, "side": lite.SMALL_SIDE, "space": "names of classes", "n_captions": 0
    }  # fmt: skip


def test_pictures_are_seen_once_whatever_run_they_stand_in(project: Project, seen: list[int]) -> None:
    put([""])
    study = define(project)
    embed.run(study)
    before = output()
    embed.run(study)
    assert sum(seen) == N
    assert np.array_equal(output(), before)


def test_no_picture_is_seen_while_the_weights_that_read_are_held(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(["a red thing"])
    study = define(project)
    model, held, encoded = encoder.load(study)._model, list[bool](), pictures.encoded  # type: ignore[attr-defined]
    read_before = model._weights

    def looked(network: Any, files: Iterable[bytes]) -> np.ndarray:
        held.append("_weights" in vars(model))
        return encoded(network, files)

    monkeypatch.setattr(pictures, "encoded", looked)
    embed.run(study)
    assert held and not any(held)
    assert read_before.keys() == model._weights.keys()


def test_an_interrupted_run_goes_on_where_it_stopped(project: Project, seen: list[int]) -> None:
    put([""])
    study = define(project)
    embed.run_shard(study, 0)
    assert sum(seen) == 20
    embed.run(study)
    assert sum(seen) == N


def test_captions_of_the_exploration_half_alone_make_the_space(project: Project) -> None:
    put(["a red thing", "a blue thing", "a dog in the sun"])
    manifest = embed.run(define(project))
    assert manifest["pictures"]["n_captions"] == N - N // 4
    assert manifest["pictures"]["space"] == "names of classes and captions"
    before, folder = output(), paths.output("photos", "collect")
    texts = frames.read(folder, "texts.parquet", frames.TEXTS)
    changed = pl.when(pl.col("half") == "confirm").then(pl.lit("something else")).otherwise(pl.col("text"))
    frames.write(texts.with_columns(changed.alias("text")), folder / "texts.parquet", frames.TEXTS)
    embed.run(load("photos"))
    assert np.array_equal(output(), before)
    changed = pl.when(pl.col("half") == "explore").then(pl.lit("something else")).otherwise(pl.col("text"))
    frames.write(texts.with_columns(changed.alias("text")), folder / "texts.parquet", frames.TEXTS)
    embed.run(load("photos"))
    assert not np.array_equal(output(), before)


def test_larger_pictures_are_shown_larger(project: Project) -> None:
    put([""], n=4, size=lite.SMALL_SIDE + 1)
    assert embed.run(define(project))["pictures"]["side"] == lite.SIDE


def test_a_clip_folder_sees_pictures_with_its_own_tower(project: Project, tmp_path: Path) -> None:
    put(["a caption"])
    manifest = embed.run(define(project, encoder=str(save_tiny_clip(tmp_path / "clip"))))
    assert output().shape == (N, 8)
    assert manifest["pictures"]["space"] == "shared by both towers"
    assert not (paths.output("photos", "embed") / "classes.npy").exists()


def test_no_encoder_sees_nothing(project: Project, seen: list[int]) -> None:
    put([""])
    embed.run(define(project, encoder="none"))
    assert output().shape == (N, 0)
    assert not seen
