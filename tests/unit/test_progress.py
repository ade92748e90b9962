"""Progress bars: one display for all of a process, notes beside them, lines where a log is written."""

import io
import re
import sys
import threading

import pytest

from tasks import progress


class Terminal(io.StringIO):
    """A standard error that is looked at."""

    def isatty(self) -> bool:
        return True

    @property
    def lines(self) -> list[str]:
        """What stands on it now, without empty lines and the bars themselves."""
        rows, row, column = [""], 0, 0
        for sign in re.findall(r"\x1b\[A|.|\n|\r", self.getvalue(), re.DOTALL):
            if sign == "\r":
                column = 0
            elif sign == "\x1b[A":
                row -= 1
            elif sign == "\n":
                row += 1
                rows += [""] * (row + 1 - len(rows))
            else:
                rows[row] = rows[row].ljust(column)[:column] + sign + rows[row][column + 1 :]
                column += 1
        shown = (re.sub(r" \|.*\| | \[[^\]]*\]$", " ", line).rstrip() for line in rows)
        return [line for line in shown if line]


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Looked at from now on; bars are drawn at once."""
    made = Terminal()
    monkeypatch.setattr(sys, "stderr", made)
    monkeypatch.setattr(progress, "SHOW_AFTER_S", 1e-9)
    monkeypatch.setattr(progress, "DRAW_EVERY_S", 0.0)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "20")
    return made


def log(monkeypatch: pytest.MonkeyPatch, every_s: float) -> io.StringIO:
    """A standard error that is kept."""
    made = io.StringIO()
    monkeypatch.setattr(sys, "stderr", made)
    monkeypatch.setattr(progress, "LINE_EVERY_S", every_s)
    return made


def test_a_note_stands_behind_the_description(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = terminal(monkeypatch)
    with progress.bar("judge [x]", 2) as advance:
        advance(1, lambda: "$0.42 of $5.00")
        assert shown.lines == ["judge [x] ($0.42 of $5.00) 1/2"]
    assert shown.lines == []


def test_a_bar_within_another_joins_its_display(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = terminal(monkeypatch)
    with progress.bar("verify", 2) as outer:
        outer()
        with progress.bar("judge", 5) as inner:
            inner(3)
            assert shown.lines == ["verify 1/2", "judge 3/5"]
        assert shown.lines == ["verify 1/2"]
    assert shown.lines == []
    assert sys.stderr is shown


def test_a_bar_around_others_is_there_before_it_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = terminal(monkeypatch)
    monkeypatch.setattr(progress, "SHOW_AFTER_S", 0.01)
    with progress.bar("verify", 2), progress.bar("judge", 500) as inner:
        while not shown.lines:
            inner()
        assert [line.split(" ")[0] for line in shown.lines] == ["verify", "judge"]
    assert shown.lines == []


def test_work_that_is_soon_over_shows_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = terminal(monkeypatch)
    monkeypatch.setattr(progress, "SHOW_AFTER_S", 60.0)
    with progress.bar("verify", 1) as advance:
        advance(1, lambda: pytest.fail("a note for nobody"))
    assert shown.getvalue() == ""


def test_what_else_is_written_stands_above_the_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = terminal(monkeypatch)
    with progress.bar("verify", 2) as outer, progress.bar("judge", 5) as inner:
        outer()
        inner()
        print("the budget", "is used up", file=sys.stderr)
        assert shown.lines == ["the budget is used up", "verify 1/2", "judge 1/5"]
        print("to go on: ...", end="", file=sys.stderr)
    assert shown.lines == ["the budget is used up", "to go on: ..."]


def test_bars_of_several_threads_share_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = terminal(monkeypatch)
    both = threading.Barrier(2)
    seen: list[list[str]] = []

    def work(name: str) -> None:
        with progress.bar(name, 1) as advance:
            both.wait(10)
            advance()
            both.wait(10)
            seen.append(sorted(shown.lines))
            both.wait(10)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [["a 1/1", "b 1/1"]] * 2
    assert shown.lines == []
    assert sys.stderr is shown


def test_a_log_has_a_line_now_and_then_without_signs_that_move_a_cursor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = log(monkeypatch, 1e-9)
    with progress.bar("verify", 3) as outer:
        for i in range(2):
            with progress.bar("judge [x]", 2) as inner:
                inner(2, lambda n=i: f"${n}.00 of $5.00")  # type: ignore[misc]
            outer()
    lines = kept.getvalue().splitlines()
    assert [re.sub(r" \[[^\]]*\]$", "", line) for line in lines] == [
        "judge [x] ($0.00 of $5.00): 2/2",
        "verify: 1/3",
        "judge [x] ($1.00 of $5.00): 2/2",
        "verify: 2/3",
    ]
    assert "\r" not in kept.getvalue() and "\x1b" not in kept.getvalue()
    assert capsys.readouterr().out == ""


def test_a_log_says_where_work_of_some_time_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = log(monkeypatch, 0.05)
    with progress.bar("embed", 10**6) as advance:
        while not kept.getvalue():
            advance()
        advance(5)
    first, last = kept.getvalue().splitlines()
    assert int(last.split(" ")[1].split("/")[0]) > int(first.split(" ")[1].split("/")[0])


def test_a_log_has_no_line_for_work_that_is_soon_over(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = log(monkeypatch, 60.0)
    assert list(progress.track([1, 2], "verify", 2)) == [1, 2]
    with progress.bar("verify", 2) as advance:
        advance(2, lambda: pytest.fail("a note for nobody"))
    assert kept.getvalue() == ""
