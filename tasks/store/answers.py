"""Every answer of a language model and what it cost, in one SQLite file shared by all studies.

An answer and its row in the ledger are one transaction: a process that is killed loses neither
half, and what was committed is never paid again. The first answer to a request stands: verdicts may
already rest on it. An entry that is damaged counts as missing; a
damaged file stops the run instead of being begun anew as the vector cache is, since it is paid for
and the budget is kept by it.
"""

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from filelock import FileLock

from tasks import paths
from tasks.errors import StoreError
from tasks.store import frames, lite

_VERSION = 2
_UPDATES = {1: "ALTER TABLE calls ADD COLUMN served TEXT NOT NULL DEFAULT ''"}
_KEYS_PER_QUERY = 500  # under SQLite's smallest limit on bound values
_TABLES = """
CREATE TABLE IF NOT EXISTS answers (key TEXT NOT NULL UNIQUE, response TEXT NOT NULL, checksum TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS calls (
    call_id INTEGER PRIMARY KEY, request_hash TEXT NOT NULL, study TEXT NOT NULL, stage TEXT NOT NULL,
    role TEXT NOT NULL, predicate_ids TEXT NOT NULL, model TEXT NOT NULL, tokens_in INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL, tokens_cached INTEGER NOT NULL, cost_usd REAL, latency_s REAL NOT NULL,
    attempts INTEGER NOT NULL, status TEXT NOT NULL, called_at INTEGER NOT NULL,
    served TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS calls_by_request ON calls (request_hash);
"""
_INSERT_CALL = "INSERT INTO calls VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_SELECT_LEDGER = (
    "SELECT request_hash, study, stage, role, predicate_ids, model, tokens_in, tokens_out, tokens_cached,"
    " cost_usd, latency_s, attempts, status, called_at, served FROM calls WHERE"
)
_SELECT_CALLS = f"{_SELECT_LEDGER} request_hash IN"
_SELECT_PAID = f"{_SELECT_LEDGER} study = ? AND stage = ? AND call_id > ?"
_SELECT_SPENT = (
    "SELECT model, max(call_id), total(cost_usd), total(tokens_in) FILTER (WHERE cost_usd IS NULL),"
    " total(tokens_out) FILTER (WHERE cost_usd IS NULL),"
    " total(tokens_cached) FILTER (WHERE cost_usd IS NULL)"
    " FROM calls WHERE study = ? AND call_id > ? GROUP BY model"
)
LEDGER = pl.Schema(
    {
        "request_hash": pl.String(),
        "study": pl.String(),
        "stage": pl.String(),
        "role": pl.String(),
        "predicate_ids": pl.List(pl.String),
        "model": pl.String(),
        "tokens_in": pl.Int64(),
        "tokens_out": pl.Int64(),
        "tokens_cached": pl.Int64(),
        "cost_usd": pl.Float64(),
        "latency_s": pl.Float64(),
        "attempts": pl.Int64(),
        "status": pl.String(),
        "called_at": pl.Datetime("us"),
        "served": pl.String(),
    }
)


@dataclass(frozen=True)
class Paid:
    """One row of the ledger: a call that was answered, of use or not."""

    request_hash: str
    study: str
    stage: str
    role: str
    predicate_ids: tuple[str, ...]
    model: str
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    cost_usd: float | None
    """None where no price is known."""
    latency_s: float
    """Of the try that was answered."""
    attempts: int
    """Requests sent for it, the last one included."""
    status: str
    """value, refusal, unparsable; failed where nothing came that could be kept."""
    served: str = ""
    """The model that the server said it answered with; empty where it did not say."""


@dataclass(frozen=True)
class Spent:
    """What a study has paid one model."""

    model: str
    call_id: int
    """The newest call that is counted."""
    cost_usd: float
    unpriced_in: int
    """Tokens of calls made without a known price ..."""
    unpriced_out: int
    unpriced_cached: int


class Answers:
    """The file, open in one thread. Open it with `opened`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        with self._reported():
            file.parent.mkdir(parents=True, exist_ok=True)
            # Switching a new file to WAL fails at once, without waiting, if another process is at it.
            with FileLock(f"{file}.lock", timeout=lite.WAIT_S):
                self._connection = _prepared(file)

    def get(self, key: str) -> str | None:
        """The response, or None where there is none or it is damaged.

        Raises:
            StoreError: the file cannot be read.
        """
        with self._reported():
            return self._undamaged(key)

    def put(self, paid: Paid, response: str | None) -> str | None:
        """Writes the call down and gives the response that is stored for its request from now on.

        That is another than the one given where a response was already there, from another process or
        another job of this one: both were paid, and only the first may be used.

        Args:
            paid: the call.
            response: what is to be given for the same request, unless an undamaged one is there; None
                keeps the ledger row alone.

        Raises:
            StoreError: the file cannot be written (permission, full disk).
        """
        key = paid.request_hash
        row = (
            key,
            paid.study,
            paid.stage,
            paid.role,
            json.dumps(paid.predicate_ids),
            paid.model,
            paid.tokens_in,
            paid.tokens_out,
            paid.tokens_cached,
            paid.cost_usd,
            paid.latency_s,
            paid.attempts,
            paid.status,
            time.time_ns() // 1000,
            paid.served,
        )
        execute = self._connection.execute
        with self._reported():
            execute("BEGIN IMMEDIATE")
            try:
                stored = self._undamaged(key)
                if stored is None and response is not None:
                    execute(
                        "INSERT OR REPLACE INTO answers VALUES (?, ?, ?)",
                        (key, response, frames.hashed(key, response)),
                    )
                    stored = response
                execute(_INSERT_CALL, row)
                execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    execute("ROLLBACK")
                raise
        return stored

    def spent(self, study: str, after: int = 0) -> list[Spent]:
        """What a study ever paid, by model; only calls newer than `after`.

        Raises:
            StoreError: the file cannot be read.
        """
        with self._reported():
            rows = self._connection.execute(_SELECT_SPENT, (study, after)).fetchall()
        return [Spent(model, last, usd, int(i), int(o), int(c)) for model, last, usd, i, o, c in rows]

    def ledger(self, request_hashes: Iterable[str]) -> pl.DataFrame:
        """The ledger's rows for these requests (schema LEDGER), in the order they were called.

        Raises:
            StoreError: the file cannot be read.
        """
        keys = sorted(set(request_hashes))
        rows: list[tuple[object, ...]] = []
        with self._reported():
            for start in range(0, len(keys), _KEYS_PER_QUERY):
                part = keys[start : start + _KEYS_PER_QUERY]
                rows += self._connection.execute(f"{_SELECT_CALLS} ({','.join('?' * len(part))})", part)
        return _rows_of_ledger(rows)

    def intact(self, request_hashes: Iterable[str]) -> dict[str, bool]:
        """Whether the stored answer to each is undamaged; one that is not stored is left out.

        Raises:
            StoreError: the file cannot be read.
        """
        found: dict[str, bool] = {}
        with self._reported():
            for key in sorted(set(request_hashes)):
                if self._connection.execute("SELECT 1 FROM answers WHERE key = ?", (key,)).fetchone():
                    found[key] = self._undamaged(key) is not None
        return found

    def newest(self) -> int:
        """The call_id of the newest call of any study; 0 where there is none.

        Raises:
            StoreError: the file cannot be read.
        """
        with self._reported():
            return int(self._connection.execute("SELECT coalesce(max(call_id), 0) FROM calls").fetchone()[0])

    def paid(self, study: str, stage: str, after: int) -> pl.DataFrame:
        """What a stage of a study paid by calls newer than `after` (schema LEDGER), as they were called.

        Raises:
            StoreError: the file cannot be read.
        """
        with self._reported():
            rows = self._connection.execute(_SELECT_PAID, (study, stage, after)).fetchall()
        return _rows_of_ledger(rows)

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def _undamaged(self, key: str) -> str | None:
        found = self._connection.execute(
            "SELECT response, checksum FROM answers WHERE key = ?", (key,)
        ).fetchone()
        if found is None or not isinstance(found[0], str) or found[1] != frames.hashed(key, found[0]):
            return None
        return found[0]

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"{self._file}: the store of paid answers cannot be used: {error}. Free space or"
                " permissions, or bring it back from a copy, then rerun. Moving it away begins a new one:"
                " answers are paid again, and the budget starts from nothing."
            ) from error


@contextmanager
def opened(file: Path | None = None) -> Iterator[Answers]:
    """Gives the store of answers.

    Raises:
        StoreError: the file cannot be opened.
    """
    answers = Answers(file or paths.answers())
    try:
        yield answers
    finally:
        answers.close()


def ledger(request_hashes: Sequence[str], file: Path | None = None) -> pl.DataFrame:
    """The ledger's rows for these requests (schema LEDGER); none where nothing was ever paid.

    Raises:
        StoreError: the file cannot be read.
    """
    file = file or paths.answers()
    if not file.is_file():
        return LEDGER.to_frame()
    with opened(file) as answers:
        return answers.ledger(request_hashes)


def intact(request_hashes: Sequence[str]) -> dict[str, bool]:
    """Whether the stored answer to each of these requests is undamaged; one that is not stored is left out.

    Raises:
        StoreError: the file cannot be read.
    """
    if not paths.answers().is_file():
        return {}
    with opened() as answers:
        return answers.intact(request_hashes)


def newest() -> int:
    """The call_id of the newest call in the ledger; 0 where nothing was ever paid.

    Raises:
        StoreError: the file cannot be read.
    """
    if not paths.answers().is_file():
        return 0
    with opened() as answers:
        return answers.newest()


def _rows_of_ledger(rows: Sequence[tuple[object, ...]]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema={**LEDGER, "predicate_ids": pl.String}, orient="row")
    return frame.with_columns(pl.col("predicate_ids").str.json_decode(pl.List(pl.String))).sort(
        "called_at", "request_hash"
    )


def _prepared(file: Path) -> sqlite3.Connection:
    probe = "SELECT key, response, checksum FROM answers LIMIT 1"
    return lite.prepared(file, _TABLES, _VERSION, probe, _UPDATES)
