"""The block `classes` of a study."""

from typing import Literal

from tasks.kinds.fitted.params import Fit
from tasks.study.corpus import Column

SCORE = "score"
"""The only slot of a score."""


class Classes(Fit):
    """What is predicted, and how."""

    value: Column = "label"
    """Column of the label or score."""
    value_is: Literal["label", "score"] | None = None
    """Whether values are labels (classes without order) or a score (numbers). Without it: numbers with more
    than 10 different values are a score, all else are labels."""
