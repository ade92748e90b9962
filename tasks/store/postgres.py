"""A PostgreSQL server as a store that several machines share: the same guarantees as a SQLite file of one.

One writer at a time holds a lock of its transaction, so that numbers of rows are seen in the order in which
they were given. A connection that is lost is made again with growing pauses; whether what was underway then
was committed is for the work to find out. A password is never shown: of the address host and database are.
"""

import logging
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from tasks.errors import StoreError
from tasks.study import hosts

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")

WAIT_S = 60.0
"""How long to try again when the server does not answer, and how long to wait for another writer."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
_LONGEST_REASON = 300
_SCHEMA = "natstat"
_LOCK = 0x6E61747374
"""Names the lock of writers among the advisory locks of a database."""
_FINAL = ("authentication failed", "does not exist", "no pg_hba.conf entry", "no password supplied")
"""What a server says that will say the same again."""
_DEFAULTS = {
    "application_name": "natstat",
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""Finds out within half a minute that a server is gone and did not say so; the address may say otherwise."""
_SESSION = (
    f"SELECT set_config('search_path', '{_SCHEMA}', false), set_config('lock_timeout', %s, false),"
    # A machine that is cut off within a transaction frees the lock.
    " set_config('idle_in_transaction_session_timeout', '30s', false),"
    # ... and what it had claimed.
    " set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),"
    " set_config('tcp_keepalives_count', '3', false)"
)
_WANTED = (
    "NATSTAT_ANSWERS: wanted the path of a file or postgresql://USER@HOST/DATABASE, got {got}. In a password"
    " write @ : / ? # % as %40 %3A %2F %3F %23 %25, or put it into PGPASSWORD or ~/.pgpass."
)


class Server:
    """A database on a server, open in one thread; tables are made in the schema `natstat`."""

    knows_claims = True

    def __init__(self, address: str, tables: str, version: int) -> None:
        """Opens it.

        Args:
            address: postgresql://USER@HOST/DATABASE.
            tables: SQL that makes what is missing.
            version: of the tables; kept beside them.

        Raises:
            StoreError: the driver is missing, the address is none, the server is not there, does not let us
                in or is not on this machine while NATSTAT_LOOPBACK_ONLY is set, or the tables are of another
                version.
        """
        self._psycopg = _driver()
        self._settings = _settings(self._psycopg, address)
        self.place = shown(address)
        self._tables, self._version = tables, version
        self._connection: psycopg.Connection[Any] | None = None
        self._is_alone = False
        self._is_gone = False
        self._patiently(lambda connection, again: None)

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """What a statement gives; `?` stands for a value.

        Raises:
            StoreError: the server is gone for longer than WAIT_S, or refuses it.
        """

        def asked(connection: "psycopg.Connection[Any]", again: bool) -> list[tuple[Any, ...]]:
            cursor = connection.execute(sql.replace("?", "%s").encode(), values)
            return cursor.fetchall() if cursor.description else []

        if self._is_alone and self._connection is not None:
            return asked(self._connection, False)
        return self._patiently(asked)

    def alone(self, work: Callable[[bool], T]) -> T:
        """Does it in one transaction, no other writer being in one.

        Args:
            work: is told whether it may have been done before: the connection was lost on the way.

        Raises:
            StoreError: the server is gone for longer than WAIT_S, or refuses it.
        """

        def locked(connection: "psycopg.Connection[Any]", again: bool) -> T:
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
                self._is_alone = True
                try:
                    return work(again)
                finally:
                    self._is_alone = False

        return self._patiently(locked)

    def cell(self, text: str) -> bytes:
        """Text as a cell holds it: PostgreSQL's own text knows no NUL."""
        return text.encode("utf-8", "surrogatepass")

    def text(self, cell: object) -> str | None:
        """What a cell holds; None where that is no text."""
        try:
            return cell.decode("utf-8", "surrogatepass") if isinstance(cell, bytes) else None
        except UnicodeDecodeError:
            return None

    def close(self) -> None:
        """Ends the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _patiently(self, work: Callable[["psycopg.Connection[Any]", bool], T]) -> T:
        """Does it, and again while the connection gets lost and patience lasts."""
        pause_s, gives_up_at, again = _FIRST_PAUSE_S, 0.0, False
        while True:
            try:
                if self._connection is None:
                    self._connection = self._connected()
                done = work(self._connection, again)
                self._is_gone = False
                return done
            except self._psycopg.Error as error:
                now = time.monotonic()
                gives_up_at = gives_up_at or now + WAIT_S
                # It was waited for once: the other calls in flight need not wait as long again, one by one.
                if not self._may_pass(error) or self._is_gone or now + pause_s > gives_up_at:
                    self._is_gone = self._may_pass(error)
                    self.close()
                    raise self._unusable(error) from error
                if not again:
                    self._tell(error)
                self.close()
                again = True
            time.sleep(pause_s * random.uniform(0.5, 1))  # noqa: S311 - many come back at once
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _may_pass(self, error: Exception) -> bool:
        """Whether it is the connection that failed, for a reason that may be gone in a moment."""
        is_lost = self._connection is None or self._connection.closed
        return is_lost and not any(words in str(error) for words in _FINAL)

    def _tell(self, error: Exception) -> None:
        print(
            f"note: {self.place} does not answer ({self._reason(error)}); it is tried again for"
            f" {WAIT_S:.0f} s.",
            file=sys.stderr,
        )

    def _unusable(self, error: Exception) -> StoreError:
        return StoreError(
            f"{self.place}: the store of paid answers cannot be used: {self._reason(error)}. Start the"
            " server, or mend NATSTAT_ANSWERS or the rights there, then rerun: what was kept is not paid"
            " again."
        )

    def _reason(self, error: Exception) -> str:
        """What went wrong, in a line without the password."""
        words = " ".join(str(error).split())[:_LONGEST_REASON] or type(error).__name__
        for secret in (self._settings.get("password"), os.environ.get("PGPASSWORD")):
            words = words.replace(secret, "[password]") if secret else words
        return words.rstrip(".")

    def _connected(self) -> "psycopg.Connection[Any]":
        connection: psycopg.Connection[Any] = self._psycopg.connect(**self._settings, autocommit=True)
        try:
            connection.execute(_SESSION, (f"{WAIT_S:.0f}s",))
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: "psycopg.Connection[Any]") -> None:
        if not _are_there(connection):
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
                if not _are_there(connection):  # another may have been first
                    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_SCHEMA}")
                    connection.execute(self._tables.encode())
                    connection.execute("CREATE TABLE version (version INTEGER NOT NULL)")
                    connection.execute("INSERT INTO version VALUES (%s)", (self._version,))
        if connection.execute("SELECT version FROM version").fetchall() != [(self._version,)]:
            raise StoreError(
                f"{self.place}: its schema {_SCHEMA} was written by another version of natstat. Use that"
                " version, or another database."
            )


def shown(address: str) -> str:
    """An address as it may be read by anybody: host and database.

    Raises:
        StoreError: the driver is missing, or the address is none.
    """
    psycopg = _driver()
    found = {**_from_environment(psycopg), **_parsed(psycopg, address)}
    host, port = found.get("host") or found.get("hostaddr") or "localhost", found.get("port", "5432")
    return f"postgresql://{host}{'' if port == '5432' else f':{port}'}/{found.get('dbname', '')}"


def _settings(psycopg: Any, address: str) -> dict[str, str]:
    given = _parsed(psycopg, address)
    if hosts.this_machine_alone():
        whole = {**_from_environment(psycopg), **given}
        named = ",".join(whole[name] for name in ("host", "hostaddr") if whole.get(name)).split(",")
        if "service" in whole or not all(map(_is_here, named)):
            raise StoreError(
                f"{shown(address)}: not asked, since NATSTAT_LOOPBACK_ONLY allows this machine alone. Unset"
                " it to keep answers on another."
            )
    return {**_DEFAULTS, **given, "client_encoding": "utf8"}


def _is_here(host: str) -> bool:
    """Whether it is this machine: a socket's folder, or a loopback address."""
    return host.startswith(("/", "@")) or host == "" or hosts.is_loopback(host)


def _parsed(psycopg: Any, address: str) -> dict[str, str]:
    scheme = address.partition("://")[0]
    try:
        # A mark in a password that is not escaped ends it: the rest would be taken, and shown, as a host.
        if address.count("@") != min(urlsplit(address).netloc.count("@"), 1):
            raise ValueError
        found = dict(psycopg.conninfo.conninfo_to_dict(address))
        if not all(port.isdecimal() for port in found.get("port", "5432").split(",")):
            raise ValueError
    except (psycopg.Error, ValueError):
        # The driver's words may hold a part of the password.
        raise StoreError(_WANTED.format(got=f"{scheme}:// and what cannot be read")) from None
    return found


def _from_environment(psycopg: Any) -> dict[str, str]:
    """What PGHOST and the like say, the driver's own defaults left out."""
    return {
        one.keyword.decode(): one.val.decode()
        for one in psycopg.pq.Conninfo.get_defaults()
        if one.val and one.keyword in {b"host", b"hostaddr", b"port", b"dbname", b"service"}
    }


def _are_there(connection: "psycopg.Connection[Any]") -> bool:
    found = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (f"{_SCHEMA}.version",)).fetchone()
    return bool(found and found[0])


def _driver() -> Any:
    try:
        import psycopg
    except ImportError:
        raise StoreError(
            "NATSTAT_ANSWERS names a PostgreSQL server: wanted the driver psycopg, not there. Run"
            ' `pip install "natstat[postgres]"`.'
        ) from None
    # It logs what it could not roll back on a connection that is lost: that is told here.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    return psycopg
