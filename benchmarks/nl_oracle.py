"""Candidates of which the verdicts are known: references, and what may be taken for them."""

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from tasks.engines.roles import VALUE, Judgements
from tasks.records import Predicate, Proposal

FLIPPED = (0.05, 0.1, 0.2)
"""Shares of the verdicts of a noisy copy that are wrong."""
LEAST = 200
"""Candidates, filled up with columns by chance."""


class Oracle:
    """Proposes all candidates at once, and judges by looking up."""

    name = model = "oracle/1"

    def __init__(
        self,
        truth: Bool[np.ndarray, "text reference"],
        names: Sequence[str],
        text_ids: Sequence[str],
        rng: np.random.Generator,
    ) -> None:
        self._row = {text_id: i for i, text_id in enumerate(text_ids)}
        self._held: dict[str, Bool[np.ndarray, " text"]] = {}
        for name, column in _candidates(truth, names, rng):
            self._held[name] = column
        self.n_asked = 0

    def proposed(self, z: Float[np.ndarray, "text predicate"], advance: Callable[[], None]) -> list[Proposal]:
        """All of them, in an order by chance."""
        order = np.random.default_rng(len(self._held)).permutation(list(self._held))
        return [Proposal(str(name), "A", "oracle", "exact", "", 0.0, 0.0) for name in order]

    def judge(
        self, predicates: Sequence[Predicate], texts: pl.DataFrame, embeddings: Float[np.ndarray, "text dim"]
    ) -> Judgements:
        """The truth."""
        rows = [self._row[text_id] for text_id in texts["text_id"]]
        score = np.column_stack([self._held[one.predicate][rows] for one in predicates]).astype(np.float64)
        self.n_asked += score.size
        return Judgements(score, np.full(score.shape, VALUE, dtype=np.uint8))

    def strength(
        self, predicates: Sequence[Predicate], texts: pl.DataFrame, embeddings: Float[np.ndarray, "text dim"]
    ) -> Float[np.ndarray, "text predicate"]:
        """All hold alike."""
        return np.zeros((texts.height, len(predicates)))

    def spans(self, predicate: Predicate, text: str) -> list[tuple[int, int]]:
        """None."""
        return []


def _candidates(
    truth: Bool[np.ndarray, "text reference"], names: Sequence[str], rng: np.random.Generator
) -> list[tuple[str, Bool[np.ndarray, " text"]]]:
    found = [(name, truth[:, i]) for i, name in enumerate(names)]
    for i, j in combinations(range(len(names)), 2):
        found.append((f"{names[i]} or {names[j]}", truth[:, i] | truth[:, j]))
    for i, name in enumerate(names):
        half = rng.random(len(truth)) < 0.5
        found += [(f"{name} (half {n})", truth[:, i] & part) for n, part in enumerate((half, ~half))]
        for share in FLIPPED:
            for n in range(2):
                wrong = rng.random(len(truth)) < share
                found.append((f"{name} ({share:.0%} wrong, {n})", truth[:, i] ^ wrong))
    shares = rng.uniform(0.03, 0.6, max(LEAST - len(found), 0))
    found += [
        (f"by chance {n} ({share:.2f})", rng.random(len(truth)) < share) for n, share in enumerate(shares)
    ]
    return found
