"""What the blocks of all kinds with a model share."""

from typing import Any

from pydantic import Field

from tasks.study import Study
from tasks.study.block import Block

MOST = 12
"""Predicates of a model, at most: with more nobody reads it, and its patterns may number 2 to their power."""


class Fit(Block):
    """How a model is fitted on the exploration half."""

    predicates: int | None = Field(default=None, ge=1, le=MOST)
    """How many predicates the model has; without it as many as the tune part of the exploration half
    supports, at most propose.max_predicates."""
    texts: int | None = Field(default=None, ge=20)
    """Texts of the exploration half that are judged while it is fitted, at most; 2,000 without it, or 400
    where a language model judges."""
    restarts: int = Field(default=5, ge=1, le=20)
    """How often the choice is made again from other fit and tune parts, to tell how far it agrees."""

    def most_texts(self, engine: str) -> int:
        """Texts that are judged while it is fitted."""
        return self.texts or (400 if engine == "llm" else 2000)


def own(study: Study) -> Any:
    """The study's block of its kind."""
    return getattr(study, study.kind)
