"""Progress of long work, on standard error: a bar on a terminal, a line now and then in a log."""

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TextIO, TypeVar, cast

from tqdm import tqdm

from tasks import terminal

T = TypeVar("T")

SHOW_AFTER_S = 2.0
"""Work that is sooner over has no bar."""
DRAW_EVERY_S = 0.1
LINE_EVERY_S = 60.0
"""How often a bar is a line in a log."""
_BAR = "{desc}{note} |{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}]"
_LINE = "{desc}{note}: {n_fmt}/{total_fmt} [{elapsed}<{remaining}]"


class Advance(Protocol):
    """Moves a bar on."""

    def __call__(self, steps: int = 1, note: Callable[[], str] | None = None) -> None:
        """Moves it on by some steps, with a note behind the description, made only where it is seen."""
        ...


class _Bar(tqdm):  # type: ignore[misc] # has no stubs
    """A bar with a note."""

    monitor_interval = 0
    """No thread that draws: every step looks at the clock."""
    note: Callable[[], str] | None = None

    @property
    def format_dict(self) -> dict[str, Any]:
        """What the line is written from, asked for whenever it is written."""
        return {**super().format_dict, "note": f" ({self.note()})" if self.note else ""}

    def display(self, msg: str | None = None, pos: int | None = None) -> bool:
        """Draws the bar once it is due, and keeps when: it is wiped only where it was drawn."""
        if self._time() < self.start_t + self.delay:
            return False
        self.last_print_t = self._time()
        return bool(super().display(msg, pos))


class _Screen:
    """Stands for standard error while bars are on a terminal: lines written to it go above them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_bars = 0
        self._terminal: TextIO = sys.stderr
        self._kept: TextIO = sys.stderr
        self._line = ""

    def join(self) -> TextIO:
        """The terminal, for one bar more."""
        with self._lock:
            if not self._n_bars:
                self._kept, sys.stderr = sys.stderr, cast(TextIO, self)
                self._terminal = terminal.unfiltered(self._kept)
            self._n_bars += 1
            return self._terminal

    def leave(self) -> None:
        """Gives standard error back with the last bar."""
        with self._lock:
            self._n_bars -= 1
            if not self._n_bars:
                sys.stderr = self._kept
                sys.stderr.write(self._line)
                self._line = ""

    def draw(self) -> None:
        """Draws every bar that is due: one around others may not have moved yet."""
        for shown in _Bar._instances.copy():
            shown.refresh()

    def write(self, text: str) -> int:
        """Keeps what is no whole line yet: bars are drawn in the line below."""
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            _Bar.write(terminal.plain(line, self._terminal.encoding or "utf-8"), file=self._terminal)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._terminal, name)


class _Log:
    """A file that bars are written to: every state is a line, without the signs that move a cursor."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        """Writes a line where there is any text."""
        if line := text.strip():
            self._file.write(f"{line}\n")

    def flush(self) -> None:
        """Hands on what was written."""
        self._file.flush()


_Bar.set_lock(threading.RLock())  # bars of one process
_screen = _Screen()


@contextmanager
def bar(description: str, total: int | None) -> Iterator[Advance]:
    """Gives a function that advances a bar; None: nobody knows how far."""
    on_terminal = sys.stderr.isatty()
    if on_terminal:
        shown = _Bar(
            desc=description, total=total, file=_screen.join(), bar_format=_BAR, leave=False,
            delay=SHOW_AFTER_S, mininterval=DRAW_EVERY_S, miniters=1, dynamic_ncols=True,
        )  # fmt: skip
    else:
        shown = _Bar(
            desc=description, total=total, file=_Log(sys.stderr), bar_format=_LINE, position=0,
            delay=LINE_EVERY_S, mininterval=LINE_EVERY_S, miniters=1,
        )  # fmt: skip

    def advance(steps: int = 1, note: Callable[[], str] | None = None) -> None:
        with shown.get_lock():
            shown.note = note or shown.note
            if shown.update(steps) and on_terminal:
                _screen.draw()

    try:
        yield advance
    finally:
        # A log has a last line for work that had one before, unless it was the last already.
        shown.leave = not on_terminal and shown.n > shown.last_print_n
        shown.close()
        if on_terminal:
            _screen.leave()


def track(items: Iterable[T], description: str, total: int) -> Iterator[T]:
    """The items, with a bar."""
    with bar(description, total) as advance:
        for item in items:
            yield item
            advance()
