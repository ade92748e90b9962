"""A candidate predicate of the proposer, before selection."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from tasks.records import Grade

LEAST_LEAN = 1.64
"""Least z of each word of a name, towards the side that is named: of the words of themes one in thirty then
leans the other way on other texts (headlines of 2019 and 2020), without it three in ten."""


@dataclass(frozen=True)
class Candidate:
    """A predicate, how to judge it, and what that says on the exploration half."""

    phrase: str
    family: str
    grade: Grade
    definition: Mapping[str, Any]
    held: Bool[np.ndarray, " text"] = field(repr=False)
    effect: float
    z: float
    root: float | None = None
    """By which it is ranked (Contrast.root); None: as `held` gives it, on all texts."""
    gate_root: float | None = None
    """What must pass the gate where it is not `root`: candidates put together from others, chosen for
    theirs, pass as the strongest of their parts does."""
    weight: float = 1.0
    """As of Proposal."""


@dataclass(frozen=True)
class Harvest:
    """What one family of predicates brought."""

    candidates: list[Candidate]
    root_measured: Float[np.ndarray, " predicate"] | None = field(default=None, repr=False)
    """Roots of all that was looked at, kept or not: the gate counts every look. None: the candidates'."""
