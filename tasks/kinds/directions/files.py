"""Files that a study names beside its texts, and activations in them."""

from operator import attrgetter
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.errors import SourceError, nearest
from tasks.kinds.directions.params import own
from tasks.store.sources.wording import listed, shown
from tasks.study import Study

_FORMS = "a .parquet, .csv, .npz or .npy file"


def inside(study: Study, key: str) -> Path:
    """The file that a key of the block names.

    Raises:
        SourceError: it is not there, or not inside `data`, so that DVC would not notice a change.
    """
    name, base = str(attrgetter(key)(own(study))), study.data_path
    where = f"studies.{study.name}.directions.{key}"
    if not base.is_dir():
        raise SourceError(
            f"{where}: wanted `data` to be a folder that holds texts and {key}, got "
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


def activations(
    study: Study, key: str = "activations"
) -> tuple[Path, pl.Series, list[str], Float[np.ndarray, "input unit"]]:
    """The file of activations: where it is, ids, names of units, activations.

    Args:
        study: that names it.
        key: of the block, under which it is named.

    Raises:
        SourceError: it is not there, or holds something else.
    """
    file, where = inside(study, key), f"studies.{study.name}.directions.{key}"
    if key == "activations" and own(study).ids is not None and file.suffix.lower() != ".npy":
        raise SourceError(
            f"studies.{study.name}.directions.ids: wanted with a .npy file alone, {shown(file)} has ids."
        )
    try:
        match file.suffix.lower():
            case ".parquet" | ".pq":
                return file, *_of_table(pl.read_parquet(file), own(study).id, file, where)
            case ".csv":
                table = pl.read_csv(file, infer_schema_length=None)
                return file, *_of_table(table, own(study).id, file, where)
            case ".npz":
                return file, *_of_archive(file, where)
            case ".npy" if key == "activations":
                return file, *_of_array(study, file, where)
    except (OSError, ValueError, EOFError, BadZipFile, pl.exceptions.PolarsError) as error:
        raise unreadable(file, where, error) from None
    raise SourceError(f"{where}: wanted {_FORMS}, got {file.name!r}.")


def unreadable(file: Path, where: str, error: Exception) -> SourceError:
    """What is said of a file that cannot be read: the first sentence of who tried."""
    told = " ".join(str(error).split()).partition(". ")[0].removesuffix(".")[:200]
    return SourceError(f"{where}: {shown(file)} cannot be read: {told}.")


def n_units(study: Study) -> int | None:
    """How many units the file of activations has; None where it cannot be read, which collect tells."""
    try:
        return len(activations(study)[2])
    except SourceError:
        return None


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


def _of_archive(file: Path, where: str) -> tuple[pl.Series, list[str], Float[np.ndarray, "input unit"]]:
    opened = np.load(file, allow_pickle=False)
    if isinstance(opened, np.ndarray):
        raise ValueError("it is one array, as in a .npy file")
    with opened as arrays:
        missing = {"ids", "activations"} - set(arrays.files)
        if missing:
            raise SourceError(
                f"{where}: wanted the arrays ids and activations in {shown(file)}, got "
                f"{listed(arrays.files)}."
            )
        ids, values = arrays["ids"], arrays["activations"]
        named = (
            arrays["units"] if "units" in arrays.files else np.arange(values.shape[-1] if values.ndim else 0)
        )
    _check_shape(values, ids.size, named.size, file, where)
    units = [str(one) for one in named.ravel()]
    if twice := [one for i, one in enumerate(units) if one in set(units[:i])]:
        raise SourceError(f"{where}: wanted each unit of {shown(file)} once, got {twice[0]!r} twice.")
    return pl.Series([str(one) for one in ids.ravel()]), units, values.astype(np.float64)


def _of_array(
    study: Study, file: Path, where: str
) -> tuple[pl.Series, list[str], Float[np.ndarray, "input unit"]]:
    if own(study).ids is None:
        raise SourceError(
            f"{where}: {shown(file)} names no rows. Write `ids: FILE` under directions, with the id of each "
            "row of it on a line."
        )
    try:
        ids = (of_ids := inside(study, "ids")).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise unreadable(of_ids, f"studies.{study.name}.directions.ids", error) from None
    values = np.load(file, mmap_mode="r", allow_pickle=False)
    if not isinstance(values, np.ndarray):
        raise ValueError("it is an archive, as .npz files are")
    _check_shape(values, len(ids), values.shape[-1] if values.ndim else 0, file, where)
    return (
        pl.Series(ids, dtype=pl.String),
        [str(i) for i in range(values.shape[1])],
        values.astype(np.float64),
    )


def _check_shape(values: np.ndarray, n_ids: int, n_units: int, file: Path, where: str) -> None:
    if values.ndim != 2 or values.shape != (n_ids, n_units):
        raise SourceError(
            f"{where}: wanted activations of {n_ids} ids x {n_units} units in {shown(file)}, got the "
            f"shape {values.shape}."
        )
    if values.dtype.kind not in "fiub":
        raise SourceError(f"{where}: wanted numbers in {shown(file)}, got {values.dtype}.")
