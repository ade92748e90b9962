"""Vectors of texts through the cache: what was ever encoded is not encoded again."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from tasks.engines.roles import Encoder
from tasks.store import vectors

_AT_ONCE = 1024


def encoded(model: Encoder, texts: Sequence[str]) -> Float[np.ndarray, "text dim"]:
    """Unit rows; a text that was ever encoded by this encoder is not encoded again.

    Raises:
        EngineError: the encoder gave no usable vector, or vectors of another dimension.
    """
    rows = np.empty((len(texts), model.dim), dtype=np.float32)
    with vectors.opened(model.name, model.dim) as cache:
        for start in range(0, len(texts), _AT_ONCE):
            part = list(texts[start : start + _AT_ONCE])
            found, is_there = cache.get_many([vectors.text_key(text) for text in part])
            missing = list(dict.fromkeys(part[i] for i in np.flatnonzero(~is_there)))
            if missing:
                made = model.encode(missing)
                cache.put_many([vectors.text_key(text) for text in missing], made)
                row_of = {text: i for i, text in enumerate(missing)}
                for i in np.flatnonzero(~is_there):
                    found[i] = made[row_of[part[i]]]
            rows[start : start + len(part)] = found
    return rows
