"""Who is told, when a study finds something new or does not find again what it had found."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tasks import notices
from tasks.store import duck
from tasks.study import Study
from tasks.study.unattended import Notify
from tests.recorded_study import FOUND, NOT_FOUND, PRESS, Row, put_study

pytestmark = pytest.mark.usefixtures("project")

FILE = Notify(file="news/press.jsonl")
HOOK = Notify(webhook="PRESS_HOOK")
SECRET = "T000-secret"


def recorded(notify: Notify, run_id: str, rows: list[Row]) -> None:
    """Records a run as the stage does, with the notice around it."""
    study = Study(name="press", goal="any", data="any", notify=notify)
    with notices.of_news(study, "record"):
        put_study(run_id=run_id, rows=rows)
        duck.record("press")


def lines() -> list[dict[str, Any]]:
    file = Path("news/press.jsonl")
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []


def whats(line: dict[str, Any]) -> list[tuple[str, str]]:
    return [(row["what"], row["predicate"]) for row in line["findings"]]


def test_of_a_first_run_everything_is_new_and_paraphrases_are_one() -> None:
    recorded(FILE, "run-1", PRESS)
    (line,) = lines()
    assert whats(line) == [("new", 'mentions "covid"'), ("new", "is a question")]
    told = line["text"].splitlines()
    assert told[0] == "press: 2 new"
    assert told[1] == 'new: +0.270 [+0.260, +0.280] mentions "covid"'
    assert told[-1] == "Report: reports/press/index.html"


def test_what_holds_by_a_paraphrase_is_no_news() -> None:
    recorded(FILE, "run-1", PRESS)
    virus: Row = ('mentions "virus"', "A", 0.25, 0.01, 0.001, FOUND, 'mentions "virus"')
    recorded(FILE, "run-2", [virus, PRESS[2]])
    assert len(lines()) == 1


def test_what_no_longer_holds_is_told_apart_from_what_was_not_tested() -> None:
    recorded(FILE, "run-1", PRESS)
    again: list[Row] = [
        ('mentions "covid"', "A", 0.01, 0.02, 0.6, NOT_FOUND, 'mentions "covid"'),
        ("is new", "A", 0.30, 0.01, 0.001, FOUND, "is new"),
    ]
    recorded(FILE, "run-2", again)
    assert whats(lines()[1]) == [
        ("new", "is new"),
        ("no longer holds", 'mentions "covid"'),
        ("not tested again", "is a question"),
    ]
    assert lines()[1]["text"].startswith("press: 1 new, 1 no longer holds, 1 not tested again\n")
    turned: Row = ("is new", "B", -0.30, 0.01, 0.001, FOUND, "is new")
    recorded(FILE, "run-3", [turned])
    assert whats(lines()[2]) == [("new", "is new"), ("reversed", "is new")]


def test_the_same_run_again_and_other_stages_tell_nobody() -> None:
    for _ in range(2):
        recorded(FILE, "run-1", PRESS)
    assert len(lines()) == 1
    study = Study(name="press", goal="any", data="any", notify=FILE)
    with notices.of_news(study, "score"):
        put_study(run_id="run-2", rows=PRESS[2:])
    assert len(lines()) == 1


def test_a_stage_that_fails_still_fails_and_tells_nobody() -> None:
    study = Study(name="press", goal="any", data="any", notify=FILE)
    with pytest.raises(ZeroDivisionError), notices.of_news(study, "record"):
        raise ZeroDivisionError
    assert lines() == []


class Killed(BaseException):
    """Nothing after it runs, as after SIGKILL."""


@pytest.mark.parametrize("when", ["before it is told", "after the file"])
def test_who_is_killed_after_a_record_has_it_told_once_by_the_rerun(
    when: str, hook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = Notify(file="news/press.jsonl", webhook="PRESS_HOOK")
    recorded(both, "run-1", PRESS[2:])

    def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(notices, "_to_webhook" if when == "after the file" else "_tell", killed)
        recorded(both, "run-2", PRESS)
    if when == "before it is told":  # Or within a line.
        with Path("news/press.jsonl").open("a") as opened:
            opened.write('{"study": "press", "run_i')
    for _ in range(2):
        recorded(both, "run-2", PRESS)
    told = [line for line in Path("news/press.jsonl").read_text().splitlines() if line.endswith("}")]
    assert [json.loads(line)["run_id"] for line in told] == ["run-1", "run-2"]
    assert [body["text"].splitlines()[0] for _, body in Hook.posted] == ["press: 1 new", "press: 1 new"]
    assert 'mentions "covid"' in Hook.posted[1][1]["text"]


class Hook(BaseHTTPRequestHandler):
    """Takes what is posted, and answers as it is told."""

    posted: ClassVar[list[tuple[str, Any]]] = []
    answers: ClassVar[int] = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.posted.append((self.path, json.loads(body)))
        self.send_response(self.answers)
        self.send_header("location", "/elsewhere")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Hook, "posted", [])
    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/{SECRET}"
    monkeypatch.setenv("PRESS_HOOK", url)
    yield url
    server.shutdown()
    server.server_close()


def posted(text: str) -> None:
    """Tells the webhook alone, without a run."""
    notices._to_webhook(Study(name="press", goal="any", data="any", notify=HOOK), "PRESS_HOOK", text)


def test_a_webhook_is_asked_as_slack_takes_it(hook: str, capsys: pytest.CaptureFixture[str]) -> None:
    evil = "mentions <!channel> & <http://evil.example|this>"
    recorded(HOOK, "run-1", [(evil, "A", 0.3, 0.01, 0.001, FOUND, evil)])
    ((path, body),) = Hook.posted
    assert path == f"/{SECRET}"
    assert list(body) == ["text"]
    assert "mentions &lt;!channel&gt; &amp; &lt;http://evil.example|this&gt;" in body["text"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("status", "why"), [(404, "HTTP 404"), (302, "HTTP 302"), (500, "HTTP 500")])
def test_a_webhook_that_fails_is_a_warning_without_its_address(
    hook: str, status: int, why: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Hook, "answers", status)
    posted("what is new")
    assert capsys.readouterr().err == f"warning: press: PRESS_HOOK was not told what is new: {why}.\n"
    assert len(Hook.posted) == 1, "no redirection is followed"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        (None, "is not set"),
        (f"http://127.0.0.1:1/{SECRET}", "URLError"),
        (f"http://hooks.example/{SECRET}", "begins with https://"),
        (f"ftp://127.0.0.1/{SECRET}", "begins with https://"),
        (f"file:///etc/{SECRET}", "begins with https://"),
        (f"https://[{SECRET}", "begins with https://"),
        (f"https://hooks.example/{SECRET}", "NATSTAT_LOOPBACK_ONLY"),
        (f"http://127.0.0.1:{SECRET}/", "InvalidURL"),
    ],
)
def test_an_address_that_cannot_be_asked_is_never_shown(
    address: str | None, why: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PRESS_HOOK", raising=False)
    if address:
        monkeypatch.setenv("PRESS_HOOK", address)
    posted("what is new")
    told = capsys.readouterr().err
    assert why in told and told.startswith("warning: press: PRESS_HOOK") and told.count("\n") == 1
    assert SECRET not in told


def test_a_file_that_cannot_be_written_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    Path("news").write_text("a file where the folder should be")
    recorded(FILE, "run-1", PRESS)
    assert "warning: press: notify was not told what is new" in capsys.readouterr().err
