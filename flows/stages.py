"""A stage of `tasks` as a cached Prefect task; the shards of a big stage as tasks of their own.

A stage is not run again while its fingerprint is the same and its output is what that run left.
Shards carry no cache here: a finished part is kept by the stage itself, so a retry passes over it.
"""

import errno
from contextlib import ExitStack
from typing import Any, ParamSpec, TypedDict, TypeVar, cast

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.futures import PrefectFuture, as_completed
from prefect.results import ResultStore
from prefect.states import Completed

from flows import artifacts, fingerprint, limits, runners
from tasks import notices, progress
from tasks import run as stages
from tasks.errors import EngineError, StoreError
from tasks.store import disk
from tasks.study import Study, load

P = ParamSpec("P")
R = TypeVar("R")

RETRY_DELAYS_S = (10.0, 60.0, 300.0)
"""A server that is down was waited for already (spend.patience_s), and so was a file that others hold."""
RETRY_JITTER = 0.3
"""Shards that failed together come back one after the other."""
_PASSING = {errno.EAGAIN, errno.EBUSY, errno.EIO, errno.ESTALE, errno.ETIMEDOUT}
"""Errors of a disk that may be gone the next time; a full one is not emptied by waiting."""


class Left(TypedDict):
    """What a stage run leaves in the cache: its manifest, never its frames."""

    manifest: dict[str, Any]
    output_hash: str | None


def run(study: Study, stage: str, *, force: bool = False) -> dict[str, Any]:
    """Runs a stage inside a flow, unless it is up to date, and gives its manifest."""
    name = study.name
    key = f"{name}.{stage}.{fingerprint.of(name, stage)}"
    if not force and is_up_to_date(name, stage, key):
        return _prepared(run_stage, stage, stage)(name, stage, key)["manifest"]
    prepared = _prepared(run_stage, stage, stage).with_options(refresh_cache=True)
    if _is_sharded(stage):
        with stages.alone(study, stage):
            _run_shards(study, stage)
            return prepared(name, stage, key)["manifest"]
    with notices.of_news(study, stage):
        return prepared(name, stage, key)["manifest"]


def _prepared(task: Task[P, R], name: str, stage: str) -> Task[P, R]:
    """A task as it shows in the UI, tried again where that can help; its flow has the tags of the study."""
    return task.with_options(
        name=stage,
        task_run_name=name,
        tags=[stage],
        retries=len(RETRY_DELAYS_S),
        retry_delay_seconds=list(RETRY_DELAYS_S),
        retry_jitter_factor=RETRY_JITTER,
    )


def is_up_to_date(study: str, stage: str, key: str) -> bool:
    """Whether the output on disk is what the run of that key left.

    DVC deletes outputs, and another run may have written others since: the cache alone is no proof.
    """
    store = ResultStore()
    if not store.exists(key):
        return False
    left = cast(Left, store.read(key).result)
    return left["output_hash"] is not None and left["output_hash"] == fingerprint.output_hash(study, stage)


def is_worth_retrying(_task: Any, _run: TaskRun, state: State[Any]) -> bool:
    """Whether the same call may succeed later; a user's error never does."""
    error = state.result(raise_on_failure=False)
    if isinstance(error, StoreError):
        cause = error.__cause__
        return cause is not None and (
            disk.is_busy(cause) or (isinstance(cause, OSError) and cause.errno in _PASSING)
        )
    return isinstance(error, EngineError) and error.retryable


def _cache_key(_context: TaskRunContext, parameters: dict[str, Any]) -> str:
    return str(parameters["key"])


@task(
    persist_result=True,
    result_serializer="json",
    cache_result_in_memory=False,
    cache_key_fn=_cache_key,
    retry_condition_fn=is_worth_retrying,
)
def run_stage(study: str, stage: str, key: str) -> Left:
    """Runs the whole stage; of one with shards, what is left to do when they are finished.

    The cache goes by `key` alone.
    """
    with limits.shared():
        if _is_sharded(stage):
            manifest = stages.module(stage).finish(load(study))
        else:
            manifest = stages.run(load(study), stage)
    return {"manifest": manifest, "output_hash": fingerprint.output_hash(study, stage)}


@task(
    cache_policy=NO_CACHE,
    persist_result=False,
    retry_condition_fn=is_worth_retrying,
)
def run_shard(study: str, stage: str, shard: int) -> State[None]:
    """Leaves one finished part, or finds it there, which the UI shows as cached."""
    with limits.shared():
        did_something: bool = stages.module(stage).run_shard(load(study), shard)
    return Completed() if did_something else Completed(name="Cached", message="An earlier run left it.")


def _is_sharded(stage: str) -> bool:
    return hasattr(stages.module(stage), "run_shard")


def _run_shards(study: Study, stage: str) -> None:
    n_shards: int = stages.module(stage).shards(study)
    if not n_shards:
        return  # no cluster is started for nothing
    with ExitStack() as running:
        with runners.submitting(study):
            runner = running.enter_context(runners.of(study))
            futures = [
                runner.submit(
                    _prepared(run_shard, f"{stage} shard {shard + 1}/{n_shards}", stage),
                    {"study": study.name, "stage": stage, "shard": shard},
                )
                for shard in range(n_shards)
            ]
        with runners.waiting(study):
            _wait_for(futures, study, stage)


def _wait_for(futures: list[PrefectFuture[Any]], study: Study, stage: str) -> None:
    """Until every shard has ended; raises the first failure."""
    n_shards, n_finished = len(futures), 0
    with (
        progress.bar(f"{stage} {study.name}", n_shards) as advance,
        artifacts.progress(study.name, stage, n_shards) as show_finished,
    ):
        for future in as_completed(futures):
            future.wait()  # Until then `state` is what the server knew last.
            n_finished += future.state.is_completed()
            show_finished(n_finished)
            advance()
    for future in futures:
        future.result()  # Raises the first failure, in the order of the shards.
