"""Texts with the activations of all units, matched by id."""

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.errors import SourceError, nearest
from tasks.kinds.directions import bank, files, tables
from tasks.kinds.directions.params import own
from tasks.kinds.parts import Gathered
from tasks.store import canonical
from tasks.store.sources import hashes, masked, normalised, read_groups
from tasks.store.sources.reader import DOCUMENT, TEXT, Pick, Reader
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
    params = study.collect
    picks = {
        TEXT: Pick(params.text, "text"),
        DOCUMENT: Pick(params.document, "document", "ids"),
        "id": Pick(own(study).id, "id", "ids", block=study.kind),
    }
    reader = Reader(study)
    table = reader.table("", Source(), picks)
    rows = table.picked.with_columns(pl.col("id").cast(pl.String), group=pl.lit("A"))
    _check_ids(rows["id"], table.label, f"studies.{study.name}.directions.id")
    file, ids, units, values = files.activations(study)
    units, values = _chosen(study, units, values)
    where = f"studies.{study.name}.directions.activations"
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
    _check_values(used, units, where)
    read = canonical.with_changes(rows[TEXT])[0].str.slice(0, params.max_chars)
    told = hashes(normalised(masked(read, params)[0]).fill_null(""))
    manifest = {**reader.manifest(), "rows": {"A": rows.height}}
    manifest["activations"] = {"file": shown(file), "units": len(units), "inputs": len(ids)}
    return Gathered(
        rows.select("text", "group", "document_id"),
        {"A": params.a_name or "the corpus"},
        manifest,
        {
            "activations": _by_text(told, used),
            "units": pl.DataFrame([{"unit": one} for one in units], schema=tables.UNITS),
        },
    )


def _texts_alone(study: Study) -> Gathered:
    """Texts whose activations an encoder computes, and the sentences that may name its parts."""
    rows, names, read = read_groups(study)
    asked = own(study)
    read["activations"] = {"target": asked.target, "parts": asked.parts, "units": len(asked.units)}
    return Gathered(rows, names, read, {"bank": bank.read(study)} if asked.bank else {})


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
    study: Study, units: list[str], values: Float[np.ndarray, "input unit"]
) -> tuple[list[str], Float[np.ndarray, "input unit"]]:
    """The units that the study names, or all."""
    wanted, most = own(study).units, own(study).most_units
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


def _check_values(values: Float[np.ndarray, "input unit"], units: list[str], where: str) -> None:
    broken = ~np.isfinite(values).all(axis=0)
    if broken.any():
        raise SourceError(
            f"{where}: wanted a finite number for every input, unit {units[int(broken.argmax())]!r} has "
            f"{int((~np.isfinite(values)).sum()):,} that are none."
        )
    constant = values.min(axis=0) == values.max(axis=0)
    if constant.any():
        raise SourceError(
            f"{where}: wanted activations that vary, unit {units[int(constant.argmax())]!r} has one value "
            "for all inputs. Leave it out, or name the others under directions.units."
        )
