"""The block `timeline` of a study."""

from pydantic import Field

from tasks.kinds.fitted.params import Fit
from tasks.study.corpus import Column


class Timeline(Fit):
    """What time is, and how smoothly shares change."""

    value: Column = "time"
    """Column of the time: a date, a time of day with a date, or a number."""
    smoothing: float = Field(default=1.0, gt=0)
    """How stiff weights are over time: 1 over the variance of what a weight may change from the first time to
    the last, before any text is seen. More of it sees slow drifts alone, less of it short waves. (The penalty
    of Zhong et al. 2024 at its published lambda of 1 is 2 / (predicates x texts) here, where each text has
    its own time: weights then follow single texts, and foresee no other.)"""
