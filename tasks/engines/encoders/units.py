"""How far each input turns on the units of an encoder: its heads, its MLPs, its neurons.

An input is a text, or a picture where the encoder is CLIP. What a head or an MLP adds to its vector is
itself a vector. Its activation is how far that lies along a direction of the part, from the part's mean. The
direction is the one along which the part differs most between exploration inputs (its first principal
direction), or that of a sentence (textspan). The activation of a neuron is a number by itself, pooled over
tokens as vectors are.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.engines.encoders import clip_parts, encoder
from tasks.engines.encoders.clip_parts import TowerParts
from tasks.engines.encoders.inputs import has_pictures
from tasks.engines.encoders.parts import Contributions, Decomposed, Parts
from tasks.engines.encoders.textspan import Moments, textspan
from tasks.store import media
from tasks.study import Study

HEADS, MLPS, NEURONS = "heads", "mlps", "neurons"
_LETTER = {HEADS: "h", MLPS: "m"}
_SUMMED_AT_ONCE = 64
"""Texts whose contributions are held before they are summed."""


@dataclass(frozen=True)
class Direction:
    """A unit that is a direction of what a part adds."""

    unit: str
    part: str
    mean: Float[np.ndarray, " dim"]
    """What the part adds on average."""
    along: Float[np.ndarray, " dim"]
    """At length one."""
    share: float
    """Share of the part's variance that lies along it, on the texts it was found on."""
    sentence: str | None = None
    """That names it."""


class Target(Protocol):
    """An encoder that tells what its parts add."""

    dim: int

    @property
    def name(self) -> str:
        """Two of one name give the same contributions."""
        ...

    @property
    def parts(self) -> Parts | TowerParts:
        """Their names, in order."""
        ...

    def contributions(self, texts: Sequence[str]) -> Iterator[Contributions]:
        """What parts add to the vectors of texts, or of pictures by their hashes, in batches."""
        ...

    def encode(self, texts: Sequence[str]) -> Float[np.ndarray, "text dim"]:
        """Unit vectors of sentences in the space of what parts add."""
        ...


class Pictures:
    """A CLIP model that is shown the pictures of a study."""

    def __init__(self, name: str, study: Study) -> None:
        self._seeing, self._reading = clip_parts.opened(name), encoder.open_named(name, study)
        self._study_name = study.name
        self.name, self.dim, self.parts = self._seeing.name, self._seeing.dim, self._seeing.parts

    def contributions(self, texts: Sequence[str]) -> Iterator[Contributions]:
        """What parts add to the vectors of pictures, by their hashes, each once."""
        order = np.argsort(np.array(texts))
        stored = (data for _, data in media.read(self._study_name, texts))
        for batch in self._seeing.contributions(stored):
            yield replace(batch, rows=order[batch.rows])

    def encode(self, texts: Sequence[str]) -> Float[np.ndarray, "text dim"]:
        """Unit vectors of sentences, by the text tower."""
        return self._reading.encode(texts)


def target(name: str, study: Study, texts: pl.DataFrame) -> Target:
    """The encoder of this name with its parts, as the study's inputs call for.

    Args:
        name: as under directions.target.
        study: its collect has run.
        texts: rows of frames.TEXTS; of pictures the encoder is a CLIP model.

    Raises:
        EngineError: as `opened`.
    """
    return Pictures(name, study) if has_pictures(texts) else opened(name, study)


def opened(name: str, study: Study) -> Decomposed:
    """An encoder of texts with its parts.

    Raises:
        EngineError: it is not there, or is not built as one whose parts sum to its vector.
    """
    return Decomposed(encoder.opened(name), Path(name).name, "float32", study.embed.batch_size)


def names(decomposed: Target, parts: str) -> list[str]:
    """All units of a kind of part, in the order of layers."""
    if parts == NEURONS:
        n_layers, n_neurons = decomposed.parts.neuron_directions.shape[:2]
        return [f"n{layer}.{i}" for layer in range(n_layers) for i in range(n_neurons)]
    return [name for name in decomposed.parts.names if name.startswith(_LETTER[parts])]


def moments(contributions: Iterable[Contributions], columns: Sequence[int]) -> list[Moments]:
    """Mean and covariance of what each part adds, in one pass.

    Args:
        contributions: batches, as they come.
        columns: which parts.
    """
    running = [_Sums() for _ in columns]
    for batch in _gathered(contributions, columns):
        for sums, outputs in zip(running, batch, strict=True):
            sums.add(outputs)
    return [sums.moments() for sums in running]


class _Sums:
    """Of what one part adds; one square matrix is held."""

    def __init__(self) -> None:
        self._n, self._total, self._products = 0, np.zeros(1), np.zeros((1, 1))

    def add(self, outputs: Float[np.ndarray, "text dim"]) -> None:
        """Further texts."""
        self._n += len(outputs)
        self._total = self._total + outputs.sum(axis=0)
        self._products = self._products + outputs.T @ outputs

    def moments(self) -> Moments:
        """Of all texts; there must have been some."""
        mean = self._total / self._n
        self._products /= self._n
        self._products -= np.outer(mean, mean)
        return Moments(mean, self._products)


def principal(part: str, of: Moments) -> list[Direction]:
    """The direction along which a part differs most, its largest coordinate positive; none of a constant."""
    values, axes = np.linalg.eigh(of.covariance)
    if values[-1] <= 0:
        return []
    along = axes[:, -1] * np.sign(axes[np.abs(axes[:, -1]).argmax(), -1])
    return [Direction(part, part, of.mean, along, float(values[-1] / values.clip(min=0).sum()))]


def spanned(
    part: str, of: Moments, bank: Float[np.ndarray, "sentence dim"], sentences: Sequence[str], most: int
) -> list[Direction]:
    """Directions of a part that sentences of a bank name, the one along which it differs most first."""
    span = textspan(of, bank, most)
    return [
        Direction(f"{part}/{k}", part, of.mean, along, float(share), sentences[at])
        for k, (at, along, share) in enumerate(zip(span.chosen, span.directions, span.share, strict=True), 1)
    ]


def along(
    contributions: Iterable[Contributions],
    directions: Sequence[Direction],
    names: Sequence[str],
    n_texts: int,
) -> tuple[Float[np.ndarray, "text unit"], Float[np.ndarray, "text unit"]]:
    """How far each text lies along each direction, and how far the part is from its mean, squared.

    Args:
        contributions: batches, as they come, of all texts.
        directions: the units.
        names: of all parts, in the order of `contributions`.
        n_texts: how many texts there are.
    """
    columns = [names.index(one.part) for one in directions]
    mean, axes = (np.stack([getattr(one, key) for one in directions]) for key in ("mean", "along"))
    found, squared = (np.empty((n_texts, len(directions)), dtype=np.float32) for _ in range(2))
    for batch in contributions:
        left = batch.parts[:, columns] - mean
        found[batch.rows] = (left * axes).sum(axis=2)
        squared[batch.rows] = (left**2).sum(axis=2)
    return found, squared


def neurons(
    contributions: Iterable[Contributions], units: Sequence[str], n_texts: int
) -> Float[np.ndarray, "text unit"]:
    """How far each neuron is on, by its own sign."""
    places = [tuple(map(int, unit[1:].split("."))) for unit in units]
    layer, at = (list(one) for one in zip(*places, strict=True))
    found = np.empty((n_texts, len(units)), dtype=np.float32)
    for batch in contributions:
        found[batch.rows] = batch.neurons[:, layer, at]
    return found


def _gathered(
    contributions: Iterable[Contributions], columns: Sequence[int]
) -> Iterator[Float[np.ndarray, "part text dim"]]:
    """What the parts add, some texts at a time: a product of few rows takes as long as one of many."""
    held: list[np.ndarray] = []
    for batch in contributions:
        held.append(batch.parts[:, columns].astype(np.float64))
        if sum(map(len, held)) >= _SUMMED_AT_ONCE:
            yield np.concatenate(held).transpose(1, 0, 2)
            held = []
    if held:
        yield np.concatenate(held).transpose(1, 0, 2)
