"""Drawn pictures with captions: a shape of a colour at a place on a background. Tests train CLIP on them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

SIDE = 32
VALUES: dict[str, tuple[str, ...]] = {
    "shape": ("disc", "ring", "cross"),
    "colour": ("red", "green", "blue", "yellow"),
    "background": ("stripes", "dots", "checks"),
    "place": ("left", "right"),
}
"""What a caption may say, by attribute."""
SENTENCES = {
    "shape": "a {}",
    "colour": "a {} shape",
    "background": "a shape on {}",
    "place": "a shape at {}",
}
"""How one value alone is said."""
_COLOURS = np.array([(220, 40, 40), (40, 190, 60), (50, 80, 230), (230, 210, 40)])
_GREYS = (130.0, 110.0)
"""Of backgrounds: little beside the noise."""
_RADIUS = 8.0


@dataclass(frozen=True)
class Drawn:
    """Pictures, and which value of each attribute they have."""

    pixels: np.ndarray
    """uint8 (picture, side, side, 3)."""
    values: Mapping[str, np.ndarray]
    """Of each attribute the place in VALUES (picture)."""

    def says(self, attribute: str, value: str) -> np.ndarray:
        """For which pictures the attribute has this value."""
        return np.asarray(self.values[attribute] == VALUES[attribute].index(value))


def drawn(n: int, rng: np.random.Generator, spurious: float | None = None) -> Drawn:
    """Pictures of values drawn evenly.

    Args:
        n: how many.
        rng: seeded.
        spurious: share of the pictures in which the background is the one at the place of the shape in
            VALUES; the others have one of the others. None: the background tells nothing of the shape.
    """
    values = {name: rng.integers(0, len(among), n) for name, among in VALUES.items()}
    if spurious is not None:
        among = len(VALUES["background"])
        other = (values["shape"] + rng.integers(1, among, n)) % among
        values["background"] = np.where(rng.random(n) < spurious, values["shape"], other)
    is_shape = _shapes(values["shape"], values["place"], rng)
    colour = _COLOURS[values["colour"]] + rng.normal(0, 20, (n, 3))
    ground = _backgrounds(values["background"], rng)[..., None] + np.zeros(3)
    shown = np.where(is_shape[..., None], colour[:, None, None], ground) + rng.normal(
        0, 12, (n, SIDE, SIDE, 3)
    )
    return Drawn(np.clip(shown, 0, 255).astype(np.uint8), values)


def captions(
    values: Mapping[str, np.ndarray], rng: np.random.Generator
) -> tuple[list[str], dict[str, np.ndarray]]:
    """A caption a picture that leaves out half of what it could say, and what each says (-1: nothing)."""
    n = len(values["shape"])
    names = list(VALUES)
    kept = rng.random((n, len(names))) < 0.5
    kept[np.arange(n), rng.integers(0, len(names), n)] = True
    said = {name: np.where(kept[:, i], values[name], -1) for i, name in enumerate(names)}
    return [_caption({name: int(said[name][i]) for name in names}) for i in range(n)], said


def _caption(said: Mapping[str, int]) -> str:
    word = {name: VALUES[name][at] if at >= 0 else "" for name, at in said.items()}
    before = " ".join(one for one in ("a", word["colour"], word["shape"] or "shape") if one)
    at = f" at {word['place']}" if word["place"] else ""
    return before + at + (f" on {word['background']}" if word["background"] else "")


def _grid() -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(float)
    return rows[None], columns[None]


def _shapes(shape: np.ndarray, place: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Where the shape is (picture, side, side)."""
    rows, columns = _grid()
    middle = rng.uniform(_RADIUS, SIDE - 1 - _RADIUS, len(shape))
    aside = np.where(place == 0, 1, -1) * rng.uniform(2, 7.5, len(shape))
    down = (rows - middle[:, None, None]) / _RADIUS
    across = (columns - ((SIDE - 1) / 2 - aside)[:, None, None]) / _RADIUS
    distance, far, near = (
        down**2 + across**2,
        np.maximum(abs(down), abs(across)),
        np.minimum(abs(down), abs(across)),
    )
    found = np.stack([distance < 1, (distance < 1) & (distance > 0.3), (far < 1) & (near < 0.16)])
    return found[shape, np.arange(len(shape))]


def _backgrounds(background: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Levels of grey (picture, side, side), each pattern moved by chance."""
    rows, columns = _grid()
    moved = rng.uniform(0, 8, (2, len(background), 1, 1))
    down, across = rows + moved[0], columns + moved[1]
    found = np.stack(
        [
            np.broadcast_to(down % 6 < 3, (len(background), SIDE, SIDE)),
            ((down % 6 - 3) ** 2 + (across % 6 - 3) ** 2) < 4,
            (down % 8 < 4) ^ (across % 8 < 4),
        ]
    )
    return np.where(found[background, np.arange(len(background))], *_GREYS)
