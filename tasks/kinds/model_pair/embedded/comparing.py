"""Pairs of answers, and which of the two has more: 1 A's, -1 B's, 0 neither."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from tasks.errors import EngineError

Signs = Int[np.ndarray, " pair"]
_DIGITS = 9


@dataclass(frozen=True)
class Pairs:
    """Rows of A's and B's answers to the same prompts."""

    in_a: Int[np.ndarray, " pair"]
    in_b: Int[np.ndarray, " pair"]
    document: Int[np.ndarray, " pair"]
    """Numbers of the prompts' documents."""
    missing: Bool[np.ndarray, " pair"]
    """Whether an answer is."""

    @classmethod
    def of(cls, texts: pl.DataFrame) -> "Pairs":
        """The pairs of these answers, in the order of their names.

        Raises:
            EngineError: a pair is not one answer of each group.
        """
        name = "pair" if "pair" in texts.columns else "text_hash"
        is_there = pl.col("text") != ""
        if "media" in texts.columns:
            is_there |= pl.col("media").is_not_null()
        rows = texts.select(
            pl.col(name).alias("pair"), "group", "document_id", is_there.alias("is_there")
        ).with_row_index("row")
        sides = {group: rows.filter(group=group).sort("pair") for group in ("A", "B")}
        a, b = sides["A"], sides["B"]
        if not a["pair"].equals(b["pair"]) or a["pair"].n_unique() != a.height:
            raise EngineError("wanted one answer of A and one of B in each pair.")
        document = a["document_id"].rank("dense").cast(pl.Int64).to_numpy() - 1
        missing = ~(a["is_there"] & b["is_there"]).to_numpy()
        return cls(
            a["row"].to_numpy().astype(np.int64), b["row"].to_numpy().astype(np.int64), document, missing
        )

    def among(self, chosen: Int[np.ndarray, " chosen"]) -> "Pairs":
        """These pairs alone."""
        document = np.unique(self.document[chosen], return_inverse=True)[1].astype(np.int64)
        return Pairs(self.in_a[chosen], self.in_b[chosen], document, self.missing[chosen])

    @property
    def height(self) -> int:
        """How many there are."""
        return len(self.in_a)

    def signs(self, values: Float[np.ndarray, " answer"]) -> Signs:
        """1 where A's answer has more, -1 where B's has; 0 for a tie, and where an answer is missing."""
        found = np.sign(values[self.in_a] - values[self.in_b]).astype(np.int64)
        return np.where(self.missing, 0, found)

    def sizes(self, values: Float[np.ndarray, " answer"]) -> Float[np.ndarray, " pair"]:
        """How much more A's answer has: of counts the log of their ratio, lest the longest lead."""
        a, b = values[self.in_a], values[self.in_b]
        # Means and projections reach below 0, and stand on one scale as they are.
        found = a - b if values.min(initial=0.0) < 0 else np.log1p(a) - np.log1p(b)
        return np.where(self.missing, 0.0, np.round(found, _DIGITS))
