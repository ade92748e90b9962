"""What a kind's model must be able to do; each kind has its own (`kinds/NAME/model.py`)."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.kinds.fitted.observed import Observed

Verdicts = Float[np.ndarray, "text predicate"]
"""0 or 1; in between where a missing verdict is filled with the predicate's share."""


class Model(Protocol):
    """The form of a model, with all that is fixed before it is fitted."""

    slots: Sequence[str]
    """What a weight is of: classes, times, words."""

    def fit(self, z: Verdicts, of: Observed, mass: Float[np.ndarray, " text"] | None = None) -> Any:
        """Weights by penalised maximum likelihood; `mass` counts each text so often."""
        ...

    def bits(
        self, fitted: Any, z: Verdicts, of: Observed, leave_out: Sequence[int] = ()
    ) -> Float[np.ndarray, " text"]:
        """log2 of the likelihood of what is observed of each text, up to what no weight changes.

        Slots that are left out (`own_words`) do not count.
        """
        ...

    def weights(self, fitted: Any) -> Float[np.ndarray, "1+predicate slot"]:
        """The fitted weights, the constants first."""
        ...

    def frozen(self, weights: Float[np.ndarray, "1+predicate slot"], z: Verdicts, of: Observed) -> Any:
        """What `fit` gave, from its weights and what it was fitted on."""
        ...

    def directions(
        self,
        vectors: Float[np.ndarray, "text dim"],
        z: Verdicts,
        of: Observed,
        most: int,
        rng: np.random.Generator,
    ) -> Float[np.ndarray, "text direction"]:
        """The relaxation: continuous predicates that would explain what z leaves, a column each.

        Texts are sorted by a column; the proposer is asked what its top has that its bottom has not.
        """
        ...

    def own_words(self, predicate: str, definition: str) -> Sequence[int]:
        """Slots that do not count for a predicate because it is made of them; none unless slots are words."""
        ...

    def targets(self, of: Observed) -> Float[np.ndarray, "text target"]:
        """What is observed as numbers, a row each, by which candidates are ordered before any is fitted.

        Labels as columns of 0 and 1, counts of words, a score, waves of time. Where `own_words` leaves slots out, the columns are the slots.
        """
        ...


def reader(frame: pl.DataFrame, without: str, ids: Sequence[str], slots: Sequence[str]) -> np.ndarray:
    """Weights of a model of `tables.MODEL`: constants first, then the predicates in that order."""
    rows = {one: i for i, one in enumerate(["", *ids])}
    columns = {slot: i for i, slot in enumerate(slots)}
    found = np.zeros((len(rows), len(columns)))
    of = frame.filter(without=without)
    for predicate_id, slot, weight in of.select("predicate_id", "slot", "weight").iter_rows():
        found[rows[predicate_id], columns[slot]] = weight
    return found
