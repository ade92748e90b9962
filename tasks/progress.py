"""Progress bars on work of more than two seconds; silent when nobody watches."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

T = TypeVar("T")

SHOW_AFTER_S = 2.0


class Advance(Protocol):
    """Moves a bar on."""

    def __call__(self, steps: int = 1) -> None:
        """Moves it on by some steps."""
        ...


@contextmanager
def bar(description: str, total: int) -> Iterator[Advance]:
    """Gives a function that advances a bar, which appears on a terminal after two seconds."""
    if not sys.stderr.isatty():
        yield lambda steps=1: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    task = progress.add_task(description, total=total)
    started, shown = time.monotonic(), False

    def advance(steps: int = 1) -> None:
        nonlocal shown
        progress.advance(task, steps)
        if not shown and time.monotonic() - started > SHOW_AFTER_S:
            progress.start()
            shown = True

    try:
        yield advance
    finally:
        if shown:
            progress.stop()


def track(items: Iterable[T], description: str, total: int) -> Iterator[T]:
    """The items, with a bar."""
    with bar(description, total) as advance:
        for item in items:
            yield item
            advance()
