"""Ids and labels in one written form, whatever type a file gives them: equal values are written alike.

    whole numbers   digits, of any width: 7, 7.0 and 7.00 are 7
    other numbers   without zeros at the end: 0.5
    booleans        true, false
    dates           2020-01-01, and so is a datetime at midnight
    datetimes       2020-01-01T10:00:00, in UTC where a zone is given
    times           10:00:00
    text            in its one form (store/canonical.py), without white space around: 01 and 1 are two; a
                datetime as ISO 8601 writes it is that datetime

In CSV, where nothing has a type, a column of numbers alone holds numbers, unless one begins with a zero.
"""

import math
import re
from datetime import date, datetime
from decimal import Decimal

import polars as pl

from tasks.errors import SourceError
from tasks.store.canonical import canonical, canonicalised
from tasks.study.corpus import Label

_DECIMAL = r"^-?(?:0|[1-9]\d*)(?:\.\d+)?$"
_DAY, _CLOCK = r"(\d{4}-\d{2}-\d{2})", r"(\d{2}:\d{2})(?::(\d{2}(?:\.\d{1,9})?))?"
_DATE = rf"^{_DAY}$"
_TIME = rf"[T ]{_CLOCK}(Z|[+-]\d{{2}}:?\d{{2}})?"
_DATETIME, ISO = rf"^{_DAY}{_TIME}$", rf"^{_DAY}(?:{_TIME})?$"
"""A date or datetime as ISO 8601 writes it."""
_EXACT, _EXACT_32 = (2**53, 15), (2**24, 7)
"""From where on a float no longer tells a whole number from the next, and the digits that it surely has."""


def written(column: pl.Series, what: str, label: str, where: str, *, untyped: bool = False) -> pl.Series:
    """The values as text in the form above; null where there is none.

    Args:
        what: What they are, as errors call them.
        untyped: Whether the file gives no types, so that a column of numbers is text here.

    Raises:
        SourceError: they are lists, objects or bytes, or whole numbers that a float has rounded.
    """
    texts = _text_of(column, label, where)
    if texts is None:
        raise SourceError(
            f"{where}: wanted plain {what} in column {column.name!r} of {label}, got {column.dtype}."
        )
    if untyped:
        texts = _as_numbers(texts)
    return pl.select(pl.when(texts != "").then(texts)).to_series().alias(column.name)


def spelt(column: pl.Series) -> pl.Series:
    """Text in its one form, without white space around, whatever it means; null where there is none."""
    texts = canonicalised(column).str.strip_chars()
    return pl.select(pl.when(texts != "").then(texts)).to_series().alias(column.name)


def _text_of(column: pl.Series, label: str, where: str) -> pl.Series | None:
    dtype = column.dtype
    if dtype.is_integer() or dtype == pl.Boolean:
        return column.cast(pl.String)
    if dtype.is_float():
        return _of_floats(column, label, where)
    if dtype.is_decimal():
        return _without_zeros(column.cast(pl.String))
    if isinstance(dtype, pl.Date | pl.Datetime | pl.Time):
        return _of_moments(column)
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum | pl.Null):
        return _of_iso(canonicalised(column.cast(pl.String)).str.strip_chars())
    return None


def _of_floats(column: pl.Series, label: str, where: str) -> pl.Series:
    numbers = column.fill_nan(None)
    is_whole = (numbers.is_finite() & (numbers == numbers.floor())).fill_null(False)
    most, digits = _EXACT_32 if column.dtype == pl.Float32 else _EXACT
    rounded = numbers.filter(is_whole & (numbers.abs() >= most))
    if len(rounded):
        raise SourceError(
            f"{where}: wanted exact numbers in column {column.name!r} of {label}, got {rounded[0]:.0f} as a "
            f"{column.dtype}, which rounds numbers of over {digits} digits. Save the column as integers or "
            "text."
        )
    whole = pl.select(pl.when(is_whole).then(numbers)).to_series().cast(pl.Int64).cast(pl.String)
    return pl.select(pl.coalesce(whole, numbers.cast(pl.String))).to_series()


def _as_numbers(texts: pl.Series) -> pl.Series:
    """Numbers alone in one form, and null where one is none; other columns as they are."""
    is_nan = (texts.str.to_lowercase() == "nan").fill_null(False)
    is_number = texts.str.contains(_DECIMAL).fill_null(False)
    if not (is_number | is_nan | texts.is_null()).all() or not is_number.any():
        return texts
    return _without_zeros(pl.select(pl.when(~is_nan).then(texts)).to_series())


def _of_moments(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Date:
        return column.cast(pl.String)
    if column.dtype == pl.Time:
        return _without_zeros(column.dt.to_string("%H:%M:%S%.9f"))
    return _of_datetimes(column)


def _of_datetimes(column: pl.Series) -> pl.Series:
    if column.dtype.time_zone is not None:  # type: ignore[attr-defined]
        column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return _without_zeros(column.dt.to_string("%Y-%m-%dT%H:%M:%S%.9f")).str.strip_suffix("T00:00:00")


def _of_iso(texts: pl.Series) -> pl.Series:
    """Each datetime that is written as ISO 8601 has it in the one form; other text as it stands."""
    if not texts.str.contains(_DATETIME).any():
        return texts
    part = texts.str.extract_groups(_DATETIME).struct
    day, minute, second, zone = (part.field(str(i)) for i in range(1, 5))
    second, offset = (
        second.fill_null("00"),
        zone.fill_null("Z").str.replace("Z", "+0000").str.replace(":", ""),
    )
    # To the second: a fraction is kept digit by digit.
    whole = day + "T" + minute + ":" + second.str.slice(0, 2) + offset
    read = whole.str.to_datetime("%Y-%m-%dT%H:%M:%S%z", time_unit="us", strict=False)
    made = read.dt.to_string("%Y-%m-%dT%H:%M:%S") + second.str.slice(2)
    # Null where there is no such day.
    return pl.select(pl.coalesce(_without_zeros(made).str.strip_suffix("T00:00:00"), texts)).to_series()


def _without_zeros(numbers: pl.Series) -> pl.Series:
    """Without the zeros at the end of a fraction."""
    return numbers.str.replace(r"(\.\d*?)0+$", "$1").str.strip_suffix(".").str.replace("^-0$", "0")


def dates(texts: pl.Series) -> pl.Series | None:
    """The column as dates or datetimes, where all that is there is written as ISO 8601 has it; else None."""
    texts = texts.str.strip_chars()
    texts = pl.select(pl.when(texts != "").then(texts)).to_series()
    filled = texts.drop_nulls()
    if not len(filled) or not filled.str.contains(ISO).all():
        return None
    try:
        if filled.str.contains(_DATE).all():
            return texts.str.to_date("%Y-%m-%d")
        part = texts.str.extract_groups(ISO).struct
        day, minute, second, zone = (part.field(str(i)) for i in range(1, 5))
        moment = day + "T" + minute.fill_null("00:00") + ":" + second.fill_null("00")
        if not zone.drop_nulls().len():
            return moment.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us")
        offset = zone.fill_null("Z").str.replace("Z", "+0000").str.replace(":", "")
        return (moment + offset).str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z", time_unit="us")
    # Such as the 30th of February.
    except pl.exceptions.PolarsError:
        return None


def forms(value: Label) -> list[str]:
    """How a label may be written, the exact form first: later ones count where no row has an earlier one."""
    if isinstance(value, bool):
        return [str(value).lower(), str(value), str(value).upper()]
    if isinstance(value, int):
        return [str(value)]
    if isinstance(value, float):
        if value.is_integer():
            return [str(int(value))]
        said = repr(value)
        plain = f"{Decimal(said):f}" if math.isfinite(value) else said
        return [str(pl.Series([value]).cast(pl.String)[0]), said, said.replace("e-0", "e-"), plain]
    return [_as_date(value)] if isinstance(value, date) else _forms_of_text(value)


def _forms_of_text(value: str) -> list[str]:
    exact = canonical(value).strip()
    texts = pl.Series([exact])
    if re.match(_DATETIME, exact):
        return [str(_of_iso(texts)[0])]
    if re.match(_DECIMAL, exact):
        return [exact, str(_without_zeros(texts)[0])]
    return [exact, exact.lower()] if exact.lower() in {"true", "false"} else [exact]


def _as_date(value: date) -> str:
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    return str(_of_datetimes(pl.Series([moment]))[0])


def name_of(value: Label) -> str:
    """What a group is called that has the label."""
    return value if isinstance(value, str) else forms(value)[0]
