"""Where the shards of a stage run: threads of this process, a Dask cluster or a Ray cluster.

Workers share the project folder and this environment, at the same path. They leave parts in Parquet, and the
stage joins them in this process: no worker writes the database.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.guard import HOST
from tasks.errors import EngineError, NatstatError
from tasks.study import Study, hosts

STARTS = 3
"""How often a cluster is started whose worker is killed meanwhile."""
_OF_A_CLUSTER = ("distributed.", "ray.")
"""Modules whose errors are of the cluster and not of a shard."""


def of(study: Study) -> TaskRunner[Any]:
    """The study's runner, not yet started.

    Raises:
        EngineError: its package is not installed, or its cluster is on another machine that may not be asked.
    """
    wanted = study.runner
    _allow(wanted.address)
    if wanted.on == "dask":
        return _dask(wanted.workers, wanted.address)
    if wanted.on == "ray":
        return _ray(wanted.workers, wanted.address)
    return ThreadPoolTaskRunner(max_workers=wanted.workers)


@contextmanager
def submitting(study: Study) -> Iterator[None]:
    """Turns whatever keeps shards from reaching the cluster into one error: nothing else runs meanwhile.

    Raises:
        EngineError: the cluster does not start, or is not there.
    """
    try:
        yield
    except Exception as error:  # of the cluster's own classes, of the system, of Python
        if isinstance(error, NatstatError) or study.runner.on == "threads":
            raise
        raise _broken(study, error) from error


@contextmanager
def waiting(study: Study) -> Iterator[None]:
    """Turns what a cluster, and not a shard, ends with into one error.

    Raises:
        EngineError: workers died of a shard again and again, or the cluster is gone.
    """
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith(_OF_A_CLUSTER):
            raise
        raise _broken(study, error) from error


def _broken(study: Study, error: Exception) -> EngineError:
    wanted = study.runner
    words = (str(error).strip().splitlines() or [""])[0].rstrip(".") or type(error).__name__
    where = f"the cluster at {wanted.address}" if wanted.address else f"{wanted.workers} workers of its own"
    return EngineError(
        f"runner {wanted.on}: wanted {where}, got: {words}.",
        retryable=True,
        hint="Is there memory for so many workers? Their log says why one ended. Then rerun: what is finished"
        " is not done again.",
    )


def _allow(address: str | None) -> None:
    """Passes where a cluster may be asked: workers read and write pickles of tasks."""
    host = urlsplit(f"//{(address or 'localhost').rpartition('//')[2]}").hostname or ""
    if hosts.is_forbidden(host):
        raise EngineError(
            f"runner.address {address}: not asked, since NATSTAT_LOOPBACK_ONLY allows this machine alone.",
            hint="Unset it to run shards on another machine.",
        )


def _dask(workers: int, address: str | None) -> TaskRunner[Any]:
    try:
        from prefect_dask import DaskTaskRunner
    except ImportError as error:
        raise _not_installed("dask", error) from None
    if address is not None:
        options: dict[str, Any] = {"address": address}
    else:
        # Processes: a shard is processor time of Python and torch. No page of Dask's is served.
        own = {"n_workers": workers, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
        options = {"cluster_class": _started, "cluster_kwargs": {**own, "host": HOST}}
    # What keeps a cluster from starting is told in one line, by `submitting`.
    logging.getLogger("prefect.task_runner.dask").setLevel(logging.CRITICAL)
    made: TaskRunner[Any] = DaskTaskRunner(**options)
    return made


def _started(**options: Any) -> Any:
    """A Dask cluster of our own; started anew where a worker is killed before it has come up."""
    from distributed import LocalCluster

    for _ in range(STARTS - 1):
        try:
            return LocalCluster(**options)
        except RuntimeError as error:
            print(f"note: the Dask cluster is started anew: {error}", file=sys.stderr)
    return LocalCluster(**options)


def _ray(workers: int, address: str | None) -> TaskRunner[Any]:
    try:
        from prefect_ray import RayTaskRunner
    except ImportError as error:
        raise _not_installed("ray", error) from None
    # `local`, or one that somebody started on this machine would be joined.
    own = {"address": "local", "num_cpus": workers, "include_dashboard": False, "_node_ip_address": HOST}
    options: dict[str, Any] = {"init_kwargs": own} if address is None else {"address": address}
    made: TaskRunner[Any] = RayTaskRunner(**options)
    return made


def _not_installed(runner: str, error: ImportError) -> EngineError:
    return EngineError(
        f"runner: {{on: {runner}}}: wanted prefect-{runner}, which cannot be imported: {error}.",
        hint=f'Install it with `pip install "natstat[{runner}]"`, or write `runner: {{on: threads}}`.',
    )
