"""Measures what a second worker brings: to an embed bound by the processor, and to a verify bound by latency.

    python -m benchmarks.scaling [--on threads dask ray] [--texts 2000] [--repeats 3]

Each stage runs as a user's does (`python -m flows STAGE`, with `runner:` in params.yaml) on a Prefect server
of the benchmark's own, each time from nothing: no vectors, no answers, no parts. One and two workers take
turns.

    embed   texts that the bundled encoder reads, eight shards; a worker has one thread (OMP_NUM_THREADS=1)
    verify  predicates that a scripted model server on loopback judges, which takes `--latency` for an answer,
            eight shards; a worker has `--calls` of them in flight (spend.concurrency), and two have twice as
            many (runner.calls_at_once). Threads are one process, which asks for one shard at a time: there
            it is spend.concurrency that is twice as much

With `--turns` verify is also measured with two workers that share one worker's calls in flight, which is what
a study has that names no runner.calls_at_once.

A run's wall time is the stage's own, from its start to its end, with the start of a cluster; a ratio is that
of one worker over that of two, by medians. Processor time is that of the run with its workers (Ray's, which
are no children of it, are not counted). Prints a table, and as its last line one JSON object.
"""

import argparse
import importlib.util
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.chaos import Place
from flows import serve
from tests import dvc_project, llm_study, loopback
from tests.conftest import PAIR_STUDY, STAGES, Project, sentences

N_SHARDS = 8
NEEDS = {"dask": "prefect_dask", "ray": "prefect_ray"}


@dataclass
class Measured:
    """Runs of one stage on so many workers."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scaling", description=(__doc__ or "").split("\n")[0]
    )
    runners = [one for one in ("threads", "dask", "ray") if one == "threads" or _is_installed(one)]
    parser.add_argument("--on", nargs="+", default=runners, choices=("threads", "dask", "ray"))
    parser.add_argument("--stages", nargs="+", default=["embed", "verify"], choices=("embed", "verify"))
    parser.add_argument("--texts", type=int, default=2000, help="of each group, to be encoded")
    parser.add_argument("--judged", type=int, default=600, help="of each group, of which half are judged")
    parser.add_argument("--latency", type=float, default=0.2, help="seconds that an answer takes")
    parser.add_argument("--calls", type=int, default=4, help="in flight of one worker")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--turns", action="store_true")
    arguments = parser.parse_args()
    model = loopback.Plan(hypotheses=llm_study.HYPOTHESES)
    with tempfile.TemporaryDirectory() as folder, loopback.serve(model) as server:
        place = prepared(Path(folder), server, arguments)
        try:
            server.change(loopback.Plan(hypotheses=llm_study.HYPOTHESES, latency_s=arguments.latency))
            for on in arguments.on:
                for stage in arguments.stages:
                    measure(place, on, stage, arguments)
        finally:
            place.stop_prefect()


def _is_installed(on: str) -> bool:
    return importlib.util.find_spec(NEEDS[on]) is not None


def prepared(folder: Path, server: loopback.Server, arguments: argparse.Namespace) -> Place:
    """A project with a study for each stage, all before it done, and a Prefect server."""
    dvc_project.prepare(folder)
    project = Project(folder)
    rows = [
        {"text": text, "year": year}
        for year in (2020, 2019)
        for text in sentences(arguments.texts, 0.3, year)
    ] if "embed" in arguments.stages else []  # fmt: skip
    if rows:
        project.table("embed.parquet", rows)
    project.table("verify.parquet", llm_study.rows(arguments.judged))
    place = Place(folder, server, False, serve.free_port())
    write(place, arguments, "threads", 1, 1)
    for study in arguments.stages:
        for stage in STAGES[: STAGES.index(study)]:
            started(place, "tasks", stage, study)
    place.start_prefect()
    return place


def write(place: Place, arguments: argparse.Namespace, on: str, workers: int, shares: int) -> None:
    """params.yaml for so many workers, with so many workers' calls in flight."""
    is_one_process = on == "threads"
    calls = arguments.calls * (shares if is_one_process else 1)
    runner: dict[str, Any] = {"on": on, "workers": workers}
    if not is_one_process:
        runner["calls_at_once"] = arguments.calls * shares
    of_shard = -(-arguments.judged // N_SHARDS)  # of both groups half are judged
    asked = llm_study.study(
        place.model,
        spend={"concurrency": calls, "timeout_s": 30.0},
        verify={"predicates_per_call": 1, "texts_per_call": 5, "shard_size": of_shard},
    )
    studies: dict[str, Any] = {
        "verify": {**asked, "data": "verify.parquet"},
        "embed": {
            **PAIR_STUDY,
            "data": "embed.parquet",
            "embed": {"encoder": "bundled", "shard_size": -(-2 * arguments.texts // N_SHARDS)},
        },
    }
    chosen = {name: {**studies[name], "runner": runner} for name in arguments.stages}
    Project(place.folder).params(**chosen)


def measure(place: Place, on: str, stage: str, arguments: argparse.Namespace) -> None:
    """Measures one stage on one and two workers, in turns, and prints what came out."""
    ways = {"1": (1, 1), "2": (2, 2)}
    if arguments.turns and stage == "verify":
        ways["2 in turns"] = (2, 1)
    found = {way: Measured() for way in ways}
    for _ in range(arguments.repeats):
        for way, (workers, shares) in ways.items():
            write(place, arguments, on, workers, shares)
            forget(place, stage)
            wall_s, cpu_s = started(place, "flows", stage, stage)
            found[way].wall_s.append(wall_s)
            found[way].cpu_s.append(cpu_s)
            print(f"{on} {stage}, workers {way}: {wall_s:.1f} s, {cpu_s:.1f} CPU-s", file=sys.stderr)
    report(on, stage, found)


def forget(place: Place, stage: str) -> None:
    """All that a run of the stage left, and the server's limit, which would outlive it."""
    data = place.folder / "data"
    for left in (data / stage / f"{STAGES.index(stage) + 1}_*", data / ".cache" / "parts"):
        for one in left.parent.glob(left.name):
            shutil.rmtree(one)
    for file in (*data.glob("answers.sqlite*"), *(data / ".cache").glob("vectors*")):
        file.unlink()
    forget_limits(place)


def forget_limits(place: Place) -> None:
    """As `make ui` does at its start: what params.yaml says counts anew."""
    code = (
        "from flows import settings; settings.apply()\n"
        "from prefect.client.orchestration import get_client\n"
        "with get_client(sync_client=True) as c:\n"
        "    for one in c.read_global_concurrency_limits(limit=100):\n"
        "        c.delete_global_concurrency_limit_by_name(one.name)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=place.folder, env=environment(place), check=True)


def environment(place: Place) -> dict[str, str]:
    """Of a run: one thread for each worker."""
    return {**dvc_project.environment(), **place.environment(), "OMP_NUM_THREADS": "1"}


def started(place: Place, module: str, stage: str, study: str) -> tuple[float, float]:
    """Runs a stage, which must end well; gives its own wall seconds and its processor seconds."""
    timings = place.folder / "data" / ".cache" / "timings.jsonl"
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", module, stage, "--study", study],
        cwd=place.folder, env=environment(place), capture_output=True, text=True, check=False,
    )  # fmt: skip
    whole = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{stage}: {done.stdout}{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    noted = json.loads(timings.read_text(encoding="utf-8").splitlines()[-1])
    if noted["stage"] != stage or noted["wall_s"] > whole:
        raise SystemExit(f"wanted the time of {stage} last in {timings}, got {noted}")
    return noted["wall_s"], cpu


def report(on: str, stage: str, found: dict[str, Measured]) -> None:
    """A row of the table for each way, and the ratios as JSON."""
    one = statistics.median(found["1"].wall_s)
    print(f"| {on} {stage}, workers | wall s (least-most) | CPU s | times one |\n|---|---|---|---|")
    for way, runs in found.items():
        wall, cpu = statistics.median(runs.wall_s), statistics.median(runs.cpu_s)
        spread = f"{min(runs.wall_s):.1f}-{max(runs.wall_s):.1f}"
        print(f"| {way} | {wall:.1f} ({spread}) | {cpu:.1f} | {one / wall:.2f} |")
    print(json.dumps({
        "benchmark": "scaling",
        "on": on,
        "stage": stage,
        "wall_s": {way: runs.wall_s for way, runs in found.items()},
        "cpu_s": {way: [round(one, 2) for one in runs.cpu_s] for way, runs in found.items()},
        "ratio": {way: round(one / statistics.median(runs.wall_s), 2) for way, runs in found.items()},
        "load_1_min": round(os.getloadavg()[0], 1),
    }), flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
