"""Measures what starting a study's stages costs beside the stages themselves.

    python -m benchmarks.orchestration [--texts 300] [--repeats 3] [--studies 20]

One small offline study of eight stages, each time from nothing, in four ways:

    functions   the stages one after the other in one process: the least there can be
    commands    `python -m tasks STAGE`, a process for each
    dvc         `dvc repro`, without Prefect
    prefect     `python -m flows.study`, one process, on a server whose own time is not counted

and then `dvc repro` of so many such studies that are finished, where it has nothing to do (`nothing`).
Prints a table of processor and wall seconds (medians), and as its last line one JSON object, in which `ratio`
is processor time over that of `functions`: of one study, in all rows.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.chaos import Place
from flows import serve
from tests import dvc_project, loopback
from tests.conftest import PAIR_STUDY, REPO, STAGES, Project, pair

FUNCTIONS = (
    "from tasks.run import run; from tasks.study import load, names; from tasks import paths;"
    "[run(load(name), stage) for name in names() for stage in paths.STAGES]"
)


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.orchestration", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--texts", type=int, default=300, help="of each group")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--studies", type=int, default=20, help="that are finished")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder)
        dvc_project.prepare(there)
        project = Project(there)
        project.table("news.parquet", pair(arguments.texts, 0.3, 0.0))
        project.params(news=PAIR_STUDY)
        place = Place(there, loopback.Server(""), False, serve.free_port())
        place.start_prefect()
        try:
            measured = {
                name: medians(lambda run=run: run(place), there, arguments.repeats)  # type: ignore[misc]
                for name, run in WAYS.items()
            }
        finally:
            place.stop_prefect()
        finish(place, project, arguments.studies)
        measured["nothing"] = medians(lambda: _nothing(place), None, arguments.repeats)
    least = measured["functions"][0]
    print("| way | processor s | wall s | ratio |\n|---|---|---|---|")
    for name, (cpu, wall) in measured.items():
        print(f"| {name} | {cpu:.1f} | {wall:.1f} | {cpu / least:.2f} |")
    print(json.dumps({
        "benchmark": "orchestration",
        "cpu_s": {name: round(cpu, 2) for name, (cpu, _) in measured.items()},
        "wall_s": {name: round(wall, 2) for name, (_, wall) in measured.items()},
        "ratio": {name: round(cpu / least, 2) for name, (cpu, _) in measured.items()},
    }))  # fmt: skip


def medians(run: Callable[[], object], folder: Path | None, repeats: int) -> tuple[float, float]:
    """Processor and wall seconds; with a folder, of a study that nothing is left of there."""
    found = []
    for _ in range(repeats):
        if folder is not None:
            clear(folder)
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        run()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        found.append((cpu, time.perf_counter() - began))
    cpus, walls = zip(*found, strict=True)
    return statistics.median(cpus), statistics.median(walls)


def clear(folder: Path) -> None:
    """Deletes whatever a study left there."""
    for left in (folder / "data" / "news", folder / "data" / ".runs", folder / "reports" / "news"):
        shutil.rmtree(left, ignore_errors=True)
    for file in [folder / "dvc.lock", *(folder / "data").glob("*.duckdb*")]:
        file.unlink(missing_ok=True)


def finish(place: Place, project: Project, n_studies: int) -> None:
    """Runs so many studies, and tells DVC that they are up to date."""
    clear(place.folder)
    project.params(**{f"news{seed}": {**PAIR_STUDY, "seed": seed} for seed in range(n_studies)})
    started(place, "-c", FUNCTIONS)
    started(place, "-m", "dvc", "commit", "--force")


def started(place: Place, *arguments: str, prefect: bool = False) -> str:
    """What one Python process said, in the project; it must end well."""
    environment = dvc_project.environment() | {"PYTHONPATH": str(REPO), "OMP_NUM_THREADS": "1"}
    if prefect:
        environment |= {k: v for k, v in place.environment().items() if k.startswith("PREFECT_")}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=place.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{arguments}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def _functions(place: Place) -> None:
    started(place, "-c", FUNCTIONS)


def _commands(place: Place) -> None:
    for stage in STAGES:
        started(place, "-m", "tasks", stage, "--study", "news")


def _dvc(place: Place) -> None:
    started(place, "-m", "dvc", "repro", "--no-run-cache")


def _prefect(place: Place) -> None:
    started(place, "-m", "flows.study", "news", "--force", prefect=True)


def _nothing(place: Place) -> None:
    said = started(place, "-m", "dvc", "repro")
    if "Running stage" in said:
        raise SystemExit(f"a stage was stale: {said}")


WAYS: dict[str, Callable[[Place], None]] = {
    "functions": _functions, "commands": _commands, "dvc": _dvc, "prefect": _prefect,
}  # fmt: skip


if __name__ == "__main__":
    os.environ.setdefault("DVC_NO_ANALYTICS", "1")
    main()
