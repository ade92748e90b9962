"""Heads do what they are named for, and a cue is cut out by the parts that name it.

Planted: a model whose heads each carry one attribute, and whose texts of shapes mean their usual background,
too. Trained: a CLIP that saw drawn pictures of which the background told the shape. Parts are named on
exploration pictures, and tested on new ones, where the background tells nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.linalg import orth

from tasks.engines.encoders import clip_parts, encoder
from tasks.engines.encoders.ablation import Effects, Named, attribute_directions, causal_test
from tasks.engines.encoders.textspan import Moments, textspan
from tasks.study import Study
from tests.drawn_pictures import stored
from tests.drawn_shapes import SENTENCES, VALUES, Drawn, drawn
from tests.trained_clip import save_trained_clip

SPURIOUS = 0.9
ATTRIBUTES = [(name, value) for name, among in VALUES.items() for value in among]
BANK = [SENTENCES[name].format(value) for name, value in ATTRIBUTES]


@dataclass(frozen=True)
class Seen:
    """Pictures, and what each part of the model adds to their vectors."""

    pictures: Drawn
    parts: np.ndarray
    """(picture, part, dim)."""

    @property
    def holds(self) -> np.ndarray:
        """Of ATTRIBUTES (picture, attribute), 0 or 1."""
        return np.stack([self.pictures.says(*one) for one in ATTRIBUTES], axis=1).astype(float)


@dataclass(frozen=True)
class Model:
    """A model seen through its parts."""

    names: Sequence[str]
    bank: np.ndarray
    """Vectors of BANK."""
    explored: Seen
    new: Seen

    def named(self) -> dict[int, int]:
        """Of each head the place in ATTRIBUTES of the sentence that TextSpan finds first."""
        return {
            at: int(textspan(Moments.of(self.explored.parts[:, at]), self.bank, 1).chosen[0])
            for at, name in enumerate(self.names)
            if name[0] == "h"
        }

    def of(self, attribute: str) -> list[int]:
        """Heads that are named for any of its values."""
        return [at for at, one in self.named().items() if ATTRIBUTES[one][0] == attribute]

    @property
    def pool(self) -> list[int]:
        """Heads and MLPs."""
        return [at for at, name in enumerate(self.names) if name[0] in "hm"]

    def cue(self) -> list[int]:
        """The parts that lean most to names of backgrounds, as many as leave the best worst group explored.

        A part leans by its variance along what names of backgrounds span and those of shapes do not, over
        that along what names of shapes span and those of backgrounds do not.
        """
        ground, shape = self.texts("background"), self.texts("shape")
        sides = [beyond(ground, shape), beyond(shape, ground)]
        along = [(self.explored.parts @ side).var(axis=0).sum(axis=1) for side in sides]
        order = sorted(self.pool, key=lambda at: -along[0][at] / along[1][at])
        few_first = (order[:n] for n in range(len(order) + 1))
        return max(few_first, key=lambda some: self.worst_group(self.explored, some))

    def texts(self, attribute: str) -> np.ndarray:
        """Vectors of the sentences of an attribute."""
        return self.bank[[i for i, (name, _) in enumerate(ATTRIBUTES) if name == attribute]]

    def worst_group(self, rows: Seen, ablated: Sequence[int] = ()) -> float:
        """Least accuracy of shapes, zero-shot, over shapes on one background, without these parts."""
        at = list(ablated)
        off = rows.parts[:, at] - self.explored.parts[:, at].mean(axis=0)
        vectors = rows.parts.sum(axis=1) - off.sum(axis=1)
        shape, background = (rows.pictures.values[name] for name in ("shape", "background"))
        right = (vectors @ self.texts("shape").T).argmax(axis=1) == shape
        groups = [(shape == i) & (background == j) for i in range(3) for j in range(3)]
        return float(min(right[group].mean() for group in groups))

    def effects(self) -> Effects:
        """What is lost without each head."""
        directions = attribute_directions(self.explored.parts.sum(axis=1), self.explored.holds)
        everyone, named = np.arange(len(self.new.parts)), self.named()
        return causal_test(
            [(everyone, self.new.parts)], self.explored.parts.mean(axis=0), directions, self.new.holds,
            everyone, [Named((at,), one) for at, one in named.items()], list(named), np.random.default_rng(2),
        )  # fmt: skip


def beyond(names: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Orthonormal (dim, direction): how names differ from each other as none of the others do."""
    apart, known = ((one - one.mean(axis=0)).T for one in (names, others))
    known = orth(known, rcond=1e-6)
    return orth(apart - known @ (known.T @ apart), rcond=1e-6)


def planted(seed: int) -> Model:
    """Two heads for each attribute; a text of a shape means the background that it usually stands on, too."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(32, 32)))[0][: len(ATTRIBUTES)]
    texts = axes.copy()
    for i in range(3):
        texts[ATTRIBUTES.index(("shape", VALUES["shape"][i]))] += axes[
            ATTRIBUTES.index(("background", VALUES["background"][i]))
        ]
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    strength = {"shape": 0.2, "colour": 0.3, "background": 0.7, "place": 0.3}

    def seen(n: int) -> Seen:
        pictures = drawn(n, rng)
        parts = rng.normal(0, 0.02, (n, 1 + 2 * len(VALUES), 32))
        for k, name in enumerate([*VALUES, *VALUES], 1):
            first = ATTRIBUTES.index((name, VALUES[name][0]))
            parts[:, k] += strength[name] * axes[first + pictures.values[name]]
        return Seen(pictures, parts)

    names = ["e", *(f"h{layer}.{head}" for layer in range(2) for head in range(len(VALUES)))]
    return Model(names, texts, seen(300), seen(300))


def trained(folder: Path, seed: int) -> Model:
    """A CLIP that has seen pictures of which the background tells the shape in 90 of 100."""
    rng = np.random.default_rng(seed)
    save_trained_clip(folder, drawn(5000, rng, SPURIOUS), seed=seed, steps=900)
    model = clip_parts.opened(str(folder))

    def seen() -> Seen:
        pictures = drawn(1500, rng)
        files = [stored(Image.fromarray(pixels)) for pixels in pictures.pixels]
        parts = np.concatenate([one.parts for one in model.contributions(files)])
        return Seen(pictures, parts.astype(np.float64))

    texts = {"data": "d", "goal": "g", "collect": {"group": "random"}, "embed": {"encoder": str(folder)}}
    bank = encoder.load(Study.model_validate({"name": "s", **texts})).encode(BANK)
    return Model(model.parts.names, bank.astype(np.float64), seen(), seen())


def gained(model: Model, parts: Sequence[int]) -> tuple[float, np.ndarray]:
    """What the worst group of new pictures gains without these parts, and without as many by chance."""
    rng, before = np.random.default_rng(3), model.worst_group(model.new)
    sets = [rng.choice(model.pool, len(parts), replace=False).tolist() for _ in range(200)]
    by_chance = [model.worst_group(model.new, one) - before for one in sets if set(one) != set(parts)]
    return model.worst_group(model.new, parts) - before, np.array(by_chance)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Some 40 seconds of a processor."""
    return trained(tmp_path_factory.mktemp("clip"), seed=0)


def test_planted_heads_lose_what_they_are_named_for() -> None:
    model = planted(0)
    assert [ATTRIBUTES[one][0] for one in model.named().values()] == [*VALUES, *VALUES]
    found = model.effects()
    assert found.p_all < 0.01
    assert (found.loss > found.loss_others).all()


def test_a_planted_cue_is_cut_out_by_the_heads_that_name_it() -> None:
    model = planted(1)
    gain, by_chance = gained(model, model.of("background"))
    assert gain >= 0.15
    assert (by_chance < 0.15).all()


@pytest.mark.long
def test_heads_of_a_trained_clip_lose_what_they_are_named_for(clip: Model) -> None:
    """Directions, means and names are of exploration pictures."""
    found = clip.effects()
    assert found.p_all < 0.01
    assert np.mean(found.loss > found.loss_others) > 0.5


@pytest.mark.long
def test_a_cue_that_a_clip_was_trained_on_is_cut_out_by_the_parts_that_name_it(clip: Model) -> None:
    gain, by_chance = gained(clip, clip.cue())
    assert gain >= 0.15
    assert by_chance.mean() < gain / 3
    assert np.mean(by_chance >= gain) < 0.05
