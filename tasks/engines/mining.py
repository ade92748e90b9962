"""Texts and two sets of vectors -> pairs that an encoder puts close and a reference puts apart.

Exact: every pair of the texts is compared, and the answer is that of comparing all of them in float64.
Memory is fixed by the block size and by how many pairs are asked for; pairs that meet the conditions are
counted, and only the best are kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from tasks.engines import pairs as lexical
from tasks.engines.tiles import View, candidates

POOL_MOST = 2_000_000
"""Hits kept at once, at most, unless more pairs are asked for."""
CROWD = 1000
"""Hits that a text may have beyond the ones it may keep, for the pool to be long enough for certain."""
STEP = 10_000
"""Bins of the histogram in one unit of similarity."""
KNOWN = 100_000
"""The similarities of so many of the nearest pairs are counted, whatever the threshold."""
MINED = pl.Schema(
    {
        "left": pl.UInt32,
        "right": pl.UInt32,
        "similarity": pl.Float64,
        "reference": pl.Float64,
        "overlap": pl.Float64,
    }
)
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
    quantiles: dict[str, float]
    """How many pairs ("1", "10", "100" ...) -> the largest threshold, in steps of 1 / STEP, that selects as
    many; up to KNOWN pairs, further where the threshold selects more."""
    n_texts: int
    """Distinct texts with a direction: those that were compared."""
    is_complete: bool
    """False: `pairs` may lack some that the limit per text allows, because the pool was too short."""


def mine(
    texts: Sequence[str],
    under_test: Float[np.ndarray, "text dim"],
    reference: Float[np.ndarray, "text other_dim"] | None,
    *,
    threshold: float,
    margin: float,
    top: int,
    per_text: int,
    block_size: int = 2048,
) -> Mined:
    """All pairs with similarity >= threshold and reference <= similarity - margin; the best are kept.

    Similarity is the cosine in float64, rounded to 9 decimals; so is the reference's. Texts that are equal
    but for case and white space count once, as the first of them. A vector of zeros is similar to nothing.

    The limit per text takes pairs best first and leaves out one whose text has had its share. It is applied
    to a pool of the best pool_size(top, per_text) hits, and so is exact whenever all hits fit, or `top`
    pairs were found in it; `is_complete` says so.

    Args:
        texts: One per row.
        under_test: Vectors of the encoder under test, float; may be an np.memmap.
        reference: Vectors of the reference, of any dimension; None: word_order_similarity.
        threshold: Least similarity of a pair that counts as confused, -1 to 1.
        margin: Least difference between the two similarities.
        top: Pairs to keep, at most.
        per_text: Pairs that a text may stand in, 1 or more.
        block_size: Rows and columns compared at once.

    Raises:
        EngineError: a view is not one finite vector per text; names the text.
    """
    view = View("encoder under test", under_test, texts)
    apart = _reference(texts, reference)
    rows = _distinct(texts, view)
    tail, pool = _Tail(), _Pool(pool_size(top, per_text))
    n_collisions = n_hits = 0
    for near in candidates(view, rows, lambda: min(threshold, tail.floor), block_size):
        cosine = view.cosine(*near)
        tail.add(cosine, threshold)
        left, right, similarity = (column[cosine >= threshold] for column in (*near, cosine))
        if not len(left):
            continue
        other = apart(left, right)
        hit = np.round(similarity - other, 9) >= margin
        n_collisions += len(left)
        n_hits += int(hit.sum())
        pool.add(left[hit], right[hit], similarity[hit], other[hit])
    found = _frame(texts, pool.best(), top, per_text)
    n_pairs = len(rows) * (len(rows) - 1) // 2
    return Mined(
        pairs=found,
        n_hits=n_hits,
        n_collisions=n_collisions,
        quantiles=tail.thresholds(min(n_pairs, max(KNOWN, n_collisions))),
        n_texts=len(rows),
        is_complete=found.height == top or n_hits <= pool.size,
    )


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


class _Tail:
    """Counts the largest similarities in bins of fixed edges."""

    def __init__(self) -> None:
        self.floor = -1.0
        """Pairs from here on are all counted."""
        self._counts = np.zeros(2 * STEP + 1, dtype=np.int64)

    def add(self, similarity: Values, threshold: float) -> None:
        """Counts, and raises the floor as far as KNOWN pairs lie above it."""
        counted = similarity[similarity >= min(threshold, self.floor)]
        if not len(counted):
            return
        # Rounded first: an edge belongs to its upper bin.
        bins = np.floor(np.round((counted + 1) * STEP, 4)).astype(np.int64)
        self._counts += np.bincount(np.clip(bins, 0, 2 * STEP), minlength=2 * STEP + 1)
        above = np.cumsum(self._counts[::-1])
        if above[-1] >= KNOWN:
            self.floor = max(self.floor, self._edge(above, KNOWN))

    def thresholds(self, n_most: int) -> dict[str, float]:
        """The threshold that selects 1, 10, 100 ... pairs, up to n_most."""
        above = np.cumsum(self._counts[::-1])
        wanted = [10**k for k in range(20) if 10**k <= n_most]
        return {str(n): self._edge(above, n) for n in wanted}

    def _edge(self, above: Int[np.ndarray, " bin"], n: int) -> float:
        return round(1 - int(np.searchsorted(above, n)) / STEP, 4)


class _Pool:
    """The best hits so far, never more than three times `size` rows in memory."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._parts: list[tuple[np.ndarray, ...]] = []
        self._n = 0
        self._floor = -np.inf

    def add(self, *columns: np.ndarray) -> None:
        """Takes hits: left, right, similarity, reference."""
        good = columns[2] >= self._floor
        types = (np.uint32, np.uint32, np.float64, np.float64)
        part = tuple(column[good].astype(kind) for column, kind in zip(columns, types, strict=True))
        self._parts.append(part)
        self._n += len(part[0])
        if self._n > 2 * self.size:
            self._floor = self.best()[2][-1] if self.size else np.inf

    def best(self) -> tuple[np.ndarray, ...]:
        """The best `size` hits in order; the others are forgotten."""
        parts = self._parts or [(np.empty(0), np.empty(0), np.empty(0), np.empty(0))]
        left, right, similarity, reference = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.lexsort((right, left, -similarity))[: self.size]
        kept = (left[order], right[order], similarity[order], reference[order])
        self._parts, self._n = [kept], len(order)
        return kept


def _frame(texts: Sequence[str], best: tuple[np.ndarray, ...], top: int, per_text: int) -> pl.DataFrame:
    """The best `top` pairs, no text in more than per_text of them."""
    left, right = best[0].astype(np.int64), best[1].astype(np.int64)
    chosen = _spread(left.tolist(), right.tolist(), top, per_text)
    left, right = left[chosen], right[chosen]
    overlap = lexical.lexical_overlap([texts[i] for i in left], [texts[j] for j in right])
    columns = (left, right, best[2][chosen], best[3][chosen], overlap)
    return pl.DataFrame(dict(zip(MINED, columns, strict=True)), schema=MINED)


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
