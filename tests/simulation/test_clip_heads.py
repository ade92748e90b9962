"""Heads of a CLIP that is trained here: what they are named for is what they do, and a cue can be cut out.

The model sees drawn pictures of which the background tells the shape in 95 of 100. Parts are named on
exploration pictures by TextSpan, and tested on new ones, of which the background tells nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tasks.engines.encoders import clip_parts, encoder
from tasks.engines.encoders.ablation import Named, attribute_directions, causal_test
from tasks.engines.encoders.textspan import Moments, textspan
from tests.drawn_pictures import stored
from tests.drawn_shapes import SENTENCES, VALUES, Drawn, drawn
from tests.trained_clip import save_trained_clip

SPURIOUS = 0.95
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
    """A trained model, seen through its parts."""

    names: Sequence[str]
    bank: np.ndarray
    """Vectors of BANK by its own text tower."""
    explored: Seen
    new: Seen

    def named(self, letters: str) -> dict[int, int]:
        """Of each part the place in ATTRIBUTES of the sentence that TextSpan finds first."""
        return {
            at: int(textspan(Moments.of(self.explored.parts[:, at]), self.bank, 1).chosen[0])
            for at, name in enumerate(self.names)
            if name[0] in letters
        }

    def worst_group(self, ablated: Sequence[int] = ()) -> float:
        """Least accuracy of shapes, zero-shot, over shapes on one background, without these parts."""
        rows, at = self.new, list(ablated)
        off = rows.parts[:, at] - self.explored.parts[:, at].mean(axis=0)
        vectors = rows.parts.sum(axis=1) - off.sum(axis=1)
        texts = self.bank[[i for i, (name, _) in enumerate(ATTRIBUTES) if name == "shape"]]
        shape, background = (rows.pictures.values[name] for name in ("shape", "background"))
        right = (vectors @ texts.T).argmax(axis=1) == shape
        groups = [(shape == i) & (background == j) for i in range(3) for j in range(3)]
        return float(min(right[group].mean() for group in groups))


def seen_by(folder: Path, n: int, rng: np.random.Generator) -> tuple[Seen, Sequence[str]]:
    pictures = drawn(n, rng)
    files = [stored(Image.fromarray(pixels)) for pixels in pictures.pixels]
    model = clip_parts.opened(str(folder))
    parts = np.concatenate([one.parts for one in model.contributions(files)]).astype(np.float64)
    return Seen(pictures, parts), model.parts.names


def model_of(folder: Path, n: int) -> Model:
    rng = np.random.default_rng(1)
    explored, names = seen_by(folder, n, rng)
    new, _ = seen_by(folder, n, rng)
    return Model(names, text_vectors(folder), explored, new)


def text_vectors(folder: Path) -> np.ndarray:
    from tasks.study import Study

    texts = {"data": "d", "goal": "g", "collect": {"group": "random"}, "embed": {"encoder": str(folder)}}
    return encoder.load(Study.model_validate({"name": "s", **texts})).encode(BANK).astype(np.float64)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Some 50 seconds of a processor."""
    folder = tmp_path_factory.mktemp("clip")
    save_trained_clip(folder, drawn(6000, np.random.default_rng(0), SPURIOUS), seed=0, steps=600)
    return model_of(folder, 900)


def specific(model: Model) -> float:
    """Chance that random heads are as specific, on average, for what the heads are named for."""
    directions = attribute_directions(model.explored.parts.sum(axis=1), model.explored.holds)
    named, new = model.named("h"), model.new
    everyone = np.arange(len(new.parts))
    found = causal_test(
        [(everyone, new.parts)], model.explored.parts.mean(axis=0), directions, new.holds, everyone,
        [Named((at,), attribute) for at, attribute in named.items()], list(named), np.random.default_rng(2),
    )  # fmt: skip
    return found.p_all


@pytest.mark.long
def test_heads_lose_most_of_what_they_are_named_for(trained: Model) -> None:
    assert specific(trained) < 0.01


@pytest.mark.long
def test_a_spurious_background_is_cut_out_by_the_parts_that_name_it(trained: Model) -> None:
    named = trained.named("hm")
    ground = [at for at, attribute in named.items() if ATTRIBUTES[attribute][0] == "background"]
    gained = trained.worst_group(ground) - trained.worst_group()
    rng = np.random.default_rng(3)
    random = [rng.choice(list(named), len(ground), replace=False) for _ in range(200)]
    by_chance = np.array([trained.worst_group(one) for one in random]) - trained.worst_group()
    assert gained >= 0.15
    assert np.quantile(by_chance, 0.95) < 0.15
    assert (1 + (by_chance >= gained).sum()) / (1 + len(by_chance)) < 0.05
