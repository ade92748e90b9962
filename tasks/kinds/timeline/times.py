"""A column of times -> each in one written form, and as a number.

dates      ISO 8601 in UTC, and seconds since 1970; how dates may be written is in dates.py
numbers    themselves, such as years; whole numbers as large as seconds since 1970 are dates
versions   in their order (versions.py)

The form is that in which most values can be read. What is unreadable is left out where it is seldom
(valued.MOST_UNREADABLE).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl

from tasks.errors import SourceError
from tasks.kinds.fitted.valued import At, Valued, looked_up, noted, row_of, unreadable
from tasks.kinds.timeline import dates, versions
from tasks.kinds.timeline.params import Timeline

NO_TIME = ("", "nan", "nat", "na", "n/a", "null", "none", "unknown", "undated", "n.d.", "?", "-")
"""What stands in a column of times where there is none."""
_A_SECOND = {"seconds": 1.0, "milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}
_FROM_1973, _A_BAND = 1e8, 1e3
"""Seconds since 1970 are in [1e8, 1e11): 1973 to 5138; the smaller units in the thousandfold of it each."""
_YEARS = (1000, 3000)
_NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"
_BEFORE_CHRIST = r"(?i)^(\d{1,6})\s*b\.?\s?c\.?(?:\s?e\.?)?$"
_AFTER_CHRIST = r"(?i)^(?:a\.?d\.?\s*)?(\d{1,6})(?:\s*(?:a\.?d\.?|c\.?e\.?))?$"
_DAYS = ("%d", "%j", "%x", "%c", "%D", "%u", "%w", "%a", "%A")
"""Signs of strptime that say which day it is."""
_TELLING = {
    _BEFORE_CHRIST: "years before Christ are negative numbers",
    r"^\d\.\d{1,3}0$": "1.10 is read as 1.1; if these are versions write timeline: {unit: version}",
}
_ADVICE = (
    'Write dates as 2020-01-31, or say how they are written: timeline: {format: "%d/%m/%y"}, in the signs of '
    "Python's strptime."
)


@dataclass(frozen=True)
class _Read:
    """Distinct values in one form."""

    kind: str
    """date, number, year or version."""
    said: Sequence[str | None]
    number: Sequence[float | None]
    told: tuple[str, ...] = ()
    """What a user should know of how they were read."""

    @property
    def n(self) -> int:
        """How many could be read."""
        return sum(one is not None for one in self.said)


def read(rows: pl.DataFrame, at: At, asked: Timeline) -> Valued:
    """Times of the rows.

    Args:
        rows: with a column value, as it is spelt.
        at: where it stands.
        asked: how to read it, where the study says so.

    Raises:
        SourceError: too many are no times, or it is not plain which date they mean.
    """
    values = rows["value"].cast(pl.String)
    values = pl.select(
        pl.when(~values.str.to_lowercase().is_in(NO_TIME).fill_null(True)).then(values)
    ).to_series()
    distinct = values.drop_nulls().unique().sort()
    found = _found(distinct, values, at, asked)
    each = looked_up(values, distinct, said=pl.Series(found.said, dtype=pl.String), number=_floats(found))
    is_read = each["said"].is_not_null()
    warnings = unreadable(values, is_read, at, _WANTED[found.kind], _ADVICE)
    return Valued(each["said"], each["number"], noted(found.kind, values, is_read, found.told), warnings)


_WANTED = {"date": "dates", "number": "numbers", "year": "years", "version": "versions", "": "times"}


def _floats(found: _Read) -> pl.Series:
    return pl.Series(found.number, dtype=pl.Float64)


def _found(distinct: pl.Series, values: pl.Series, at: At, asked: Timeline) -> _Read:
    """The distinct values in the form that is asked for, or that fits most of them."""
    if asked.format is not None:
        return _by_format(distinct, asked.format)
    if asked.unit == "version":
        # A bare number is one, too, where it is said so.
        return _versions(distinct, (distinct + ".0").str.replace(r"^(.*\..*)\.0$", "$1"))
    numbers = _numbers(distinct)
    if asked.unit is not None:
        scale = _A_SECOND.get(asked.unit)
        return _plain(numbers) if scale is None else _since_1970(numbers, scale)
    said = dates.parts(distinct)
    forms: list[tuple[int, Callable[[], _Read]]] = [
        (_n_dates(said, distinct), lambda: _dates(said, distinct, values, at)),
        (int(numbers.is_not_null().sum()), lambda: _of_numbers(numbers, distinct)),
    ]
    versioned = _versions(distinct, distinct)
    forms.append((versioned.n, lambda: versioned))
    n, chosen = max(forms, key=lambda form: form[0])
    return chosen() if n else _Read("", [None] * len(distinct), [None] * len(distinct))


def _numbers(distinct: pl.Series) -> pl.Series:
    """Numbers; years before Christ are negative."""
    plain = distinct.str.replace(_BEFORE_CHRIST, "-$1").str.replace(_AFTER_CHRIST, "$1")
    is_number = plain.str.contains(_NUMBER)
    read = pl.select(pl.when(is_number).then(plain)).to_series().cast(pl.Float64, strict=False)
    return pl.select(pl.when(read.is_finite()).then(read)).to_series()


def _plain(numbers: pl.Series, kind: str = "number", told: tuple[str, ...] = ()) -> _Read:
    said = [None if x is None else str(int(x)) if x.is_integer() else repr(x) for x in numbers.to_list()]
    return _Read(kind, said, numbers.to_list(), told)


def _of_numbers(numbers: pl.Series, distinct: pl.Series) -> _Read:
    """Dates where all are as large as times since 1970 are, else the numbers themselves."""
    there = numbers.drop_nulls()
    for unit, scale in _A_SECOND.items():
        if ((there >= _FROM_1973 * scale) & (there < _FROM_1973 * _A_BAND * scale)).all():
            guessed = (
                f"numbers are read as {unit} since 1970; if they are not write timeline: {{unit: number}}"
            )
            return _since_1970(numbers, scale, guessed)
    is_year = ((there >= _YEARS[0]) & (there < _YEARS[1])).all()
    told = [what for pattern, what in _TELLING.items() if distinct.str.contains(pattern).any()]
    return _plain(numbers, "year" if is_year else "number", tuple(told))


def _since_1970(numbers: pl.Series, scale: float, *told: str) -> _Read:
    seconds = (numbers / scale).fill_null(float("nan")).to_numpy()
    return _Read("date", dates.written(seconds), (numbers / scale).to_list(), told)


def _versions(distinct: pl.Series, spelt: pl.Series) -> _Read:
    found = versions.read(spelt)
    return _Read("version", *versions.ranked(distinct, found), ("versions are taken in their order",))


def _by_format(distinct: pl.Series, written: str) -> _Read:
    seconds = np.array([_moment(one, written) for one in distinct.to_list()], dtype=float)
    to_month = not any(sign in written for sign in _DAYS)
    found = dates.written(seconds, to_month=to_month)
    return _Read("date", found, [None if np.isnan(x) else float(x) for x in seconds])


def _moment(one: str, written: str) -> float:
    try:
        read = datetime.strptime(one, written)
    except ValueError:
        return float("nan")
    moment = read if read.tzinfo else read.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()


def _is_year(distinct: pl.Series) -> pl.Series:
    return distinct.str.contains(r"^[12]\d{3}$").fill_null(False)


def _n_dates(said: pl.DataFrame, distinct: pl.Series) -> int:
    """How many are dates; beside some that are more than a year a bare year is one, too."""
    n = int(said["year"].is_not_null().sum())
    return n + int(_is_year(distinct).sum()) if n else 0


def _dates(said: pl.DataFrame, distinct: pl.Series, values: pl.Series, at: At) -> _Read:
    order = _decided(said, distinct, values, at)
    # A bare year among dates is its first day.
    years = pl.select(pl.when(_is_year(distinct)).then(distinct)).to_series().cast(pl.Float64)
    one = pl.when(years.is_not_null()).then(1.0)
    said = said.with_columns(
        year=pl.coalesce("year", years), month=pl.coalesce("month", one), day=pl.coalesce("day", one)
    )
    found = dates.read(said, day_first=order == "dmy")
    is_read = ~np.isnan(found.seconds)
    to_month = bool(is_read.any()) and not bool(found.has_day[is_read].any())
    written = dates.written(found.seconds, to_month=to_month)
    seconds = [float(x) if there else None for x, there in zip(found.seconds, is_read, strict=True)]
    return _Read("date", written, seconds, tuple(_told(order, found.zone, is_read)))


def _told(order: str | None, zone: pl.Series, is_read: np.ndarray) -> list[str]:
    """How dates with slashes were read, and time zones."""
    slashes = {"dmy": "31/01/2020 is day, month, year", "mdy": "01/31/2020 is month, day, year"}
    told = [slashes[order]] if order else []
    zones = zone.fill_null("").filter(pl.Series(is_read))
    written = zones.filter(zones != "").unique().sort().to_list()
    if any(one not in {"Z", "UTC", "GMT"} for one in written):
        told.append("times are put into UTC")
        if (zones == "").any():
            told[-1] += ", and those without a time zone are taken as if in it"
    return told


def _decided(said: pl.DataFrame, distinct: pl.Series, values: pl.Series, at: At) -> str | None:
    """The order of day and month in 03/04/2020.

    Raises:
        SourceError: no value tells it, or values contradict each other.
    """
    order = dates.order(said)
    if order not in {"unsure", "both"}:
        return order
    advice = f'Write {at.block}: {{format: "%d/%m/%Y"}} or {at.block}: {{format: "%m/%d/%Y"}}.'
    examples = _examples(said, distinct, order == "both")
    named = " and ".join(row_of(values, one) for one in examples)
    if order == "both":
        raise SourceError(
            f"{at.where}: wanted one order of day and month in {at.said}, got {named}. {advice}"
        )
    raise SourceError(
        f"{at.where}: wanted dates of which one can tell day and month in {at.said}, got {named}, and none "
        f"like it has a number over 12. {advice}"
    )


def _examples(said: pl.DataFrame, distinct: pl.Series, of_both: bool) -> list[str]:
    first, other = (said[name].fill_null(0) for name in ("first", "other"))
    wanted: Mapping[bool, list[pl.Series]] = {True: [first > 12, other > 12], False: [first > 0]}
    return [distinct.filter(which)[0] for which in wanted[of_both]]
