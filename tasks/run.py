"""Runs one stage of one study: alone, timed, and by name."""

import importlib
import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from filelock import FileLock, Timeout

from tasks import paths
from tasks.errors import ParamsError, StoreError
from tasks.store import disk
from tasks.study import Study

WAIT_FOR_TWIN_S = 6 * 3600


def module(stage: str) -> Any:
    """The module of that stage.

    Raises:
        ParamsError: there is no such stage.
    """
    if stage not in paths.STAGES:
        raise ParamsError(f"{stage}: wanted a stage, one of {', '.join(paths.STAGES)}.")
    found = importlib.import_module(f"tasks.{stage}")
    # A stage is a file, or a folder with the stage in stage.py.
    return importlib.import_module(f"tasks.{stage}.stage") if hasattr(found, "__path__") else found


@contextmanager
def alone(study: Study, stage: str) -> Iterator[None]:
    """Holds the stage's lock (a killed `dvc repro` may leave its stage running) and notes the time taken.

    Raises:
        StoreError: the data folder cannot be written, or the twin never ends.
    """
    file = paths.lock(study.name, stage)
    lock = FileLock(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=1)
        except Timeout:
            print(f"{stage}: another process is running it for {study.name}; waiting.", file=sys.stderr)
            lock.acquire(timeout=WAIT_FOR_TWIN_S)
    except Timeout:
        raise StoreError(
            f"{stage} of {study.name}: still locked by another process. Stop that one."
        ) from None
    except OSError as error:
        raise disk.unwritable(file.parent, error) from error
    started = time.perf_counter()
    try:
        with disk.damage_reported(paths.data() / study.name):
            yield
        _note(study, stage, time.perf_counter() - started)
    finally:
        lock.release()


def run(study: Study, stage: str) -> dict[str, Any]:
    """Runs the whole stage and gives its manifest."""
    stage_module = module(stage)
    with alone(study, stage):
        manifest: dict[str, Any] = stage_module.run(study)
    return manifest


def summary(manifest: dict[str, Any]) -> str:
    """The counts and names of a manifest on one line; a flag is misread without what it is about."""
    plain = {
        k: v
        for k, v in manifest.items()
        if isinstance(v, str | int | float) and not isinstance(v, bool) and not k.endswith("_hash")
    }
    return ", ".join(f"{key} {value}" for key, value in plain.items())


def line(study: str, stage: str, manifest: dict[str, Any]) -> str:
    """What a stage says when it is done; at the end of a study also where its page is, or will be."""
    page = paths.report_page(study).relative_to(paths.root())
    told = {"record": f"; report writes {page}", "report": f"; report: {page}"}.get(stage, "")
    return f"{stage} {study}: {summary(manifest)}{told}"


def _note(study: Study, stage: str, wall_s: float) -> None:
    """Appends to the untracked timings file, which benchmarks read."""
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # kilobytes on Linux
    if sys.platform == "darwin":
        peak_mb /= 1024
    line = {"study": study.name, "stage": stage, "wall_s": round(wall_s, 3), "peak_mb": round(peak_mb)}
    try:
        with paths.timings().open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    except OSError as error:
        # What was measured is worth less than what was finished.
        print(f"warning: {paths.timings()}: cannot be written: {error.strerror}.", file=sys.stderr)
