"""A PostgreSQL server of the tests' own, from the distribution's packages; gone when they end."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "s3cret%/word"
_ESCAPED = "s3cret%25%2Fword"
_BINARIES = (*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), Path("/usr/local/pgsql/bin"))


def _found(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(map(str, _BINARIES)))


@dataclass
class Cluster:
    """Databases on a loopback port and a socket; the role `natstat` may do anything in them."""

    folder: Path
    port: int
    _databases: Any

    def start(self) -> None:
        """Until it answers."""
        options = f"-F -h 127.0.0.1 -p {self.port} -k {self.folder}"
        self._control("start", "-w", "-o", options, "-l", str(self.folder / "log"))

    def stop(self) -> None:
        """At once, as when the power fails: connections are cut, transactions lost."""
        self._control("stop", "-m", "immediate")

    def database(self) -> str:
        """The address of a new, empty database."""
        import psycopg

        name = f"t{next(self._databases)}"
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.address(name)

    def address(self, database: str, password: str | None = None) -> str:
        """By the socket, where no password is wanted; with one by the port, where one is."""
        if password is None:
            return f"postgresql://natstat@/{database}?host={self.folder}&port={self.port}"
        return f"postgresql://natstat:{password}@127.0.0.1:{self.port}/{database}"

    def with_password(self, address: str) -> str:
        """The same database, asked with the password."""
        return self.address(address.partition("@/")[2].partition("?")[0], _ESCAPED)

    def sessions_end(self) -> None:
        """Cuts every connection but its own."""
        sql(
            self.address("postgres"),
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'natstat' AND pid <> pg_backend_pid()",
        )

    def _control(self, *arguments: str) -> None:
        ran = _as_nobody(["pg_ctl", "-D", str(self.folder / "data"), *arguments])
        assert ran == 0, (self.folder / "log").read_text(encoding="utf-8")


def sql(address: str, statement: str, *values: object) -> list[Any]:
    """What a statement gives in the schema of natstat."""
    import psycopg

    with psycopg.connect(address, autocommit=True, options="-c search_path=natstat") as connection:
        cursor = connection.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def serving() -> Iterator[Cluster]:
    """A server while the block runs; skips the test where there is none to be had."""
    pytest.importorskip("psycopg", reason="natstat[postgres] is not installed")
    if not (_found("initdb") and _found("pg_ctl")):
        pytest.skip("PostgreSQL's initdb and pg_ctl are not installed")
    folder = Path(tempfile.mkdtemp(prefix="natstat-pg-"))
    try:
        (folder / "password").write_text(PASSWORD, encoding="utf-8")
        if os.geteuid() == 0:
            for place in (folder, folder / "password"):
                shutil.chown(place, "nobody")
        made = ["initdb", "-D", str(folder / "data"), "-U", "natstat", "--pwfile", str(folder / "password")]
        options = [
            "--auth-local=trust",
            "--auth-host=scram-sha-256",
            "--no-sync",
            "--no-locale",
            "-E",
            "UTF8",
        ]
        if _as_nobody([*made, *options]) != 0:
            pytest.skip("initdb makes no server here")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        cluster = Cluster(folder, port, count())
        cluster.start()
        try:
            yield cluster
        finally:
            if (folder / "data" / "postmaster.pid").exists():
                cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_nobody(command: list[str]) -> int:
    """Runs it, not as root, under which no server starts."""
    name, *arguments = command
    is_root = os.geteuid() == 0
    return subprocess.run(
        [str(_found(name)), *arguments],
        user="nobody" if is_root else None,
        extra_groups=[] if is_root else None,
        cwd="/",
        env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    ).returncode
