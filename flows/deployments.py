"""One deployment per study: what the UI can start, retry and schedule, and by which names and tags.

A schedule that params.yaml names is registered beside those that were set in the UI, under a slug of its own,
so that neither takes the other's place.
"""

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from types import FrameType
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

from tasks import paths, study
from tasks.errors import EngineError, ParamsError
from tasks.study import Study, unattended

if TYPE_CHECKING:
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
    from prefect.deployments.runner import RunnerDeployment

RUNS_AT_ONCE = 2
SLUG = "params-yaml"
"""What the schedule of params.yaml is called among a deployment's."""
_A_MONDAY = (2024, 1, 1)
"""From whose midnight intervals are counted: whenever the server starts, they fall on the same times."""


def serve(names: Sequence[str], interrupt: Callable[[int, FrameType | None], None]) -> None:
    """Starts runs that the UI or a schedule asks for, until interrupted; a work pool's are its workers'.

    Args:
        names: of the studies.
        interrupt: what is to be done at SIGTERM.
    """
    from prefect.runner import Runner

    from flows import limits

    studies = {name: _loaded(name) for name in names}
    limits.set_for(one for one in studies.values() if one is not None)
    # Ending pauses the schedules, so that missed runs do not all start with the next server.
    runner = Runner(limit=RUNS_AT_ONCE, pause_on_shutdown=True)
    # Prefect's own handler exits before it has paused anything.
    runner.handle_sigterm = interrupt  # type: ignore[method-assign]
    for name, loaded in studies.items():
        there = _there(_called(name))
        if there is not None and there.work_pool_name:
            print(f"{name}: run by the workers of the work pool {there.work_pool_name}.", flush=True)
            continue
        runner.add_deployment(_made(name, loaded))
    asyncio.run(runner.start())


def hand_over(names: Sequence[str], pool: str) -> None:
    """Lets the workers of a work pool run studies; a pool of processes is made where there is none.

    Args:
        names: of the studies.
        pool: its name.

    Raises:
        EngineError: the server takes no such pool or deployment.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists, PrefectHTTPStatusError

    from flows import limits

    studies = {name: _loaded(name) for name in names}
    try:
        with get_client(sync_client=True) as client, suppress(ObjectAlreadyExists):
            client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
        limits.set_for(one for one in studies.values() if one is not None)
        for name, loaded in studies.items():
            _made(name, loaded, pool).apply()
    except PrefectHTTPStatusError as error:
        raise EngineError(f"--pool {pool}: wanted a work pool of processes, Prefect says: {error}.") from None


def _called(name: str) -> str:
    from flows.pipeline import run_study

    return f"{run_study.name}/{name}"


def _made(name: str, loaded: Study | None, pool: str | None = None) -> "RunnerDeployment":
    from prefect.types.entrypoint import EntrypointType

    from flows import settings
    from flows.pipeline import run_study

    # A worker may be started anywhere; what it starts finds the project, which lies at the same path.
    job = {"working_dir": str(paths.root()), "env": settings.chosen()} if pool else None
    made = run_study.to_deployment(
        name,
        description=None if loaded is None else loaded.goal,
        parameters={"name": name},
        tags=[name] if loaded is None else tags(loaded),
        paused=False,
        schedules=schedules(_called(name), None if loaded is None else loaded.schedule),
        entrypoint_type=EntrypointType.MODULE_PATH,
        work_pool_name=pool,
        job_variables=job,
    )
    return cast("RunnerDeployment", made)


def tags(loaded: Study) -> list[str]:
    """By which runs of a study are found in the UI."""
    return [loaded.name, loaded.kind, loaded.engine]


def _loaded(name: str) -> Study | None:
    """The study; one that params.yaml has wrong is said, and says it again where it is started."""
    try:
        return study.load(name)
    except ParamsError as error:
        print(f"warning: {error}", file=sys.stderr, flush=True)
        return None


def schedules(deployment: str, text: str | None) -> "list[DeploymentScheduleCreate]":
    """All that a deployment is to run by: registering it anew would drop what the UI was told.

    Args:
        deployment: its name, as in `study/press`.
        text: the schedule of params.yaml.
    """
    from prefect.client.schemas.actions import DeploymentScheduleCreate

    known = _there(deployment)
    there = [] if known is None else known.schedules
    kept = [
        DeploymentScheduleCreate(schedule=s.schedule, active=s.active, parameters=s.parameters, slug=s.slug)
        for s in there
        if s.slug != SLUG
    ]
    if text is None:
        return kept
    wanted = _schedule(unattended.read(text))
    # One that was switched off in the UI stays off, until params.yaml says something else.
    is_off = any(s.slug == SLUG and s.schedule == wanted and not s.active for s in there)
    return [*kept, DeploymentScheduleCreate(schedule=wanted, active=not is_off, slug=SLUG)]


def _there(deployment: str) -> "DeploymentResponse | None":
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            return client.read_deployment_by_name(deployment)
        except ObjectNotFound:
            return None


def _schedule(when: unattended.When) -> "CronSchedule | IntervalSchedule":
    from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule

    if when.cron is not None:
        return CronSchedule(cron=when.cron, timezone=when.zone)
    assert when.every_s is not None  # noqa: S101 - one of the two is given
    anchor = datetime(*_A_MONDAY, tzinfo=ZoneInfo(when.zone))
    return IntervalSchedule(interval=timedelta(seconds=when.every_s), anchor_date=anchor, timezone=when.zone)
