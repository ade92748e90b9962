"""What a search for predicates holds while it goes on, and leaves."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from tasks.kinds.fitted import frozen
from tasks.kinds.fitted.choosing import Chosen, Gauge
from tasks.kinds.fitted.judging import Answers
from tasks.kinds.fitted.look import Look
from tasks.kinds.fitted.model import Verdicts

Noted = Mapping[str, float | Mapping[str, int]]
"""Counts for the manifest."""


@dataclass
class Found:
    """Candidates, and who of them is chosen."""

    look: Look
    answers: Answers
    chosen: Chosen
    pool: list[int]
    """Columns that are judged on all texts and differ between them."""
    most: int
    """Predicates at most."""
    fixed: int | None
    """So many in any case, if there are."""

    @property
    def z(self) -> Verdicts:
        """Verdicts of all candidates on all texts, gaps filled."""
        return frozen.filled(self.answers.score)[0]

    def gauge(self, draw: Float[np.ndarray, " text"] | None = None) -> Gauge:
        """What the candidates add, on the parts as they are or on others."""
        return Gauge(self.look, self.answers.candidates, self.z, draw)

    @property
    def noted(self) -> Noted:
        """What happened on the way, for the manifest."""
        answers, chosen = self.answers, self.chosen
        n_cells = max(answers.score.size, 1)
        told: dict[str, float | Mapping[str, int]] = {
            "n_candidates": len(answers.candidates),
            "n_texts_fitted": self.look.texts.height,
            "n_judged": answers.n_judged,
            "share_judged": round(answers.n_judged / n_cells, 4),
            "n_gaps": answers.n_gaps,
            "n_too_many_gaps": answers.n_gapped,
            "n_chosen": len(chosen.columns),
            "n_swaps": chosen.n_swaps,
            "n_not_borne_out": chosen.n_filled,
        }
        if self.fixed is not None and len(chosen.columns) < self.fixed:
            told["n_short"] = self.fixed - len(chosen.columns)
        return told
