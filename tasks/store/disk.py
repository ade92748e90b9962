"""What is written on a disk that may be full, closed to us or shared: temporary copies, and errors told.

A copy is called `.NAME.PID@HOST.tmp` and lies beside the place that it will take. Who was killed leaves it;
the next one who writes in that folder sweeps it, if its writer is known to be dead.
"""

import errno
import os
import platform
import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from tasks import paths
from tasks.errors import CLOSED, FULL, MissingStageError, StoreError

_HOST = re.sub(r"[^\w-]", "-", platform.node()) or "unnamed"
_DAY_S = 86_400.0
_HERE, _EXCHANGE = -100, 2
"""AT_FDCWD and RENAME_EXCHANGE of Linux's renameat2(2)."""
LINGER_S = 0.05
"""Who has just opened a folder that is replaced lists its files before they go."""
_FULL = re.compile(
    r"no space left|disk is full|quota exceeded|file too large|requested and \d+ written", re.I
)
_BUSY = re.compile(
    r"could not set lock|database (?:table )?is locked|file lock .* could not be acquired", re.I | re.S
)
_MISSING = re.compile(r"no such file or directory|no files found that match", re.I)
_CLOSED = re.compile(
    r"permission denied|read-only file system|readonly database|operation not permitted", re.I
)


def is_full(error: BaseException) -> bool:
    """Whether a disk, a quota or a limit of size has no room; libraries tell it in words alone."""
    return getattr(error, "errno", None) in FULL or bool(_FULL.search(str(error)))


def is_closed(error: BaseException) -> bool:
    """Whether a permission is missing."""
    return getattr(error, "errno", None) in CLOSED or bool(_CLOSED.search(str(error)))


def is_busy(error: BaseException) -> bool:
    """Whether somebody else holds a file at the moment: DuckDB's, SQLite's, or one that is a lock."""
    return bool(_BUSY.search(str(error)))


def is_missing(error: BaseException) -> bool:
    """Whether DuckDB lacks a file that a view reads: its folder is being replaced, or was deleted."""
    return bool(_MISSING.search(str(error)))


def advice(error: BaseException) -> str:
    """What to do about an error of the disk."""
    if is_full(error):
        return "Free space, then rerun: what is finished is not done again."
    if is_closed(error):
        return "Give read and write permission there, then rerun."
    return "Free space or permissions, then rerun."


def told(error: BaseException) -> str:
    """What went wrong, in a line."""
    if isinstance(error, OSError) and error.errno is not None and error.strerror:
        return error.strerror
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".!") if lines else type(error).__name__


@contextmanager
def reported(place: Path | str) -> Iterator[None]:
    """Turns what the disk, or a library that writes to it, says into one error.

    Raises:
        StoreError: the place cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise unwritable(place, error) from error


@contextmanager
def writing_parquet() -> Iterator[None]:
    """Gives Polars' errors the number that the disk gave: it keeps the words alone.

    Raises:
        OSError: the file cannot be written.
    """
    try:
        yield
    except pl.exceptions.PolarsError as error:
        full = is_full(error) or "transport error" in str(error)
        number = errno.EACCES if is_closed(error) else errno.ENOSPC if full else errno.EIO
        raise OSError(number, os.strerror(number)) from error


@contextmanager
def damage_reported(place: Path) -> Iterator[None]:
    """Turns what Polars says of a damaged file that is read only while its rows are used into one error.

    Raises:
        StoreError: a Parquet file there is damaged.
    """
    try:
        yield
    except pl.exceptions.ComputeError as error:
        if not str(error).lower().startswith(("parquet:", "file out of specification")):
            raise
        raise StoreError(
            f"{place}: wanted sound Parquet, got: {told(error)}. Delete the folder of the stage "
            "before, or all of them, and run `dvc repro`."
        ) from error


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Turns what goes wrong while a stage's file is read into one error.

    Raises:
        MissingStageError: it is not there.
        StoreError: it is damaged, or may not be read.
    """
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise FileNotFoundError
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise MissingStageError(
            f"{file}: wanted from an earlier stage, not there. Run `dvc repro` or the stages before."
        ) from None
    except (pl.exceptions.PolarsError, OSError, ValueError, EOFError) as error:
        if is_closed(error):
            raise StoreError(f"{file}: cannot be read: {told(error)}. {advice(error)}") from error
        stage = file.parent.name
        raise StoreError(
            f"{file}: damaged ({told(error)}). Delete {stage} and rerun its stage, or `dvc repro`."
        ) from None


def unwritable(place: Path | str, error: BaseException) -> StoreError:
    """The error of a place that cannot be written."""
    return StoreError(f"{place}: cannot be written: {told(error)}. {advice(error)}")


def copy_beside(place: Path) -> Path:
    """The name of this process's copy; what the killed left in that folder is swept."""
    sweep(place.parent)
    return place.with_name(f".{place.name}.{os.getpid()}@{_HOST}.tmp")


def sweep(folder: Path) -> None:
    """Removes copies that the killed left there; another machine's are never known to be dead."""
    for copy in folder.glob(".*.tmp*"):
        if _is_left(copy):
            remove(copy)


def put_in_place(copy: Path, folder: Path) -> None:
    """Makes the copy of a folder the folder; what was there is removed, in its place or in that of the copy.

    Readers find the one or the other where the system can exchange two names in one step. Where it cannot,
    there is a moment without the folder.
    """
    # A folder that is closed to us is somebody's wish: below it is an error.
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK) and _have_changed_places(copy, folder):
        time.sleep(LINGER_S)
        remove(copy)
        return
    shutil.rmtree(folder, ignore_errors=True)
    copy.rename(folder)


def _have_changed_places(one: Path, other: Path) -> bool:
    """Exchanges the names of two folders, as Linux does on most file systems; False where it is not done."""
    import ctypes

    try:
        renameat2 = ctypes.CDLL(None).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    return bool(renameat2(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0)


def remove(place: Path) -> None:
    """Removes a file or a folder, if it is there and may be removed."""
    try:
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink(missing_ok=True)
    except OSError:
        return


def _is_left(copy: Path) -> bool:
    named = paths.COPY.fullmatch(copy.name)
    if not named:
        return False
    pid, host = int(named[1]), named[2]
    if host is None:
        # An earlier release did not say on which machine: after a day it is nobody's.
        try:
            if time.time() - copy.stat().st_mtime < _DAY_S:
                return False
        except OSError:
            return False
    return host in {None, _HOST} and not _is_alive(pid)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
