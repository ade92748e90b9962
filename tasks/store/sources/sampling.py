"""A random sample of documents, drawn by a hash of what they are called (collect.sample).

A document of a group is drawn where its number is among the smallest of that group. The number follows from
its name and the seed alone: not from other rows, their order or files. A text without a document is its own,
by the form in which collect tells texts apart.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import polars as pl

from tasks.store.sources.hashing import uniform
from tasks.store.sources.masking import told_apart
from tasks.store.sources.parts import DOCUMENT, Table
from tasks.store.sources.pictures import PICTURE
from tasks.study import Study

IS_DRAWN = "is_drawn"
"""Whether a row is of the sample. Others are of a document that was drawn in the other group alone: they say
which texts stand in both."""
_UNIT = "unit"
_AT_ONCE = 500_000


def drawn(study: Study, read: Sequence[tuple[Table, pl.DataFrame]]) -> tuple[pl.DataFrame, dict[str, Any]]:
    """The rows of the sample with their texts, and by group how many documents were drawn of how many.

    Without collect.sample: all rows, and nothing to tell.

    Args:
        study: whose they are.
        read: by table the rows of `picked` that are in a group, with columns group and document_id.
    """
    n = study.collect.sample
    if n is None:
        return pl.concat(rows for _, rows in read), {}
    units = pl.concat(
        rows.select("group", numbers(table, rows, _own_form(study), "sample", str(study.seed)).alias(_UNIT))
        for table, rows in read
    )
    bounds, told = {}, {}
    for group in units["group"].unique().sort():
        there = units.filter(group=group)[_UNIT].drop_nulls().unique().sort()
        bounds[group] = float(there[:n][-1]) if len(there) else 0.0
        told[group] = {"drawn": min(n, len(there)), "of": len(there)}
    # Rows without text are of no document, and counted.
    is_drawn = (units[_UNIT] <= units["group"].replace_strict(bounds, return_dtype=pl.Float64)).fill_null(
        True
    )
    chosen = units.filter(is_drawn)[_UNIT].unique()
    is_kept = units[_UNIT].is_in(chosen.implode()).fill_null(True)
    parts, first = list[pl.DataFrame](), 0
    for table, rows in read:
        here = slice(first, first + rows.height)
        kept = rows.with_columns(is_drawn[here].alias(IS_DRAWN)).filter(is_kept[here])
        parts.append(table.with_texts(kept))
        first += rows.height
    return pl.concat(parts, how="diagonal"), {"sampled": told}


def numbers(
    table: Table, rows: pl.DataFrame, own_form: Callable[[pl.Series], pl.Series], *salt: str
) -> pl.Series:
    """A number in [0, 1) for the document of each row; null where a row is of none.

    Args:
        table: the rows are of.
        rows: with column document_id.
        own_form: what is hashed of a text that is its own document; null: it is none.
        salt: as `hashing.uniform`.
    """
    is_own = rows[DOCUMENT].is_null()
    found = pl.Series([None], dtype=pl.Float64).new_from_index(0, rows.height)
    found = found.scatter((~is_own).arg_true(), _uniform(rows[DOCUMENT].drop_nulls(), salt))
    if is_own.any():
        own = rows.filter(is_own)
        forms = [own["media"]] if PICTURE in rows.columns else map(own_form, table.texts(own))
        found = found.scatter(is_own.arg_true(), pl.concat(_uniform(form, salt) for form in forms))
    return found


def _own_form(study: Study) -> Callable[[pl.Series], pl.Series]:
    def of(texts: pl.Series) -> pl.Series:
        form = told_apart(texts, study.collect)
        return form.set(form == "", None)

    return of


def _uniform(ids: pl.Series, salt: Sequence[str]) -> pl.Series:
    """As `hashing.uniform`, some ids at a time; null where there is none."""
    return pl.concat([pl.Series(dtype=pl.Float64), *(_part(one, salt) for one in _slices(ids))])


def _part(ids: pl.Series, salt: Sequence[str]) -> pl.Series:
    return uniform(ids.fill_null(""), *salt).set(ids.is_null(), None)


def _slices(ids: pl.Series) -> Iterator[pl.Series]:
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]
