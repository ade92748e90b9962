"""The block `timeline` of a study."""

from datetime import datetime
from typing import Literal

from pydantic import Field, field_validator, model_validator

from tasks.kinds.fitted.params import Fit
from tasks.study.corpus import Column

Unit = Literal["seconds", "milliseconds", "microseconds", "nanoseconds", "number", "version"]


class Timeline(Fit):
    """What time is, and how smoothly shares change."""

    value: Column = "time"
    """Column (or path) of the time: dates in any common form, numbers such as years, seconds since 1970, or
    versions (0.25.3), which are taken in their order."""
    format: str | None = None
    """How dates are written, in signs of Python's strptime, where that is not plain: `%d/%m/%Y`."""
    unit: Unit | None = None
    """What numbers are: seconds, milliseconds, microseconds or nanoseconds since 1970; number: themselves;
    version: 1.10 comes after 1.9. Without it their size tells seconds since 1970 from years."""
    smoothing: float = Field(default=1.0, gt=0)
    """How stiff weights are over time: 1 over the variance of what a weight may change from the first time to
    the last, before any text is seen. More of it sees slow drifts alone, less of it short waves. (The penalty
    of Zhong et al. 2024 at its published lambda of 1 is 2 / (predicates x texts) here, where each text has
    its own time: weights then follow single texts, and foresee no other.)"""

    @model_validator(mode="after")
    def _one_way_to_read(self) -> "Timeline":
        if self.format is not None and self.unit is not None:
            raise ValueError("wanted `format` for dates or `unit` for numbers, got both")
        return self

    @field_validator("format")
    @classmethod
    def _is_a_format(cls, given: str | None) -> str | None:
        if given is None:
            return given
        try:
            datetime.strptime("", given)
        except ValueError as error:
            # What does not match is no fault of the format; a sign that is none is.
            wrong = "" if "does not match" in str(error) else f": {error}"
            if not wrong and "%" in given:
                return given
            raise ValueError(f"wanted a format of dates such as %d/%m/%Y, got {given!r}{wrong}") from None
        raise ValueError(f"wanted a format of dates such as %d/%m/%Y, got {given!r}")
