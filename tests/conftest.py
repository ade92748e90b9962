"""Fixtures for all tests: a project folder of its own, and small corpora with a planted difference."""

import gc
import ipaddress
import json
import os
import random
import shutil
import socket
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from tests import postgres_server

REPO = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("NATSTAT_SHARED", REPO.parent / "shared"))

# Here, not in a fixture: the processes that tests start inherit it, whatever fixtures they use.
os.environ["NATSTAT_LOOPBACK_ONLY"] = "1"

STAGES = ("collect", "embed", "propose", "formalise", "verify", "score", "record", "report")


def pytest_configure(config: pytest.Config) -> None:
    """Gives each worker of a parallel run one thread of torch and BLAS: more would spin and wait for it."""
    if config.getoption("numprocesses", None):
        # Here, where workers are started: theirs have imported numpy before they read this file.
        os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_finish() -> None:
    """Takes all that collecting made out of every later search for garbage: it stays to the end."""
    gc.collect()
    gc.freeze()


def _settings() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key.startswith("NATSTAT_")}


SETTINGS = _settings()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """Fails the test after which a setting of natstat's differs: the next one would run under it."""
    yield
    left = _settings()
    for key in SETTINGS.keys() | left.keys():
        os.environ.pop(key, None)
    os.environ.update(SETTINGS)
    assert left == SETTINGS, "the test left a setting behind: use monkeypatch.setenv"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Gives one worker all files that ask a Prefect server, so that it is started once."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class PrefectTogether(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "prefect" if "/test_prefect_" in nodeid else str(super()._split_scope(nodeid))

    return PrefectTogether(config, log)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models come from disk; nothing is looked up on a hub."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


def _is_outside(sock: socket.socket, address: Any) -> bool:
    """Whether a connection would leave this machine; a datagram socket sends nothing when it connects."""
    if (
        sock.family not in {socket.AF_INET, socket.AF_INET6}
        or sock.type & socket.SOCK_DGRAM == socket.SOCK_DGRAM
    ):
        return False
    try:
        return not ipaddress.ip_address(address[0].split("%")[0]).is_loopback
    except ValueError:
        return address[0] not in {"", "localhost"}


@pytest.fixture(autouse=True)
def tried_to_leave(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Refuses every connection to another machine, and fails the test even where the error is swallowed."""
    tried: list[str] = []

    def guarded(name: str) -> Callable[[socket.socket, Any], Any]:
        connect = getattr(socket.socket, name)

        def connect_inside(sock: socket.socket, address: Any) -> Any:
            if _is_outside(sock, address):
                tried.append(f"{address[0]}:{address[1]}")
                raise PermissionError(
                    f"tests reach this machine alone, not {tried[-1]}: see tests/loopback.py"
                )
            return connect(sock, address)

        return connect_inside

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, guarded(name))
    yield tried
    assert not tried, f"the test tried to reach {', '.join(tried)}: tests reach this machine alone"


class Project:
    """A folder with params.yaml, as a user has one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def params(self, **studies: dict[str, Any]) -> None:
        """Writes params.yaml with these studies, every block present as DVC wants it."""
        blank: dict[str, Any] = {
            "kind": "corpus_pair",
            "engine": "embedded",
            "seed": 0,
            "user": None,
            "verdicts": None,
            "labels": ".gitkeep",
            "after": ".gitkeep",
            "llm": {},
            "spend": {},
            "runner": {},
            "gold": {},
            "corpus_pair": {},
            "encoder_failures": {},
            "model_pair": {},
            "timeline": {},
            "classes": {},
            "clusters": {},
            "directions": {},
            "explanations": {},
            **{stage: {} for stage in STAGES},
        }
        content = {"studies": {name: {**blank, **study} for name, study in studies.items()}}
        (self.folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    def table(self, name: str, rows: list[dict[str, Any]]) -> str:
        """Writes rows as Parquet and gives the file's name."""
        pl.DataFrame(rows).write_parquet(self.folder / name)
        return name

    def run(self, study: str, *stages: str) -> None:
        """Runs stages in this process (all of them by default); raises what they raise."""
        from tasks.run import run
        from tasks.study import load

        for name in stages or STAGES:
            run(load(study), name)


def in_a_copy(of: Path, folder: Path, patch: pytest.MonkeyPatch) -> Project:
    """A copy of a project that a test may change, as the folder in which it runs."""
    shutil.copytree(of, folder)
    patch.chdir(folder)
    return Project(folder)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)


SHUFFLES = "tasks.score.baselines.NULL_SHUFFLES"


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgres_server.Cluster]:
    """A PostgreSQL server; whoever stops it starts it again."""
    with postgres_server.serving() as cluster:
        yield cluster


@pytest.fixture(scope="session", autouse=True)
def _few_shuffles() -> Iterator[None]:
    """A study is shuffled 20 times, not 100, unless a test wants all: they take half of its time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SHUFFLES, 20)
        yield


@pytest.fixture
def all_shuffles(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many shuffles as a user's study has, for a test of what they find."""
    monkeypatch.setattr(SHUFFLES, 100)


SUBJECTS = ("the council", "our team", "a farmer", "the minister", "my neighbour", "the court", "a school")
VERBS = ("opens", "plans", "reviews", "closes", "paints", "repairs", "visits", "sells")
OBJECTS = ("the old bridge", "a new road", "the harbour", "its budget", "a garden", "the hall", "the railway")
PLANTED = "during the covid outbreak"


SYLLABLES = ("bo", "da", "ke", "li", "mu", "na", "po", "ri", "se", "tu")


def place(number: int) -> str:
    """A made-up name: texts that differ in a number alone are copies of one another."""
    return "".join(SYLLABLES[int(digit)] for digit in f"{number:04}")


def sentences(n: int, share_planted: float, seed: int) -> list[str]:
    """Distinct small sentences, a share of them with the planted phrase."""
    rng = random.Random(seed)
    made: dict[str, None] = {}
    while len(made) < n:
        words = [
            rng.choice(SUBJECTS),
            rng.choice(VERBS),
            rng.choice(OBJECTS),
            f"in {place(rng.randrange(10_000))} this week",
        ]
        # As long as the planted one, so that length gives nothing away.
        words.append(PLANTED if rng.random() < share_planted else "after the spring holiday")
        made[" ".join(words)] = None
    return list(made)


def pair(n: int, planted_a: float, planted_b: float, seed: int = 0) -> list[dict[str, Any]]:
    """Rows text, year: n of 2020 (group A) and n of 2019 (group B)."""
    return [{"text": t, "year": 2020} for t in sentences(n, planted_a, seed)] + [
        {"text": t, "year": 2019} for t in sentences(n, planted_b, seed + 1)
    ]


PAIR_STUDY: dict[str, Any] = {
    "goal": "what changed in the news from year to year",
    "data": "news.parquet",
    "collect": {"group": "year", "a": 2020, "b": 2019},
    "embed": {"encoder": "none"},
    "propose": {"families": ["words", "style"]},
}
"""A study of `pair` rows that needs no encoder."""


@pytest.fixture
def planted(project: Project) -> Project:
    """A project with one study, `news`, that has a planted difference of 0.3."""
    project.table("news.parquet", pair(300, 0.3, 0.0))
    project.params(news=PAIR_STUDY)
    return project


@dataclass(frozen=True)
class RealModel:
    """A real language model behind a real server on this machine."""

    base_url: str
    model: str


@pytest.fixture(scope="session")
def real_model() -> RealModel:
    """The server that NATSTAT_TEST_BASE_URL names, and its first model or the one of NATSTAT_TEST_MODEL."""
    base_url = os.environ.get("NATSTAT_TEST_BASE_URL", "").rstrip("/")
    if not base_url:
        pytest.skip("NATSTAT_TEST_BASE_URL names no server")
    model = os.environ.get("NATSTAT_TEST_MODEL", "")
    if not model:
        with urllib.request.urlopen(f"{base_url}/models", timeout=10) as response:
            model = json.load(response)["data"][0]["id"]
    return RealModel(base_url, model)


def shared_file(name: str) -> Callable[..., Any]:
    """Skips a test where the development data is absent."""
    return pytest.mark.skipif(not (SHARED / "data" / name).is_file(), reason=f"{name} is not here")
