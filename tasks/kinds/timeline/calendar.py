"""Times on an axis: where they lie, round ones for its ticks, and how each is written."""

import math
import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from tasks.kinds.fitted.axis import round_step

Row = dict[str, Any]
_DATE = re.compile(r"^-?\d{4,}-\d\d(-\d\d)?")
_DAY, _YEAR = 86_400.0, 365.2425 * 86_400.0
_MONTHS = (1, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400, 6000, 12000)
"""Steps between ticks in months."""
_SECONDS = (
    1,
    5,
    15,
    60,
    300,
    900,
    3600,
    3 * 3600,
    6 * 3600,
    12 * 3600,
    86_400,
    2 * 86_400,
    7 * 86_400,
    14 * 86_400,
)
"""Steps between ticks in seconds, where months are too long."""
MOST_TICKS = 5


@dataclass(frozen=True)
class Calendar:
    """Times of a study, between the first and the last."""

    form: Literal["date", "number", "order"]
    """Dates as seconds since 1970, numbers as they are, or other values (versions) in an order."""
    known: tuple[tuple[float, str], ...]
    """Numbers and written forms of all times, in order."""
    lo: float
    hi: float

    @classmethod
    def of(cls, values: pl.DataFrame) -> "Calendar":
        """The calendar of all values of a study.

        Args:
            values: of fitted.tables.VALUES; at least one has a number.
        """
        rows = values.drop_nulls("number").unique(["number"], keep="first").sort("number")
        known = tuple(zip(rows["number"].to_list(), rows["value"].to_list(), strict=True))
        said = [value for _, value in known]
        form: Literal["date", "number", "order"] = "order"
        if all(_DATE.match(one) for one in said):
            form = "date"
        elif all(_plain(one) == number for number, one in known):
            form = "number"
        return cls(form, known, known[0][0], known[-1][0])

    @property
    def _is_whole(self) -> bool:
        return all(number.is_integer() for number, _ in self.known)

    @property
    def span(self) -> float:
        """From the first time to the last; over zero."""
        return max(self.hi - self.lo, 1e-9)

    def at(self, number: float) -> float:
        """Percent of the axis."""
        return round(100 * (min(max(number, self.lo), self.hi) - self.lo) / self.span, 2)

    def number(self, written: str) -> float | None:
        """The number of a time in its written form, or as a float; None where it is neither."""
        by_said = {value: number for number, value in self.known}
        if written in by_said:
            return by_said[written]
        if self.form == "date" and _DATE.match(written):
            return _parsed(written)
        return _plain(written)

    def said(self, number: float, is_fine: bool = False) -> str:
        """The time as a reader wants it: no finer than matters between the first and the last.

        Args:
            number: of the time.
            is_fine: whether places on the axis are to be told apart, rather than ends of a trend.
        """
        if self.form == "number":
            step = round_step(self.span, 1000 if is_fine else 100)
            digits = 0 if self._is_whole else max(0, -math.floor(math.log10(step) + 1e-9))
            return f"{number:.{digits}f}".replace("-", "−")
        if self.form == "order":
            return min(self.known, key=lambda one: (abs(one[0] - number), one[0]))[1]
        least = self.span / (10 if is_fine else 3)
        unit = "Y" if least > _YEAR * 2 else "M" if least > 45 * _DAY else "D" if least > _DAY else "m"
        return _written(_moment(number), unit)

    def ticks(self) -> list[Row]:
        """Round times with their places."""
        if self.form == "order":
            every = max(1, math.ceil((len(self.known) - 1) / (MOST_TICKS - 1)))
            return [self._tick(number, value) for number, value in self.known[::every]]
        if self.form == "number":
            step = max(round_step(self.span, MOST_TICKS), float(self._is_whole))
            first, last = math.ceil(self.lo / step - 1e-9), math.floor(self.hi / step + 1e-9)
            return [self._tick(i * step, self.said(i * step)) for i in range(first, last + 1)]
        return self._month_ticks() or self._second_ticks()

    def _month_ticks(self) -> list[Row]:
        months = self.span / (_YEAR / 12)
        if months < 1.9:
            return []
        step = next((one for one in _MONTHS if months / one <= MOST_TICKS), _MONTHS[-1])
        first, last = (int(_moment(end).astype("datetime64[M]").astype(int)) for end in (self.lo, self.hi))
        # Counted from the year 0, so that years are round.
        begin = math.ceil((first + 1970 * 12) / step) * step - 1970 * 12
        unit = "Y" if step % 12 == 0 else "M"
        every = [np.datetime64(month, "M") for month in range(begin, last + 1, step)]
        told = [(_of(month), _written(month, unit)) for month in every]
        return [self._tick(number, value) for number, value in told if self.lo <= number <= self.hi]

    def _second_ticks(self) -> list[Row]:
        step = next((one for one in _SECONDS if self.span / one <= MOST_TICKS), _SECONDS[-1])
        unit = "D" if step % _DAY == 0 else "m" if step >= 60 else "s"
        first, last = math.ceil(self.lo / step), math.floor(self.hi / step)
        told = [(float(i * step), _written(_moment(i * step), unit)) for i in range(first, last + 1)]
        return [self._tick(number, value) for number, value in told]

    def _tick(self, number: float, label: str) -> Row:
        at = self.at(number)
        # A label at an edge does not stand out of the picture.
        return {"at": at, "label": label, "anchor": "start" if at < 6 else "end" if at > 94 else "middle"}


def _plain(written: str) -> float | None:
    try:
        number = float(written.replace("−", "-"))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _parsed(written: str) -> float | None:
    plain = re.sub(r"(Z|[+-]\d\d:?\d\d)$", "", written) if "T" in written or " " in written else written
    try:
        return _of(np.datetime64(plain.replace(" ", "T"), "us"))
    except ValueError:
        return None


def _written(moment: np.datetime64, unit: str) -> str:
    """ISO 8601, down to the unit."""
    written = str(moment.astype(f"datetime64[{unit}]")).replace("T", " ")
    return str(int(written)) if unit == "Y" else written


def _of(moment: np.datetime64) -> float:
    return float(moment.astype("datetime64[us]").astype(np.int64)) / 1e6


def _moment(seconds: float) -> np.datetime64:
    return np.datetime64(round(seconds), "s")
