"""Which named ends go on to the test, and how they are frozen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool
from scipy.special import ndtri

from tasks.engines.embedded import definitions
from tasks.kinds.directions.ends import End, topped_up
from tasks.records import Grade, Proposal

GATE_ALPHA = 0.05
"""Chance that any candidate of any end passes the gate where none differs, by Bonferroni's bound."""
N_EXAMPLES = 3


@dataclass(frozen=True)
class Named:
    """A sentence for an end of a unit, on the exploration half."""

    end: End
    sentence: str
    family: str
    grade: Grade
    definition: dict[str, Any]
    held: Bool[np.ndarray, " text"]
    root: float
    """How surely it holds more often at the end than elsewhere."""
    passed: bool

    def proposal(self, text_ids: Sequence[str]) -> Proposal:
        """As it will be frozen, with its unit and its end.

        Args:
            text_ids: of the texts that it was named on.
        """
        end, held = self.end, self.held
        effect = float(held[end.member].mean() - held[~end.member].mean())
        means = [float(end.activation[who].mean()) if who.any() else 0.0 for who in (held, ~held)]
        told = {"unit": end.unit, "end": end.end, "means": [round(one, 9) for one in means]}
        return Proposal(
            predicate=f"{end.unit} {end.end}: {self.sentence}",
            direction="A",
            family=self.family,
            grade=self.grade,
            definition=definitions.written({**self.definition, **told}),
            explore_effect=effect,
            explore_z=self.root,
            example_ids=tuple(text_ids[i] for i in np.flatnonzero(held & end.member)[:N_EXAMPLES]),
        )


def least_root(n_looked_at: int) -> float:
    """What passes, of so many candidates of all ends together."""
    return float(-ndtri(GATE_ALPHA / (2 * max(n_looked_at, 1))))


def kept(found: Sequence[Named]) -> list[Named]:
    """Those that passed, strongest first; where they are few, the strongest others after them."""

    def strongest(one: Named) -> tuple[float, str, str]:
        return -one.root, one.end.unit, one.end.end

    passed = sorted((one for one in found if one.passed), key=strongest)
    rest = sorted((one for one in found if not one.passed), key=strongest)
    return topped_up(passed, rest)
