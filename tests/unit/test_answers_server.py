"""The store of paid answers on a PostgreSQL server: lost connections, secrets, and who is let in."""

import sys
import threading
from dataclasses import replace
from typing import Any

import pytest

from tasks.errors import StoreError
from tasks.store import answers, postgres
from tasks.store.answers import opened
from tests.postgres_server import PASSWORD, Cluster, sql
from tests.unit.test_answers import PAID

SECRET = "hunter2secret"


def test_a_lost_connection_is_made_again(postgres: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    with opened(postgres.database()) as store:
        store.put(PAID, "first")
        postgres.sessions_end()
        assert store.get("aa00") == "first"
        postgres.sessions_end()
        assert store.put(replace(PAID, request_hash="bb00"), "second") == "second"
        assert store.newest() == 2
    assert capsys.readouterr().err.count("does not answer") == 2


def test_a_call_whose_end_was_not_heard_is_written_down_once(
    postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    end, n_lost = psycopg.Transaction.__exit__, 0

    def lost(self: Any, *arguments: Any) -> Any:
        nonlocal n_lost
        done = end(self, *arguments)
        n_lost += 1
        if n_lost <= 2:
            self.connection.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return done

    with opened(postgres.database()) as store:
        monkeypatch.setattr(psycopg.Transaction, "__exit__", lost)
        assert store.put(PAID, "an answer") == "an answer"
        assert store.ledger(["aa00"]).height == 1
        assert store.put(PAID, "another") == "an answer"
        assert store.ledger(["aa00"]).height == 2
    assert n_lost == 4


def test_a_server_that_stays_away_is_one_error_and_all_is_there_when_it_is_back(
    postgres: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tasks.store.postgres.WAIT_S", 0.3)
    address = postgres.with_password(postgres.database())
    with opened(address) as store:
        store.put(PAID, "an answer")
        postgres.stop()
        try:
            with pytest.raises(StoreError, match=r"^postgresql://127.0.0.1:\d+/t\d+: .* rerun") as told:
                store.put(replace(PAID, request_hash="bb00"), "lost")
        finally:
            postgres.start()
    assert told.value.exit_code == 17
    assert "\n" not in str(told.value)
    assert PASSWORD not in str(told.value) + capsys.readouterr().err
    with opened(address) as store:
        assert store.get("aa00") == "an answer"
        assert store.get("bb00") is None


def test_writers_wait_for_each_other(postgres: Cluster) -> None:
    """Numbers of calls are seen in their order: a budget that counts from a number on misses none."""
    address, order = postgres.database(), list[str]()
    with opened(address) as one:

        def write(again: bool) -> None:
            other.start()
            other.join(timeout=0.5)
            order.append("first")

        def put() -> None:
            with opened(address) as store:
                store.put(PAID, "theirs")
                order.append("second")

        other = threading.Thread(target=put)
        one._database.alone(write)
        other.join()
    assert order == ["first", "second"]


def test_a_wrong_password_is_told_at_once_without_it(
    postgres: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(StoreError, match="password authentication failed") as told:
        answers.Answers(postgres.address("postgres", SECRET))
    assert SECRET not in f"{told.value!r} {told.value.__cause__!r}" + capsys.readouterr().err


def test_tables_of_another_version_stop(postgres: Cluster) -> None:
    address = postgres.database()
    with opened(address):
        pass
    sql(address, "UPDATE version SET version = 99")
    with pytest.raises(StoreError, match="another version"), opened(address):
        pass


def test_who_may_not_write_is_told(postgres: Cluster) -> None:
    address = postgres.database()
    with opened(address) as store:
        store.put(PAID, "kept")
    reading = f"{address}&options=-c%20default_transaction_read_only%3Don"
    with opened(reading) as store:
        assert store.get("aa00") == "kept"
        with pytest.raises(StoreError, match="read-only transaction"):
            store.put(PAID, "x")


@pytest.mark.parametrize(
    "address",
    [
        f"postgresql://me:{SECRET}@more@db.example/answers",
        f"postgresql://me:a/{SECRET}@db.example/answers",
        f"postgresql://me:a#{SECRET}@db.example/answers",
        f"postgresql://me:%zz{SECRET}@db.example/answers",
        f"postgresql://me:{SECRET}",
        f"postgresql://me@db.example/answers?{SECRET}",
        f"postgresql://[{SECRET}@db.example/answers",
        f"mysql://me:{SECRET}@db.example/answers",
    ],
)
def test_an_address_that_is_none_is_refused_without_showing_it(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.setenv("NATSTAT_ANSWERS", address)
    for use in (answers.shown, answers.newest):
        with pytest.raises(StoreError, match="wanted the path of a file or postgresql://") as told:
            use()
        assert SECRET not in str(told.value)
        assert told.value.__cause__ is None and told.value.__suppress_context__


def test_what_is_shown_is_host_and_database(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.setenv("NATSTAT_ANSWERS", f"postgresql://me:{SECRET}@db.example:6000/answers")
    assert answers.shown() == "postgresql://db.example:6000/answers"


def test_no_other_machine_is_asked_where_that_is_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.setenv("NATSTAT_LOOPBACK_ONLY", "1")
    for address in (
        "postgresql://192.0.2.1/a",
        "postgresql:///a?host=/tmp,192.0.2.1",
        "postgresql:///?service=x",
    ):
        with pytest.raises(StoreError, match="NATSTAT_LOOPBACK_ONLY"):
            answers.Answers(address)
    monkeypatch.setenv("PGHOST", "192.0.2.1")
    with pytest.raises(StoreError, match="NATSTAT_LOOPBACK_ONLY"):
        answers.Answers("postgresql:///a")


def test_a_missing_driver_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r'pip install "natstat\[postgres\]"'):
        postgres.Server("postgresql://db.example/answers", "", 1)
