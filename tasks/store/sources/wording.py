"""How an error names a file, a column or a value, so that the user knows where and what to write."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from tasks import paths
from tasks.errors import SourceError

AT_MOST_LISTED = 12


def shown(path: Path) -> str:
    """The path as the user would write it: relative to the project where it lies inside."""
    try:
        return path.absolute().relative_to(paths.root().absolute()).as_posix()
    except ValueError:
        return path.as_posix()


def listed(names: Iterable[object]) -> str:
    """The first dozen names, and how many more."""
    every = [str(name) for name in names]
    more = f", and {len(every) - AT_MOST_LISTED} more" if len(every) > AT_MOST_LISTED else ""
    return (", ".join(every[:AT_MOST_LISTED]) or "(none)") + more


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
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, EOFError) as error:
        what = error.strerror if isinstance(error, OSError) and error.strerror else first_line(error)
        raise SourceError(f"{shown(file)}: wanted {wanted}, cannot be read: {what}. {advice}") from None
