"""Novelty as a distance: how far a predicate is from the nearest of what was known or guessed."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from tasks.engines.roles import Encoder
from tasks.records import Group

_DIGITS = 3


def sentence_vectors(encoder: Encoder, predicates: Sequence[str]) -> Float[np.ndarray, "predicate dim"]:
    """Unit vectors of predicates as sentences."""
    vectors: Float[np.ndarray, "predicate dim"] = encoder.encode(
        [f"The text {predicate}" for predicate in predicates]
    ).astype(np.float64)
    return vectors


def distances(
    vectors: Float[np.ndarray, "predicate dim"], known: Float[np.ndarray, "known dim"]
) -> list[float | None]:
    """Twice one minus the greatest cosine to what is known, in [0, 2]; None where nothing is to compare."""
    if not len(known) or not known.shape[1]:
        return [None] * len(vectors)
    return rounded(2 * np.clip(1 - (vectors @ known.T).max(axis=1), 0, 1))


def directed_distances(
    vectors: Float[np.ndarray, "predicate dim"],
    directions: Sequence[Group],
    known: Mapping[Group, Float[np.ndarray, "known dim"]],
) -> list[float | None]:
    """Distances of each predicate to what is known of its own direction: the opposite is no guess of it."""
    none = np.zeros((0, vectors.shape[1]))
    each = zip(vectors, directions, strict=True)
    return [distances(vector[None], known.get(direction, none))[0] for vector, direction in each]


def from_past(
    encoder: Encoder, vectors: Float[np.ndarray, "predicate dim"], past: Sequence[str]
) -> list[float | None]:
    """Distances to past discoveries; None where there are none."""
    return distances(vectors, sentence_vectors(encoder, past)) if past else [None] * len(vectors)


def rounded(values: Float[np.ndarray, " predicate"]) -> list[float | None]:
    """Ratings with the digits they can claim."""
    return [round(float(value), _DIGITS) for value in values]
