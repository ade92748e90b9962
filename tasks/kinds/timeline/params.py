"""The block `timeline` of a study."""

from pydantic import Field

from tasks.kinds.fitted.params import Fit
from tasks.study.corpus import Column


class Timeline(Fit):
    """What time is, and how smoothly shares change."""

    value: Column = "time"
    """Column of the time: a date, a time of day with a date, or a number."""
    smoothing: float = Field(default=1.0, gt=0)
    """Penalty on how much weights change from one time to the next (lambda of Zhong et al. 2024)."""
