"""The key is given to the endpoint and to nobody else, and no test can reach a real endpoint.

The server sends the key back wherever it can: in errors, headers, refusals, ids and contents of answers.
"""

import json
import logging
import os
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tasks import paths
from tasks.errors import EngineError
from tests import loopback
from tests.conftest import REPO, STAGES, Project
from tests.llm_study import FAULTS, HYPOTHESES, discoveries, prepared, study
from tests.loopback import Plan, Server

KEY = "sk-canary/7f3a9c+Q_zz~41"
ECHO = Plan(hypotheses=HYPOTHESES, refusals=0.1, echo_key=True, error_rate=0.05)
BLOCKS = {"verify": {"predicates_per_call": 4}, "record": {"max_refusal_share": 0.9}}


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with loopback.serve(ECHO) as server:
        yield server


@pytest.fixture
def server(running: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    running.change(ECHO)
    return running


def shows(text: str) -> bool:
    """Whether a text holds the key or half of it, as it is or as JSON or a URL may spell it."""
    spelt = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    spelt = re.sub(r"%([0-9a-fA-F]{2})", lambda found: chr(int(found[1], 16)), spelt).replace("\\/", "/")
    return any(KEY[: len(KEY) // 2] in said or KEY[len(KEY) // 2 :] in said for said in (text, spelt))


def readable(file: Path, raw: bytes) -> Iterator[str]:
    """What a file holds: its bytes, and what a reader of its format sees."""
    yield raw.decode("utf-8", "replace")
    if file.suffix == ".parquet":
        frame = pl.read_parquet(file)
        yield json.dumps(frame.rows(), default=str, ensure_ascii=False) + str(frame.columns)
    elif raw.startswith(b"SQLite format 3"):
        connection = sqlite3.connect(file)
        try:
            yield "\n".join(connection.iterdump())
        finally:
            connection.close()
    elif file.suffix == ".duckdb":
        with duckdb.connect(str(file), read_only=True) as database:
            for (table,) in database.execute("SELECT table_name FROM information_schema.tables").fetchall():
                yield str(database.execute(f'SELECT * FROM "{table}"').fetchall())


def giving_away(folder: Path) -> list[str]:
    """Files under a folder that show the key, in their names or contents."""
    # All are read before any is opened: SQLite takes the files beside its own away.
    files = {file: file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}
    assert files
    return [
        str(file.relative_to(folder))
        for file, raw in files.items()
        if shows(str(file.relative_to(folder))) or any(map(shows, readable(file, raw)))
    ]


def test_what_is_looked_for_would_be_found(tmp_path: Path) -> None:
    pl.DataFrame({"predicate": [f"says {KEY}"] * 100}).write_parquet(tmp_path / "a.parquet")
    connection = sqlite3.connect(tmp_path / "b.sqlite")
    connection.execute("CREATE TABLE t AS SELECT ? AS x", (KEY[12:],))
    connection.commit()
    connection.close()
    with duckdb.connect(str(tmp_path / "c.duckdb")) as database:
        database.execute("CREATE TABLE t AS SELECT ? AS x FROM range(10000)", [KEY])
    (tmp_path / "d.json").write_text("".join(f"\\u{ord(c):04x}" for c in KEY), encoding="utf-8")
    (tmp_path / "e.txt").write_text("nothing", encoding="utf-8")
    assert giving_away(tmp_path) == ["a.parquet", "b.sqlite", "c.duckdb", "d.json"]


def test_no_file_and_no_log_of_a_whole_study_shows_the_key(
    project: Project, server: Server, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    prepared(project, server, n=100, **BLOCKS)
    with caplog.at_level(logging.DEBUG):
        project.run("news")
    assert server.stats()["key_seen"]
    assert 'mentions "[key]"' in discoveries(), "the proposer said it"
    assert giving_away(project.folder) == []
    assert not shows(caplog.text)
    assert not shows("".join(capfd.readouterr()))


@pytest.mark.parametrize(
    "plan",
    [
        replace(ECHO, status=401),
        replace(ECHO, status=400),
        replace(ECHO, redirect_to="http://127.0.0.1:9/v1"),
        replace(ECHO, wrong_schema=1.0),
        replace(ECHO, server_error=1.0),
    ],
    ids=["401", "400", "redirect", "wrong", "down"],
)
def test_no_failure_shows_the_key(
    plan: Plan, project: Project, server: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    prepared(project, server, n=20, **BLOCKS, spend={"attempts": 2, "patience_s": 1.0})
    project.run("news", *STAGES[:2])
    server.change(plan)
    with pytest.raises(EngineError) as caught:
        project.run("news", "propose")
    assert not shows(str(caught.value)) and not shows(repr(vars(caught.value)))
    assert giving_away(project.folder) == []
    with subprocess.Popen(
        [sys.executable, "-m", "tasks", "propose", "--study", "news"],
        cwd=project.folder,
        env={**os.environ, "PYTHONPATH": str(REPO), "OPENAI_LOG": "debug"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        said, _ = process.communicate(timeout=60)
    assert process.returncode == EngineError.exit_code, said
    assert said.strip() and not shows(said)
    assert "Traceback" not in said
    assert giving_away(project.folder) == []


@pytest.mark.slow
def test_prefect_keeps_no_key_of_a_run_that_ends_and_of_one_that_fails(
    project: Project, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("prefect")
    with loopback.serve(replace(ECHO, status=401)) as refusing:
        prepared(project, server, n=60, **BLOCKS)
        project.params(news=study(server, **BLOCKS), bad=study(refusing, **BLOCKS))
        (project.folder / "dvc.yaml").write_bytes((REPO / "dvc.yaml").read_bytes())
        program = "import sys; from flows.study import main; sys.exit(10 * main(['news']) + main(['bad']))"
        ran = subprocess.run(
            [sys.executable, "-c", program],
            cwd=project.folder,
            env={
                **os.environ,
                "PYTHONPATH": str(REPO),
                "PREFECT_HOME": str(home),
                "PREFECT_LOGGING_LEVEL": "DEBUG",
                "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
    assert ran.returncode == EngineError.exit_code, ran.stdout
    assert not shows(ran.stdout)
    assert giving_away(home) == []
    assert giving_away(project.folder) == []


def test_faults_that_are_mended_leave_no_key_behind(project: Project, server: Server) -> None:
    server.change(replace(ECHO, **FAULTS, no_usage=True, fenced=True))
    prepared(project, server, n=30, **BLOCKS)
    project.run("news", *STAGES[:5])
    assert giving_away(paths.data()) == []


def test_a_test_that_leaves_this_machine_is_stopped_and_fails(tried_to_leave: list[str]) -> None:
    for address in (("10.255.255.1", 443), ("api.openai.com", 443)):
        with socket.socket() as sock, pytest.raises(PermissionError, match=r"tests/loopback\.py"):
            sock.connect(address)
    assert tried_to_leave == ["10.255.255.1:443", "api.openai.com:443"]
    tried_to_leave.clear()


def test_a_study_with_a_real_endpoint_is_not_asked_even_where_a_key_is_set(
    project: Project, server: Server
) -> None:
    project.table("news.parquet", [{"text": f"text {i}", "year": 2019 + i % 2} for i in range(40)])
    project.params(news=study(server, llm={"base_url": "https://api.openai.com/v1", "model": "gpt"}))
    project.run("news", *STAGES[:2])
    with pytest.raises(EngineError, match="NATSTAT_LOOPBACK_ONLY"):
        project.run("news", "propose")
