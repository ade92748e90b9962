"""The store of paid answers: what it keeps, and what it survives."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import StoreError
from tasks.store import answers, lite
from tasks.store.answers import LEDGER, Paid, Spent, opened
from tests import postgres_server

PAID = Paid("aa00", "news", "verify", "judge", ("p1", "p2"), "small", 100, 10, 40, 0.25, 0.5, 1, "value")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "answers.sqlite"


@pytest.fixture(params=["file", "server"])
def place(request: pytest.FixtureRequest, file: Path) -> Path | str:
    """A file that is not there yet, or an empty database."""
    if request.param == "file":
        return file
    return str(request.getfixturevalue("postgres").database())


def sql(file: Path, statement: str, *values: Any) -> list[Any]:
    connection = sqlite3.connect(file)
    try:
        rows = connection.execute(statement, values).fetchall()
        connection.commit()
    finally:
        connection.close()
    return rows


def test_an_answer_comes_back_as_it_was(place: Path | str) -> None:
    text = 'é\u2028 "quoted" \x00 \U0001f600'
    with opened(place) as store:
        assert store.get("aa00") is None
        store.put(PAID, text)
        assert store.get("aa00") == text
    with opened(place) as store:
        assert store.get("aa00") == text
        assert store.get("aa01") is None


def test_the_ledger_keeps_every_column_and_the_first_answer_stands(place: Path | str) -> None:
    again = replace(PAID, study="other", predicate_ids=(), cost_usd=None, status="refusal", served="big-2")
    with opened(place) as store:
        assert store.put(PAID, "first") == "first"
        assert store.put(again, "second") == "first"
        assert store.get("aa00") == "first"
    rows = answers.ledger(["aa00", "unknown", "aa00"], place)
    assert rows.schema == LEDGER
    assert rows.drop("called_at").rows() == [
        ("aa00", "news", "verify", "judge", ["p1", "p2"], "small", 100, 10, 40, 0.25, 0.5, 1, "value", ""),
        ("aa00", "other", "verify", "judge", [], "small", 100, 10, 40, None, 0.5, 1, "refusal", "big-2"),
    ]
    assert abs(rows["called_at"][0] - datetime.now(UTC).replace(tzinfo=None)) < timedelta(minutes=1)


def test_what_was_lost_is_in_the_ledger_alone(place: Path | str) -> None:
    with opened(place) as store:
        assert store.put(replace(PAID, status="failed"), None) is None
        assert store.get("aa00") is None
        store.put(PAID, "an answer")
        assert store.put(replace(PAID, status="failed"), None) == "an answer"
    assert answers.ledger(["aa00"], place)["status"].to_list() == ["failed", "value", "failed"]


def test_of_two_that_paid_for_the_same_both_use_the_first(place: Path | str) -> None:
    with opened(place) as one, opened(place) as other:
        assert one.get("aa00") is None and other.get("aa00") is None
        assert other.put(replace(PAID, study="other"), "theirs") == "theirs"
        assert one.put(PAID, "ours") == "theirs" == one.get("aa00")
    assert answers.ledger(["aa00"], place)["study"].to_list() == ["other", "news"]


def test_many_requests_are_looked_up_in_pieces(file: Path) -> None:
    keys = [f"{i:016x}" for i in range(1203)]
    with opened(file) as store:
        for key in keys:
            store.put(replace(PAID, request_hash=key), "x")
    assert sorted(answers.ledger(keys, file)["request_hash"]) == keys


def test_without_a_file_the_ledger_is_empty_and_none_is_made(file: Path) -> None:
    assert answers.ledger(["aa00"], file).equals(LEDGER.to_frame())
    assert not file.exists()


def test_what_a_study_spent_is_counted_by_model_and_from_any_row_on(place: Path | str) -> None:
    with opened(place) as store:
        assert store.spent("news") == []
        store.put(PAID, "a")
        store.put(replace(PAID, cost_usd=None), "b")
        store.put(replace(PAID, cost_usd=1.0), None)
        store.put(replace(PAID, study="other"), "c")
        store.put(replace(PAID, model="large"), "d")
        assert sorted(store.spent("news"), key=lambda s: s.model) == [
            Spent("large", 5, 0.25, 0, 0, 0),
            Spent("small", 3, 1.25, 100, 10, 40),
        ]
        assert store.spent("news", after=3) == [Spent("large", 5, 0.25, 0, 0, 0)]
        assert store.spent("news", after=5) == []


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE answers SET response = substr(response, 1, 3)",
        "UPDATE answers SET response = x'ff00'",
        "UPDATE answers SET checksum = 'no'",
        "UPDATE answers SET key = 'aa01'",
    ],
)
def test_a_damaged_entry_is_missing_and_replaced(damage: str, place: Path | str) -> None:
    with opened(place) as store:
        store.put(PAID, "an answer")
    if isinstance(place, Path):
        sql(place, damage)
    else:
        postgres_server.sql(place, damage.replace("x'ff00'", r"'\xff00'"))
    with opened(place) as store:
        assert store.get("aa00") is None
        assert store.get("aa01") is None
        assert store.put(PAID, "another answer") == "another answer"
        assert store.get("aa00") == "another answer"


def test_a_damaged_file_stops_with_what_to_do_and_stays_as_it_is(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"no database at all" * 500)
    with pytest.raises(StoreError, match="bring it back from a copy"), opened(file):
        pass
    assert file.read_bytes() == b"no database at all" * 500


def test_a_file_of_another_version_stops(file: Path) -> None:
    with opened(file):
        pass
    sql(file, "PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="another version"), opened(file):
        pass


def test_a_file_of_the_first_version_is_brought_up_to_date(file: Path) -> None:
    with opened(file) as store:
        store.put(PAID, "an answer")
    sql(file, "ALTER TABLE calls DROP COLUMN served")
    sql(file, "PRAGMA user_version = 1")
    for _ in range(2):
        with opened(file) as store:
            assert store.get("aa00") == "an answer"
            store.put(replace(PAID, study="other", served="big-2"), None)
    assert answers.ledger(["aa00"], file)["served"].to_list() == ["", "big-2", "big-2"]
    assert sql(file, "PRAGMA user_version") == [(2,)]


def test_a_place_that_cannot_be_written_stops(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file, not a folder")
    with pytest.raises(StoreError, match="cannot be used"), opened(tmp_path / "data" / "answers.sqlite"):
        pass


def test_a_full_disk_stops_and_loses_nothing_before(file: Path) -> None:
    with opened(file) as store:
        store.put(PAID, "kept")
        assert isinstance(store._database, lite.File)
        pages = store._database.connection.execute("PRAGMA page_count").fetchone()[0]
        store._database.connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="full"):
            store.put(replace(PAID, request_hash="bb00"), "x" * 100_000)
        assert store.get("aa00") == "kept"
        assert store.spent("news")[0].call_id == 1
        store._database.connection.execute("PRAGMA max_page_count = 100000")
        store.put(replace(PAID, request_hash="bb00"), "x" * 100_000)
    assert answers.ledger(["aa00", "bb00"], file).height == 2


WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from tasks.store.answers import opened
from tests.unit.test_answers import PAID
with opened(Path(sys.argv[1])) as store:
    for i in range(10**9):
        store.put(replace(PAID, request_hash=f"{sys.argv[2]}{i}"), "x" * 300)
        print(i, flush=True)
"""


def started(file: Path, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(file), name],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_killed_process_loses_nothing_that_was_stored(file: Path) -> None:
    for attempt in range(3):
        process = started(file, f"k{attempt}-")
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(50 + 37 * attempt)]
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        last = int((said + rest.split("\n")[:-1])[-1])
        with opened(file) as store:
            assert all(store.get(f"k{attempt}-{i}") for i in range(last + 1))
    n_answers, n_calls = sql(file, "SELECT (SELECT count(*) FROM answers), (SELECT count(*) FROM calls)")[0]
    assert n_answers == n_calls
    assert sql(file, "PRAGMA integrity_check") == [("ok",)]


def test_two_processes_write_and_this_one_reads(file: Path) -> None:
    both = [started(file, name) for name in ("a", "b")]
    for process in both:
        assert process.stdout is not None
        for _ in range(200):
            process.stdout.readline()
    with opened(file) as store:
        assert store.get("a199")
        assert store.get("b199")
        store.put(PAID, "mine")
    for process in both:
        process.kill()
        process.communicate()


def test_opening_a_new_store_in_many_threads_at_once_works(place: Path | str) -> None:
    failed: list[StoreError] = []

    def work(name: str) -> None:
        try:
            with opened(place) as store:
                store.put(replace(PAID, request_hash=name), "x")
        except StoreError as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(f"t{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert answers.ledger([f"t{i}" for i in range(8)], place).height == 8
