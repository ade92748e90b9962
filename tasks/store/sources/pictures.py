"""Where pictures are: those of a folder as rows, and the bytes of each, one at a time."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

import polars as pl

from tasks.errors import SourceError
from tasks.store.sources.wording import shown

ENDINGS = frozenset(
    f".{ending}"
    for ending in (
        *("avif", "bmp", "gif", "heic", "ico", "jp2", "jpe", "jpeg", "jpg", "pbm", "pgm", "png", "ppm"),
        *("svg", "tif", "tiff", "webp"),
    )
)
"""Names that promise a picture; the content tells what it is."""
PICTURE, PATH = "_picture", "_path"
"""Columns with the place of each picture, by which `each` finds it, and how the user knows it."""
MOST_MB = 512
"""A file of more is no picture that is read."""
_AT_ONCE = 50_000


def rows_of(folder: Path, base: Path, readable: frozenset[str]) -> pl.DataFrame | None:
    """A row a picture of the folder, by name: picture, file and folder; None where it holds other files.

    Args:
        folder: what is looked through, with all folders in it.
        base: what `file` is told from.
        readable: endings of tables and texts; a folder with one is no folder of pictures.

    Raises:
        SourceError: a link leaves `base`, or a name is no UTF-8.
    """
    parts: list[pl.Series] = []
    names: list[str] = []
    for entry in _files(folder):
        ending = PurePath(entry.name).suffix.lower()
        if ending in readable:
            return None
        if ending in ENDINGS:
            _check(entry, base)
            names.append(os.path.relpath(entry.path, base))
        if len(names) == _AT_ONCE:
            parts.append(pl.Series("file", names, dtype=pl.String))
            names = []
    file = pl.concat([*parts, pl.Series("file", names, dtype=pl.String)]).sort()
    if not len(file):
        return None
    inside = file.str.extract(r"^(.*)/[^/]*$").fill_null(".")
    place = pl.select(pl.lit(f"{base}/") + file).to_series()
    return pl.DataFrame({PICTURE: place, PATH: file, "file": file, "folder": inside})


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Files below a folder, hidden ones aside, none of them kept."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    yield from _files(Path(entry.path))
                elif entry.is_file() or entry.is_symlink():
                    yield entry
    except OSError as error:
        raise SourceError(
            f"{shown(folder)}: wanted a folder that may be looked into, the system says: {error.strerror}. "
            "Check its permissions."
        ) from None


def _check(entry: os.DirEntry[str], base: Path) -> None:
    try:
        entry.name.encode()
    except UnicodeEncodeError:
        raise SourceError(
            f"{shown(Path(entry.path))}: wanted a file name in UTF-8, which DVC could not watch otherwise. "
            "Rename it."
        ) from None
    if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(base.resolve()):
        raise SourceError(
            f"{shown(Path(entry.path))}: links out of the data folder {shown(base)}. Put a copy there."
        )


def each(places: Iterable[str], base: Path) -> Iterator[bytes | str]:
    """The bytes of each picture, or in words that follow its name what is wrong with its file.

    Args:
        places: of column PICTURE; in the order of the sources it is fastest.
        base: the study's data; what lies outside is not read, whatever a table or link says.
    """
    top = base.resolve()
    for place in places:
        yield _of_file(Path(place), top)


def hashed_bytes(places: pl.Series, base: Path) -> pl.Series:
    """The hex SHA-256 of the bytes at each place, `media`; null where there are none."""
    found = (None if isinstance(data, str) else media_of(data) for data in each(places, base))
    return pl.Series("media", found, dtype=pl.String)


def media_of(data: bytes) -> str:
    """What a picture is called by: the hex SHA-256 of its bytes."""
    return hashlib.sha256(data).hexdigest()


def _of_file(place: Path, top: Path) -> bytes | str:
    try:
        file = place.resolve()
        if not file.is_relative_to(top):
            return "lies outside the data folder"
        if not file.exists():
            return "is not there"
        # A pipe or a device has no end.
        if not file.is_file():
            return "is no file"
        if file.stat().st_size > MOST_MB * 2**20:
            return f"is larger than {MOST_MB} MB"
        return file.read_bytes()
    except (OSError, ValueError, RuntimeError) as error:
        return f"cannot be read ({getattr(error, 'strerror', None) or 'no file may be called so'})"
