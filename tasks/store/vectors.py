"""Every vector ever encoded, in one SQLite file keyed by encoder and text.

A cache: it may be deleted at the price of encoding again, so a damaged file is set aside and begun
anew, and an entry that cannot be a vector counts as missing. Each `put_many` is one transaction: a
process killed in the middle of one loses that one alone, and several processes may read and write.
"""

import hashlib
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from filelock import FileLock
from jaxtyping import Bool, Float

from tasks import paths
from tasks.store import lite

_VERSION = 1
_KEYS_PER_QUERY = 500  # under SQLite's smallest limit on bound values
_ADVICE = "Free space or permissions, or delete it (it is computed again), then rerun."
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_TABLES = """
CREATE TABLE IF NOT EXISTS encoders (encoder_id INTEGER PRIMARY KEY, encoder TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS vectors (
    encoder_id INTEGER NOT NULL, text_key BLOB NOT NULL, vector BLOB NOT NULL,
    UNIQUE (encoder_id, text_key)
);
"""
_SELECT = (
    "SELECT text_key, vector FROM vectors"
    " WHERE encoder_id = (SELECT encoder_id FROM encoders WHERE encoder = ?) AND text_key IN"
)


def text_key(text: str) -> bytes:
    """16 bytes of BLAKE2b over the text as it is encoded (not as it is normalised)."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class VectorCache:
    """Vectors of one encoder. Open it with `opened`."""

    def __init__(self, file: Path, encoder: str, dim: int) -> None:
        self._file = file
        self._encoder = encoder
        self._dim = dim
        self._connection = self._connect()

    def get_many(
        self, keys: Sequence[bytes]
    ) -> tuple[Float[np.ndarray, "text dim"], Bool[np.ndarray, " text"]]:
        """The vectors, and which of them were there; rows that were not are zero.

        Raises:
            StoreError: the file cannot be read.
        """
        vectors = np.zeros((len(keys), self._dim), dtype=np.float32)
        found = np.zeros(len(keys), dtype=np.bool_)
        rows: dict[bytes, list[int]] = {}
        for row, key in enumerate(keys):
            rows.setdefault(key, []).append(row)
        with lite.reported(self._file, "vector cache", _ADVICE):
            for key, blob in self._stored(list(rows)):
                if isinstance(blob, bytes) and len(blob) == self._dim * 4:
                    vectors[rows[key]] = np.frombuffer(blob, dtype="<f4")
                    found[rows[key]] = True
        norms = np.linalg.norm(vectors, axis=1)
        found &= np.abs(norms - 1) < 1e-3  # NaN compares false
        vectors[~found] = 0
        return vectors, found

    def put_many(self, keys: Sequence[bytes], vectors: Float[np.ndarray, "text dim"]) -> None:
        """Stores vectors in one transaction, over whatever stood under their keys.

        Raises:
            StoreError: the file cannot be written (permission, full disk).
        """
        if vectors.shape != (len(keys), self._dim):
            raise ValueError(f"wanted {len(keys)} vectors of {self._dim}, got shape {vectors.shape}")
        blobs = [row.tobytes() for row in np.ascontiguousarray(vectors, dtype="<f4")]
        with lite.reported(self._file, "vector cache", _ADVICE):
            try:
                self._insert(keys, blobs)
            except sqlite3.DatabaseError as error:
                self._renew_if_damaged(error)
                self._insert(keys, blobs)

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def _stored(self, keys: list[bytes]) -> Iterator[tuple[bytes, object]]:
        try:
            for start in range(0, len(keys), _KEYS_PER_QUERY):
                part = keys[start : start + _KEYS_PER_QUERY]
                places = ",".join("?" * len(part))
                yield from self._connection.execute(
                    f"{_SELECT} ({places})",
                    (self._encoder, *part),
                )
        except sqlite3.DatabaseError as error:
            self._renew_if_damaged(error)  # what was not read by now is missing

    def _insert(self, keys: Sequence[bytes], blobs: Sequence[bytes]) -> None:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute("INSERT OR IGNORE INTO encoders (encoder) VALUES (?)", (self._encoder,))
            connection.executemany(
                "INSERT OR REPLACE INTO vectors (encoder_id, text_key, vector)"
                " SELECT encoder_id, ?, ? FROM encoders WHERE encoder = ?",
                [(key, blob, self._encoder) for key, blob in zip(keys, blobs, strict=True)],
            )
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _connect(self) -> sqlite3.Connection:
        with lite.reported(self._file, "vector cache", _ADVICE):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            # Switching a new file to WAL fails at once, without waiting, if another process is at it.
            with FileLock(f"{self._file}.lock", timeout=lite.WAIT_S):
                try:
                    return _prepared(self._file)
                except sqlite3.DatabaseError as error:
                    if not _is_damage(error):
                        raise
                    _set_aside(self._file, error)
                    return _prepared(self._file)

    def _renew_if_damaged(self, error: sqlite3.DatabaseError) -> None:
        """Begins a new file if the old one is damaged; any other error goes on."""
        if not _is_damage(error):
            raise error
        self._connection.close()
        with FileLock(f"{self._file}.lock", timeout=lite.WAIT_S):
            if not _is_sound(self._file):  # else another process has begun a new one already
                _set_aside(self._file, error)
        self._connection = self._connect()


@contextmanager
def opened(encoder: str, dim: int, file: Path | None = None) -> Iterator[VectorCache]:
    """Gives the cache of this encoder's vectors.

    Raises:
        StoreError: the file cannot be opened.
    """
    cache = VectorCache(file or paths.vector_cache(), encoder, dim)
    try:
        yield cache
    finally:
        cache.close()


def _prepared(file: Path) -> sqlite3.Connection:
    return lite.prepared(file, _TABLES, _VERSION, "SELECT encoder_id, text_key, vector FROM vectors LIMIT 1")


def _is_damage(error: sqlite3.Error) -> bool:
    # OperationalError is the disk's or a lock's; an error of our own has no code.
    code = getattr(error, "sqlite_errorcode", None)
    return not isinstance(error, sqlite3.OperationalError) and (code is None or code & 0xFF in _DAMAGED)


def _is_sound(file: Path) -> bool:
    try:
        connection = _prepared(file)
    except sqlite3.DatabaseError:
        return False
    try:
        return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except sqlite3.DatabaseError:
        return False
    finally:
        connection.close()


def _set_aside(file: Path, error: sqlite3.Error) -> None:
    kept = file.with_name(f"{file.name}.damaged")
    file.replace(kept)
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    print(
        f"warning: {file}: damaged ({error}); set aside as {kept.name}, vectors are computed again.",
        file=sys.stderr,
    )
