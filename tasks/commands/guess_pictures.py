"""Where the pictures of a file or folder are: files of their own, or cells of a column (`natstat new`)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import polars as pl

from tasks import paths
from tasks.commands import guess
from tasks.errors import ParamsError
from tasks.store.sources import locate, pictures
from tasks.store.sources.places import INLINE
from tasks.store.sources.wording import listed, shown

_TABLES = frozenset({"csv", "jsonl", "json", "parquet", "ipc"})
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")
"""Of the bytes of files in common formats."""
_LOOKED_AT = 20
"""Cells of a column that are looked at."""


PLACES = (pictures.PICTURE, pictures.PATH)
"""Columns of rows that are pictures, which no file has."""


@dataclass(frozen=True)
class Place:
    """What `data` and `collect` must name so that pictures are read."""

    data: Path
    collect: dict[str, Any]
    """`picture` and `path`; empty where pictures are files of their own, or there are none."""


def table_of(place: Path) -> Path:
    """The one table of a folder that holds pictures, too; else the place itself.

    Raises:
        ParamsError: there are several.
    """
    if not place.is_dir() or not any(_is_picture(entry.name) for entry in pictures.walked(place)):
        return place
    tables = sorted(one for one in place.iterdir() if one.is_file() and locate.format_of(one) in _TABLES)
    if len(tables) > 1:
        raise ParamsError(
            f"{shown(place)}: wanted pictures, or one table that names them; got "
            f"{listed([one.name for one in tables])}. Write natstat new with one of these files."
        )
    return tables[0] if tables else place


def place_of(table: Path, rows: pl.DataFrame) -> Place:
    """The column of pictures of a table, and what holds them.

    Args:
        table: the file.
        rows: its rows, or the first of them.

    Raises:
        ParamsError: pictures lie beside the table in the project's own folder, of which all would be read.
    """
    for column in rows.columns:
        cells = rows[column].drop_nulls().head(_LOOKED_AT)
        if _are_bytes(cells) or _are_inline(cells):
            return Place(table, {"picture": column})
        if _are_files(cells, table.parent):
            if table.parent == paths.root():
                raise ParamsError(
                    f"{table.name}: wanted a folder of their own for the table and its pictures, they lie in "
                    "the project folder. Move both into a new one."
                )
            return Place(table.parent, {"path": table.name, "picture": column})
    return Place(table, {})


def are_pictures(rows: pl.DataFrame) -> bool:
    """Whether they are."""
    return pictures.PICTURE in rows.columns


def are_files(entry: Mapping[str, Any], rows: pl.DataFrame) -> bool:
    """Whether they are pictures that are files of their own."""
    return are_pictures(rows) and "picture" not in entry.get("collect", {})


def is_one_pile(entry: Mapping[str, Any], rows: pl.DataFrame, asked: Mapping[str, Any]) -> bool:
    """Whether no folder tells them apart, and nothing is asked that would."""
    is_told = bool(asked.get("group")) or not are_files(entry, rows)
    return not is_told and not 2 <= rows["folder"].n_unique() <= guess.MOST_GROUPS


def comment(entry: Mapping[str, Any], rows: pl.DataFrame) -> str:
    """What is told of pictures above the entry in params.yaml; empty of texts."""
    if not are_pictures(rows):
        return ""
    if column := entry.get("collect", {}).get("picture"):
        return (
            f"Rows are the pictures of column {column}; `text` would be their captions. See docs/pictures.md."
        )
    n_folders = rows["folder"].n_unique()
    if 2 <= n_folders <= guess.MOST_GROUPS:
        return f"Pictures in {n_folders} folders; `group: folder` goes by these. See docs/pictures.md."
    return "One pile of pictures. For two of them name two folders, zips or globs: see docs/pictures.md."


def first_rows(table: Path) -> pl.DataFrame | None:
    """The first rows of a Parquet file, whose bytes would be many; None of another."""
    if locate.format_of(table) != "parquet" or not table.is_file():
        return None
    return pl.scan_parquet(table, glob=False).head(_LOOKED_AT).collect()


def _are_bytes(cells: pl.Series) -> bool:
    if isinstance(cells.dtype, pl.Struct) and "bytes" in {field.name for field in cells.dtype.fields}:
        cells = cells.struct.field("bytes").drop_nulls()
    return cells.dtype == pl.Binary and _most(one.startswith(_BEGINNINGS) for one in cells)


def _are_inline(cells: pl.Series) -> bool:
    return cells.dtype == pl.String and _most(one.startswith(f"{INLINE}image/") for one in cells)


def _are_files(cells: pl.Series, folder: Path) -> bool:
    """Whether they name pictures that are there."""
    return (
        cells.dtype == pl.String
        and _most(map(_is_picture, cells))
        and _most((folder / one).is_file() for one in cells)
    )


def _most(said: Iterable[bool]) -> bool:
    held = list(said)
    return sum(held) > len(held) / 2


def _is_picture(name: str) -> bool:
    return PurePath(name).suffix.lower() in pictures.ENDINGS
