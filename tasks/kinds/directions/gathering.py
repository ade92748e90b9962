"""Texts or pictures with the activations of all units, matched by id."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.errors import SourceError, nearest
from tasks.kinds.directions import bank, files, tables
from tasks.kinds.directions.ends import ALSO, FIRST
from tasks.kinds.directions.params import own
from tasks.kinds.parts import Gathered
from tasks.store.sources import hashes, read_groups, told_apart
from tasks.store.sources.parts import DOCUMENT, TEXT
from tasks.store.sources.pictures import OF_PICTURES, PICTURE
from tasks.store.sources.reader import Pick, Reader
from tasks.store.sources.wording import shown
from tasks.study import Study
from tasks.study.corpus import Source


def gathered(study: Study) -> Gathered:
    """All inputs, each with its activations; copies of one text have the mean of theirs.

    Raises:
        SourceError: a file or column cannot be used, an id stands twice or on one side alone, or activations
            are no finite numbers that vary.
    """
    if own(study).target:
        return _texts_alone(study)
    reader = Reader(study)
    first = _corpus(study, reader, Source(), "activations")
    corpora, names = [first], {FIRST: study.collect.a_name or "the corpus"}
    also = own(study).also_on
    if also is not None:
        corpora.append(_corpus(study, reader, Source(path=also.path), "also_on.activations", first.units))
        names[ALSO] = also.path
    grouped = [one.rows.with_columns(group=pl.lit(g)) for g, one in zip(names, corpora, strict=True)]
    rows = _stacked(study, grouped)
    manifest = {**reader.manifest(), "rows": dict(rows["group"].value_counts().iter_rows())}
    manifest["activations"] = {"file": first.file, "units": len(first.units), "inputs": first.rows.height}
    return Gathered(
        rows.select("text", "group", "document_id", OF_PICTURES),
        names,
        manifest,
        {
            "activations": _by_text(_hashes(study, rows), np.concatenate([one.values for one in corpora])),
            "units": pl.DataFrame([{"unit": one} for one in first.units], schema=tables.UNITS),
        },
    )


@dataclass(frozen=True)
class _Corpus:
    """Inputs of one corpus with their activations."""

    rows: pl.DataFrame
    file: str
    """Of the activations, as errors call it."""
    units: list[str]
    values: Float[np.ndarray, "input unit"]


def _corpus(
    study: Study, reader: Reader, source: Source, key: str, units: Sequence[str] | None = None
) -> _Corpus:
    """Inputs and the activations of all of them.

    Args:
        study: whose they are.
        reader: of its sources.
        source: of the inputs.
        key: of the block, under which their activations are named.
        units: whose activations are wanted; None: those that the study names.
    """
    picks = {
        TEXT: Pick(study.collect.text, "text"),
        DOCUMENT: Pick(study.collect.document, "document", "ids"),
        "id": Pick(own(study).id, "id", "ids", block=study.kind),
    }
    table = reader.table("", source, picks)
    rows = table.picked.with_columns(pl.col("id").cast(pl.String))
    _check_ids(rows["id"], table.label, f"studies.{study.name}.directions.id")
    file, ids, known, values = files.activations(study, key)
    chosen, values = _chosen(study, known, values, units)
    where = f"studies.{study.name}.directions.{key}"
    _check_ids(ids, shown(file), where)
    place = rows.select("id").join(
        pl.DataFrame({"id": ids}).with_row_index("at"), on="id", how="left", maintain_order="left"
    )["at"]
    if n := place.null_count():
        raise SourceError(
            f"{where}: wanted activations of every text, {n:,} of {rows.height:,} ids are not in "
            f"{shown(file)}, such as {rows['id'].filter(place.is_null())[0]!r}."
        )
    used = values[place.to_numpy()]
    _check_finite(used, chosen, where)
    if units is None:
        _check_varies(used, chosen, where)
    return _Corpus(rows.select("text", "document_id", OF_PICTURES), shown(file), chosen, used)


def _texts_alone(study: Study) -> Gathered:
    """Texts whose activations an encoder computes, and the sentences that may name its parts."""
    rows, names, read = read_groups(study)
    asked = own(study)
    read["activations"] = {"target": asked.target, "parts": asked.parts, "units": len(asked.units)}
    if asked.also_on is not None:
        picks = {
            TEXT: Pick(study.collect.text, "text"),
            DOCUMENT: Pick(study.collect.document, "document", "ids"),
        }
        also = Reader(study).table("", Source(path=asked.also_on.path), picks).picked
        known = also.with_columns(group=pl.lit(ALSO))
        rows, names = _stacked(study, [rows, known]), {**names, ALSO: asked.also_on.path}
        read["rows"] = {**read["rows"], ALSO: also.height}
    return Gathered(rows, names, read, {"bank": bank.read(study)} if asked.bank else {})


def _stacked(study: Study, corpora: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The rows of both corpora.

    Raises:
        SourceError: one is of pictures, the other of texts.
    """
    if len({PICTURE in rows.columns for rows in corpora}) > 1:
        raise SourceError(
            f"studies.{study.name}.directions.also_on: wanted pictures in both corpora, or texts in both; "
            "got one of each."
        )
    return pl.concat(corpora, how="diagonal")


def _hashes(study: Study, rows: pl.DataFrame) -> pl.Series:
    """Of each row the text_hash that collect gives its text, or its picture."""
    is_seen = PICTURE in rows.columns
    return hashes(rows["media"].fill_null("") if is_seen else told_apart(rows[TEXT], study.collect))


def _by_text(text_hash: pl.Series, values: Float[np.ndarray, "input unit"]) -> pl.DataFrame:
    """One row a text, in the order of its hash; copies have the mean of theirs."""
    names, place, count = np.unique(text_hash.to_numpy(), return_inverse=True, return_counts=True)
    # Sums do not depend on the order of rows: inputs are added in the order of their values.
    order = np.lexsort((*values.T[:1], place))
    starts = np.cumsum(count) - count
    mean = np.add.reduceat(values[order], starts, axis=0) / count[:, None]
    return pl.DataFrame(
        {"text_hash": names.astype(str), "activation": mean.tolist()}, schema=tables.ACTIVATIONS
    )


def _chosen(
    study: Study,
    units: list[str],
    values: Float[np.ndarray, "input unit"],
    wanted: Sequence[str] | None,
) -> tuple[list[str], Float[np.ndarray, "input unit"]]:
    """The units that are wanted, or that the study names, or all."""
    wanted, most = own(study).units if wanted is None else wanted, own(study).most_units
    where = f"studies.{study.name}.directions"
    if unknown := [one for one in wanted if one not in units]:
        raise SourceError(
            f"{where}.units: wanted units of the file, got {unknown[0]!r}{nearest(unknown[0], units)}."
        )
    chosen = list(wanted) or units
    if not chosen:
        raise SourceError(f"{where}.activations: wanted one unit at least, the file has ids alone.")
    if len(chosen) > most:
        raise SourceError(
            f"{where}: wanted at most {most:,} units, the file has {len(chosen):,}. Name some under units, "
            "or raise most_units."
        )
    return chosen, values[:, [units.index(one) for one in chosen]]


def _check_ids(ids: pl.Series, label: str, where: str) -> None:
    if ids.null_count():
        raise SourceError(f"{where}: wanted an id in every row of {label}, {ids.null_count():,} have none.")
    if ids.n_unique() < len(ids):
        raise SourceError(
            f"{where}: wanted each id of {label} once, got {ids.filter(ids.is_duplicated())[0]!r} twice."
        )


def _check_finite(values: Float[np.ndarray, "input unit"], units: list[str], where: str) -> None:
    broken = ~np.isfinite(values).all(axis=0)
    if broken.any():
        raise SourceError(
            f"{where}: wanted a finite number for every input, unit {units[int(broken.argmax())]!r} has "
            f"{int((~np.isfinite(values)).sum()):,} that are none."
        )


def _check_varies(values: Float[np.ndarray, "input unit"], units: list[str], where: str) -> None:
    constant = values.min(axis=0) == values.max(axis=0)
    if constant.any():
        raise SourceError(
            f"{where}: wanted activations that vary, unit {units[int(constant.argmax())]!r} has one value "
            "for all inputs. Leave it out, or name the others under directions.units."
        )
