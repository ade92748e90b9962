"""Columns, filters and values that params.yaml names, looked up in the rows that were read."""

from collections.abc import Sequence

import polars as pl

from tasks.errors import SourceError, nearest
from tasks.store.sources.wording import first_line, listed

_TEXTUAL = (pl.String, pl.Categorical, pl.Enum, pl.Null)


def column_named(frame: pl.DataFrame, name: str, label: str, where: str) -> pl.Series:
    """The column of that name.

    Raises:
        SourceError: there is none, or there are two.
    """
    if name not in frame.columns:
        raise SourceError(
            f"{where}: wanted a column {name!r} in {label}{nearest(name, frame.columns)}. "
            f"Its columns: {listed(frame.columns)}."
        )
    if f"{name}_duplicated_0" in frame.columns:
        raise SourceError(f"{where}: wanted one column {name!r} in {label}, there are two. Rename one.")
    return frame[name]


def text(frame: pl.DataFrame, name: str, label: str, where: str) -> pl.Series:
    """The text column.

    Raises:
        SourceError: it is missing, or holds numbers or anything else that is no text.
    """
    column = column_named(frame, name, label, where)
    if not isinstance(column.dtype, _TEXTUAL):
        raise _no_text(frame, column, label, where, str(column.dtype))
    texts = column.cast(pl.String)
    filled = texts.drop_nulls().str.strip_chars()
    filled = filled.filter(filled != "")
    if len(filled) and filled.cast(pl.Float64, strict=False).null_count() == 0:
        raise _no_text(frame, column, label, where, f"numbers only, such as {filled[0]}")
    return texts


def _no_text(frame: pl.DataFrame, column: pl.Series, label: str, where: str, got: str) -> SourceError:
    others = [name for name, dtype in frame.schema.items() if dtype == pl.String and name != column.name]
    advice = f" Columns with text: {listed(others)}." if others else ""
    return SourceError(f"{where}: wanted text in column {column.name!r} of {label}, got {got}.{advice}")


def document(frame: pl.DataFrame, name: str, label: str, where: str) -> pl.Series:
    """The document column as strings; null where it is empty, and the text then is its own document.

    Raises:
        SourceError: it is missing, or holds lists or bytes.
    """
    column = column_named(frame, name, label, where)
    if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object):
        raise SourceError(f"{where}: wanted plain ids in column {name!r} of {label}, got {column.dtype}.")
    if column.dtype.is_float():
        column = column.fill_nan(None)
    written = column.cast(pl.String)
    return pl.select(pl.when(written.str.strip_chars() != "").then(written)).to_series()


def equals(column: pl.Series, value: str | int | float | bool, label: str, where: str) -> pl.Series:
    """Which rows have that value, as typed or as written: 2020 is found as a number and as "2020".

    Raises:
        SourceError: no row has it.
    """
    if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object):
        raise SourceError(
            f"{where}: wanted plain values in column {column.name!r} of {label}, got {column.dtype}."
        )
    written = column.cast(pl.String)
    if isinstance(value, bool) or column.dtype == pl.Boolean:
        found = written.str.to_lowercase() == str(value).lower()
    else:
        found = written == str(value)
        number = _number(value)
        if number is not None and column.dtype.is_numeric():
            found = found | (column == number)
    found = found.fill_null(False)
    if not found.any():
        common = (
            written.drop_nulls()
            .value_counts(sort=True, name="n")
            .sort("n", column.name, descending=[True, False])
        )
        values = common[column.name].to_list()
        raise SourceError(
            f"{where}: wanted rows with {column.name} = {value!r} in {label}, there are none"
            f"{nearest(str(value), values)}. Its values: {listed(values)}."
        )
    return found


def _number(value: str | int | float) -> int | float | None:
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return None


def matching(frame: pl.DataFrame, condition: str, label: str, where: str) -> pl.Series:
    """Which rows meet a SQL condition; unknown (NULL) is no.

    Raises:
        SourceError: it is no SQL, names no column, or is neither true nor false.
    """
    columns = listed(frame.columns)
    try:
        answer = frame.select(pl.sql_expr(condition).alias("answer"))["answer"]
    except pl.exceptions.ColumnNotFoundError as error:
        name = first_line(error).split('"')[1] if '"' in str(error) else condition
        raise SourceError(
            f"{where}: wanted columns of {label}, {name!r} is none{nearest(name, frame.columns)}. "
            f"Its columns: {columns}. Text goes in single quotes."
        ) from None
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise SourceError(
            f'{where}: wanted a SQL condition such as "year = 2020", got {condition!r}: {first_line(error)}. '
            f"Columns of {label}: {columns}."
        ) from None
    if answer.dtype != pl.Boolean:
        raise SourceError(
            f"{where}: wanted a SQL condition that is true or false, {condition!r} gives {answer.dtype}. "
            'Compare it with something, e.g. "year = 2020".'
        )
    if len(answer) not in {1, frame.height}:
        raise SourceError(f"{where}: wanted one answer per row, {condition!r} gives {len(answer)}.")
    return answer.fill_null(False) if len(answer) == frame.height else answer.new_from_index(0, frame.height)


def stacked(parts: Sequence[pl.DataFrame], label: str) -> pl.DataFrame:
    """Rows of several files under each other.

    Raises:
        SourceError: columns of one name hold things that cannot stand in one column.
    """
    try:
        return pl.concat(parts, how="diagonal_relaxed")
    except pl.exceptions.PolarsError as error:
        raise SourceError(f"{label}: their columns do not fit together: {first_line(error)}.") from None
