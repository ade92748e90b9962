"""Encode every text.

Reads:      1_texts/texts.parquet, the vector cache
Writes:     2_embeddings/embeddings.npy: float32 unit rows aligned with texts.parquet; one more such file
            for each further view of the study's kind; the vector cache
Guarantees: a text is encoded once per encoder, whatever study or run it stands in; what a killed run
            had encoded is kept; a row depends on its text alone
Not here:   choosing, comparing or changing texts
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tasks import kinds, paths, progress
from tasks.engines.encoders import encoder
from tasks.engines.roles import Encoder
from tasks.errors import CorpusError
from tasks.store import frames, vectors
from tasks.study import Study

STORE_EVERY = 256
"""Texts encoded between two writes to the cache: the most a killed run loses."""
_ROWS = 4096  # of the output assembled at a time


def run(study: Study) -> dict[str, Any]:
    """Runs every shard, then assembles the output and gives its manifest."""
    texts = _texts(study)
    open_all(study)
    with progress.bar(f"embed {study.name}", texts.len() * len(_views(study))) as advance:
        for shard in range(_n_shards(study, texts)):
            _run_shard(study, texts, shard, advance)
    return _finish(study, texts)


def shards(study: Study) -> int:
    """How many shards `run_shard` must be called for."""
    texts = _texts(study)
    open_all(study)
    return _n_shards(study, texts)


def run_shard(study: Study, shard: int) -> None:
    """Encodes the texts of one shard that are not in the cache."""
    _run_shard(study, _texts(study), shard, _unwatched)


def finish(study: Study) -> dict[str, Any]:
    """Assembles the cached vectors into the stage's output."""
    return _finish(study, _texts(study))


def open_all(study: Study) -> None:
    """Opens every encoder that any stage will ask: one that is not there stops the study before its first.

    Raises:
        EngineError: one of them is not there, or cannot be loaded.
    """
    # Those that are asked first come last: few are kept open.
    for name in dict.fromkeys(reversed(kinds.load(study.kind).encoders(study))):
        encoder.open_named(name, study)


def _unwatched(steps: int = 1, note: Callable[[], str] | None = None) -> None:
    """A shard run alone has no bar to advance."""


def _texts(study: Study) -> pl.Series:
    texts = frames.read(paths.output(study.name, "collect"), "texts.parquet", frames.TEXTS)["text"]
    if texts.is_empty():
        raise CorpusError(f"{study.name}: wanted texts to embed, 1_texts has none. Rerun collect.")
    return texts


def _n_shards(study: Study, texts: pl.Series) -> int:
    return len(_views(study)) * _shards_per_view(study, texts)


def _shards_per_view(study: Study, texts: pl.Series) -> int:
    return -(-texts.len() // study.embed.shard_size)


def _views(study: Study) -> dict[str, str]:
    """Which encoder makes which file; none where there is nothing to encode."""
    views = kinds.load(study.kind).views(study)
    return {file: name for file, name in views.items() if name != "none"}


def _run_shard(study: Study, texts: pl.Series, shard: int, advance: progress.Advance) -> None:
    size = study.embed.shard_size
    view, shard = divmod(shard, _shards_per_view(study, texts))
    part = texts.slice(shard * size, size)
    model = encoder.open_named(list(_views(study).values())[view], study)
    with vectors.opened(model.name, model.dim) as cache:
        missing = _missing(cache, part)
        advance(part.len() - len(missing))
        for start in range(0, len(missing), STORE_EVERY):
            batch = missing[start : start + STORE_EVERY]
            cache.put_many([vectors.text_key(text) for text in batch], model.encode(batch))
            advance(len(batch))


def _missing(cache: vectors.VectorCache, texts: pl.Series) -> list[str]:
    """Distinct texts the cache lacks, by length: each batch is then of nearly equal ones."""
    distinct = sorted(set(texts.to_list()), key=lambda text: (len(text), text))
    _, found = cache.get_many([vectors.text_key(text) for text in distinct])
    return [text for text, is_there in zip(distinct, found, strict=True) if not is_there]


def _finish(study: Study, texts: pl.Series) -> dict[str, Any]:
    views = kinds.load(study.kind).views(study)
    models = {file: encoder.open_named(name, study) for file, name in views.items()}
    first, *further = models
    manifest = {"encoder": models[first].name, "dim": models[first].dim, "n_texts": texts.len()}
    manifest |= {file: {"encoder": models[file].name, "dim": models[file].dim} for file in further}
    with frames.writing(paths.output(study.name, "embed")) as folder:
        for file, model in models.items():
            _write(folder / f"{file}.npy", model, texts)
        frames.write_manifest(folder, manifest)
    return manifest


def _write(file: Path, model: Encoder, texts: pl.Series) -> None:
    """Written in pieces: a memory map of the whole would count as this process's memory."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (texts.len(), model.dim)}
    with file.open("wb") as opened:
        np.lib.format.write_array_header_1_0(opened, header)
        for rows in _assembled(model, texts):
            opened.write(rows.tobytes())


def _assembled(model: Encoder, texts: pl.Series) -> Iterator[np.ndarray]:
    """The vectors in the order of the texts; what the cache lost since is encoded again."""
    if model.dim == 0:
        return
    with vectors.opened(model.name, model.dim) as cache:
        for start in range(0, texts.len(), _ROWS):
            part = texts.slice(start, _ROWS).to_list()
            rows, found = cache.get_many([vectors.text_key(text) for text in part])
            lost = np.flatnonzero(~found)
            if lost.size:
                rows[lost] = model.encode([part[i] for i in lost])
            yield np.ascontiguousarray(rows, dtype="<f4")
