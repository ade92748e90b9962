"""How an error names a file, a column or a value, so that the user knows where and what to write."""

import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import polars as pl

from tasks import paths
from tasks.errors import SourceError

AT_MOST_LISTED = 12
_AT_MOST_CHARS = 100


def shown(path: Path) -> str:
    """The path as the user would write it: relative to the project where it lies inside."""
    with suppress(ValueError):
        path = path.absolute().relative_to(paths.root().absolute())
    # A name that is no UTF-8 is shown with its bytes.
    return os.fsencode(path.as_posix()).decode(errors="backslashreplace")


def listed(names: Iterable[object]) -> str:
    """The first dozen names, and how many more."""
    every = [printable(str(name)) for name in names]
    more = f", and {len(every) - AT_MOST_LISTED} more" if len(every) > AT_MOST_LISTED else ""
    return (", ".join(every[:AT_MOST_LISTED]) or "(none)") + more


def printable(name: str) -> str:
    """The name, or its beginning, in one line and without what would steer a terminal."""
    clean = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in name[:_AT_MOST_CHARS])
    return clean if len(name) <= _AT_MOST_CHARS else f"{clean}..."


def first_line(error: BaseException) -> str:
    """What a library says, without its advice to programmers."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


@contextmanager
def reading(file: Path, wanted: str, advice: str) -> Iterator[None]:
    """Turns whatever a reader raises about the file into one SourceError.

    Raises:
        SourceError: the file cannot be read as what its name promises.
    """
    try:
        yield
    except pl.exceptions.NoDataError:
        raise SourceError(f"{shown(file)}: wanted {wanted}, the file is empty.") from None
    # A panic of the Rust side derives from BaseException; a damaged file must not look like a bug of ours.
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, EOFError, zlib.error) as error:
        what = error.strerror if isinstance(error, OSError) and error.strerror else first_line(error)
        raise SourceError(f"{shown(file)}: wanted {wanted}, cannot be read: {what}. {advice}") from None
