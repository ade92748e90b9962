"""A study whose answers lie on a PostgreSQL server; another machine is another project folder."""

import random
import shutil
import threading
import time
from pathlib import Path

import pytest

from tasks import paths
from tasks.engines.gateway.chat import Answer
from tests import loopback
from tests.conftest import Project
from tests.engines.chatting import run_many, study_of
from tests.engines.scripted_server import serving
from tests.engines.test_chat_processes import slow
from tests.engines.test_chat_processes import started as judging
from tests.engines.test_llm_kill import (
    BLOCKS,
    CONCURRENCY,
    QUICK,
    SLOW,
    Undisturbed,
    finished,
    forget_outputs,
    killed,
    started,
    whole,
)
from tests.llm_study import every_file, prepared
from tests.postgres_server import Cluster, sql

__all__ = ["whole"]


def machine(whole: Undisturbed, folder: Path, server: loopback.Server, patch: pytest.MonkeyPatch) -> Project:
    """Another machine with the same study up to verify, which is where this process is from now on."""
    shutil.copytree(whole.folder, folder, ignore=shutil.ignore_patterns("*.sqlite*"))
    patch.chdir(folder)
    return prepared(Project(folder), server, n=250, **BLOCKS)


def by_request(answer: Answer) -> str:
    return answer.calls[0].request_hash


@pytest.mark.usefixtures("store")
def test_what_one_machine_paid_no_other_pays_also_where_the_server_stops_meanwhile(
    postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NATSTAT_ANSWERS", postgres.database())
    with serving(slow) as server:

        def restart() -> None:
            while server.calls < 20:
                time.sleep(0.005)
            postgres.stop()
            time.sleep(1.5)  # longer than a call may take
            postgres.start()

        power = threading.Thread(target=restart)
        power.start()
        first = run_many(study_of(server.url, concurrency=4, timeout_s=1.0), 60)
        power.join()
        again = run_many(study_of(server.url, concurrency=4), 60)
        assert sorted(again, key=by_request) == sorted(first, key=by_request)
        assert server.calls == 60


@pytest.mark.long
@pytest.mark.usefixtures("store")
def test_two_processes_that_ask_the_same_at_once_pay_once(
    postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = postgres.database()
    monkeypatch.setenv("NATSTAT_ANSWERS", address)
    with serving(slow) as server:
        both = [judging(server, 4, 200) for _ in range(2)]
        for process in both:
            _, errors = process.communicate(timeout=300)
            assert process.returncode == 0, errors
        assert server.calls == 200
        assert sql(address, "SELECT count(*) FROM answers") == [(200,)]
        assert sql(address, "SELECT count(*) FROM calls") == [(server.calls,)]


@pytest.mark.long
def test_a_study_is_the_same_as_with_a_file_and_a_second_machine_pays_nothing(
    whole: Undisturbed, postgres: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = postgres.database()
    with loopback.serve(QUICK) as server:
        assert finished(machine(whole, tmp_path / "one", server, monkeypatch), address) == whole.files
        paid = server.stats()["answered"]
        assert paid == whole.n_calls
        assert finished(machine(whole, tmp_path / "other", server, monkeypatch), address) == whole.files
        assert server.stats()["answered"] == paid


@pytest.mark.long
def test_two_machines_at_once_find_the_same(
    whole: Undisturbed, postgres: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = postgres.database()
    with loopback.serve(SLOW) as server:
        both = [machine(whole, tmp_path / name, server, monkeypatch) for name in ("one", "other")]
        running = [started(project, address) for project in both]
        for project, process in zip(both, running, strict=True):
            said, _ = process.communicate(timeout=300)
            assert process.returncode == 0, said
            monkeypatch.chdir(project.folder)
            assert every_file(paths.output("news", "verify")) == whole.files
        counted = server.stats()
        assert counted["repeated"] == 0
        assert counted["answered"] == whole.n_calls
        forget_outputs()
        assert finished(both[1], address) == whole.files
        assert server.stats()["calls"] == counted["calls"]


@pytest.mark.long
def test_killed_askers_and_a_killed_server_repeat_at_most_what_was_in_flight(
    whole: Undisturbed, postgres: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, rng, kills = postgres.with_password(postgres.database()), random.Random(4), 2
    with loopback.serve(SLOW) as server:
        project = machine(whole, tmp_path / "one", server, monkeypatch)
        for _ in range(kills):
            at_call = server.stats()["calls"] + rng.randrange(10, 80)
            assert killed(started(project, address), server, at_call, rng.uniform(0, 0.04))
        assert server.stats()["repeated"] <= kills * CONCURRENCY
        process = started(project, address)
        calls = server.stats()["calls"]
        while server.stats()["calls"] < calls + 40 and process.poll() is None:
            time.sleep(0.01)
        assert process.poll() is None
        postgres.stop()
        postgres.start()
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said
        assert "it is tried again" in said
        assert "s3cret" not in said
        assert every_file(paths.output("news", "verify")) == whole.files
        assert server.stats()["repeated"] <= (kills + 1) * CONCURRENCY
