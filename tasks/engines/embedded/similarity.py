"""Semantic predicates: a frozen vector and a threshold on a text's projection onto it.

The verdict is 0 or 1. A probability would have to be calibrated against the meaning of the phrase,
which nobody has labelled; the threshold, chosen on the exploration half, is all that is known, and
the phrase claims no more ("leans towards", "resembles"). A text without a vector has no meaning to
lean anywhere: 0.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

DIGITS = 4
"""Vectors and thresholds are rounded to this, before anything is measured with them."""


def rounded(vector: Float[np.ndarray, " dim"]) -> Float[np.ndarray, " dim"]:
    """The vector at unit length, as it goes into a definition."""
    length = float(np.linalg.norm(vector))
    result: Float[np.ndarray, " dim"] = (
        np.round(np.asarray(vector, np.float64) / (length or 1.0), DIGITS) + 0.0
    )
    return result


def projections(
    embeddings: Float[np.ndarray, "text dim"], vectors: Float[np.ndarray, "predicate dim"]
) -> Float[np.ndarray, "text predicate"]:
    """Dot products in double precision, so that a text's verdict does not depend on its neighbours."""
    result: Float[np.ndarray, "text predicate"] = embeddings.astype(np.float64) @ vectors.T.astype(np.float64)
    return result


def holds(
    definition: Mapping[str, Any], embeddings: Float[np.ndarray, "text dim"]
) -> Bool[np.ndarray, " text"]:
    """Whether each text lies beyond the threshold of a validated definition."""
    vector = np.array(definition["vector"], dtype=np.float64)[None]
    return reaches(projections(embeddings, vector)[:, 0], definition["threshold"], embeddings)


def reaches(
    projection: Float[np.ndarray, " text"], threshold: float, embeddings: Float[np.ndarray, "text dim"]
) -> Bool[np.ndarray, " text"]:
    """Whether each text projects this far and has a vector at all."""
    result: Bool[np.ndarray, " text"] = (projection >= threshold) & embeddings.any(axis=1)
    return result


def threshold(projection: Float[np.ndarray, " text"], top_share: float) -> float:
    """The projection that this share of the texts reaches."""
    return round(float(np.quantile(projection, 1 - top_share)), DIGITS)
