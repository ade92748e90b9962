"""Progress bars: one display for all of a process, notes beside them, nothing where nobody watches."""

import io
import threading
from types import SimpleNamespace

import pytest

from tasks import progress


class Terminal(io.StringIO):
    """A standard error that is looked at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    made = Terminal()
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=made))  # pytest exchanges the real one
    monkeypatch.setattr(progress, "SHOW_AFTER_S", -1.0)
    monkeypatch.setattr(progress, "_NOTE_EVERY_S", -1.0)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    return made


def test_nothing_is_written_or_noted_where_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = io.StringIO()
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=silent))
    with progress.bar("verify", 2) as advance:
        advance(1, lambda: pytest.fail("a note for nobody"))
    assert silent.getvalue() == ""


def test_a_note_stands_behind_the_description(terminal: Terminal) -> None:
    with progress.bar("judge [x]", 2) as advance:
        advance(1, lambda: "$0.42 of $5.00")
    assert "judge [x] ($0.42 of $5.00)" in terminal.getvalue()


def test_a_bar_within_another_joins_its_display(terminal: Terminal) -> None:
    with progress.bar("verify", 2) as outer:
        outer()
        display = progress._screen._progress
        assert display is not None
        with progress.bar("judge", 5) as inner:
            inner(3)
            assert progress._screen._progress is display
            assert [(t.description, t.completed) for t in display.tasks] == [("verify", 1), ("judge", 3)]
        assert [t.description for t in display.tasks] == ["verify"]
        assert display.live.is_started
    assert not display.live.is_started
    assert progress._screen._progress is None


def test_work_that_is_soon_over_shows_no_bar(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SHOW_AFTER_S", 60.0)
    with progress.bar("verify", 1) as advance:
        advance()
    assert terminal.getvalue() == ""


def test_bars_of_several_threads_share_a_display(terminal: Terminal) -> None:
    seen: list[object] = []
    both = threading.Barrier(2)

    def work(name: str) -> None:
        with progress.bar(name, 1) as advance:
            both.wait(10)
            advance()
            seen.append(progress._screen._progress)
            both.wait(10)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen[0] is seen[1] is not None
    assert progress._screen._progress is None
