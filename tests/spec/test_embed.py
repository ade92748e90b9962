"""Embed, as a specification: texts.parquet in, aligned unit vectors out, nothing encoded twice."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks import embed, paths
from tasks.engines.encoders import encoder
from tasks.errors import CorpusError, MissingStageError
from tasks.store import frames
from tasks.study import Study, load
from tests.conftest import PAIR_STUDY, REPO, Project
from tests.tiny_encoder import save_tiny_encoder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_encoder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def study(project: Project, tiny: Path) -> Study:
    return define(project, encoder=str(tiny), shard_size=3)


def define(project: Project, **embed_block: Any) -> Study:
    project.params(news={**PAIR_STUDY, "embed": embed_block})
    return load("news")


def put_texts(texts: Sequence[str]) -> None:
    """Writes 1_texts as collect would."""
    rows = [
        {"text_id": f"{i:08d}", "text_hash": frames.hashed(text), "text": text, "group": "AB"[i % 2],
         "document_id": f"d{i}", "half": "explore", "n_merged": 1}
        for i, text in enumerate(texts)
    ]  # fmt: skip
    with frames.writing(paths.output("news", "collect")) as folder:
        frames.write(pl.DataFrame(rows, schema=frames.TEXTS), folder / "texts.parquet", frames.TEXTS)


def output() -> np.ndarray:
    return np.load(paths.output("news", "embed") / "embeddings.npy", allow_pickle=False)


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text any encoder is asked for from here on."""
    asked: list[str] = []
    original = encoder.SentenceEncoder.encode

    def encode(self: encoder.SentenceEncoder, texts: Sequence[str]) -> np.ndarray:
        asked.extend(texts)
        return original(self, texts)

    monkeypatch.setattr(encoder.SentenceEncoder, "encode", encode)
    return asked


TEXTS = [
    "rain on the coast",
    "the court sits",
    "rain on the coast",
    "",
    "a new road",
    "Rain on the coast",
    "x",
]


def test_rows_are_aligned_with_the_texts(study: Study) -> None:
    put_texts(TEXTS)
    manifest = embed.run(study)
    model = encoder.load(study)
    vectors = output()
    assert vectors.dtype == np.float32
    assert (vectors == model.encode(TEXTS)).all()
    assert manifest == {"encoder": model.name, "dim": 16, "n_texts": 7}
    assert frames.read_manifest(paths.output("news", "embed")) == manifest
    assert (frames.read_embeddings(paths.output("news", "embed"), 7) == vectors).all()


def test_shards_then_finish_equal_run(study: Study) -> None:
    put_texts(TEXTS)
    embed.run(study)
    whole = (paths.output("news", "embed") / "embeddings.npy").read_bytes()
    shutil.rmtree(paths.data() / ".cache")
    shutil.rmtree(paths.output("news", "embed"))
    assert embed.shards(study) == 3
    for shard in (2, 0, 1, 0):
        embed.run_shard(study, shard)
    assert not paths.output("news", "embed").exists()
    embed.finish(study)
    assert (paths.output("news", "embed") / "embeddings.npy").read_bytes() == whole


def test_each_distinct_text_is_encoded_once(study: Study, encoded: list[str]) -> None:
    put_texts(TEXTS)
    embed.run(study)
    assert sorted(encoded) == sorted(set(TEXTS))


def test_a_second_study_or_run_encodes_only_what_is_new(study: Study, encoded: list[str]) -> None:
    put_texts(TEXTS)
    embed.run(study)
    first = output()
    encoded.clear()
    put_texts([*TEXTS[::-1], "a new text"])
    embed.run(study)
    assert encoded == ["a new text"]
    assert (output()[:7] == first[::-1]).all()


def test_another_precision_is_another_encoder(project: Project, tiny: Path, encoded: list[str]) -> None:
    put_texts(TEXTS)
    exact = embed.run(define(project, encoder=str(tiny)))
    encoded.clear()
    coarse = embed.run(define(project, encoder=str(tiny), precision="bfloat16"))
    assert len(encoded) == len(set(TEXTS))
    assert exact["encoder"] != coarse["encoder"]


def test_what_the_cache_lost_is_encoded_at_the_end(study: Study) -> None:
    put_texts(TEXTS)
    embed.run(study)
    expected = output()
    paths.vector_cache().unlink()
    embed.finish(study)
    assert (output() == expected).all()


def test_a_damaged_cache_costs_time_and_nothing_else(
    study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    put_texts(TEXTS)
    embed.run(study)
    expected = output()
    paths.vector_cache().write_bytes(b"noise" * 5000)
    embed.run(study)
    assert (output() == expected).all()
    assert "damaged" in capsys.readouterr().err


def test_without_an_encoder_there_are_rows_and_no_columns(project: Project) -> None:
    study = define(project, encoder="none")
    put_texts(TEXTS)
    assert embed.run(study) == {"encoder": "none", "dim": 0, "n_texts": 7}
    assert embed.shards(study) == 0
    assert frames.read_embeddings(paths.output("news", "embed"), 7).shape == (7, 0)
    assert not paths.vector_cache().exists()


def test_collect_must_have_run(study: Study) -> None:
    with pytest.raises(MissingStageError, match=r"texts\.parquet"):
        embed.run(study)


def test_no_texts_is_an_error_and_writes_nothing(study: Study) -> None:
    put_texts([])
    with pytest.raises(CorpusError, match="1_texts has none"):
        embed.run(study)
    assert not paths.output("news", "embed").exists()


def test_a_killed_run_encodes_only_what_is_missing(study: Study, encoded: list[str]) -> None:
    texts = [f"sentence number {i} of the {i % 97}th chapter" for i in range(7_000)]
    put_texts(texts)
    (paths.root() / "params.yaml").write_text(
        (paths.root() / "params.yaml")
        .read_text(encoding="utf-8")
        .replace("shard_size: 3", "shard_size: 5000"),
        encoding="utf-8",
    )
    study = load("news")
    command = [sys.executable, "-m", "tasks", "embed", "--study", "news"]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(REPO), "OMP_NUM_THREADS": "1"})
    deadline = time.monotonic() + 120
    while n_cached() < 3 * embed.STORE_EVERY and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    kept = n_cached()
    assert 0 < kept < len(texts)
    assert not paths.output("news", "embed").exists()

    embed.run(study)
    assert len(encoded) == len(texts) - kept
    interrupted = (paths.output("news", "embed") / "embeddings.npy").read_bytes()
    shutil.rmtree(paths.data() / ".cache")
    embed.run(study)
    assert (paths.output("news", "embed") / "embeddings.npy").read_bytes() == interrupted


def n_cached() -> int:
    if not paths.vector_cache().is_file():
        return 0
    connection = sqlite3.connect(f"file:{paths.vector_cache()}?mode=ro", uri=True, timeout=30)
    try:
        return int(connection.execute("SELECT count(*) FROM vectors").fetchone()[0])
    except sqlite3.OperationalError:  # its tables are not there yet
        return 0
    finally:
        connection.close()


def test_the_command_prints_what_was_embedded(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    from tasks.__main__ import main

    put_texts(TEXTS)
    assert main(["embed", "--study", "news"]) == 0
    assert "dim 16, n_texts 7" in capsys.readouterr().out
    manifest = json.loads((paths.output("news", "embed") / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["n_texts"] == 7
