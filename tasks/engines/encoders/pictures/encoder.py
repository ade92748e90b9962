"""Bytes of pictures -> vectors, by the network that goes with a study's encoder of texts."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int, UInt8

from tasks.engines.encoders import encoder
from tasks.engines.encoders.pictures import clip, lite
from tasks.engines.encoders.sentence import one_thread, workers
from tasks.engines.pictures.opening import PictureError, library, opened
from tasks.errors import EngineError
from tasks.store import media
from tasks.study import Study

BATCH = 4
"""Pictures per forward pass, always: a row of another batch could have other last bits. More are not faster
on a processor, and take more memory."""
_AHEAD = 4
"""Batches of which the bytes are held, for each that is seen at the same time."""


class PictureNetwork(Protocol):
    """Turns pixels into vectors."""

    name: str
    """Two of one name give the same vectors."""
    dim: int
    side: int
    """Pixels a side of what it is shown."""
    resample: int
    """Pillow's number of the filter by which a picture is brought to that size."""

    def encode(self, pixels: UInt8[np.ndarray, "picture side side 3"]) -> Float[np.ndarray, "picture dim"]:
        """Unit vectors, float32."""
        ...


def open_named(name: str, study: Study) -> PictureNetwork:
    """The network that sees pictures for an encoder of texts.

    A folder of CLIP or SigLIP has its own. For every other encoder it is EfficientNet-Lite0, shown 128 pixels
    a side where no picture of the study has more, else 224: one size for all, since what it sees depends on
    it.

    Args:
        name: as under embed.encoder; not `none`.
        study: its collect has run.

    Raises:
        EngineError: no such model, or it cannot be loaded.
    """
    if (place := encoder.clip_place(name)) is not None:
        return clip.loaded(*place)
    facts = media.facts(study.name)
    largest = max(int(facts[side].max() or 0) for side in ("width", "height"))  # type: ignore[arg-type]
    return lite.loaded(lite.SMALL_SIDE if largest <= lite.SMALL_SIDE else lite.SIDE)


def encoded(network: PictureNetwork, pictures: Iterable[bytes]) -> Float[np.ndarray, "picture dim"]:
    """Unit vectors of files, opened and seen in batches; a vector depends on its picture alone.

    Args:
        network: sees them.
        pictures: read as they are needed; the bytes of a few batches are held.

    Raises:
        EngineError: a file is no picture.
    """
    stream, n_workers = iter(pictures), workers()
    seen = [np.empty((0, network.dim), dtype=np.float32)]
    with ThreadPoolExecutor(n_workers, initializer=one_thread) as pool:
        while held := list(islice(stream, n_workers * _AHEAD * BATCH)):
            batches = [held[start : start + BATCH] for start in range(0, len(held), BATCH)]
            seen += pool.map(partial(_batch, network), batches)
    return np.concatenate(seen)


def batches(
    pictures: Iterable[bytes], network: PictureNetwork
) -> Iterator[tuple[Int[np.ndarray, " row"], UInt8[np.ndarray, "picture side side 3"]]]:
    """Which pictures, and their pixels filled up to a whole batch; one batch is held at a time.

    Raises:
        EngineError: a file is no picture.
    """
    coming, start = iter(pictures), 0
    while part := list(islice(coming, BATCH)):
        yield np.arange(start, start + len(part)), _pixels(part, network)
        start += len(part)


def _batch(network: PictureNetwork, pictures: Sequence[bytes]) -> Float[np.ndarray, "picture dim"]:
    return network.encode(_pixels(pictures, network))[: len(pictures)]


def _pixels(pictures: Sequence[bytes], network: PictureNetwork) -> UInt8[np.ndarray, "picture side side 3"]:
    pixels = np.zeros((BATCH, network.side, network.side, 3), dtype=np.uint8)
    for row, data in enumerate(pictures):
        pixels[row] = _square(data, network)
    return pixels


def _square(data: bytes, network: PictureNetwork) -> UInt8[np.ndarray, "side side 3"]:
    """All of the picture, stretched to a square: what is cut off cannot be found."""
    images = library()
    try:
        seen = images.fromarray(np.ascontiguousarray(opened(data).rgb))
    except PictureError as error:
        raise EngineError(f"a picture that collect could open {error}. Run collect again.") from None
    return np.asarray(seen.resize((network.side, network.side), images.Resampling(network.resample)))
