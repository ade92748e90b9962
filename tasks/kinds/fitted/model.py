"""What a kind's model must be able to do; each kind has its own (`kinds/NAME/model.py`)."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.kinds.fitted.observed import Observed

Verdicts = Float[np.ndarray, "text predicate"]
"""0 or 1; in between where a missing verdict is filled with the predicate's share."""
Bits = Float[np.ndarray, " text"]
Mass = Float[np.ndarray, " text"]
"""How often each text counts."""
Weights = Float[np.ndarray, "1+predicate slot"]
"""Constants first."""
_PULL = 10.0
"""Ridge of the relaxation, in texts: of vectors of unit length one dimension holds little."""


class Model(Protocol):
    """The form of a model, with all that is fixed before it is fitted."""

    background: float
    """How often all texts together count once more as one for which nothing holds; 0: constants are free."""

    @property
    def slots(self) -> Sequence[str]:
        """What a weight is of: classes, times, words."""
        ...

    def fit(self, z: Verdicts, of: Observed, mass: Mass | None = None, start: Any = None) -> Any:
        """Weights by penalised maximum likelihood.

        Args:
            z: verdicts.
            of: what is explained.
            mass: counts each text so often; once without it.
            start: a fit of as many predicates to the same texts, to begin from; it ends where it would.
        """
        ...

    def bits(self, fitted: Any, z: Verdicts, of: Observed, leave_out: Sequence[int] = ()) -> Bits:
        """log2 of the likelihood of what is observed of each text, up to what no weight changes.

        Slots that are left out (`own_words`) do not count.
        """
        ...

    def gain_variance(
        self, full: Any, without: Any, dropped: int, z: Verdicts, of: Observed, leave_out: Sequence[int] = ()
    ) -> Bits:
        """Bits squared: how much each text's gain could differ by chance, as the model without expects.

        `dropped` is the column of z that the model `without` has not.
        """
        ...

    def most_likely(self, frozen: Any, z: Verdicts, of: Observed, mass: Mass) -> Bits | None:
        """Bits of each text, of which the sum by mass is what no model of these predicates exceeds.

        Of models where weights may change from slot to slot: none that is not much rougher than `frozen`.
        None where texts have no likelihood that could be compared so: there is no e-value then.
        """
        ...

    def errors(self, fitted: Any, z: Verdicts, of: Observed) -> Weights:
        """Standard errors of the weights of a fit to these texts, as it expects them of independent ones.

        0 where none is known: then resamples alone tell.
        """
        ...

    def weights(self, fitted: Any) -> Weights:
        """The fitted weights, the constants first."""
        ...

    def frozen(self, weights: Weights, z: Verdicts, of: Observed) -> Any:
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

        Labels as columns of 0 and 1, counts of words, a score, waves of time. Where `own_words` leaves slots
        out, the columns are the slots.
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


def foreseen(
    vectors: Float[np.ndarray, "text dim"],
    z: Verdicts,
    target: Float[np.ndarray, "text target"],
    most: int,
) -> Float[np.ndarray, "text direction"]:
    """What vectors foresee of each target that z does not, by ridge regression on what z leaves of vectors.

    Args:
        vectors: of the texts.
        z: verdicts of the predicates so far.
        target: what texts are to be told apart by.
        most: directions.

    Returns:
        The targets of which most is foreseen, first; without vectors what z leaves of the targets themselves.
    """
    given = np.column_stack([np.ones(len(z)), z])
    rest, left = (x - given @ np.linalg.lstsq(given, x, rcond=None)[0] for x in (vectors, target))
    gram = rest.T @ rest + _PULL * np.eye(rest.shape[1])
    found = rest @ np.linalg.solve(gram, rest.T @ left) if rest.shape[1] else left
    # Rounded: the order of two classes, which mirror each other, must not hang on the last digit.
    order = np.argsort(-np.round(found.var(axis=0), 9), kind="stable")
    return np.asarray(found[:, order[:most]], dtype=float)
