"""A tower of a CLIP model as a sum of its parts: what each head and each MLP adds to a picture's vector.

In CLIP each layer adds to a stream, and one token of it is normalised at the end and projected. With the
spread of that normalisation held at what it is for a picture, the vector is exactly the sum of what the
embedding, the heads, the MLPs and the biases add directly (Gandelsman, Efros & Steinhardt 2024, section 3).
What a part changes in later ones counts as theirs. Parts are named as in `parts.py`; the bias of the
normalisation at the end is one of the last layer's.
"""

import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from tasks.engines.encoders import encoder
from tasks.engines.encoders.parts import TOLERANCE, Contributions, part_names
from tasks.engines.encoders.pictures import clip
from tasks.engines.encoders.pictures.encoder import batches
from tasks.errors import EngineError

if TYPE_CHECKING:
    import torch

_HINT = "Name the folder of a CLIP model that has its picture tower."


class TowerParts:
    """The parts of a picture tower, as modules of transformers name them.

    Raises:
        EngineError: the tower is built in another way.
    """

    def __init__(self, model: Any, name: str) -> None:
        self._model, self._seen = model, threading.local()
        try:
            tower = model.vision_model
            self._layers = list(tower.encoder.layers)
            self._norm, self._projection = tower.post_layernorm, model.visual_projection
            self._written_by = [(one.self_attn.out_proj, one.mlp.fc2) for one in self._layers]
            places = {("stream", 0): self._layers[0].layer_norm1, ("norm", 0): self._norm}
            self.n_heads = int(tower.config.num_attention_heads)
        except (AttributeError, IndexError, TypeError):
            raise _unlike(name, f"its model is {type(model).__name__}") from None
        for i, (heads, mlp) in enumerate(self._written_by):
            places |= {("context", i): heads, ("inner", i): mlp}
        self.names = part_names(len(self._layers), self.n_heads)
        self._listen(places)
        self._after = _map(self._norm, self._projection)
        self._refuse_other_sums(name)

    @property
    def neuron_directions(self) -> Float[np.ndarray, "layer neuron dim"]:
        """What a neuron adds to the vector where it is on by 1."""
        return np.stack([(_written(mlp) @ self._after).cpu().numpy() for _, mlp in self._written_by])

    def __call__(self, shown: "torch.Tensor") -> tuple["torch.Tensor", "torch.Tensor"]:
        """What parts add (picture, part, dim), and how far neurons are on (picture, layer, neuron).

        Args:
            shown: pictures as the model wants them (picture, 3, side, side).
        """
        import torch

        found: dict[Any, torch.Tensor] = {}
        self._seen.found = found
        try:
            self._model(pixel_values=shown)
        finally:
            self._seen.found = None
        heads, mlps, biases, neurons = [], [], [], []
        for i, (attention, mlp) in enumerate(self._written_by):
            context = found["context", i].reshape(len(shown), self.n_heads, 1, -1)
            heads.append((context @ _written(attention).reshape(self.n_heads, -1, len(self._after)))[:, :, 0])
            neurons.append(found["inner", i])
            mlps.append((neurons[-1] @ _written(mlp))[:, None])
            biases.append((attention.bias + mlp.bias).detach().expand(len(shown), 1, -1))
        streamed = torch.cat([found["stream", 0][:, None], *heads, *mlps, *biases], dim=1)
        spread = (found["norm", 0].var(dim=-1, correction=0) + self._norm.eps).sqrt()[:, None, None]
        summed = streamed @ self._after / spread
        summed[:, -1] += self._norm.bias.detach() @ _written(self._projection)
        length = summed.sum(dim=1).norm(dim=-1)[:, None, None]
        return summed / length, torch.stack(neurons, dim=1) / (spread * length)

    def _listen(self, places: dict[Any, Any]) -> None:
        """Keeps what goes into each place at the token that is read, for the thread that asks for it."""

        def kept(key: Any) -> Any:
            def hook(_: Any, given: Any, __: Any) -> None:
                if getattr(self._seen, "found", None) is not None:
                    self._seen.found[key] = given[0][:, 0] if given[0].ndim == 3 else given[0]

            return hook

        for key, place in places.items():
            place.register_forward_hook(kept(key))

    def _refuse_other_sums(self, name: str) -> None:
        """A model that looks like CLIP and adds up to something else has parts that are not listed here."""
        import torch

        side, like = int(self._model.config.image_size), self._after
        levels = np.random.default_rng(0).normal(size=(1, 3, side, side))
        shown = torch.as_tensor(levels, dtype=like.dtype, device=like.device)
        with torch.inference_mode():
            whole = self._model(pixel_values=shown).image_embeds[0]
            found = self(shown)[0][0].sum(dim=0)
        apart = float((found - whole / whole.norm()).norm())
        if not apart <= TOLERANCE:
            raise _unlike(name, f"its parts sum to another vector, {apart:.2g} away")


class DecomposedPictures:
    """CLIP's picture tower that also tells what its parts add."""

    def __init__(self, tower: clip.PictureTower, label: str, precision: str) -> None:
        """Takes the tower over: it computes in this precision from here on."""
        import torch

        self.name, self.dim = f"{tower.name}-{precision}", tower.dim
        self._tower, self._precision = tower, getattr(torch, precision)
        self.parts = TowerParts(tower.model.to(self._precision), label)

    def contributions(self, pictures: Iterable[bytes]) -> Iterator[Contributions]:
        """What parts add to the vectors of pictures, batch by batch: no more than a batch is held at once.

        Raises:
            EngineError: a file is no picture.
        """
        import torch

        for rows, pixels in batches(pictures, self._tower):
            with torch.inference_mode():
                parts, neurons = self.parts(self._tower.shown(pixels).to(self._precision))
            yield Contributions(rows, parts[: len(rows)].cpu().numpy(), neurons[: len(rows)].cpu().numpy())


def opened(name: str, precision: str = "float32") -> DecomposedPictures:
    """The picture tower of a CLIP folder with its parts.

    Args:
        name: of the folder, as under embed.encoder.
        precision: `float32`, or `float64` for sums that are exact to 1e-12.

    Raises:
        EngineError: it is no CLIP model, or has no picture tower that is a sum of its parts.
    """
    if (place := encoder.clip_place(name)) is None:
        raise _unlike(name, "it is another model")
    return DecomposedPictures(clip.opened(*place), name, precision)


def _map(norm: Any, projection: Any) -> "torch.Tensor":
    """What the normalisation, but for its spread, and the projection are: a map (width, dim)."""
    scaled = norm.weight.detach()[:, None] * _written(projection)
    mapped: torch.Tensor = scaled - scaled.mean(dim=0)  # the normalisation takes the mean off first
    return mapped


def _written(linear: Any) -> "torch.Tensor":
    """What a linear layer writes, by row of what goes in; its bias aside."""
    weight: torch.Tensor = linear.weight.detach().T
    return weight


def _unlike(name: str, why: str) -> EngineError:
    return EngineError(
        f"encoder {name}: wanted a CLIP model whose picture tower is the sum of its parts; {why}.", hint=_HINT
    )
