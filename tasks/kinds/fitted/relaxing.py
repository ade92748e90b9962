"""Candidates: directions of the vectors that would explain what is left, and sentences for their two ends."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks import kinds
from tasks.engines import roles
from tasks.kinds.fitted.look import Look
from tasks.kinds.fitted.model import Verdicts
from tasks.kinds.parts import Seen
from tasks.records import Call, Proposal
from tasks.study import Study

DIRECTIONS = 6
"""Looked at in a round."""
SENTENCES = 8
"""Asked for a direction."""


@dataclass
class Relaxed:
    """Asks for sentences, round by round."""

    seen: Seen
    actors: roles.Engine
    look: Look
    rng: np.random.Generator
    calls: list[Call] = field(default_factory=list)
    noted: Counter[str] = field(default_factory=Counter)

    def proposed(self, z: Verdicts, advance: Callable[[], None]) -> list[Proposal]:
        """Sentences for what these verdicts leave unexplained.

        Args:
            z: verdicts of the predicates so far, on all texts.
            advance: called for each direction.
        """
        look = self.look
        if self.seen.study.engine == "replay":
            # What was recorded is proposed whatever is shown.
            return self._named(np.arange(look.texts.height, dtype=np.float64))
        found: list[Proposal] = []
        most = max(DIRECTIONS, kinds.load(self.seen.study.kind).params(self.seen.study).predicates or 0)
        directions = look.model.directions(look.vectors, z, look.of, most, self.rng)
        for direction in np.round(directions, 9).T:
            found += self._named(direction)
            advance()
        self.noted["n_directions"] += directions.shape[1]
        return found

    def _named(self, direction: Float[np.ndarray, " text"]) -> list[Proposal]:
        """Sentences that set the two ends apart."""
        kind: Any = kinds.load(self.seen.study.kind)
        high, low = kind.ends(self.seen.study, direction)
        rows = np.sort(np.concatenate([high, low]))
        top = np.isin(rows, high)
        texts = self.look.texts[rows].with_columns(group=pl.Series(np.where(top, "A", "B")))
        proposer = self.actors.proposer(_cheaper(self.seen))
        shown = roles.Exploration(
            texts, self.look.vectors[rows], self.seen.confirm_documents, self.seen.encoder
        )
        found = proposer.propose(shown, self.rng)
        self.calls += proposer.calls
        self.noted.update({name: n for name, n in proposer.noted.items() if isinstance(n, int)})
        return found


def _cheaper(seen: Seen) -> Study:
    """The study as a proposer needs it who is asked many times, and whose proposals are judged elsewhere."""
    study = seen.study
    least = {
        "max_predicates": min(study.propose.max_predicates, SENTENCES),
        "rounds": 1 if study.propose.rounds == "auto" else study.propose.rounds,
        "error_rounds": 0,
        "judged": 0,
    }
    return study.model_copy(update={"propose": study.propose.model_copy(update=least)})
