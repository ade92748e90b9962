"""Progress bars on work of more than two seconds; silent when nobody watches."""

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")

SHOW_AFTER_S = 2.0
_NOTE_EVERY_S = 0.2


class Advance(Protocol):
    """Moves a bar on."""

    def __call__(self, steps: int = 1, note: Callable[[], str] | None = None) -> None:
        """Moves it on by some steps, with a note behind the description, made only where it is seen."""
        ...


class _Screen:
    """All bars of the process in one display: two displays would write over each other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._progress: Progress | None = None
        self._n_bars = 0
        self._began_at = 0.0
        self._is_shown = False

    def join(self) -> "Progress":
        """The display; a new one where there is no other bar."""
        with self._lock:
            if self._progress is None:
                self._progress, self._began_at, self._is_shown = _display(), time.monotonic(), False
            self._n_bars += 1
            return self._progress

    def show_if_long(self) -> None:
        """Shows the display once the oldest bar has been there for two seconds."""
        with self._lock:
            if self._progress and not self._is_shown and time.monotonic() - self._began_at > SHOW_AFTER_S:
                self._progress.start()
                self._is_shown = True

    def leave(self) -> None:
        """Takes the display away with the last bar."""
        with self._lock:
            self._n_bars -= 1
            if self._n_bars == 0 and self._progress is not None:
                if self._is_shown:
                    self._progress.stop()
                self._progress = None


_screen = _Screen()


@contextmanager
def bar(description: str, total: int) -> Iterator[Advance]:
    """Gives a function that advances a bar, which appears on a terminal after two seconds."""
    if not sys.stderr.isatty():
        yield lambda steps=1, note=None: None
        return
    display = _screen.join()
    task = display.add_task(description, total=total)
    noted_at = 0.0

    def advance(steps: int = 1, note: Callable[[], str] | None = None) -> None:
        nonlocal noted_at
        display.advance(task, steps)
        if note is not None and time.monotonic() - noted_at > _NOTE_EVERY_S:
            noted_at = time.monotonic()
            display.update(task, description=f"{description} ({note()})")
        _screen.show_if_long()

    try:
        yield advance
    finally:
        display.remove_task(task)
        _screen.leave()


def track(items: Iterable[T], description: str, total: int) -> Iterator[T]:
    """The items, with a bar."""
    with bar(description, total) as advance:
        for item in items:
            yield item
            advance()


def _display() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(file=sys.stderr),
        transient=True,
    )
