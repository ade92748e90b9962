"""A sentence encoder as a sum of its parts: what each head and each MLP adds to a text's vector.

In a BERT each layer adds to a stream and then normalises it. With the means and spreads of these
normalisations held at what they are for a text, all that follows a part is linear, and so is the pooling: the
vector is exactly the sum of what the embedding, the heads, the MLPs and the biases add directly. What a head
changes in later layers counts as theirs (direct effects: Gandelsman, Efros & Steinhardt 2024, section 3).

Parts are named `e` (embedding), `h4.6` (layer 4, head 6, from 0), `m3` (the MLP of layer 3) and `b3` (biases
of layer 3).
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from tasks.engines.encoders.sentence import TOKENISE_AT_ONCE, SentenceEncoder
from tasks.errors import EngineError

if TYPE_CHECKING:
    import torch

TOLERANCE = 1e-3
"""How far the sum of the parts may lie from the encoder's own vector, relative, when a model is opened."""
_HINT = (
    "Name `bundled`, or a folder of a sentence-transformers model that is a BERT with mean or CLS pooling."
)
_POOLINGS = ("mean", "cls")


@dataclass(frozen=True)
class Contributions:
    """What the parts of an encoder add to the unit vectors of some texts."""

    rows: Int[np.ndarray, " text"]
    """Which of the texts that were asked for."""
    parts: Float[np.ndarray, "text part dim"]
    """Their sum over parts is the encoder's unit vector."""
    neurons: Float[np.ndarray, "text layer neuron"]
    """How strongly each neuron is on; times its row of `neuron_directions` it is what the neuron adds."""


class Parts:
    """The parts of a post-norm BERT, as modules of transformers name them.

    Raises:
        EngineError: the model is built in another way.
    """

    def __init__(self, model: Any, name: str) -> None:
        self._model, self._seen = model, threading.local()
        self._pooling = _pooling(model, name)
        bert = _bert(model, name)
        self._layers = list(bert.encoder.layer)
        self.n_heads = int(bert.config.num_attention_heads)
        self.names = part_names(len(self._layers), self.n_heads)
        norms = [norm for layer in self._layers for norm in _norms(layer)]
        self._listen(bert, norms)
        self._norms, self._after = norms, _maps(norms)
        self._refuse_other_sums(name)

    @property
    def neuron_directions(self) -> Float[np.ndarray, "layer neuron dim"]:
        """What a neuron adds to the vector where it is on by 1."""
        return np.stack([self._written(layer, i).cpu().numpy() for i, layer in enumerate(self._layers)])

    def __call__(self, features: dict[str, "torch.Tensor"]) -> tuple["torch.Tensor", "torch.Tensor"]:
        """What parts add (text, part, dim), and how far neurons are on (text, layer, neuron).

        Args:
            features: of texts of equally many tokens.
        """
        import torch

        found: dict[Any, torch.Tensor] = {}
        self._seen.found = found
        try:
            self._model(dict(features))
        finally:
            self._seen.found = None
        weights = self._token_weights(found)
        parts = [_pooled(found["embedding"], weights[0])[:, None] @ self._after[0]]
        heads, mlps, biases, neurons = [], [], [], []
        for i, layer in enumerate(self._layers):
            heads.append(self._heads(found["context", i], weights[2 * i], i))
            on = _pooled(found["inner", i], weights[2 * i + 1])
            neurons.append(on)
            mlps.append((on @ self._written(layer, i))[:, None])
            biases.append(self._biases(layer, weights, i)[:, None])
        summed = torch.cat([*parts, *heads, *mlps, *biases], dim=1)
        length = summed.sum(dim=1).norm(dim=-1)[:, None, None]
        return summed / length, torch.stack(neurons, dim=1) / length

    def _listen(self, bert: Any, norms: Sequence[Any]) -> None:
        """Keeps what passes at each place, for the thread that asks for it."""

        def kept(key: Any) -> Any:
            def hook(_: Any, given: Any, came: Any) -> None:
                if getattr(self._seen, "found", None) is not None:
                    self._seen.found[key] = given[0] if key[0] == "norm" else _first(came)

            return hook

        bert.embeddings.register_forward_hook(kept("embedding"))
        for i, layer in enumerate(self._layers):
            layer.attention.self.register_forward_hook(kept(("context", i)))
            layer.intermediate.register_forward_hook(kept(("inner", i)))
        for k, norm in enumerate(norms):
            norm.register_forward_hook(kept(("norm", k)))

    def _token_weights(self, found: dict[Any, Any]) -> list["torch.Tensor"]:
        """For each normalisation what it and all later ones, and the pooling, multiply a token by."""
        tokens = found["embedding"][..., 0]
        weight = tokens.new_zeros(tokens.shape)
        if self._pooling == "cls":
            weight[:, 0] = 1
        else:
            weight += 1 / weight.shape[1]
        weights = [weight]
        for k in range(len(self._norms) - 1, -1, -1):
            spread = (found["norm", k].var(dim=-1, correction=0) + self._norms[k].eps).sqrt()
            weights.append(weights[-1] / spread)
        return weights[::-1]

    def _heads(self, context: "torch.Tensor", weight: "torch.Tensor", i: int) -> "torch.Tensor":
        pooled = _pooled(context, weight).reshape(len(context), self.n_heads, 1, -1)
        out = self._layers[i].attention.output.dense.weight.detach().T
        added: torch.Tensor = (pooled @ out.reshape(self.n_heads, -1, out.shape[1]))[:, :, 0]
        return added @ self._after[2 * i]

    def _written(self, layer: Any, i: int) -> "torch.Tensor":
        written: torch.Tensor = layer.output.dense.weight.T.detach() @ self._after[2 * i + 1]
        return written

    def _biases(self, layer: Any, weights: list["torch.Tensor"], i: int) -> "torch.Tensor":
        first, second = _norms(layer)
        added = [
            (layer.attention.output.dense.bias, 2 * i),
            (first.bias, 2 * i + 1),
            (layer.output.dense.bias, 2 * i + 1),
            (second.bias, 2 * i + 2),
        ]
        summed: torch.Tensor = sum(weights[k].sum(1)[:, None] * (bias @ self._after[k]) for bias, k in added)
        return summed

    def _refuse_other_sums(self, name: str) -> None:
        """A model that looks like a BERT and adds up to something else has parts that are not listed here."""
        import torch

        features = self._model.preprocess(["What its parts add must be all that it adds."])
        features = {
            key: value.to(self._model.device) for key, value in features.items() if hasattr(value, "to")
        }
        with torch.inference_mode():
            whole = self._model(dict(features))["sentence_embedding"]
            found = self(features)[0].sum(dim=1)
        apart = float((found - whole / whole.norm()).norm())
        if not apart <= TOLERANCE:
            raise _unlike(name, f"its parts sum to another vector, {apart:.2g} away")


class Decomposed(SentenceEncoder):
    """A sentence encoder that also tells what its parts add."""

    def __init__(self, model: Any, label: str, precision: str, batch_size: int) -> None:
        import torch

        super().__init__(model, label, precision, batch_size)
        model.to(getattr(torch, precision))
        self.parts = Parts(model, label)

    def contributions(self, texts: Sequence[str]) -> Iterator[Contributions]:
        """What parts add to the vectors of texts, batch by batch: no more than a batch is held at once.

        Texts come in the order of their lengths; `rows` says which they are.
        """
        import torch

        for start in range(0, len(texts), TOKENISE_AT_ONCE):
            tokens = self._tokenise(list(texts[start : start + TOKENISE_AT_ONCE]))
            for rows in self._batches(tokens):
                with torch.inference_mode():
                    parts, neurons = self.parts(self._features(tokens, rows))
                yield Contributions(start + rows, parts.cpu().numpy(), neurons.cpu().numpy())


def part_names(n_layers: int, n_heads: int) -> tuple[str, ...]:
    """The names of parts, in the order in which they are summed."""
    layers = range(n_layers)
    heads = [f"h{layer}.{head}" for layer in layers for head in range(n_heads)]
    return ("e", *heads, *(f"m{layer}" for layer in layers), *(f"b{layer}" for layer in layers))


def _norms(layer: Any) -> tuple[Any, Any]:
    return layer.attention.output.LayerNorm, layer.output.LayerNorm


def _maps(norms: Sequence[Any]) -> list["torch.Tensor"]:
    """For each normalisation the map (dim, dim) that it and all later ones are, but for the spreads."""
    import torch

    gain = norms[-1].weight.detach()
    after = torch.eye(len(gain), dtype=gain.dtype, device=gain.device)
    maps = [after]
    for norm in reversed(norms):
        scaled = norm.weight.detach()[:, None] * maps[-1]
        maps.append(scaled - scaled.mean(dim=0))  # each normalisation takes the mean off first
    return maps[::-1]


def _pooled(tokens: "torch.Tensor", weight: "torch.Tensor") -> "torch.Tensor":
    return (weight[:, None] @ tokens)[:, 0]


def _first(came: Any) -> Any:
    return came[0] if isinstance(came, tuple) else came


def _pooling(model: Any, name: str) -> str:
    kinds = [type(module).__name__ for module in (model if isinstance(model, Iterable) else [model])]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise _unlike(name, f"it is {' + '.join(kinds)}")
    mode = str(model[1].pooling_mode)
    if mode not in _POOLINGS or not model[1].include_prompt:
        raise _unlike(name, f"its pooling is {mode}" + (" without the prompt" if mode in _POOLINGS else ""))
    return mode


def _bert(model: Any, name: str) -> Any:
    bert = model[0].auto_model
    try:
        layers = list(bert.encoder.layer)
        places = [(one.attention.self, one.intermediate, *_norms(one), one.output.dense) for one in layers]
    except (AttributeError, TypeError):
        places = []
    if not places or not hasattr(bert, "embeddings"):
        raise _unlike(name, f"its model is {type(bert).__name__}")
    return bert


def _unlike(name: str, why: str) -> EngineError:
    return EngineError(
        f"encoder {name}: wanted a BERT whose vector is the sum of its parts; {why}.", hint=_HINT
    )
