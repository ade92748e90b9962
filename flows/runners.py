"""Where the shards of a stage run: threads of this process, a Dask cluster or a Ray cluster.

Workers share the project folder and this environment, at the same path. They leave parts in Parquet, and the
stage joins them in this process: no worker writes the database.
"""

from typing import Any
from urllib.parse import urlsplit

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.guard import HOST
from tasks.errors import EngineError
from tasks.study import Study, hosts


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
        options = {"cluster_kwargs": {**own, "host": HOST}}
    made: TaskRunner[Any] = DaskTaskRunner(**options)
    return made


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
