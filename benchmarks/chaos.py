"""Kills and fills up at random moments, and looks whether a rerun ends with the undisturbed bytes.

    python -m benchmarks.chaos [--moments 50] [--seed 0] [--victims flow server disk] [--kinds asked ...]

Small studies of several kinds run as a user's do (`python -m flows.study NAME`) under a Prefect server of the
benchmark's own, in a small file system of its own where the machine gives one. Each runs undisturbed before
its first moment. At each moment, one study starts anew, and after a drawn time

    flow    the flow and all its processes are killed (SIGKILL)
    server  the Prefect server is killed, and started again
    disk    a file takes all that is free, for some seconds
    worker  a worker of the Dask cluster is killed that a study of its own runs on (with natstat[dask])
    postgres  the PostgreSQL server is stopped at once, and started again, that holds the answers of a study
            of its own (with natstat[postgres], and where its programs are installed)

After it every Parquet, SQLite and DuckDB file must be readable, whatever was being written. Then the study
runs again to its end: its Parquet must be the undisturbed bytes (but for times and numbers of runs), and the
model server, a scripted one on loopback, may have been asked again at most what was in flight. Answers are
thrown away before each moment, so that there is something to lose.

Prints a line for each moment and as its last line one JSON object. Exits with 1 where anything differs.
"""

import argparse
import importlib.util
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows import serve
from tasks import paths
from tests import dvc_project, explained, llm_study, loopback, model_pairs, postgres_server
from tests.conftest import PAIR_STUDY, REPO, Project, pair
from tests.explaining_model import ANSWERS
from tests.postgres_server import Cluster

VICTIMS = ("flow", "server", "disk", "worker", "postgres")
KINDS = ("pair", "asked", "classes", "timeline", "models", "explained")
OF_THEIR_OWN = {"worker": "spread", "postgres": "served"}
"""Victims that only one study has: on a Dask cluster, and with answers on a PostgreSQL server."""
CONCURRENCY = 8
SLOW = loopback.Plan(hypotheses=llm_study.HYPOTHESES, latency_s=0.02, rate_limited=0.05)
DISK_MB = 96
FULL_S = 3.0
LONGEST_S = 3600.0
"""On a machine that has other things to do."""
N = 120
# What is another with each run, though nothing else is.
OF_A_RUN = ("run_id", "recorded_at", "code_version", "started_at", "finished_at", "asked_at", "run")


@dataclass
class Place:
    """The project, and the Prefect server that its runs show on."""

    folder: Path
    model: loopback.Server
    is_own_disk: bool
    port: int
    postgres: Cluster | None = None
    database: str = ""
    prefect: "subprocess.Popen[bytes] | None" = None

    def environment(self, kind: str = "") -> dict[str, str]:
        """Of every process that is started here."""
        answers = str(self.folder / "data" / "answers.sqlite")
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(REPO), os.environ.get("PYTHONPATH")])),
            "PREFECT_API_URL": f"http://{serve.HOST}:{self.port}/api",
            "PREFECT_HOME": str(self.folder / "data" / ".cache" / "prefect"),
            "NATSTAT_ANSWERS": self.database if kind == OF_THEIR_OWN["postgres"] else answers,
        }

    def start_prefect(self) -> None:
        """Starts the server and waits until it answers."""
        Path(self.environment()["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)
        self.prefect = subprocess.Popen(
            [sys.executable, "-m", "flows.guard", "--port", str(self.port)],
            cwd=REPO, env=self.environment() | {"PREFECT_UI_ENABLED": "0"}, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        ends_at = time.monotonic() + LONGEST_S
        while not serve.is_healthy(f"http://{serve.HOST}:{self.port}"):
            if time.monotonic() > ends_at:
                raise SystemExit("the Prefect server did not come up")
            time.sleep(0.3)

    def stop_prefect(self) -> None:
        """Kills it."""
        if self.prefect is not None:
            kill(self.prefect)


def main() -> int:
    """Runs the benchmark and gives its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chaos", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--moments", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--victims", nargs="+", default=list(VICTIMS), choices=VICTIMS)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    arguments = parser.parse_args()
    started = time.perf_counter()
    with ExitStack() as stack:
        place = stack.enter_context(prepared(arguments.kinds))
        victims = [one for one in arguments.victims if may_be(place, one)]
        place.start_prefect()
        stack.callback(place.stop_prefect)
        undisturbed: dict[str, Whole] = {}
        rng = random.Random(arguments.seed)
        told = []
        for i in range(arguments.moments):
            victim = victims[i % len(victims)]
            kind = OF_THEIR_OWN.get(victim) or rng.choice(arguments.kinds)
            undisturbed[kind] = undisturbed.get(kind) or whole(place, kind)
            told.append(disturbed(place, victim, kind, undisturbed[kind], rng))
    faults = [fault for one in told for fault in one["faults"]]
    print(json.dumps({
        "benchmark": "chaos",
        "moments": len(told),
        "by_victim": dict(Counter(one["victim"] for one in told)),
        "by_kind": dict(Counter(one["kind"] for one in told)),
        "by_stage": dict(Counter(one["stage"] for one in told if one["interrupted"])),
        "interrupted": sum(one["interrupted"] for one in told),
        "repeated": sum(one["repeated"] for one in told),
        "most_repeated_at_once": max((one["repeated"] for one in told), default=0),
        "in_flight": CONCURRENCY,
        "faults": faults,
        "seconds": round(time.perf_counter() - started, 1),
    }))  # fmt: skip
    return 1 if faults else 0


def may_be(place: Place, victim: str) -> bool:
    """Whether this machine has what is to be disturbed."""
    if victim == "worker":
        return importlib.util.find_spec("prefect_dask") is not None
    return {"disk": place.is_own_disk, "postgres": place.postgres is not None}.get(victim, True)


@dataclass(frozen=True)
class Whole:
    """What a study leaves where nobody disturbs it."""

    tables: dict[str, pl.DataFrame]
    seconds: float
    n_answered: int


@contextmanager
def prepared(kinds: Sequence[str]) -> Iterator[Place]:
    """A project with a study of each kind, in a file system of its own where that may be made."""
    with ExitStack() as stack:
        model = stack.enter_context(loopback.serve(SLOW))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        own = stack.enter_context(own_disk(Path(folder)))
        dvc_project.prepare(Path(folder))
        project = Project(Path(folder))
        studies = {kind: entry(project, kind, model) for kind in (*kinds, *OF_THEIR_OWN.values())}
        project.params(**studies)
        try:
            postgres: Cluster | None = stack.enter_context(postgres_server.serving())
        except pytest.skip.Exception as reason:
            print(f"{reason}: no PostgreSQL server is disturbed", file=sys.stderr)
            postgres = None
        yield Place(Path(folder), model, own, serve.free_port(), postgres)


@contextmanager
def own_disk(folder: Path) -> Iterator[bool]:
    """Whether a small file system lies there while this lasts."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    own = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    if not own:
        print("no file system of one's own without privileges: the disk is not filled", file=sys.stderr)
    try:
        yield own
    finally:
        if own:
            subprocess.run(["umount", "-l", str(folder)], check=False)  # noqa: S607 - as mount


def entry(project: Project, kind: str, model: loopback.Server) -> dict[str, Any]:
    """The study of params.yaml, and its table."""
    asked = {
        "engine": "llm",
        "llm": {"base_url": model.url, "model": "scripted", "check": False},
        "spend": {"concurrency": CONCURRENCY, "timeout_s": 5.0, "attempts": 12},
    }
    if kind in {"asked", "served"}:
        data = project.table(f"{kind}.parquet", llm_study.rows(N))
        own = {"concurrency": CONCURRENCY, "timeout_s": 5.0}
        blocks = {"spend": own, "verify": {"predicates_per_call": 2, "shard_size": 100}}
        return llm_study.study(model, **blocks) | {"data": data}
    if kind == "models":
        data = project.table("models.parquet", model_pairs.long(model_pairs.wide(N)))
        block = {"prompt": "prompt", "model": "model", "answer": "answer"}
        return {"kind": "model_pair", "goal": "how they differ", "data": data, "model_pair": block}
    if kind == "explained":
        data = project.table("explained.parquet", [{"text": text} for text, _ in explained.inputs(40)])
        asks: dict[str, Any] = {
            "task": "Where is this?", "answers": list(ANSWERS), "tried": 4, "apart": 0.3,
            "ways": {"plainly": "Name the word that decided.", "vaguely": "Be vague."},
        }  # fmt: skip
        return {"kind": "explanations", "goal": "foreseen?", "data": data, "explanations": asks, **asked}
    rows = pair(N, 0.4, 0.0)
    if kind in {"pair", "spread"}:
        made = {**PAIR_STUDY, "data": project.table(f"{kind}.parquet", rows), "embed": {}}
        if kind == OF_THEIR_OWN["worker"]:
            made |= {"embed": {"shard_size": 40}, "verify": {"shard_size": 20}, "runner": {"on": "dask"}}
        return made
    fitted = [row | {"day": f"{row['year']}-{i % 12 + 1:02}-15"} for i, row in enumerate(rows)]
    data = project.table(f"{kind}.parquet", fitted)
    block = {"value": "day" if kind == "timeline" else "year"}
    return {"kind": kind, "goal": "what changed", "data": data, kind: block}


def whole(place: Place, kind: str) -> Whole:
    """Runs a study to its end."""
    forget(place, kind)
    started, before = time.monotonic(), place.model.stats()["answered"]
    if faults := ended(run(place, kind), kind):
        raise SystemExit(f"{kind}, undisturbed, {faults[0]}")
    n_answered = place.model.stats()["answered"] - before
    return Whole(tables(place, kind), time.monotonic() - started, n_answered)


def disturbed(place: Place, victim: str, kind: str, undisturbed: Whole, rng: random.Random) -> dict[str, Any]:
    """Disturbs a study at one moment, lets it run again, and tells what is wrong then."""
    forget(place, kind)
    before = place.model.stats()["answered"]
    after = rng.uniform(0.0, undisturbed.seconds)
    process = run(place, kind)
    with suppress(subprocess.TimeoutExpired):
        process.wait(after)
    if victim == "worker":
        # Workers are there while a stage has shards to do.
        while process.poll() is None and not workers_of(process.pid):
            time.sleep(0.05)
    interrupted = process.poll() is None
    stage = stage_of(kind)
    at = f"{victim} {kind} at {after:.1f} s, in {stage}"
    faults = [f"{at}: the flow never ended"] if disturb(place, victim, process, rng) else []
    faults += [f"{at}: {file} cannot be read" for file in unreadable(place)]
    faults += [f"{at}: the rerun {fault}" for fault in ended(run(place, kind), kind)]
    found = tables(place, kind)
    faults += [
        f"{at}: {name} differs"
        for name in sorted({*found, *undisturbed.tables})
        if not same(found.get(name), undisturbed.tables.get(name))
    ]
    repeated = place.model.stats()["answered"] - before - undisturbed.n_answered
    if repeated > CONCURRENCY:
        faults.append(f"{at}: {repeated} answers asked again")
    print(f"{victim:<8} {kind:<10} {after:6.1f} s  {stage if interrupted else 'was done':<10} "
          f"{repeated} asked again  {'; '.join(faults) or 'same'}", flush=True)  # fmt: skip
    return {"victim": victim, "kind": kind, "stage": stage, "interrupted": interrupted,
            "repeated": repeated, "faults": faults}  # fmt: skip


def disturb(place: Place, victim: str, process: "subprocess.Popen[bytes]", rng: random.Random) -> bool:
    """Does it, waits until the study's processes are gone, and says whether they had to be killed for it."""
    hangs = False
    if victim == "worker" and (workers := workers_of(process.pid)):
        with suppress(ProcessLookupError):
            os.kill(rng.choice(workers), signal.SIGKILL)
    if victim == "postgres" and place.postgres:
        place.postgres.stop()
        time.sleep(1.0)
        place.postgres.start()
    if victim == "server":
        place.stop_prefect()
        time.sleep(1.0)
        place.start_prefect()
    if victim == "disk":
        with filled(place.folder):
            time.sleep(FULL_S)
    if victim != "flow":
        try:
            process.wait(LONGEST_S)
        except subprocess.TimeoutExpired:
            hangs = True
    kill(process)
    while place.model.stats()["in_flight"]:
        time.sleep(0.05)
    return hangs


def workers_of(pid: int) -> list[int]:
    """Processes that Python started below another one."""
    children: dict[int, list[int]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(file.read_text(encoding="utf-8").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(file.parent.name))
    found, below = list[int](), [pid]
    while below:
        below = [child for parent in below for child in children.get(parent, [])]
        found += below
    return [one for one in found if b"spawn_main" in _command(one)]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Not a byte is free while this lasts, whoever deletes what."""
    file = folder / "fill"
    with file.open("wb", buffering=0) as fill:
        try:
            while fill.write(bytes(2**20)):
                pass
        except OSError:
            pass
        try:
            yield
        finally:
            file.unlink()


def run(place: Place, kind: str) -> "subprocess.Popen[bytes]":
    """Starts a study as a user does."""
    log = (Path(tempfile.gettempdir()) / f"natstat-chaos-{os.getpid()}-{kind}.log").open("wb")
    return subprocess.Popen(
        [sys.executable, "-m", "flows.study", kind],
        cwd=place.folder, env=place.environment(kind), stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip


def said(kind: str) -> str:
    """What the newest run of a study has printed."""
    log = Path(tempfile.gettempdir()) / f"natstat-chaos-{os.getpid()}-{kind}.log"
    return log.read_text(encoding="utf-8", errors="replace")


def stage_of(kind: str) -> str:
    """The stage that a running study is at: a stage prints a line when it has ended."""
    printed = [line.partition(" ")[0] for line in said(kind).splitlines()]
    n_ended = sum(stage in printed for stage in paths.STAGES)
    return [*paths.STAGES, "the end"][n_ended]


def ended(process: "subprocess.Popen[bytes]", kind: str) -> list[str]:
    """Waits for a run that nobody disturbs, and gives what is wrong with its end."""
    try:
        code = process.wait(LONGEST_S)
    except subprocess.TimeoutExpired:
        kill(process)
        return ["never ended"]
    return [f"ended with {code}: {said(kind)[-2000:]}"] if code else []


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Kills a process and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def forget(place: Place, kind: str) -> None:
    """Everything of the study, all answers, and what other studies found: novelty is measured against it."""
    data = place.folder / "data"
    cache = data / ".cache"
    for folder in (data / kind, data / ".runs", cache / "parts", cache / "prefect" / "storage"):
        shutil.rmtree(folder, ignore_errors=True)
    for file in [*data.glob("answers.sqlite*"), *data.glob("discoveries.duckdb*")]:
        file.unlink()
    if place.postgres:
        place.database = place.postgres.database()


def tables(place: Place, kind: str) -> dict[str, pl.DataFrame]:
    """Every Parquet of a study."""
    folder = place.folder / "data" / kind
    return {
        str(file.relative_to(folder)): pl.read_parquet(file) for file in sorted(folder.rglob("*.parquet"))
    }


def same(one: pl.DataFrame | None, other: pl.DataFrame | None) -> bool:
    """Whether two tables are the same but for what every run has of its own."""
    if one is None or other is None:
        return False
    left, right = (frame.drop(OF_A_RUN, strict=False) for frame in (one, other))
    return left.schema == right.schema and left.equals(right)


def unreadable(place: Place) -> list[str]:
    """Files that are damaged, of all that lie there whole."""
    data = place.folder / "data"
    bad = []
    for file in sorted(data.rglob("*")):
        try:
            if file.suffix == ".parquet":
                pl.read_parquet(file)
            elif file.suffix in {".sqlite", ".db"}:
                with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
                    if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                        bad.append(str(file.relative_to(data)))
            elif file.suffix == ".duckdb":
                import duckdb

                duckdb.connect(str(file), read_only=True).close()
        except (OSError, sqlite3.Error, pl.exceptions.PolarsError, RuntimeError) as error:
            bad.append(f"{file.relative_to(data)} ({type(error).__name__})")
    return bad


if __name__ == "__main__":
    sys.exit(main())
