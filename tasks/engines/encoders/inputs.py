"""What a study gives its encoders: its texts, or its pictures. Both are encoded once, by a key of their own.

Pictures are read in a stream. Of each the network's own vector is cached, by the hash of its bytes. Its place
in the space of texts depends on the study's captions and is computed anew.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.engines.encoders import encoder
from tasks.engines.encoders.pictures import encoder as pictures
from tasks.engines.encoders.pictures import lite
from tasks.engines.encoders.pictures.space import MOST_CAPTIONS, Space
from tasks.engines.roles import Encoder
from tasks.store import media, vectors
from tasks.study import Study

_KEY_BYTES = 16
_AT_ONCE = 256


class Network(Protocol):
    """By whom something is encoded."""

    name: str
    dim: int


class Inputs(Protocol):
    """Texts or pictures, and who encodes them. An item is a text, or the hash of a picture."""

    encoder: Encoder
    """In whose space the study's vectors are."""

    @property
    def network(self) -> Network:
        """Whose vectors are cached."""
        ...

    def key(self, item: str) -> bytes:
        """Of the cache."""
        ...

    def ordered(self, items: Iterable[str]) -> list[str]:
        """Distinct items in the order in which they are best encoded."""
        ...

    def encoded(self, items: list[str], at_once: int) -> Iterator[tuple[list[str], np.ndarray]]:
        """All items, some at a time, with the vectors that are cached."""
        ...


def items_of(texts: pl.DataFrame) -> pl.Series:
    """What is encoded of each row: its picture's hash, or its text."""
    return texts["media"] if has_pictures(texts) else texts["text"]


def has_pictures(texts: pl.DataFrame) -> bool:
    """Whether the rows are pictures; they all are, or none is."""
    return bool(texts["media"].is_not_null().any())


def of(study: Study, name: str, texts: pl.DataFrame) -> Inputs:
    """The inputs of one encoder.

    Args:
        study: its collect has run.
        name: of the encoder, as under embed.encoder.
        texts: rows of frames.TEXTS.

    Raises:
        EngineError: it is not there, or cannot be loaded.
    """
    model = encoder.open_named(name, study)
    if name == "none" or not has_pictures(texts):
        return Texts(model)
    network = pictures.open_named(name, study)
    return Pictures(
        study.name, model, network, _known(model, texts) if isinstance(network, lite.Lite) else None
    )


@dataclass
class Texts:
    """Texts by an encoder of texts."""

    encoder: Encoder

    @property
    def network(self) -> Network:
        """The encoder itself."""
        return self.encoder

    def key(self, item: str) -> bytes:
        """A hash of the text."""
        return vectors.text_key(item)

    def ordered(self, items: Iterable[str]) -> list[str]:
        """By length: each batch is then of nearly equal ones."""
        return sorted(set(items), key=lambda text: (len(text), text))

    def encoded(self, items: list[str], at_once: int) -> Iterator[tuple[list[str], np.ndarray]]:
        """Texts and their vectors."""
        for start in range(0, len(items), at_once):
            batch = items[start : start + at_once]
            yield batch, self.encoder.encode(batch)


@dataclass
class Pictures:
    """Pictures by a network that sees them."""

    study_name: str
    encoder: Encoder
    network: pictures.PictureNetwork
    known: "Known | None"
    """None: the network's own vectors are in the space of texts already."""

    def key(self, item: str) -> bytes:
        """The first half of the picture's own hash."""
        return bytes.fromhex(item)[:_KEY_BYTES]

    def ordered(self, items: Iterable[str]) -> list[str]:
        """As they are stored."""
        return sorted(set(items))

    def encoded(self, items: list[str], at_once: int) -> Iterator[tuple[list[str], np.ndarray]]:
        """Hashes, as `ordered` gives them, and vectors; the bytes of a few pictures are held."""
        stored = media.read(self.study_name, items)
        for start in range(0, len(items), at_once):
            part = items[start : start + at_once]
            data = (data for _, data in islice(stored, len(part)))
            yield part, pictures.encoded(self.network, data)

    def space(self) -> "Placed":
        """Where the study's pictures are put among texts: by captions of the exploration half alone."""
        if (known := self.known) is None or not isinstance(self.network, lite.Lite):
            return Placed(None)
        space = Space(self.network, known.names)
        if known.captioned:
            space.learn(_kept(self, known.captioned), known.captions)
        return Placed(space)


@dataclass(frozen=True)
class Known:
    """Texts by which pictures come into the space of an encoder of texts."""

    names: Float[np.ndarray, "name dim"]
    """Of the classes that the bundled network tells."""
    captioned: list[str]
    """Pictures of the exploration half that have a caption."""
    captions: Float[np.ndarray, "picture dim"]


def _known(model: Encoder, texts: pl.DataFrame) -> Known:
    """Names and captions, encoded before any picture is: both networks at work would need more memory.

    Raises:
        EngineError: a name or caption cannot be encoded.
    """
    told = texts.filter((pl.col("half") == "explore") & (pl.col("text").str.strip_chars() != ""))
    told = told.unique("media", keep="first", maintain_order=True).head(MOST_CAPTIONS)
    by = Texts(model)
    known = Known(_kept(by, list(lite.names())), told["media"].to_list(), _kept(by, told["text"].to_list()))
    if isinstance(model, encoder.SentenceEncoder):
        model.release()
    return known


@dataclass
class Placed:
    """The space of pictures, in words and vectors."""

    space: Space | None
    """None: the network's own vectors are in the space of texts already."""

    def vectors(self, rows: Float[np.ndarray, "picture feature"]) -> Float[np.ndarray, "picture dim"]:
        """Unit vectors in the space of texts."""
        return rows if self.space is None else self.space.vectors(rows)

    def told(self) -> dict[str, Any]:
        """For the manifest: how pictures came into the space of texts, and from how many captions."""
        if self.space is None:
            return {"space": "shared by both towers", "n_captions": 0}
        if (added := self.space.correction) is None:
            return {"space": "names of classes", "n_captions": 0}
        how = {"space": "names of classes and captions", "n_captions": added.n_captions}
        return how | {"penalty": added.penalty}


def _kept(inputs: Texts | Pictures, items: list[str]) -> np.ndarray:
    """Vectors of items in their order, through the cache."""
    with vectors.opened(inputs.network.name, inputs.network.dim) as cache:
        rows, found = cache.get_many([inputs.key(item) for item in items])
        missing = inputs.ordered(item for item, there in zip(items, found, strict=True) if not there)
        got: dict[str, np.ndarray] = {}
        for names, encoded in inputs.encoded(missing, _AT_ONCE):
            cache.put_many([inputs.key(name) for name in names], encoded)
            got |= dict(zip(names, encoded, strict=True))
    for at in np.flatnonzero(~found):
        rows[at] = got[items[at]]
    return rows
