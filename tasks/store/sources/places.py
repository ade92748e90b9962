"""The bytes of pictures, one at a time, wherever they are: a file, a zip, a cell of a table.

A place is a string: a path; `ZIP NUL MEMBER`; `PARQUET NUL COLUMN NUL ROW`; or a data URI, which is its own.
"""

import base64
import binascii
import hashlib
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import polars as pl

MOST_MB = 512
"""A file of more is no picture that is read."""
NUL = "\0"
"""Between the parts of a place: no path may hold it."""
INLINE = "data:"
_OF_PACKERS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, KeyError, MemoryError, struct.error
)  # fmt: skip
"""What unpacking a damaged member raises."""
_AT_ONCE = 32
"""Rows of a Parquet file that are held."""


class _Unreadable(Exception):
    """What is wrong, in words that follow the picture's name."""


def each(places: Iterable[str | None], base: Path) -> Iterator[bytes | str]:
    """The bytes of each picture, or in words that follow its name what is wrong with it.

    Args:
        places: in the order of the sources it is fastest; null where a row names none.
        base: the study's data; what lies outside is not read, whatever a table or link says.
    """
    top, packed = base.resolve(), _Packed()
    for place in places:
        try:
            yield _of(place, top, packed)
        except _Unreadable as error:
            yield str(error)
        except (OSError, ValueError, RuntimeError) as error:
            yield f"cannot be read ({getattr(error, 'strerror', None) or 'no file may be called so'})"


def media(places: pl.Series, base: Path) -> pl.Series:
    """The hex SHA-256 of the bytes at each place, `media`; null where there are none."""
    found = (None if isinstance(data, str) else media_of(data) for data in each(places, base))
    return pl.Series("media", found, dtype=pl.String)


def are_paths(places: pl.Series) -> bool:
    """Whether a picture is a file of its own."""
    return bool((~places.str.starts_with(INLINE) & ~places.str.contains(NUL, literal=True)).any())


def media_of(data: bytes) -> str:
    """What a picture is called by: the hex SHA-256 of its bytes."""
    return hashlib.sha256(data).hexdigest()


def _of(place: str | None, top: Path, packed: "_Packed") -> bytes:
    if place is None:
        raise _Unreadable("is not named")
    if place.startswith(INLINE):
        return _inline(place)
    file, *inside = place.split(NUL)
    if "://" in file:
        raise _Unreadable("is an address: nothing is fetched")
    found = Path(file).resolve()
    if not found.is_relative_to(top):
        raise _Unreadable("lies outside the data folder")
    if not found.exists():
        raise _Unreadable("is not there")
    # A pipe or a device has no end.
    if not found.is_file():
        raise _Unreadable("is no file")
    if inside:
        return packed.of(found, *inside)
    _check_size(found.stat().st_size)
    return found.read_bytes()


def _check_size(n_bytes: int) -> None:
    if n_bytes > MOST_MB * 2**20:
        raise _Unreadable(f"is larger than {MOST_MB} MB")


def _inline(uri: str) -> bytes:
    """What a data URI holds (RFC 2397); what it says of its format is not believed."""
    head, comma, body = uri.partition(",")
    if not comma:
        raise _Unreadable("is no whole data URI")
    if not head.rstrip().lower().endswith(";base64"):
        return unquote_to_bytes(body)
    try:
        return base64.b64decode(unquote_to_bytes(body), validate=True)
    except binascii.Error:
        raise _Unreadable("is no whole data URI") from None


class _Packed:
    """Pictures of the zip and of the Parquet column that were asked for last."""

    def __init__(self) -> None:
        self._zip: tuple[Path, zipfile.ZipFile] | None = None
        self._column: _Column | None = None

    def of(self, file: Path, name: str, row: str | None = None) -> bytes:
        """A member of a zip, or a cell of a Parquet file."""
        if row is None:
            return self._member(file, name)
        if self._column is None or not self._column.leads_to(file, name, int(row)):
            self._column = _Column(file, name)
        return self._column.at(int(row))

    def _member(self, file: Path, name: str) -> bytes:
        try:
            if self._zip is None or self._zip[0] != file:
                self._zip = file, zipfile.ZipFile(file)
        except zipfile.BadZipFile:
            raise _Unreadable("is damaged in its zip") from None
        try:
            _check_size(self._zip[1].getinfo(name).file_size)
            with self._zip[1].open(name) as member:
                data = member.read(MOST_MB * 2**20 + 1)
        except _OF_PACKERS:
            raise _Unreadable("is damaged in its zip") from None
        except (NotImplementedError, RuntimeError):
            raise _Unreadable("is encrypted or packed in a way that is not read") from None
        _check_size(len(data))
        return data


class _Column:
    """A column of bytes of a Parquet file, read forward, a few rows at a time."""

    def __init__(self, file: Path, name: str) -> None:
        import pyarrow.parquet as pq

        self._file, self._name = file, name
        table = pq.ParquetFile(file, pre_buffer=False, buffer_size=2**20)
        self._batches = table.iter_batches(batch_size=_AT_ONCE, columns=[name])
        self._first = 0
        self._cells: Any = []

    def leads_to(self, file: Path, name: str, row: int) -> bool:
        """Whether reading on gives that cell."""
        return (file, name) == (self._file, self._name) and row >= self._first

    def at(self, row: int) -> bytes:
        """The cell of that row, counted from 0."""
        while row >= self._first + len(self._cells):
            self._first += len(self._cells)
            cells = next(self._batches).column(0)
            self._cells = cells.field(0) if self._name.endswith(".bytes") and cells.type.num_fields else cells
        cell = self._cells[row - self._first].as_py()
        if cell is None:
            raise _Unreadable("is not there")
        _check_size(len(cell))
        return bytes(cell)
