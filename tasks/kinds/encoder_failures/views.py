"""Several encoders' views of the same texts: vectors through the cache, and how near two texts are."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from tasks import paths
from tasks.engines import pairs
from tasks.engines.encoders import encoder
from tasks.engines.encoders.cached import encoded
from tasks.engines.roles import Encoder
from tasks.errors import FrozenError
from tasks.kinds.encoder_failures.params import LEXICAL
from tasks.store import frames
from tasks.study import Study


def under_test(study: Study) -> Encoder:
    """The encoder under test, if it is still the one that encoded the corpus.

    Raises:
        EngineError: there is no such encoder.
        FrozenError: a folder or name holds another model now than when the corpus was encoded.
    """
    folder = paths.output(study.name, "embed")
    model, before = encoder.open_named(study.embed.encoder, study), frames.read_manifest(folder)["encoder"]
    if model.name != before:
        raise FrozenError(
            f"{folder}: encoded by {before}, but embed.encoder ({study.embed.encoder}) is {model.name} now. "
            f"Rerun embed: `dvc repro -f embed@{study.name}`."
        )
    return model


def similarity(
    study: Study, name: str, left: Sequence[str], right: Sequence[str]
) -> Float[np.ndarray, " pair"]:
    """How near the two texts of each pair are: cosine by the encoder of that name, or word order.

    Raises:
        EngineError: there is no such encoder, or it gives no usable vectors.
    """
    if name == LEXICAL:
        return pairs.word_order_similarity(left, right)
    model = encoder.open_named(name, study)
    return cosines(encoded(model, left), encoded(model, right))


def cosines(
    left: Float[np.ndarray, "pair dim"], right: Float[np.ndarray, "pair dim"]
) -> Float[np.ndarray, " pair"]:
    """Of unit rows, in double precision: a threshold decides by it."""
    return np.asarray(np.einsum("ij,ij->i", left, right, dtype=np.float64))
