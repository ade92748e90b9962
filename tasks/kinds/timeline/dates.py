"""Dates as people write them -> seconds since 1970 (UTC); no limit of years, by the Gregorian calendar."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

_ZONE = r"(?:\s*(?<zone>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?"
_CLOCK = r"(?<hour>\d{1,2}):(?<minute>\d{2})(?::(?<second>\d{2}(?:[.,]\d{1,9})?))?"
_TIME = rf"(?:(?:T|,?\s+){_CLOCK}(?:\s*(?<noon>[AaPp])\.?[Mm]\.?)?{_ZONE})?"
_WEEKDAY = r"(?:\p{L}+\.?,?\s+)?"
_NAME = r"(?<name>\p{L}{3,})\.?"
_PATTERNS = (
    rf"^(?<year>[+-]?\d{{4,6}})-(?<month>\d{{1,2}})(?:-(?<day>\d{{1,2}}){_TIME})?$",
    rf"^(?<year>\d{{4}})/(?<month>\d{{1,2}})(?:/(?<day>\d{{1,2}}){_TIME})?$",
    rf"^(?<year>\d{{4}})\.(?<month>\d{{1,2}})\.(?<day>\d{{1,2}})\.?{_TIME}$",
    rf"^(?<day>\d{{1,2}})\.\s?(?<month>\d{{1,2}})\.\s?(?<year>\d{{4}}){_TIME}$",
    rf"^(?<first>\d{{1,2}})[/-](?<other>\d{{1,2}})[/-](?<year>\d{{4}}){_TIME}$",
    r"^(?<month>\d{1,2})/(?<year>\d{4})$",
    rf"^{_WEEKDAY}(?<day>\d{{1,2}})(?:st|nd|rd|th|\.)?[\s-]+{_NAME},?[\s-]+(?<year>\d{{4}}){_TIME}$",
    rf"^{_WEEKDAY}{_NAME}\s+(?<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?<year>\d{{4}}){_TIME}$",
    rf"^{_NAME},?[\s-]+(?<year>\d{{4}})$",
    rf"^\p{{L}}{{3}}\s+{_NAME}\s+(?<day>\d{{1,2}})\s+{_CLOCK}{_ZONE}\s+(?<year>\d{{4}})$",
    r"^(?<year>\d{4})[\s-]?[Qq](?<quarter>[1-4])$",
    r"^[Qq](?<quarter>[1-4])[\s/-]?(?<year>\d{4})$",
    r"^(?<year>1[5-9]\d\d|2[01]\d\d)(?<month>\d{2})(?<day>\d{2})"
    r"(?:T?(?<hour>\d{2})(?<minute>\d{2})(?<second>\d{2})(?<zone>Z)?)?$",
)
"""ISO 8601, also of years beyond four digits; 2020/01/31; 2020.01.31; 31.01.2020; one of 31/01/2020 and
01/31/2020; 01/2020; 31 Jan 2020, also as in mails; Jan 31, 2020; January 2020;
Fri Jan 31 10:00:00 +0000 2020; 2020-Q1; Q1 2020; 20200131."""
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NUMBERS = ("year", "month", "day", "first", "other", "hour", "minute", "second", "quarter")
_PARTS = (*_NUMBERS, "noon", "zone", "name")
Order = str
"""Of numbers with a slash between: `dmy`, `mdy`, `unsure` where no value tells, `both` where they differ."""


@dataclass(frozen=True)
class Dates:
    """What was read of each text."""

    seconds: Float[np.ndarray, " text"]
    """Since 1970, UTC; NaN where it is no date."""
    has_day: Bool[np.ndarray, " text"]
    """Whether a day is said, not a month or quarter alone."""
    zone: pl.Series
    """The time zone as it is written; null where none is."""


def parts(texts: pl.Series) -> pl.DataFrame:
    """Year, month, day and so on, as numbers; null what a text does not say, all where it is no date."""
    found = pl.DataFrame({name: pl.repeat(None, len(texts), dtype=pl.String, eager=True) for name in _PARTS})
    for pattern in _PATTERNS:
        groups = texts.str.extract_groups(pattern).struct.unnest()
        new = groups["year"].is_not_null() & found["year"].is_null()
        if new.any():
            found = found.with_columns(
                pl.when(new).then(groups[name]).otherwise(pl.col(name)).alias(name) for name in groups.columns
            )
    numbers = [
        pl.col(name).str.replace(",", ".").str.strip_prefix("+").cast(pl.Float64, strict=False)
        for name in _NUMBERS
    ]
    months = {name: number for number, name in enumerate(_MONTHS, 1)}
    named = pl.col("name").str.to_lowercase().str.slice(0, 3).replace_strict(months, default=None)
    return found.with_columns(numbers).with_columns(
        month=pl.coalesce("month", named.cast(pl.Float64), pl.col("quarter") * 3 - 2)
    )


def order(said: pl.DataFrame) -> Order | None:
    """Which of two numbers with a slash between is the day; None where there are no such dates."""
    pairs = said.filter(pl.col("first").is_not_null())
    if not pairs.height:
        return None
    day_first, month_first = (pairs["first"] > 12).any(), (pairs["other"] > 12).any()
    if day_first and month_first:
        return "both"
    return "dmy" if day_first else "mdy" if month_first else "unsure"


def read(said: pl.DataFrame, day_first: bool) -> Dates:
    """Dates from their parts.

    Args:
        said: what `parts` gives.
        day_first: how to read 03/04/2020.
    """
    day, month = ("first", "other") if day_first else ("other", "first")
    part = {name: said[name].to_numpy().astype(float) for name in _NUMBERS}
    months = np.where(np.isnan(part["first"]), part["month"], part[month])
    days = np.where(np.isnan(part["first"]), part["day"], part[day])
    has_day = ~np.isnan(days)
    clock, is_time = _clock(said, part)
    start, is_day = _midnight(part["year"], months, np.where(has_day, days, 1.0))
    seconds = np.where(is_day & is_time, start + clock, np.nan)
    return Dates(seconds, has_day, said["zone"])


def _midnight(
    year: Float[np.ndarray, " text"], month: Float[np.ndarray, " text"], day: Float[np.ndarray, " text"]
) -> tuple[Float[np.ndarray, " text"], Bool[np.ndarray, " text"]]:
    """Seconds at which the day begins, and whether there is such a day."""
    is_read = ~np.isnan(year) & (month >= 1) & (month <= 12) & (day >= 1)
    y, m, d = (np.where(is_read, one, 1).astype(np.int64) for one in (year, month, day))
    first = (y - 1970).astype("M8[Y]").astype("M8[M]") + (m - 1)
    days = first.astype("M8[D]") + (d - 1)
    is_day = is_read & (days.astype("M8[M]") == first)
    return days.astype("M8[s]").astype(np.int64).astype(float), is_day


def _clock(
    said: pl.DataFrame, part: dict[str, Float[np.ndarray, " text"]]
) -> tuple[Float[np.ndarray, " text"], Bool[np.ndarray, " text"]]:
    """Seconds since midnight, UTC, and whether there is such a time."""
    hour, minute, second = (np.nan_to_num(part[name]) for name in ("hour", "minute", "second"))
    noon = said["noon"].str.to_lowercase().fill_null("").to_numpy()
    # Twelve is the first hour of either half.
    is_half = noon != ""
    is_time = (minute < 60) & (second < 61) & np.where(is_half, (hour >= 1) & (hour <= 12), hour < 24)
    hour = np.where(is_half, hour % 12, hour) + 12 * (noon == "p")
    return hour * 3600 + minute * 60 + second - _offset(said["zone"]), is_time


def _offset(zone: pl.Series) -> Float[np.ndarray, " text"]:
    """Seconds by which a zone is ahead of UTC."""
    ahead = zone.str.replace(":", "").str.extract_groups(r"^(?<sign>[+-])(?<hour>\d{2})(?<minute>\d{2})?$")
    known = ahead.struct.unnest()
    hours, minutes = (known[name].cast(pl.Float64).fill_null(0).to_numpy() for name in ("hour", "minute"))
    sign = np.where((known["sign"] == "-").fill_null(False).to_numpy(), -1.0, 1.0)
    return np.asarray(sign * (hours * 3600 + minutes * 60))


def written(seconds: Float[np.ndarray, " text"], *, to_month: bool = False) -> list[str | None]:
    """Each moment as ISO 8601 writes it, in UTC: a day at midnight, else a day with its time; None of NaN.

    Args:
        seconds: since 1970.
        to_month: whether months are told, not days.
    """
    is_read = ~np.isnan(seconds)
    micro = np.minimum(np.round(np.where(is_read, seconds, 0) % 1 * 1e6), 999_999).astype(np.int64)
    whole = np.floor(np.where(is_read, seconds, 0)).astype(np.int64).astype("M8[s]")
    months, days, moments = (np.datetime_as_string(whole, unit=unit) for unit in ("M", "D", "s"))
    is_midnight = (whole == whole.astype("M8[D]")) & (micro == 0)
    said = np.where(is_midnight, months if to_month else days, moments)
    return [
        _of_four_digits(f"{one}.{part:06}".rstrip("0") if part else str(one)) if there else None
        for one, part, there in zip(said, micro.tolist(), is_read.tolist(), strict=True)
    ]


def _of_four_digits(said: str) -> str:
    """The year before Christ with as many digits as ISO 8601 wants."""
    if not said.startswith("-"):
        return said
    year, _, rest = said[1:].partition("-")
    return f"-{year:>04}-{rest}"
