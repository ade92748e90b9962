"""A sentence-transformers model as an encoder.

Texts are batched only with texts of exactly as many tokens. Nothing is padded, which saves time, and
a vector then depends on its text alone and not on its neighbours: a run that was interrupted, a
cached one and a reordered one give the same bytes.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from tasks.errors import EngineError

BATCH_TOKENS = 1024
"""Tokens per forward pass on a processor: larger batches fall out of its caches."""
LEAST_ROWS = 8
"""Rows of a matrix product: of fewer than four a processor sums in another order, with other last bits."""
CHARS_PER_TOKEN = 32
"""A text is cut to this many characters per token of the window before it is tokenised."""
TOKENISE_AT_ONCE = 2048
_METHOD = "v2"  # part of every name: change it when equal models would give other vectors


class SentenceEncoder:
    """A sentence-transformers model that encodes distinct texts in batches of equal length."""

    def __init__(self, model: Any, label: str, precision: str, batch_size: int) -> None:
        import torch

        self.name = f"{label}-{content_hash(model)}-{precision}-{_METHOD}"
        self.dim: int = model.get_embedding_dimension() or model.encode(["probe"]).shape[1]
        if precision == "bfloat16":
            model.to(torch.bfloat16)
        model.eval()
        self._model = model
        self._batch_size = batch_size
        self._on_cpu = model.device.type == "cpu"
        self._prompt = model.prompts.get(model.default_prompt_name) or None
        window = model.max_seq_length
        self._window = int(window) if window is not None and window < float("inf") else None
        self._ragged = "input_ids" in self._preprocess(["probe"])
        # A dense layer behind the pooling has one row a text, not one a token.
        self._least_texts = LEAST_ROWS if _has_dense(model) else 1

    def encode(self, texts: Sequence[str]) -> Float[np.ndarray, "text dim"]:
        """Unit vectors, float32, one per text.

        Raises:
            EngineError: the model gave a vector that is not finite, or has no direction.
        """
        distinct = list(dict.fromkeys(texts))
        vectors = np.empty((len(distinct), self.dim), dtype=np.float32)
        for start in range(0, len(distinct), TOKENISE_AT_ONCE):
            part = distinct[start : start + TOKENISE_AT_ONCE]
            self._encode_part(part, vectors[start : start + len(part)])
        if len(distinct) == len(texts):
            return vectors
        row = {text: i for i, text in enumerate(distinct)}
        return vectors[[row[text] for text in texts]]

    def release(self) -> None:
        """Gives back the memory of weights that can be read again when asked, as the bundled model's."""
        if (release := getattr(self._model, "release", None)) is not None:
            release()

    def _encode_part(self, texts: list[str], out: Float[np.ndarray, "text dim"]) -> None:
        if not self._ragged:  # no transformer: it cannot be fed token ids row by row
            out[:] = self._unit(self._model.encode(texts, batch_size=self._batch_size), texts)
            return
        tokens = self._tokenise(texts)
        batches = self._batches(tokens)
        n_workers = workers() if self._on_cpu else 1
        # One batch a processor: within a batch, several threads would sum in an order of their own.
        with ThreadPoolExecutor(n_workers, initializer=one_thread) as pool:
            for batch, vectors in zip(
                batches, pool.map(partial(self._forward, tokens), batches), strict=True
            ):
                out[batch] = self._unit(vectors, [texts[i] for i in batch])

    def _batches(self, tokens: dict[str, list[list[int]]]) -> list[np.ndarray]:
        """Rows of texts of equally many tokens, the longest first."""
        lengths = np.array([len(ids) for ids in tokens["input_ids"]])
        batches = []
        for length in np.unique(lengths)[::-1]:
            rows = np.flatnonzero(lengths == length)
            step = self._rows_per_batch(int(length))
            batches += [rows[start : start + step] for start in range(0, len(rows), step)]
        return batches

    def _rows_per_batch(self, length: int) -> int:
        if not self._on_cpu:
            return self._batch_size
        return max(1, min(self._batch_size, BATCH_TOKENS // length))

    def _forward(self, tokens: dict[str, list[list[int]]], rows: np.ndarray) -> np.ndarray:
        import torch

        length = max(1, len(tokens["input_ids"][rows[0]]))
        least = max(self._least_texts, -(-LEAST_ROWS // length))
        padded = np.resize(rows, max(len(rows), least))  # with the same texts again
        features = self._features(tokens, padded)
        with torch.inference_mode():
            vectors: np.ndarray = self._model(features)["sentence_embedding"].float().cpu().numpy()
        return vectors[: len(rows)]

    def _features(self, tokens: dict[str, list[list[int]]], rows: np.ndarray) -> dict[str, Any]:
        import torch

        return {
            key: torch.tensor([values[i] for i in rows], device=self._model.device)
            for key, values in tokens.items()
        }

    def _unit(self, vectors: np.ndarray, texts: Sequence[str]) -> Float[np.ndarray, "text dim"]:
        """The vectors at length one, normalised in float32 whatever the model computed in."""
        hint = "Write `precision: float32` under embed, or use another encoder."
        return unit(vectors, texts, self.dim, self.name, hint)

    def _tokenise(self, texts: list[str]) -> dict[str, list[list[int]]]:
        """Token ids and whatever else the model reads, one ragged list per feature."""
        if self._window is None:
            return self._preprocess(texts)
        limit = self._window * CHARS_PER_TOKEN
        tokens = self._preprocess([text[:limit] for text in texts])
        # Long blank or unbroken stretches give few tokens; only then is the whole text needed.
        short = [
            i
            for i, text in enumerate(texts)
            if len(text) > limit and len(tokens["input_ids"][i]) < self._window
        ]
        if short:
            whole = self._preprocess([texts[i] for i in short])
            for key, values in tokens.items():
                for i, value in zip(short, whole[key], strict=True):
                    values[i] = value
        return tokens

    def _preprocess(self, texts: list[str]) -> dict[str, list[list[int]]]:
        ragged = {"common": {"return_tensors": None}, "text": {"padding": False}}
        features = self._model.preprocess(texts, prompt=self._prompt, processing_kwargs=ragged)
        return {key: list(values) for key, values in features.items() if _is_ragged(values)}


def unit(
    vectors: np.ndarray, texts: Sequence[str], dim: int, name: str, hint: str
) -> Float[np.ndarray, "text dim"]:
    """The vectors at length one.

    Args:
        vectors: what an encoder gave.
        texts: what it was given.
        dim: how many numbers a vector of it has.
        name: of the encoder, for an error, and ...
        hint: ... what to do about one.

    Raises:
        EngineError: they are too few, of another dimension, not finite, or have no direction.
    """
    if vectors.shape != (len(texts), dim):
        wanted, came = f"{len(texts)} x {dim}", " x ".join(map(str, vectors.shape))
        raise EngineError(
            f"encoder {name}: wanted {wanted} numbers (texts x dimensions), got {came}.", hint=hint
        )
    with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is looked for
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    usable = np.isfinite(norms[:, 0]) & (norms[:, 0] > 0)
    if not usable.all():
        text = texts[int(np.argmin(usable))]
        raise EngineError(
            f"encoder {name}: wanted a finite vector, got NaN, infinity or zero for {text[:80]!r}.", hint=hint
        )
    scaled: np.ndarray = vectors / norms
    return scaled


def workers() -> int:
    """Batches that are encoded at the same time on a processor."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdigit() and int(asked) else os.cpu_count() or 1


def one_thread() -> None:
    """Makes torch compute what a worker asks in that worker alone."""
    import torch

    torch.set_num_threads(1)


def _has_dense(model: Any) -> bool:
    modules = model if isinstance(model, Iterable) else ()
    return any(type(module).__name__ == "Dense" for module in modules)


def _is_ragged(values: Any) -> bool:
    return isinstance(values, list) and bool(values) and isinstance(values[0], list)


def content_hash(model: Any) -> str:
    """12 hex digits of the weights, the tokeniser and the shape of the model.

    Two copies of a model share their cached vectors whatever their folders are called; a fine-tuned
    copy in the same folder does not.
    """
    tokeniser = getattr(model.tokenizer, "backend_tokenizer", model.tokenizer)
    shape = repr((str(model), model.prompts, model.default_prompt_name)) + tokeniser.to_str()
    return content_digest(model.state_dict(), shape)


def content_digest(weights: Mapping[str, Any], shape: object) -> str:
    """12 hex digits of the weights of a model and of whatever else tells its vectors from another's."""
    digest = hashlib.blake2b(digest_size=6)
    digest.update((shape if isinstance(shape, str) else repr(shape)).encode())
    for name, weight in sorted(weights.items()):
        digest.update(name.encode())
        digest.update(weight.detach().cpu().float().contiguous().numpy().data)
    return digest.hexdigest()
