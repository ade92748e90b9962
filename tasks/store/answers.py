"""Every answer of a language model and what it cost, in one SQLite file or on one PostgreSQL server.

All studies share it: a file those of one machine (lite.py), a server those of several (postgres.py).

An answer and its row in the ledger are one transaction: a process that is killed loses neither
half, and what was committed is never paid again. The first answer to a request stands: verdicts may
already rest on it. An entry that is damaged counts as missing; a
damaged file stops the run instead of being begun anew as the vector cache is, since it is paid for
and the budget is kept by it.
"""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tasks import paths
from tasks.store import frames, lite, postgres

_VERSION = 2
_PROBE = "SELECT key, response, checksum FROM answers LIMIT 1"
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
_SERVER_VERSION = 1
_SERVER_TABLES = """
CREATE TABLE answers (key TEXT PRIMARY KEY, response BYTEA NOT NULL, checksum TEXT NOT NULL);
CREATE TABLE calls (
    call_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, request_hash TEXT NOT NULL, study TEXT NOT NULL,
    stage TEXT NOT NULL, role TEXT NOT NULL, predicate_ids TEXT NOT NULL, model TEXT NOT NULL,
    tokens_in BIGINT NOT NULL, tokens_out BIGINT NOT NULL, tokens_cached BIGINT NOT NULL,
    cost_usd DOUBLE PRECISION, latency_s DOUBLE PRECISION NOT NULL, attempts BIGINT NOT NULL,
    status TEXT NOT NULL, called_at BIGINT NOT NULL, served TEXT NOT NULL
);
CREATE INDEX calls_by_request ON calls (request_hash);
"""
_INSERT_ANSWER = (
    "INSERT INTO answers (key, response, checksum) VALUES (?, ?, ?)"
    " ON CONFLICT (key) DO UPDATE SET response = excluded.response, checksum = excluded.checksum"
)
_LEDGER_COLUMNS = (
    "request_hash, study, stage, role, predicate_ids, model, tokens_in, tokens_out, tokens_cached,"
    " cost_usd, latency_s, attempts, status, called_at, served"
)
_INSERT_CALL = f"INSERT INTO calls ({_LEDGER_COLUMNS}) VALUES ({', '.join('?' * 15)})"  # noqa: S608 - constants
_SELECT_CALL = "SELECT 1 FROM calls WHERE request_hash = ? AND study = ? AND called_at = ? AND latency_s = ?"
_SELECT_LEDGER = f"SELECT {_LEDGER_COLUMNS} FROM calls WHERE"  # noqa: S608 - constants
_SELECT_ANSWERS = "SELECT key, response, checksum FROM answers WHERE key IN"
_SELECT_CALLS = f"{_SELECT_LEDGER} request_hash IN"
_SELECT_PAID = f"{_SELECT_LEDGER} study = ? AND stage = ? AND call_id > ?"
_SELECT_SPENT = (
    "SELECT model, max(call_id), coalesce(sum(cost_usd), 0),"
    " coalesce(sum(tokens_in) FILTER (WHERE cost_usd IS NULL), 0),"
    " coalesce(sum(tokens_out) FILTER (WHERE cost_usd IS NULL), 0),"
    " coalesce(sum(tokens_cached) FILTER (WHERE cost_usd IS NULL), 0)"
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
    """The store, open in one thread. Open it with `opened`."""

    def __init__(self, place: Path | str) -> None:
        self._database: lite.File | postgres.Server
        if isinstance(place, Path):
            self._database = lite.File(place, _TABLES, _VERSION, _PROBE, _UPDATES)
        else:
            self._database = postgres.Server(place, _SERVER_TABLES, _SERVER_VERSION)

    def get(self, key: str) -> str | None:
        """The response, or None where there is none or it is damaged.

        Raises:
            StoreError: the store cannot be read.
        """
        return self._undamaged([key]).get(key)

    def put(self, paid: Paid, response: str | None) -> str | None:
        """Writes the call down and gives the response that is stored for its request from now on.

        That is another than the one given where a response was already there, from another process or
        another job of this one: both were paid, and only the first may be used.

        Args:
            paid: the call.
            response: what is to be given for the same request, unless an undamaged one is there; None
                keeps the ledger row alone.

        Raises:
            StoreError: the store cannot be written (permission, full disk).
        """
        key, called_at = paid.request_hash, time.time_ns() // 1000
        *start, served = astuple(paid)
        row = [json.dumps(cell) if isinstance(cell, tuple) else cell for cell in (*start, called_at, served)]
        rows = self._database.rows

        def write(again: bool) -> str | None:
            stored = self._undamaged([key]).get(key)
            if stored is None and response is not None:
                rows(_INSERT_ANSWER, (key, self._database.cell(response), frames.hashed(key, response)))
                stored = response
            if not (again and rows(_SELECT_CALL, (key, paid.study, called_at, paid.latency_s))):
                rows(_INSERT_CALL, row)
            return stored

        return self._database.alone(write)

    @property
    def knows_claims(self) -> bool:
        """Whether who asks can tell others, on other machines, to wait for the answer."""
        return self._database.knows_claims

    def claim(self, key: str) -> bool:
        """Claims that this connection asks it, until `free` or the connection's end; False: another does.

        Raises:
            StoreError: the store cannot be asked.
        """
        return bool(self._database.rows("SELECT pg_try_advisory_lock(hashtextextended(?, 0))", (key,))[0][0])

    def free(self, key: str) -> None:
        """Ends a claim, also one that was lost with the connection.

        Raises:
            StoreError: the store cannot be asked.
        """
        self._database.rows("SELECT pg_advisory_unlock(hashtextextended(?, 0))", (key,))

    def spent(self, study: str, after: int = 0) -> list[Spent]:
        """What a study ever paid, by model; only calls newer than `after`.

        Raises:
            StoreError: the store cannot be read.
        """
        rows = self._database.rows(_SELECT_SPENT, (study, after))
        return [Spent(model, last, float(usd), int(i), int(o), int(c)) for model, last, usd, i, o, c in rows]

    def ledger(self, request_hashes: Iterable[str]) -> pl.DataFrame:
        """The ledger's rows for these requests (schema LEDGER), in the order they were called.

        Raises:
            StoreError: the store cannot be read.
        """
        return _rows_of_ledger(self._rows_of(_SELECT_CALLS, request_hashes))

    def intact(self, request_hashes: Iterable[str]) -> dict[str, bool]:
        """Whether the stored answer to each is undamaged; one that is not stored is left out.

        Raises:
            StoreError: the store cannot be read.
        """
        rows = self._rows_of(_SELECT_ANSWERS, request_hashes)
        return {key: self._sound(key, *cells) is not None for key, *cells in rows}

    def newest(self) -> int:
        """The call_id of the newest call of any study; 0 where there is none.

        Raises:
            StoreError: the store cannot be read.
        """
        return int(self._database.rows("SELECT coalesce(max(call_id), 0) FROM calls")[0][0])

    def paid(self, study: str, stage: str, after: int) -> pl.DataFrame:
        """What a stage of a study paid by calls newer than `after` (schema LEDGER), as they were called.

        Raises:
            StoreError: the store cannot be read.
        """
        return _rows_of_ledger(self._database.rows(_SELECT_PAID, (study, stage, after)))

    def close(self) -> None:
        """Ends the connection."""
        self._database.close()

    def _undamaged(self, keys: Iterable[str]) -> dict[str, str]:
        found = {key: self._sound(key, *cells) for key, *cells in self._rows_of(_SELECT_ANSWERS, keys)}
        return {key: response for key, response in found.items() if response is not None}

    def _sound(self, key: str, cell: object, checksum: object) -> str | None:
        response = self._database.text(cell)
        return response if response is not None and checksum == frames.hashed(key, response) else None

    def _rows_of(self, select: str, keys: Iterable[str]) -> list[tuple[Any, ...]]:
        distinct, rows = sorted(set(keys)), list[tuple[Any, ...]]()
        for start in range(0, len(distinct), _KEYS_PER_QUERY):
            part = distinct[start : start + _KEYS_PER_QUERY]
            rows += self._database.rows(f"{select} ({','.join('?' * len(part))})", part)
        return rows


def place() -> Path | str:
    """Where answers are kept: a file, or the address of a server, which may hold a password."""
    return paths.answers_server() or paths.answers()


def shown() -> str:
    """The place as it may be read by anybody.

    Raises:
        StoreError: it is no address of a server.
    """
    where = place()
    return where.name if isinstance(where, Path) else postgres.shown(where)


def may_be_there() -> bool:
    """Whether anything may be kept: where there is no file, nothing was ever paid."""
    return _may_be_at(place())


@contextmanager
def opened(where: Path | str | None = None) -> Iterator[Answers]:
    """Gives the store of answers.

    Raises:
        StoreError: the store cannot be opened.
    """
    answers = Answers(where or place())
    try:
        yield answers
    finally:
        answers.close()


def ledger(request_hashes: Sequence[str], where: Path | str | None = None) -> pl.DataFrame:
    """The ledger's rows for these requests (schema LEDGER); none where nothing was ever paid.

    Raises:
        StoreError: the store cannot be read.
    """
    where = where or place()
    if not request_hashes or not _may_be_at(where):
        return LEDGER.to_frame()
    with opened(where) as answers:
        return answers.ledger(request_hashes)


def intact(request_hashes: Sequence[str]) -> dict[str, bool]:
    """Whether the stored answer to each of these requests is undamaged; one that is not stored is left out.

    Raises:
        StoreError: the store cannot be read.
    """
    if not request_hashes or not may_be_there():
        return {}
    with opened() as answers:
        return answers.intact(request_hashes)


def newest() -> int:
    """The call_id of the newest call in the ledger; 0 where nothing was ever paid.

    Raises:
        StoreError: the store cannot be read.
    """
    if not may_be_there():
        return 0
    with opened() as answers:
        return answers.newest()


def _may_be_at(where: Path | str) -> bool:
    return isinstance(where, str) or where.is_file()


def _rows_of_ledger(rows: Sequence[tuple[object, ...]]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema={**LEDGER, "predicate_ids": pl.String}, orient="row")
    return frame.with_columns(pl.col("predicate_ids").str.json_decode(pl.List(pl.String))).sort(
        "called_at", "request_hash"
    )
