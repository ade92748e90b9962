"""Texts and two sets of vectors -> pairs that an encoder puts close and a reference puts apart.

Exact: every pair of texts of two documents is compared, and the answer is that of comparing all of them in
float64. Two texts of one document (captions of one picture) are no evidence: they should be near.
Memory is fixed by the block size and by how many pairs are asked for; pairs that meet the conditions are
counted, and only the best are kept. The pairs may be compared in parts, one after the other or at once, here
or on many machines: whatever the parts, the answer is the same.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from tasks.engines import pairs as lexical
from tasks.kinds.encoder_failures.tally import HITS, Pool, Tail
from tasks.kinds.encoder_failures.tiles import View, candidates

POOL_MOST = 2_000_000
"""Hits kept at once, at most, unless more pairs are asked for."""
CROWD = 1000
"""Hits that a text may have beyond the ones it may keep, for the pool to be long enough for certain."""
MINED = pl.Schema([*HITS.items(), ("overlap", pl.Float64())])
Rows = Int[np.ndarray, " pair"]
Values = Float[np.ndarray, " pair"]


@dataclass(frozen=True)
class Mined:
    """What mining found."""

    pairs: pl.DataFrame
    """Rows of MINED: row numbers left < right; the largest similarity first, then the lowest rows."""
    n_hits: int
    """Pairs that meet both conditions, kept or not."""
    n_collisions: int
    """Pairs that meet the threshold alone."""
    n_same_document: int
    """Pairs of one document that meet the threshold: left out everywhere else."""
    quantiles: dict[str, float]
    """How many pairs ("1", "10", "100" ...) -> the largest threshold, in steps of 1 / STEP, that selects as
    many; up to KNOWN pairs, further where the threshold selects more."""
    n_texts: int
    """Distinct texts with a direction: those that were compared."""
    is_complete: bool
    """False: `pairs` may lack some that the limit per text allows, because the pool was too short."""


@dataclass(frozen=True)
class Part:
    """What the search of some row blocks found."""

    hits: pl.DataFrame
    """Rows of tally.HITS: the best pool_size(top, per_text) of its hits."""
    counts: pl.DataFrame
    """Rows of tally.COUNTS: how many of its pairs have which similarity."""
    n_hits: int
    n_collisions: int
    n_same_document: int


class Search:
    """Pairs of two documents with similarity >= threshold and reference <= similarity - margin, the best.

    Similarity is the cosine in float64, rounded to 9 decimals; so is the reference's. Texts that are equal
    but for case and white space count once, as the first of them. A vector of zeros is similar to nothing.

    The limit per text takes pairs best first and leaves out one whose text has had its share. It is applied
    to a pool of the best pool_size(top, per_text) hits of all parts, and so is exact whenever all hits fit,
    or `top` pairs were found in it; `is_complete` says so.
    """

    def __init__(
        self,
        texts: Sequence[str],
        under_test: Float[np.ndarray, "text dim"],
        reference: Float[np.ndarray, "text other_dim"] | None,
        *,
        threshold: float,
        margin: float,
        top: int,
        per_text: int,
        documents: Sequence[str] | None = None,
        block_size: int = 2048,
    ) -> None:
        """Looks at all vectors once.

        Args:
            texts: One per row.
            under_test: Vectors of the encoder under test, float; may be an np.memmap.
            reference: Vectors of the reference, of any dimension; None: word_order_similarity.
            threshold: Least similarity of a pair that counts as confused, -1 to 1.
            margin: Least difference between the two similarities.
            top: Pairs to keep, at most.
            per_text: Pairs that a text may stand in, 1 or more.
            documents: What each text is of; None: each is of its own.
            block_size: Rows and columns compared at once.

        Raises:
            EngineError: a view is not one finite vector per text; names the text.
        """
        self._texts, self._block_size = texts, block_size
        self._threshold, self._margin, self._top, self._per_text = threshold, margin, top, per_text
        self._view = View("encoder under test", under_test, texts)
        self._apart = _reference(texts, reference)
        self._rows = _distinct(texts, self._view)
        of = np.arange(len(texts)) if documents is None else np.unique(documents, return_inverse=True)[1]
        self._document: Int[np.ndarray, " text"] = of
        of_each = np.bincount(of[self._rows]) if len(self._rows) else np.zeros(1, dtype=np.int64)
        self.n_pairs = (len(self._rows) ** 2 - int((of_each**2).sum())) // 2
        """Pairs of two documents."""
        self.n_blocks = -(-len(self._rows) // block_size)
        """Row blocks: the first is compared with all texts, the last with itself alone."""

    def n_tiles(self, blocks: range) -> int:
        """Blocks that these row blocks are compared with, together."""
        return sum(self.n_blocks - block for block in blocks)

    def shares(self, n_most: int) -> list[range]:
        """The row blocks in n_most shares of about equal work, fewer where there are not as many; 1 at least.

        A share has no more than a row block beyond its due.
        """
        done = np.cumsum(self.n_blocks - np.arange(self.n_blocks))
        due = self.n_tiles(range(self.n_blocks)) * np.arange(1, n_most) / n_most
        cuts = np.unique(np.clip([0, *(np.searchsorted(done, due) + 1), self.n_blocks], 0, self.n_blocks))
        return [range(*cut) for cut in pairwise(cuts.tolist())] or [range(0)]

    def part(self, blocks: range, on_tile: Callable[[], object] = bool) -> Part:
        """What these row blocks hold; after each tile, on_tile is called."""
        tail, pool = Tail(), Pool(pool_size(self._top, self._per_text))
        n_collisions = n_hits = n_same_document = 0

        def limit() -> float:
            return min(self._threshold, tail.floor)

        for near in candidates(self._view, self._rows, limit, self._block_size, blocks, on_tile):
            cosine = self._view.cosine(*near)
            apart = self._document[near[0]] != self._document[near[1]]
            n_same_document += int((cosine[~apart] >= self._threshold).sum())
            tail.add(cosine[apart], self._threshold)
            hot = apart & (cosine >= self._threshold)
            left, right, similarity = (column[hot] for column in (*near, cosine))
            if not len(left):
                continue
            other = self._apart(left, right)
            hit = np.round(similarity - other, 9) >= self._margin
            n_collisions += len(left)
            n_hits += int(hit.sum())
            pool.add(left[hit], right[hit], similarity[hit], other[hit])
        return Part(pool.best(), tail.counts(), n_hits, n_collisions, n_same_document)

    def merged(self, parts: Iterable[Part]) -> Mined:
        """What was found, from parts that together hold each row block once, in any order."""
        tail, pool = Tail(), Pool(pool_size(self._top, self._per_text))
        n_collisions = n_hits = n_same_document = 0
        for part in parts:
            pool.join(part.hits)
            tail.join(part.counts)
            n_hits, n_collisions = n_hits + part.n_hits, n_collisions + part.n_collisions
            n_same_document += part.n_same_document
        found = _frame(self._texts, pool.best(), self._top, self._per_text)
        return Mined(
            pairs=found,
            n_hits=n_hits,
            n_collisions=n_collisions,
            n_same_document=n_same_document,
            quantiles=tail.thresholds(self.n_pairs, n_collisions),
            n_texts=len(self._rows),
            is_complete=found.height == self._top or n_hits <= pool.size,
        )


def mine(
    texts: Sequence[str],
    under_test: Float[np.ndarray, "text dim"],
    reference: Float[np.ndarray, "text other_dim"] | None,
    *,
    threshold: float,
    margin: float,
    top: int,
    per_text: int,
    documents: Sequence[str] | None = None,
    block_size: int = 2048,
) -> Mined:
    """What a Search of all pairs finds, made in one part; it says what the arguments are."""
    search = Search(
        texts,
        under_test,
        reference,
        threshold=threshold,
        margin=margin,
        top=top,
        per_text=per_text,
        documents=documents,
        block_size=block_size,
    )
    return search.merged([search.part(range(search.n_blocks))])


def pool_size(top: int, per_text: int) -> int:
    """Hits that are kept for the limit per text to choose from.

    `top` pairs use up the share of at most 2 top / per_text texts. The pool holds CROWD further hits for
    each of these, but no more than POOL_MOST in all (or `top`, where that is more).
    """
    return min(max(top, POOL_MOST), top + CROWD * -(-2 * top // per_text))


def _distinct(texts: Sequence[str], view: View) -> Rows:
    """The first row of each text that has a direction."""
    first: dict[str, int] = {}
    for row, text in enumerate(texts):
        first.setdefault(" ".join(text.casefold().split()), row)
    rows = np.fromiter(first.values(), dtype=np.int64, count=len(first))
    return rows[view.inverse_norm[rows] > 0]


def _reference(
    texts: Sequence[str], vectors: Float[np.ndarray, "text dim"] | None
) -> Callable[[Rows, Rows], Values]:
    if vectors is not None:
        return View("reference", vectors, texts).cosine

    def in_order(left: Rows, right: Rows) -> Values:
        similarity = lexical.word_order_similarity([texts[i] for i in left], [texts[j] for j in right])
        return np.round(similarity, 9)

    return in_order


def _frame(texts: Sequence[str], best: pl.DataFrame, top: int, per_text: int) -> pl.DataFrame:
    """The best `top` pairs, no text in more than per_text of them."""
    kept = best[_spread(best["left"].to_list(), best["right"].to_list(), top, per_text)]
    overlap = lexical.lexical_overlap([texts[i] for i in kept["left"]], [texts[j] for j in kept["right"]])
    return kept.with_columns(pl.Series("overlap", overlap, dtype=pl.Float64)).select(MINED.names())


def _spread(left: list[int], right: list[int], top: int, per_text: int) -> Int[np.ndarray, " chosen"]:
    """Indices of the pairs that are taken, best first."""
    used: dict[int, int] = {}
    chosen: list[int] = []
    for k, (i, j) in enumerate(zip(left, right, strict=True)):
        if len(chosen) == top:
            break
        if used.get(i, 0) < per_text and used.get(j, 0) < per_text:
            used[i], used[j] = used.get(i, 0) + 1, used.get(j, 0) + 1
            chosen.append(k)
    return np.array(chosen, dtype=np.int64)
