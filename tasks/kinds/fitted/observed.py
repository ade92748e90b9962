"""What a model explains of each text: its value, or its words."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True)
class Observed:
    """Row by row with the texts; what a kind does not know is None."""

    document: Int[np.ndarray, " text"]
    """Documents by number."""
    text: tuple[str, ...]
    said: tuple[str, ...] | None = None
    """The value in its written form (`values`)."""
    number: Float[np.ndarray, " text"] | None = None
    """The value as a number."""

    def __len__(self) -> int:
        return len(self.text)

    def take(self, rows: Int[np.ndarray, " row"]) -> "Observed":
        """Those rows, in that order."""
        said = None if self.said is None else tuple(self.said[i] for i in rows.tolist())
        number = None if self.number is None else self.number[rows]
        text = tuple(self.text[i] for i in rows.tolist())
        return Observed(self.document[rows], text, said, number)

    def shuffled(self, rng: np.random.Generator) -> "Observed":
        """The values dealt out anew between documents, in blocks as they are: what the null says."""
        if self.said is None:
            return self
        given = dealt(self.document, rng)
        taken: dict[str, Any] = {"said": tuple(self.said[i] for i in given.tolist())}
        if self.number is not None:
            taken["number"] = self.number[given]
        return replace(self, **taken)


def dealt(document: Int[np.ndarray, " text"], rng: np.random.Generator) -> Int[np.ndarray, " text"]:
    """Of each text the one whose value it is dealt: documents, in an order by chance, hand on theirs.

    Values of a document stay neighbours: what made them alike is as it was. Where documents have as many
    texts each they trade places; else a document may get the values of two that follow each other.
    """
    order = np.argsort(document, kind="stable")
    rank = rng.permutation(int(document.max(initial=-1)) + 1)
    given = np.empty(len(document), dtype=np.int64)
    given[order] = order[np.argsort(rank[document[order]], kind="stable")]
    return given
