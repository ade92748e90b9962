"""Texts with the activations of all units, matched by id."""

from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.errors import SourceError, nearest
from tasks.kinds.directions import tables
from tasks.kinds.directions.params import own
from tasks.kinds.parts import Gathered
from tasks.store import canonical
from tasks.store.sources import hashes, masked, normalised
from tasks.store.sources.reader import DOCUMENT, TEXT, Pick, Reader
from tasks.store.sources.wording import listed, shown
from tasks.study import Study
from tasks.study.corpus import Source

_FORMS = "a .parquet, .csv or .npz file"


def gathered(study: Study) -> Gathered:
    """All inputs, each with its activations; copies of one text have the mean of theirs.

    Raises:
        SourceError: a file or column cannot be used, an id stands twice or on one side alone, or activations
            are no finite numbers that vary.
    """
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
    file = activations_file(study)
    ids, units, values = _chosen(study, *_read(file, study))
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
            "units": pl.DataFrame({"unit": units}, schema=tables.UNITS),
        },
    )


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


def activations_file(study: Study) -> Path:
    """The file of activations.

    Raises:
        SourceError: it is not there, or not inside `data`, so that DVC would not notice a change.
    """
    name, base = str(own(study).activations), study.data_path
    where = f"studies.{study.name}.directions.activations"
    if not base.is_dir():
        raise SourceError(
            f"{where}: wanted `data` to be a folder that holds texts and activations, got "
            f"{shown(base)}. Write `data: FOLDER`, `collect: {{path: TEXTS}}`."
        )
    file = base / name
    if not file.resolve().is_relative_to(base.resolve()):
        raise SourceError(f"{where}: wanted a file inside {shown(base)}, got {name!r}.")
    if not file.is_file():
        known = sorted(one.name for one in base.iterdir() if one.is_file())
        raise SourceError(
            f"{where}: wanted a file of {shown(base)}, {name!r} is not there{nearest(name, known)}."
        )
    return file


def _read(file: Path, study: Study) -> tuple[pl.Series, list[str], Float[np.ndarray, "input unit"]]:
    """Ids, names of units, activations."""
    where = f"studies.{study.name}.directions.activations"
    try:
        match file.suffix.lower():
            case ".parquet" | ".pq":
                return _of_table(pl.read_parquet(file), own(study).id, file, where)
            case ".csv":
                table = pl.read_csv(file, infer_schema_length=None)
                return _of_table(table, own(study).id, file, where)
            case ".npz":
                return _of_arrays(file, where)
    except (OSError, ValueError, BadZipFile, pl.exceptions.PolarsError) as error:
        told = " ".join(str(error).split())[:200]
        raise SourceError(f"{where}: {shown(file)} cannot be read: {told}.") from None
    raise SourceError(f"{where}: wanted {_FORMS}, got {file.name!r}.")


def _of_table(
    table: pl.DataFrame, column: str, file: Path, where: str
) -> tuple[pl.Series, list[str], Float[np.ndarray, "input unit"]]:
    if column not in table.columns:
        raise SourceError(
            f"{where}: wanted a column {column!r} of ids in {shown(file)}{nearest(column, table.columns)}."
        )
    units = [name for name in table.columns if name != column]
    for name in units:
        if not (table[name].dtype.is_numeric() or table[name].dtype == pl.Null):
            raise SourceError(
                f"{where}: wanted numbers in column {name!r} of {shown(file)}, got {table[name].dtype}. "
                "Leave the column out, or name the units under directions.units."
            )
    values = table.select(pl.col(units).cast(pl.Float64)).to_numpy() if units else np.empty((table.height, 0))
    return table[column].cast(pl.String), units, values.astype(np.float64)


def _of_arrays(file: Path, where: str) -> tuple[pl.Series, list[str], Float[np.ndarray, "input unit"]]:
    with np.load(file, allow_pickle=False) as arrays:
        missing = {"ids", "activations"} - set(arrays.files)
        if missing:
            raise SourceError(
                f"{where}: wanted the arrays ids and activations in {shown(file)}, got "
                f"{listed(arrays.files)}."
            )
        ids, values = arrays["ids"], arrays["activations"]
        named = arrays["units"] if "units" in arrays.files else np.arange(values.shape[-1])
    if values.ndim != 2 or values.shape != (ids.size, named.size):
        raise SourceError(
            f"{where}: wanted activations of {ids.size} ids x {named.size} units in {shown(file)}, got the "
            f"shape {values.shape}."
        )
    if values.dtype.kind not in "fiub":
        raise SourceError(f"{where}: wanted numbers in {shown(file)}, got {values.dtype}.")
    units = [str(one) for one in named.ravel()]
    if twice := [one for i, one in enumerate(units) if one in set(units[:i])]:
        raise SourceError(f"{where}: wanted each unit of {shown(file)} once, got {twice[0]!r} twice.")
    return pl.Series([str(one) for one in ids.ravel()]), units, values.astype(np.float64)


def _chosen(
    study: Study, ids: pl.Series, units: list[str], values: Float[np.ndarray, "input unit"]
) -> tuple[pl.Series, list[str], Float[np.ndarray, "input unit"]]:
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
    return ids, chosen, values[:, [units.index(one) for one in chosen]]


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
