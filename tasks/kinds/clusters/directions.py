"""The relaxation: themes of the vectors, as directions along which texts are in a theme or not.

partition   texts in so many parts
halves      whether a theme is in both halves of a text
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from tasks.kinds.clusters import background, halves, partition
from tasks.kinds.fitted.model import Verdicts
from tasks.stats import wording

DIMENSIONS = 50
"""Of texts by their words, where there are no vectors."""
RIDGE = 10.0
"""Texts that the penalty of a direction is worth."""
MADE = 0.6
"""Share of the documents that themes are made from, to see whether they are in the halves of the others."""
LEAST_TEXTS = 5
"""A smaller part is no theme."""
SURE = 1.0
"""Standard errors by which more parts must foretell words better."""


@dataclass(frozen=True)
class Texts:
    """What themes are looked for in."""

    x: Float[np.ndarray, "text dim"]
    """Vectors, less what is known already."""
    held: Any
    """text x word, of 0 and 1."""
    parted: tuple[Any, Any]
    """The same of the two halves of each text."""
    z: Verdicts
    document: Int[np.ndarray, " text"]
    made: Bool[np.ndarray, " text"]
    """Of the documents that themes are made from at first."""
    seed: int

    def members(self, n_parts: int, rows: Bool[np.ndarray, " text"]) -> Float[np.ndarray, "text part"]:
        """How far those texts belong to each part."""
        rng = np.random.default_rng([self.seed, n_parts])
        return partition.parts(self.x[rows], self.held[rows], n_parts, rng)

    def repeated(self, member: Float[np.ndarray, "made part"]) -> Float[np.ndarray, " part"]:
        """p of each part being in both halves of the other texts, times their number."""
        odds = partition.odds(member, self.held[self.made])
        first, second = (half[~self.made] for half in self.parted)
        p = halves.p_repeated(first, second, odds, self.z[~self.made], self.document[~self.made])
        return p * member.shape[1]


def themes(
    vectors: Float[np.ndarray, "text dim"],
    held: Any,
    parted: tuple[Any, Any],
    z: Verdicts,
    document: Int[np.ndarray, " text"],
    numbers: range,
    rng: np.random.Generator,
) -> Float[np.ndarray, "text direction"]:
    """How far each text is beyond the border of each theme; those first that tell most of the words.

    Args:
        vectors: of the texts; by their words where these have no column.
        held: text x word, of 0 and 1.
        parted: the same of the two halves of each text.
        z: verdicts of what is known already: themes are looked for in what they leave.
        document: of each text, by number.
        numbers: of parts, of which the one is taken that foretells most of the words of other texts.
        rng: draws documents and starts.

    Returns:
        No column where no theme made from some documents is in both halves of the texts of the others.
    """
    n_documents = int(document.max(initial=-1)) + 1
    made = rng.permutation(n_documents)[document] < MADE * n_documents
    numbers = range(numbers.start, min(numbers.stop, int(made.sum()) // LEAST_TEXTS + 1))
    nothing = np.zeros((len(z), 0))
    if not numbers or not (~made).any():
        return nothing
    x = _left(vectors if vectors.shape[1] else _by_words(held), held, z)
    texts = Texts(x, held, parted, z, document, made, int(rng.integers(2**32)))
    member = _best_number(texts, numbers)
    if not (texts.repeated(member) < halves.LEVEL).any():
        return nothing
    member = texts.members(member.shape[1], np.ones(len(z), dtype=bool))
    kept = (texts.repeated(member[made]) < halves.LEVEL_OF_ONE) & (member.sum(axis=0) >= LEAST_TEXTS)
    return _best_first(texts, member[:, kept])


def _left(x: Float[np.ndarray, "text dim"], held: Any, z: Verdicts) -> Float[np.ndarray, "text dim"]:
    """What verdicts and the lengths of texts leave of the vectors."""
    length = np.log1p(np.asarray(held.sum(axis=1)).ravel())
    known = np.column_stack([np.ones(len(z)), length, z])
    x = np.asarray(x, dtype=np.float64)
    return partition.scaled(x - known @ np.linalg.lstsq(known, x, rcond=None)[0])


def _by_words(held: Any) -> Float[np.ndarray, "text dim"]:
    """Texts by the leading dimensions of their words, rare words counting more (latent semantic analysis)."""
    from scipy import sparse
    from scipy.sparse.linalg import svds

    n, often = held.shape[0], np.asarray(held.sum(axis=0)).ravel()
    weighted = held.multiply(np.log(n / np.maximum(often, 1))[None]).tocsr()
    length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    weighted = sparse.diags_array(1 / np.where(length > 0, length, 1.0)) @ weighted
    n_dims = min(DIMENSIONS, min(weighted.shape) - 1)
    left, size, _ = svds(weighted, n_dims, v0=np.ones(min(weighted.shape)))
    return np.asarray(left * size)


def _best_number(texts: Texts, numbers: range) -> Float[np.ndarray, "made part"]:
    """The made texts in as many parts as foretell the words of others best; in fewer where more are no surer."""
    found, told = [], []
    for n_parts in numbers:
        member = texts.members(n_parts, texts.made)
        found.append(member)
        told.append(_told(texts, member))
    best = int(np.argmax(np.round([one.mean() for one in told], 9)))
    for member, one in zip(found, told, strict=True):
        behind = told[best] - one
        if behind.mean() <= SURE * behind.std() / np.sqrt(len(behind)):
            return member
    return found[best]


def _told(texts: Texts, member: Float[np.ndarray, "made part"]) -> Float[np.ndarray, " other"]:
    """Bits of the words of each other text, by the part that its vector lies in beside what is known."""
    score = texts.x @ _against_rest(texts.x[texts.made], member) + member.mean(axis=0)
    z = np.column_stack([texts.z, np.eye(member.shape[1])[score.argmax(axis=1)]])
    fitted = background.fit(z[texts.made], texts.held[texts.made])
    return wording.log2_likelihood(fitted, z[~texts.made], texts.held[~texts.made])


def _against_rest(
    x: Float[np.ndarray, "text dim"], member: Float[np.ndarray, "text part"]
) -> Float[np.ndarray, "dim part"]:
    """Ridge regression of belonging to each part."""
    inner = x.T @ x + RIDGE * np.eye(x.shape[1])
    return np.asarray(np.linalg.solve(inner, x.T @ (member - member.mean(axis=0))))


def _best_first(texts: Texts, member: Float[np.ndarray, "text part"]) -> Float[np.ndarray, "text direction"]:
    """Directions with 0 at the border; as many texts are beyond it as belong to the part."""
    score = texts.x @ _against_rest(texts.x, member)
    share = np.clip(member.mean(axis=0), 0, 1)
    border = [np.quantile(score[:, k], 1 - share[k]) for k in range(score.shape[1])]
    beyond = score - np.reshape(border, (1, -1))
    said = texts.held @ partition.odds(member, texts.held)
    told = np.where(beyond > 0, said, 0.0).mean(axis=0)
    order = np.argsort(-np.round(told, 9), kind="stable")
    return np.asarray(np.round(beyond[:, order], 9))
