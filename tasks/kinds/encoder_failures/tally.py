"""What a search of pairs keeps on its way: the best of them, and how many there are of each similarity.

Two tallies of different pairs add up exactly: what is kept of both together is what one would have kept.
"""

import numpy as np
import polars as pl
from jaxtyping import Float, Int

STEP = 10_000
"""Bins of the histogram in one unit of similarity."""
KNOWN = 100_000
"""The similarities of so many of the nearest pairs are counted, whatever the threshold."""
HITS = pl.Schema({"left": pl.UInt32, "right": pl.UInt32, "similarity": pl.Float64, "reference": pl.Float64})
COUNTS = pl.Schema({"bin": pl.Int32, "n": pl.Int64})
Values = Float[np.ndarray, " pair"]


class Tail:
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

    def counts(self) -> pl.DataFrame:
        """Rows of COUNTS: the bins that are not empty."""
        bins = np.flatnonzero(self._counts)
        return pl.DataFrame({"bin": bins, "n": self._counts[bins]}, schema=COUNTS)

    def join(self, counts: pl.DataFrame) -> None:
        """Adds the counts of other pairs.

        Each tail is whole down to the threshold or to its own floor, and the highest of these floors has
        KNOWN pairs above it: down to there, and so in all that `thresholds` gives, the sum is whole.
        """
        self._counts[counts["bin"].to_numpy()] += counts["n"].to_numpy()

    def thresholds(self, n_pairs: int, n_collisions: int) -> dict[str, float]:
        """The threshold that selects 1, 10, 100 ... of so many pairs, as far as all above it are counted."""
        n_most = min(n_pairs, max(KNOWN, n_collisions))
        above = np.cumsum(self._counts[::-1])
        wanted = [10**k for k in range(20) if 10**k <= n_most]
        return {str(n): self._edge(above, n) for n in wanted}

    def _edge(self, above: Int[np.ndarray, " bin"], n: int) -> float:
        return round(1 - int(np.searchsorted(above, n)) / STEP, 4)


class Pool:
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
            self._floor = self._best()[2][-1] if self.size else np.inf

    def join(self, hits: pl.DataFrame) -> None:
        """Takes the best hits of another pool."""
        self.add(*(hits[name].to_numpy() for name in HITS))

    def best(self) -> pl.DataFrame:
        """Rows of HITS: the best `size`, the largest similarity first, then the lowest rows."""
        return pl.DataFrame(dict(zip(HITS, self._best(), strict=True)), schema=HITS)

    def _best(self) -> tuple[np.ndarray, ...]:
        """The others are forgotten."""
        parts = self._parts or [(np.empty(0), np.empty(0), np.empty(0), np.empty(0))]
        left, right, similarity, reference = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.lexsort((right, left, -similarity))[: self.size]
        kept = (left[order], right[order], similarity[order], reference[order])
        self._parts, self._n = [kept], len(order)
        return kept
