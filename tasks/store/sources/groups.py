"""Rows of a study's sources, each with the group it falls into.

Groups come from two sources, from the values of a column, from two SQL filters, or by chance.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import polars.selectors as cs

from tasks.errors import SourceError
from tasks.store.sources import columns, locate, results, sampling, values
from tasks.store.sources.hashing import normalised
from tasks.store.sources.parts import DOCUMENT, TEXT, Table
from tasks.store.sources.pictures import OF_PICTURES, PICTURE
from tasks.store.sources.reader import Pick, Reader, called
from tasks.store.sources.sampling import IS_DRAWN
from tasks.store.sources.wording import listed
from tasks.study import Study
from tasks.study.corpus import Collect, Label, Source

_LABEL = "label"
_Grouped = tuple[Table, pl.DataFrame]
"""A table, and its rows with their group."""


def read_groups(study: Study) -> tuple[pl.DataFrame, dict[str, str], dict[str, Any]]:
    """Rows as the sources hold them, before any cleaning.

    Returns:
        Rows with columns text, group ("A" or "B"; of one pile all "A") and document_id (null where the
        source names none); what the groups are called; and what was read: files with their rows, versions,
        rows per group.

    Raises:
        SourceError: a file, column, query or filter cannot be used; the message says which and why.
    """
    params = study.collect
    if params.results is not None:
        every, names, read = results.read_results(study, params.results)
        rows, told = sampling.drawn(study, [(Table(every, every, ""), every)])
        return rows, names, read | told
    if isinstance(params.a, Source) and isinstance(params.b, Source):
        tables, reader, noted = _two_sources(study, params.a, params.b)
    else:
        tables, reader, noted = _one_source(study)
    names, groups = names_of(params), pl.concat(rows["group"] for _, rows in tables)
    rows, told = sampling.drawn(study, tables)
    noted |= {"rows": {group: int((groups == group).sum()) for group in names}}
    kept = rows.select(TEXT, "group", DOCUMENT, OF_PICTURES, cs.by_name(IS_DRAWN, require_all=False))
    return kept, names, reader.manifest() | noted | told


def all_rows(study: Study) -> tuple[pl.DataFrame, str]:
    """Every column of every row of a study's data, and how errors call it: before there is a study.

    Of pictures OF_PICTURES are among the columns.

    Raises:
        SourceError: there is nothing that can be read, or no row.
    """
    reader, path = Reader(study), study.collect.path
    if (found := reader.pictures("", path)) is not None:
        return found[0][0].rows, found[1]
    files = locate.files_of(study, path)
    parts = [reader.file(file, "", Source(), None).rows for file in files]
    label = called(files)
    rows = columns.stacked(parts, label)
    if not rows.height:
        raise SourceError(f"{label}: has columns {listed(rows.columns)}, but no rows.")
    return rows, label


def names_of(params: Collect) -> dict[str, str]:
    """What the groups are called: as asked for, or by what tells them apart."""
    if params.is_one_pile:
        return {"A": params.a_name or "the corpus"}
    if params.group == "random":
        a, b = "random half 1", "random half 2"
    elif isinstance(params.a, Source) and isinstance(params.b, Source):
        a, b = _source_names(params.a, params.b)
    else:
        a, b = _label_names(params.a), _label_names(params.b)
    return {"A": params.a_name or a, "B": params.b_name or b}


def _label_names(chosen: Any) -> str:
    return " or ".join(values.name_of(one) for one in (chosen if isinstance(chosen, tuple) else (chosen,)))


def _source_names(a: Source, b: Source) -> tuple[str, str]:
    """The first key in which the two sources differ, and both have something to say."""
    for key in ("path", "where", "query", "text"):
        of_a, of_b = getattr(a, key), getattr(b, key)
        if of_a and of_b and of_a != of_b:
            return _path_names(of_a, of_b) if key == "path" else (of_a, of_b)
    return "A", "B"


def _path_names(a: str, b: str) -> tuple[str, str]:
    """The last part in which two paths differ and that is no bare pattern, without its ending."""
    for of_a, of_b in zip(reversed(Path(a).parts), reversed(Path(b).parts), strict=False):
        stem_a, stem_b = Path(of_a).stem.strip("*?."), Path(of_b).stem.strip("*?.")
        if stem_a and stem_b and stem_a != stem_b:
            return stem_a, stem_b
    return a, b


def _two_sources(study: Study, a: Source, b: Source) -> tuple[list[_Grouped], Reader, dict[str, Any]]:
    found, read, params = list[_Grouped](), Reader(study), study.collect
    for group, source in (("A", a), ("B", b)):
        table = read.table(group.lower(), source, _picks(params, source), may_stream=True)
        chosen = table.picked.drop(_LABEL)
        found.append((table, chosen.with_columns(pl.lit(group).alias("group"))))
    if len({PICTURE in rows.columns for _, rows in found}) > 1:
        raise SourceError(
            f"studies.{study.name}.collect: wanted pictures in a and b, or texts in both; got one of each."
        )
    return found, read, {}


def _picks(params: Collect, source: Source) -> Mapping[str, Pick]:
    group = None if params.group == "random" else params.group
    return {
        TEXT: Pick(source.text or params.text, "text"),
        DOCUMENT: Pick(source.document or params.document, "document", "ids"),
        _LABEL: Pick(group, "group"),
    }


def _one_source(study: Study) -> tuple[list[_Grouped], Reader, dict[str, Any]]:
    params, read = study.collect, Reader(study)
    table = read.table("", Source(), _picks(params, Source()), may_stream=True)
    picked, where = table.picked, f"studies.{study.name}.collect"
    if params.group == "random":
        return [(table, picked.with_columns(_random_half(study, table)))], read, {}
    if params.is_one_pile:
        return [(table, picked.with_columns(pl.lit("A").alias("group")))], read, {}
    if params.group is not None:
        labels = picked[_LABEL].alias(params.group)
        in_a = columns.in_group(labels, _label(params.a), _label(params.b), table.label, f"{where}.a")
        in_b = columns.in_group(labels, _label(params.b), _label(params.a), table.label, f"{where}.b")
    else:
        in_a = columns.matching(table.rows, str(params.a), table.label, f"{where}.a")
        in_b = columns.matching(table.rows, str(params.b), table.label, f"{where}.b")
    both = int((in_a & in_b).sum())
    if both:
        raise SourceError(
            f"{where}: wanted each row in one group, {both} of {picked.height} rows of {table.label} are in "
            f"both. Make the two exclude each other: a: {params.a!r}, b: {params.b!r}."
        )
    group = pl.select(pl.when(in_a).then(pl.lit("A")).when(in_b).then(pl.lit("B")).alias("group"))
    picked = picked.hstack(group)
    noted = {"rows_of_neither": int(picked["group"].null_count())}
    return [(table, picked.filter(pl.col("group").is_not_null()))], read, noted


def _label(chosen: Any) -> Label | tuple[Label, ...]:
    """The label or labels of a group: a source of its own has none, and does not come here."""
    found: Label | tuple[Label, ...] = chosen
    return found


def _random_half(study: Study, table: Table) -> pl.Series:
    """A fair coin per document; a text or picture without one is its own: its copies stay together."""
    coin = sampling.numbers(table, table.picked, _own_form, "group", str(study.seed))
    return pl.select(pl.when(coin < 0.5).then(pl.lit("A")).otherwise(pl.lit("B")).alias("group")).to_series()


def _own_form(texts: pl.Series) -> pl.Series:
    return normalised(texts.fill_null(""))
