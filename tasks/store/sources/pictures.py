"""Pictures as rows: those of a folder, a glob, a zip, or of a column of a table.

Beside a picture that is a file, a text file of its name (`001.txt` beside `001.jpg`) is its caption.
"""

import base64
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePath
from typing import Any

import polars as pl
import polars.selectors as cs

from tasks.errors import SourceError
from tasks.store.sources import columns
from tasks.store.sources.places import INLINE, NUL
from tasks.store.sources.wording import reading, shown

ENDINGS = frozenset(
    f".{ending}"
    for ending in (
        *("avif", "bmp", "gif", "heic", "ico", "jp2", "jpe", "jpeg", "jpg", "pbm", "pgm", "png", "ppm"),
        *("svg", "tif", "tiff", "webp"),
    )
)
"""Names that promise a picture; the content tells what it is."""
PICTURE, PATH = "_picture", "_path"
"""Columns with the place of each picture (places.py), and how the user knows it."""
OF_PICTURES = cs.by_name(PICTURE, PATH, "media", require_all=False)
"""What rows that are pictures bring to collect, and other rows lack."""
_OF_SYSTEMS = frozenset({"Thumbs.db", "ehthumbs.db"})
"""What systems leave in folders of pictures; by its name it could be a database."""
CAPTION = ".txt"
"""Ends the name of a caption's file."""
_AT_ONCE = 50_000
"""Names that are kept as Python's, before they become a column."""


def found(
    base: Path,
    path: str | None,
    readable: frozenset[str],
    read: Callable[[Path], str],
    apart: Path | None = None,
) -> pl.DataFrame | None:
    """A row a picture of what `collect.path` names, by name; None where it names no pictures.

    Where files have captions, they are in a column `text`.

    Args:
        base: the study's data.
        path: a folder, zip, glob or picture inside it, or None for all of it.
        readable: endings of tables and texts.
        read: gives the text of a file.
        apart: a file that is read for another purpose.

    Raises:
        SourceError: a zip or folder cannot be looked into, a link leaves `base`, a name is no UTF-8, there
            are both pictures and other files that can be read, or a caption cannot be.
    """
    wanted = PurePath(path or ".")
    if wanted.is_absolute() or ".." in wanted.parts:
        return None
    try:
        rows = _found(base, path, base / wanted, readable, None if apart is None else os.fspath(apart))
    except (OSError, ValueError):
        # What cannot be looked at, or is no pattern, is told by whoever looks for texts there.
        return None
    is_zip = rows is not None and NUL in rows[PICTURE][0]
    return rows if rows is None or is_zip else _captioned(rows, base, read)


def _found(
    base: Path, path: str | None, place: Path, readable: frozenset[str], apart: str | None
) -> pl.DataFrame | None:
    if place.suffix.lower() == ".zip" and place.is_file():
        return _of_zip(place, base)
    if place.is_dir():
        files: Iterable[os.DirEntry[str] | Path] = walked(place)
    elif place.suffix.lower() in ENDINGS and place.is_file():
        files = [place]
    elif path and base.is_dir() and PurePath(path).suffix.lower() in {*ENDINGS, ".*", ""} and "*" in path:
        files = (one for one in base.glob(path) if one.is_file())
    else:
        return None
    return _of_files(files, base, readable, apart)


def _of_files(
    files: Iterable["os.DirEntry[str] | Path"], base: Path, readable: frozenset[str], apart: str | None
) -> pl.DataFrame | None:
    found, captions = _Names(), _Names()
    picture = other = ""
    top = base if base.is_dir() else base.parent
    for entry in files:
        ending = PurePath(entry.name).suffix.lower()
        if ending == CAPTION:
            captions.add(os.path.relpath(entry, top))
        elif ending in readable and entry.name not in _OF_SYSTEMS and os.fspath(entry) != apart:
            other = other or os.path.relpath(entry, top)
        if ending in ENDINGS:
            file = os.fspath(entry)
            _check(entry, Path(file), base)
            picture = os.path.relpath(file, top)
            found.add(picture)
        if picture and other:
            raise _both(base, picture, other)
    names, texts = found.column(), captions.column()
    alone = texts.filter(~_stem(texts).is_in(_stem(names).implode()))
    if len(names) and len(alone):
        raise _both(base, picture, alone.sort()[0])
    return _rows(names.sort(), f"{base}/")


class _Names:
    """Names of files, of which no more than some are kept as Python's."""

    def __init__(self) -> None:
        self._parts, self._held = list[pl.Series](), list[str]()

    def add(self, name: str) -> None:
        """One more."""
        self._held.append(name)
        if len(self._held) == _AT_ONCE:
            self._flush()

    def column(self) -> pl.Series:
        """All of them."""
        self._flush()
        return pl.concat(self._parts)

    def _flush(self) -> None:
        self._parts.append(pl.Series("file", self._held, dtype=pl.String))
        self._held = []


def _stem(names: pl.Series) -> pl.Series:
    return names.str.replace(r"\.[^./]*$", "")


def _captioned(rows: pl.DataFrame, base: Path, read: Callable[[Path], str]) -> pl.DataFrame:
    """The rows with what stands in the caption's file of each, as `text`; as they are where none has one."""
    top = base if base.is_dir() else base.parent
    said: list[str | None] = []
    for name in _stem(rows["file"]):
        file = top / f"{name}{CAPTION}"
        if there := file.is_file():
            _check(file, file, base)
        said.append(read(file).strip() if there else None)
    return rows.with_columns(text=pl.Series(said, dtype=pl.String)) if any(said) else rows


def _both(base: Path, picture: str, other: str) -> SourceError:
    """Which of them is meant would be a guess."""
    return SourceError(
        f"{shown(base)}: holds pictures and files of other formats ({picture}, {other}). Write under collect "
        f'path: "**/*{PurePath(picture).suffix}" for the pictures, path: "{other}" for the other (and '
        "picture: COLUMN where it names pictures), or move one of them away."
    )


def _rows(file: pl.Series, prefix: str) -> pl.DataFrame | None:
    if not len(file):
        return None
    inside = file.str.extract(r"^(.*)/[^/]*$").fill_null(".").alias("folder")
    name = file.str.extract(r"([^/]*)\.[^./]*$").alias("name")
    place = pl.select(pl.lit(prefix) + file).to_series().alias(PICTURE)
    return pl.DataFrame([place, file.alias(PATH), file.alias("file"), inside, name])


def _of_zip(file: Path, base: Path) -> pl.DataFrame:
    with reading(file, "a zip of pictures", "Unpack it, or pack a text format as .gz."):
        try:
            with zipfile.ZipFile(file) as packed:
                names = [one.filename for one in packed.infolist() if _is_picture(one)]
        except (zipfile.BadZipFile, NotImplementedError) as error:
            raise OSError(str(error)) from None
    rows = _rows(pl.Series("file", names, dtype=pl.String).sort(), f"{file}{NUL}")
    if rows is None:
        raise SourceError(
            f"{shown(file)}: wanted a zip of pictures, it has none. Unpack it, or pack a text format as .gz."
        )
    return rows


def _is_picture(member: zipfile.ZipInfo) -> bool:
    name = PurePath(member.filename)
    is_hidden = any(part.startswith((".", "__MACOSX")) for part in name.parts if part != "..")
    return not member.is_dir() and not is_hidden and name.suffix.lower() in ENDINGS


def walked(folder: Path) -> Iterator["os.DirEntry[str]"]:
    """Files below a folder, hidden ones aside, none of them kept."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    yield from walked(Path(entry.path))
                elif entry.is_file() or entry.is_symlink():
                    yield entry
    except OSError as error:
        raise SourceError(
            f"{shown(folder)}: wanted a folder that may be looked into, the system says: {error.strerror}. "
            "Check its permissions."
        ) from None


def _check(entry: "os.DirEntry[str] | Path", file: Path, base: Path) -> None:
    try:
        entry.name.encode()
    except UnicodeEncodeError:
        raise SourceError(
            f"{shown(file)}: wanted a file name in UTF-8, which DVC could not watch otherwise. Rename it."
        ) from None
    if entry.is_symlink() and not file.resolve().is_relative_to(base.resolve()):
        raise SourceError(f"{shown(file)}: links out of the data folder {shown(base)}. Put a copy there.")


def placed(rows: pl.DataFrame, file: Path, column: str, where: str) -> pl.DataFrame:
    """The rows of a table, with the place and name of the picture that a column holds.

    Args:
        rows: of `file`.
        file: whose folder paths are relative to.
        column: of paths, data URIs or bytes.
        where: the key that names the column, for errors.

    Raises:
        SourceError: there is no such column, or it holds something else.
    """
    if PICTURE in rows.columns:
        return rows
    cells = columns.column_named(rows, column, shown(file), where)
    if cells.dtype == pl.Binary:
        cells = cells.map_elements(_as_uri, return_dtype=pl.String)
    elif not isinstance(cells.dtype, (pl.String, pl.Categorical, pl.Enum, pl.Null)):
        raise SourceError(
            f"{where}: wanted paths, bytes or data URIs in column {column!r} of {shown(file)}, got "
            f"{cells.dtype}. Name another column."
        )
    said = pl.col("said").cast(pl.String).str.strip_chars().str.replace_all(NUL, "\ufffd", literal=True)
    said = pl.when(said != "").then(said)
    is_inline, is_whole = said.str.starts_with(INLINE), said.str.starts_with("/")
    inside = pl.lit(f"{file.parent}/") + said
    return rows.hstack(
        pl.select(said=cells)
        .with_row_index("row", offset=1)
        .select(
            pl.when(is_inline | is_whole).then(said).otherwise(inside).alias(PICTURE),
            pl.when(is_inline).then(None).otherwise(said).fill_null(_row(file)).alias(PATH),
        )
    )


def read_parquet(file: Path, column: str) -> pl.DataFrame | None:
    """The rows of a Parquet file whose column holds bytes, which stay there; None where it holds others.

    Bytes may be in a struct {bytes, path}, as Hugging Face has them. Other columns of bytes stay there, too.
    """
    import pyarrow.parquet as pq

    with reading(file, "Parquet", "Write it again; it looks damaged or cut off."):
        schema = pl.read_parquet_schema(file)
        dtype = schema.get(column)
        fields = _fields(dtype)
        if dtype is None or not _holds_bytes(dtype):
            return None
        leaf = f"{column}.bytes" if fields else column
        others = [name for name, one in schema.items() if _holds_bytes(one)]
        rows = pl.scan_parquet(file, glob=False).drop(others).with_row_index("_row", offset=1).collect()
        name = pl.Series([None] * rows.height, dtype=pl.String)
        if fields.get("path") == pl.String:
            table = pq.ParquetFile(file).read(columns=[f"{column}.path"])
            name = pl.Series(
                [cell["path"] if cell else None for cell in table[column].to_pylist()], dtype=pl.String
            )
        cell = pl.lit(f"{file}{NUL}{leaf}{NUL}") + (pl.col("_row") - 1).cast(pl.String)
        named = pl.col("_name").fill_null(_row(file, "_row"))
        return (
            rows.with_columns(cell.alias(PICTURE), _name=name)
            .with_columns(named.alias(PATH))
            .drop("_row", "_name")
        )


def _fields(dtype: pl.DataType | None) -> dict[str, Any]:
    return {one.name: one.dtype for one in dtype.fields} if isinstance(dtype, pl.Struct) else {}


def _holds_bytes(dtype: pl.DataType) -> bool:
    return dtype == pl.Binary or _fields(dtype).get("bytes") == pl.Binary


def _row(file: Path, row: str = "row") -> pl.Expr:
    """How a row is called whose picture has no name."""
    return pl.format("{} row {}", pl.lit(file.name), pl.col(row))


def _as_uri(data: bytes) -> str:
    return f"{INLINE};base64,{base64.b64encode(data).decode()}"
