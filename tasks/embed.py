"""Encode every text, or every picture.

Reads:      1_texts/texts.parquet, and of pictures media.parquet and pictures.parquet; the vector cache
Writes:     2_embeddings/embeddings.npy: float32 unit rows aligned with texts.parquet; one more such file
            for each further view of the study's kind; classes.npy, of pictures: the probability of each of
            the 1,000 classes that the bundled network tells; arrays and tables of the study's kind; the
            vector cache
Guarantees: a text is encoded once per encoder, whatever study or run it stands in; what a killed run
            had encoded is kept; a row depends on its text alone
Not here:   choosing, comparing or changing texts
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tasks import kinds, paths, progress
from tasks.engines.encoders import encoder, inputs
from tasks.engines.encoders.pictures.lite import N_CLASSES, Lite
from tasks.errors import CorpusError
from tasks.store import frames, vectors
from tasks.study import Study

STORE_EVERY = 256
"""Texts encoded between two writes to the cache: the most a killed run loses."""
_ROWS = 1024  # of the cache and the output held at a time


def run(study: Study) -> dict[str, Any]:
    """Runs every shard, then assembles the output and gives its manifest."""
    texts = _texts(study)
    open_all(study)
    with progress.bar(f"embed {study.name}", texts.height * len(_views(study))) as advance:
        for shard in range(_n_shards(study, texts)):
            _run_shard(study, texts, shard, advance)
    return _finish(study, texts)


def shards(study: Study) -> int:
    """How many shards `run_shard` must be called for."""
    texts = _texts(study)
    open_all(study)
    return _n_shards(study, texts)


def run_shard(study: Study, shard: int) -> bool:
    """Encodes the texts of one shard that are not in the cache, and says whether there were any."""
    return _run_shard(study, _texts(study), shard, _unwatched)


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


def _texts(study: Study) -> pl.DataFrame:
    texts = frames.read(paths.output(study.name, "collect"), "texts.parquet", frames.TEXTS)
    if texts.is_empty():
        raise CorpusError(f"{study.name}: wanted texts to embed, 1_texts has none. Rerun collect.")
    return texts


def _n_shards(study: Study, texts: pl.DataFrame) -> int:
    return len(_views(study)) * _shards_per_view(study, texts)


def _shards_per_view(study: Study, texts: pl.DataFrame) -> int:
    return -(-texts.height // study.embed.shard_size)


def _views(study: Study) -> dict[str, str]:
    """Which encoder makes which file; none where there is nothing to encode."""
    views = kinds.load(study.kind).views(study)
    return {file: name for file, name in views.items() if name != "none"}


def _run_shard(study: Study, texts: pl.DataFrame, shard: int, advance: progress.Advance) -> bool:
    size = study.embed.shard_size
    view, shard = divmod(shard, _shards_per_view(study, texts))
    given = inputs.of(study, list(_views(study).values())[view], texts)
    part = inputs.items_of(texts).slice(shard * size, size)
    with vectors.opened(given.network.name, given.network.dim) as cache:
        missing = _missing(cache, given, part)
        advance(part.len() - len(missing))
        for items, rows in given.encoded(missing, STORE_EVERY):
            cache.put_many([given.key(item) for item in items], rows)
            advance(len(items))
    return bool(missing)


def _missing(cache: vectors.VectorCache, given: inputs.Inputs, items: pl.Series) -> list[str]:
    """Distinct inputs the cache lacks, as they are best encoded."""
    distinct, missing = given.ordered(items.to_list()), list[str]()
    for start in range(0, len(distinct), _ROWS):
        part = distinct[start : start + _ROWS]
        _, found = cache.get_many([given.key(item) for item in part])
        missing += [item for item, is_there in zip(part, found, strict=True) if not is_there]
    return missing


def _finish(study: Study, texts: pl.DataFrame) -> dict[str, Any]:
    kind = kinds.load(study.kind)
    further = kind.encoded(study, texts)
    given = {file: inputs.of(study, name, texts) for file, name in kind.views(study).items()}
    models = {file: one.encoder for file, one in given.items()}
    first, *others = models
    manifest = {"encoder": models[first].name, "dim": models[first].dim, "n_texts": texts.height}
    manifest |= {file: {"encoder": models[file].name, "dim": models[file].dim} for file in others}
    manifest |= further.noted
    with frames.writing(paths.output(study.name, "embed")) as folder:
        for file, one in given.items():
            told = _write_view(folder / f"{file}.npy", one, texts)
            manifest |= {"pictures": told} if told and file == first else {}
        for file, rows in further.arrays.items():
            _write(folder / f"{file}.npy", rows.shape[1], len(rows), [rows])
        for name, frame in further.tables.items():
            frames.write(frame, folder / f"{name}.parquet", kind.tables[name])
        frames.write_manifest(folder, manifest)
    return manifest


def _write_view(file: Path, given: inputs.Inputs, texts: pl.DataFrame) -> dict[str, Any]:
    """Writes a view, and of pictures their classes; says how pictures came into the space of texts."""
    items = inputs.items_of(texts)
    if not isinstance(given, inputs.Pictures):
        _write(file, given.encoder.dim, items.len(), _assembled(given, items))
        return {}
    placed, network = given.space(), given.network
    _write(file, given.encoder.dim, items.len(), map(placed.vectors, _assembled(given, items)))
    if isinstance(network, Lite):
        classes = map(network.probabilities, _assembled(given, items))
        _write(file.with_name("classes.npy"), N_CLASSES, items.len(), classes)
    return {"encoder": network.name, "side": network.side, **placed.told()}


def _write(file: Path, dim: int, n_rows: int, parts: Iterable[np.ndarray]) -> None:
    """Written in pieces: a memory map of the whole would count as this process's memory."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (n_rows, dim)}
    with file.open("wb") as opened:
        np.lib.format.write_array_header_1_0(opened, header)
        for rows in parts:
            opened.write(np.ascontiguousarray(rows, dtype="<f4").tobytes())


def _assembled(given: inputs.Inputs, items: pl.Series) -> Iterator[np.ndarray]:
    """The cached vectors in the order of the rows; what the cache lost since is encoded again."""
    if given.network.dim == 0:
        return
    with vectors.opened(given.network.name, given.network.dim) as cache:
        for start in range(0, items.len(), _ROWS):
            part = items.slice(start, _ROWS).to_list()
            rows, found = cache.get_many([given.key(item) for item in part])
            if not found.all():
                lost = [item for item, is_there in zip(part, found, strict=True) if not is_there]
                again = _again(given, lost)
                for at in np.flatnonzero(~found):
                    rows[at] = again[part[at]]
            yield rows


def _again(given: inputs.Inputs, lost: list[str]) -> dict[str, np.ndarray]:
    again: dict[str, np.ndarray] = {}
    for items, rows in given.encoded(given.ordered(lost), STORE_EVERY):
        again |= dict(zip(items, rows, strict=True))
    return again
