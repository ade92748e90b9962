"""The relaxation: themes of the vectors, as directions along which texts are in a theme or not.

partition   texts in so many parts
halves      whether a theme is in both halves of a text
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from tasks.kinds.clusters import background, halves, partition
from tasks.kinds.clusters.halves import Halves
from tasks.kinds.fitted.model import Verdicts
from tasks.stats import wording

DIMENSIONS = 50
"""Of texts by their words, where there are no vectors."""
LEAST_TEXTS = 5
"""A smaller part is no theme."""
SURE = 2.0
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
    folds: tuple[Bool[np.ndarray, " text"], Bool[np.ndarray, " text"]]
    """Half of the documents, and the others."""
    seed: int

    def members(self, n_parts: int, rows: Bool[np.ndarray, " text"]) -> Float[np.ndarray, "text part"]:
        """How far those texts belong to each part."""
        rng = np.random.default_rng([self.seed, n_parts])
        return partition.parts(self.x[rows], self.held[rows], n_parts, rng)

    def halves(self, members: Sequence[Float[np.ndarray, "text part"]]) -> list[Halves]:
        """Of either half of the documents what its parts (`members`) say of the texts of the other half."""
        found = []
        for rows, member in zip(self.folds, members, strict=True):
            odds = partition.odds(member, self.held[rows])
            first, second = (half[~rows] for half in self.parted)
            found.append(halves.said(first, second, odds, self.z[~rows], self.document[~rows]))
        return found


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
    fold = rng.permutation(int(document.max(initial=-1)) + 1)[document] % 2 == 0
    numbers = range(numbers.start, min(numbers.stop, int(min(fold.sum(), (~fold).sum())) // LEAST_TEXTS + 1))
    nothing = np.zeros((len(z), 0))
    if not numbers:
        return nothing
    x = _left(vectors if vectors.shape[1] else _by_words(held), held, z)
    texts = Texts(x, held, parted, z, document, (fold, ~fold), int(rng.integers(2**32)))
    members = _best_number(texts, numbers)
    if halves.p_any(texts.halves(members)) >= halves.LEVEL:
        return nothing
    member = texts.members(members[0].shape[1], np.ones(len(z), dtype=bool))
    p = halves.p_each(texts.halves([member[rows] for rows in texts.folds]))
    return _best_first(texts, member[:, (p < halves.LEVEL_OF_ONE) & (member.sum(axis=0) >= LEAST_TEXTS)])


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


def _best_number(texts: Texts, numbers: range) -> list[Float[np.ndarray, "text part"]]:
    """Each fold in as many parts as foretell the words of the other best; fewer where more are no surer."""
    found = [[texts.members(n_parts, rows) for rows in texts.folds] for n_parts in numbers]
    if len(found) == 1:
        return found[0]
    told = [
        np.concatenate(
            [_told(texts, rows, member) for rows, member in zip(texts.folds, members, strict=True)]
        )
        for members in found
    ]
    best = int(np.argmax(np.round([one.mean() for one in told], 9)))
    behind = [told[best] - one for one in told]
    return next(
        members
        for members, one in zip(found, behind, strict=True)
        if one.mean() <= SURE * one.std() / np.sqrt(len(one))
    )


def _told(
    texts: Texts, rows: Bool[np.ndarray, " text"], member: Float[np.ndarray, "text part"]
) -> Float[np.ndarray, " other"]:
    """Bits of the words of each text of the other fold, by what is known and the part its vector lies in."""
    score = texts.x @ partition.against_rest(texts.x[rows], member) + member.mean(axis=0)
    z = np.column_stack([texts.z, np.eye(member.shape[1])[score.argmax(axis=1)]])
    fitted = background.fit(z[rows], texts.held[rows])
    return wording.log2_likelihood(fitted, z[~rows], texts.held[~rows])


def _best_first(texts: Texts, member: Float[np.ndarray, "text part"]) -> Float[np.ndarray, "text direction"]:
    """Directions with 0 at the border; as many texts are beyond it as belong to the part."""
    score = texts.x @ partition.against_rest(texts.x, member)
    share = np.clip(member.mean(axis=0), 0, 1)
    border = [np.quantile(score[:, k], 1 - share[k]) for k in range(score.shape[1])]
    beyond = score - np.reshape(border, (1, -1))
    said = texts.held @ partition.odds(member, texts.held)
    told = np.where(beyond > 0, said, 0.0).mean(axis=0)
    order = np.argsort(-np.round(told, 9), kind="stable")
    return np.asarray(np.round(beyond[:, order], 9))
