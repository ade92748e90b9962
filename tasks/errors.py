"""Every error a user can meet, and the exit code each one ends with.

    NatstatError                     1   anything of ours; never raised itself
    +-- ParamsError                 10   params.yaml says something that cannot be meant
    +-- SourceError                 11   a file, column or query that cannot be read
    +-- CorpusError                 12   the texts cannot answer the question (empty, one-sided, too few)
    +-- SplitError                  13   exploration and confirmation share a text
    +-- FrozenError                 14   something was tested that had not been frozen
    +-- GuardError                  15   a Great Expectations suite was breached
    +-- EngineError                 16   a proposer, judge or encoder failed; has .retryable and .hint
    +-- StoreError                  17   disk, permission or database
    +-- MissingStageError           18   an earlier stage has not run
    +-- JudgeError                  19   the judge is no better than chance at questions with known answers
    +-- MismatchError               20   what is stored is not what it was made from

A message says what was wanted, what came, where, and what to do. User errors print without a
traceback (`tasks/__main__.py`); anything outside this tree is a bug and prints one.
"""

import difflib
import errno
from collections.abc import Iterable
from typing import ClassVar

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What an operating system says of a disk, a quota or a limit of size without room."""
CLOSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
"""What it says of a missing permission."""


class NatstatError(Exception):
    """An error whose message is meant for the user."""

    exit_code: ClassVar[int] = 1


class ParamsError(NatstatError):
    """params.yaml holds an unknown key, a wrong type or an impossible value."""

    exit_code = 10


class SourceError(NatstatError):
    """A source is missing, unreadable, or lacks a named column."""

    exit_code = 11


class CorpusError(NatstatError):
    """The texts that were read cannot support the study."""

    exit_code = 12


class SplitError(NatstatError):
    """A text stands in both the exploration and the confirmation half."""

    exit_code = 13


class FrozenError(NatstatError):
    """A predicate, verdict or score does not match what formalise froze."""

    exit_code = 14


class GuardError(NatstatError):
    """A data check before writing or recording failed."""

    exit_code = 15


class EngineError(NatstatError):
    """A proposer, judge, rater or encoder failed."""

    exit_code = 16

    def __init__(
        self, message: str, *, retryable: bool = False, hint: str = "", out_of_budget: bool = False
    ) -> None:
        super().__init__(f"{message} {hint}".strip())
        self.retryable = retryable
        self.hint = hint
        self.out_of_budget = out_of_budget


class StoreError(NatstatError):
    """A folder or database cannot be written or read."""

    exit_code = 17


class MissingStageError(NatstatError):
    """A stage was asked for before the one it reads from."""

    exit_code = 18


class JudgeError(NatstatError):
    """The judge is not good enough to be trusted with the study."""

    exit_code = 19


class MismatchError(NatstatError):
    """A stored row, file or figure is not what it was made from."""

    exit_code = 20


def nearest(name: str, known: Iterable[object]) -> str:
    """`; did you mean X?`, or nothing where no known name is close."""
    by_lower = {str(k).lower(): str(k) for k in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    return f"; did you mean `{by_lower[close[0]]}`?" if close else ""
