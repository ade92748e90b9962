"""Columns, filters and values that params.yaml names, looked up in the rows that were read."""

import re
from collections.abc import Sequence

import polars as pl

from tasks.errors import SourceError, nearest
from tasks.store import canonical
from tasks.store.sources import nested, values
from tasks.store.sources.wording import first_line, listed
from tasks.study.corpus import REST, Label

_TEXTUAL = (pl.String, pl.Categorical, pl.Enum, pl.Null)
_OTHER_DATE = r"^\d{1,2}([./-])\d{1,2}[./-]\d{2,4}\b"
_STRPTIME = re.compile(r"(?i)strptime\([^()]*\)")
_ISO_LITERAL = re.compile(r"'\d{4}-\d{2}(?:-\d{2})?\b")


def named(frame: pl.DataFrame, label: str) -> pl.DataFrame:
    """The rows with the accents in names of columns composed, as a study has them.

    Raises:
        SourceError: two names then are one.
    """
    names = [canonical.nfc(name) for name in frame.columns]
    twins = [name for name in names if names.count(name) > 1] if len(set(names)) < len(names) else []
    if twins:
        raise SourceError(f"{label}: wanted one column {twins[0]!r}, two are written alike. Rename one.")
    return frame.rename(dict(zip(frame.columns, names, strict=True)))


def column_named(frame: pl.DataFrame, name: str, label: str, where: str) -> pl.Series:
    """The column of that name, or what a dotted path reaches.

    Raises:
        SourceError: there is none, or there are two.
    """
    if not nested.reaches(frame.columns, name):
        raise no_column([frame], name, label, where)
    if f"{name}_duplicated_0" in frame.columns:
        raise SourceError(f"{where}: wanted one column {name!r} in {label}, there are two. Rename one.")
    return nested.reached(frame, name, label, where)


def no_column(frames: Sequence[pl.DataFrame], name: str, label: str, where: str) -> SourceError:
    """The error for a column that is in none of the frames."""
    names = list(dict.fromkeys(column for frame in frames for column in frame.columns))
    path = next(filter(None, (nested.inside(frame, name) for frame in frames)), None)
    advice = f"; is it {path}?" if path else nearest(name, names)
    return SourceError(f"{where}: wanted a column {name!r} in {label}{advice}. Its columns: {listed(names)}.")


def text(frame: pl.DataFrame, name: str, label: str, where: str) -> pl.Series:
    """The text column.

    Raises:
        SourceError: it is missing, or holds numbers, lists or anything else that is no text.
    """
    column = column_named(frame, name, label, where)
    texts = _as_text(frame, column, label, where)
    if column.dtype.is_numeric():
        raise _no_text(frame, column, label, where, str(column.dtype))
    check_words(frame, texts, label, where)
    return texts


def some_text(frame: pl.DataFrame, name: str, label: str, where: str) -> pl.Series:
    """The text column of some rows; null where they have none. `check_words` is for all of them.

    Raises:
        SourceError: it holds lists or anything else that is neither text nor a number.
    """
    if not nested.reaches(frame.columns, name) or nested.ends(frame, name):
        return pl.repeat(None, frame.height, dtype=pl.String, eager=True)
    return _as_text(frame, column_named(frame, name, label, where), label, where)


def check_words(frame: pl.DataFrame, texts: pl.Series, label: str, where: str) -> None:
    """Refuses texts that are all numbers.

    Raises:
        SourceError: they are; it names columns of the frame that are text.
    """
    filled = texts.drop_nulls().str.strip_chars()
    filled = filled.filter(filled != "")
    if len(filled) and filled.cast(pl.Float64, strict=False).null_count() == 0:
        raise _no_text(frame, texts, label, where, f"numbers only, such as {filled[0]}")


def _as_text(frame: pl.DataFrame, column: pl.Series, label: str, where: str) -> pl.Series:
    if nested.is_nested(column):
        raise nested.no_text(column, column.name, label, where)
    if not (isinstance(column.dtype, _TEXTUAL) or column.dtype.is_numeric()):
        raise _no_text(frame, column, label, where, str(column.dtype))
    return column.cast(pl.String)


def _no_text(frame: pl.DataFrame, column: pl.Series, label: str, where: str, got: str) -> SourceError:
    others = [name for name, dtype in frame.schema.items() if dtype == pl.String and name != column.name]
    advice = f" Columns with text: {listed(others)}." if others else ""
    return SourceError(f"{where}: wanted text in column {column.name!r} of {label}, got {got}.{advice}")


def in_group(
    labels: pl.Series,
    chosen: Label | tuple[Label, ...],
    other: Label | tuple[Label, ...],
    label: str,
    where: str,
) -> pl.Series:
    """Which rows have one of the labels; of `rest`, which have a label that the other group has not.

    Args:
        labels: As `values.written` gives them.

    Raises:
        SourceError: no row has one of them, or a label is really called rest.
    """
    if chosen != REST:
        every = chosen if isinstance(chosen, tuple) else (chosen,)
        return pl.DataFrame(
            [_equals(labels, one, label, where).alias(str(n)) for n, one in enumerate(every)]
        ).select(pl.any_horizontal(pl.all()).alias("in_group"))["in_group"]
    if (labels == REST).any():
        raise SourceError(
            f"{where}: wanted all other rows with `{REST}`, but {labels.name} of {label} has a value "
            f"{REST!r}. Write [{REST}] for the rows of that value, or list the values you mean."
        )
    rest = labels.is_not_null() & ~in_group(labels, other, chosen, label, where)
    if not rest.any():
        raise SourceError(f"{where}: wanted rows of another {labels.name} in {label}, there are none.")
    return rest


def _equals(labels: pl.Series, value: Label, label: str, where: str) -> pl.Series:
    """Which rows have that label: 2020 is found as a number and as "2020"."""
    every = values.forms(value)
    # Of a word its own spelling counts first; other ways to write a number where it is in no row.
    for forms in [[form] for form in every] if isinstance(value, str) else [every]:
        found = labels.is_in(forms).fill_null(False)
        if found.any():
            return found
    # The column may be called as anything here.
    common = labels.drop_nulls().alias("value").value_counts(sort=True, name="n")
    known = common.sort("n", "value", descending=[True, False])["value"].to_list()
    raise SourceError(
        f"{where}: wanted rows with {labels.name} = {value!r} in {label}, there are none"
        f"{nearest(every[0], known)}. Its values: {listed(known)}."
    )


def matching(frame: pl.DataFrame, condition: str, label: str, where: str) -> pl.Series:
    """Which rows meet a SQL condition; unknown (NULL) is no.

    Text that is all dates, as ISO 8601 writes them, is dates in it, unless the condition needs it as text.

    Raises:
        SourceError: it is no SQL, names no column, or is neither true nor false.
    """
    # However both are composed.
    frame, condition = nested.with_paths(frame, canonical.nfc(condition), label, where)
    frame = canonical.composed(nested.flat(frame))
    try:
        _check_parses(condition)
        try:
            answer = _answer(_with_dates(frame, condition), condition)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            # LIKE, for one, is about text.
            answer = _answer(frame, condition)
    except pl.exceptions.ColumnNotFoundError as error:
        quoted = re.search(r"\"([^\"]+)\"|'([^']+)'", first_line(error))
        name = next(filter(None, quoted.groups())) if quoted else condition
        raise SourceError(
            f"{where}: wanted columns of {label}, {name!r} is none{nearest(name, frame.columns)}. "
            f"Its columns: {listed(frame.columns)}. Text goes in single quotes."
        ) from None
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise SourceError(
            f'{where}: wanted a SQL condition such as "year = 2020", got {condition!r}: {first_line(error)}. '
            f"Columns of {label}: {listed(frame.columns)}."
        ) from None
    if answer.dtype != pl.Boolean:
        raise SourceError(
            f"{where}: wanted a SQL condition that is true or false, {condition!r} gives {answer.dtype}. "
            'Compare it with something, e.g. "year = 2020".'
        )
    if len(answer) != frame.height:
        raise SourceError(f"{where}: wanted one answer per row, {condition!r} gives {len(answer)}.")
    _check_dates(frame, condition, label, where)
    return answer.fill_null(False)


def _check_parses(condition: str) -> None:
    """One expression, and nothing after it."""
    pl.sql_expr(condition)


def _answer(frame: pl.DataFrame, condition: str) -> pl.Series:
    # As a query, since only that compares a date with how it is written; the line break ends a comment.
    return frame.sql(f"SELECT (\n{condition}\n) AS answer FROM self")["answer"]  # noqa: S608 - the user's


def _named(frame: pl.DataFrame, condition: str) -> list[pl.Series]:
    """The columns of text that a condition names."""
    names = set(pl.sql_expr(condition).meta.root_names())
    return [frame[name] for name in frame.columns if name in names and frame[name].dtype == pl.String]


def _with_dates(frame: pl.DataFrame, condition: str) -> pl.DataFrame:
    return frame.with_columns(
        read.alias(column.name)
        for column in _named(frame, condition)
        if (read := values.dates(column)) is not None
    )


def _check_dates(frame: pl.DataFrame, condition: str, label: str, where: str) -> None:
    """Refuses to compare a date with text of which not all is dates so written: its order is another."""
    if not _ISO_LITERAL.search(condition):
        return
    for column in _named(frame, _STRPTIME.sub("NULL", condition)):
        filled = column.drop_nulls().str.strip_chars()
        filled = filled.filter(filled != "")
        odd = filled.filter(~filled.str.contains(values.ISO))
        if not len(odd) or values.dates(column) is not None:
            continue
        if 2 * len(odd) < len(filled) or odd.str.contains(_OTHER_DATE).all():
            example = "strptime(" + column.name + ", '%d/%m/%Y')"
            raise SourceError(
                f"{where}: wanted dates such as 2020-01-31 in column {column.name!r} of {label}, got "
                f"{odd[0]!r} ({len(odd):,} such rows). Write {example} or the like, or leave such rows out "
                "with collect.where."
            )


def stacked(parts: Sequence[pl.DataFrame], label: str) -> pl.DataFrame:
    """Rows of several files under each other.

    Raises:
        SourceError: columns of one name hold things that cannot stand in one column.
    """
    try:
        return pl.concat(parts, how="diagonal_relaxed")
    except pl.exceptions.PolarsError as error:
        raise SourceError(f"{label}: their columns do not fit together: {first_line(error)}.") from None
