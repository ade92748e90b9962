"""Files that are pictures: a folder or glob of them as rows, and the bytes of each, one at a time."""

import os
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from tasks.errors import SourceError
from tasks.store.sources.wording import shown

ENDINGS = frozenset(
    ".jpg .jpeg .jpe .png .gif .webp .bmp .tif .tiff .avif .jp2 .ppm .pgm .pbm .ico .svg .heic".split()
)
"""Names that promise a picture; the content tells what it is."""
PICTURE = "_picture"
"""Column with the place of each picture, from the file's root."""
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
        ending = os.path.splitext(entry.name)[1].lower()
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
    return pl.DataFrame({PICTURE: place, "file": file, "folder": inside})


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


def bytes_of(place: str) -> bytes | None:
    """What the file holds; None where it cannot be read."""
    try:
        return Path(place).read_bytes()
    except OSError:
        return None
