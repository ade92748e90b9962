"""The two flows: a whole study, and a single stage of one. Imports Prefect: call settings.apply() first."""

import logging
from typing import Any

import prefect
from prefect import Flow, flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.logging import get_run_logger
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.states import Cancelled, Crashed

from flows import artifacts, deployments, limits, stages
from tasks import paths, study
from tasks.errors import NatstatError
from tasks.run import alone, line

MOST_AT_ONCE = 200
"""Tasks under way that are looked for in a run; Prefect's own limit of a page."""


def _end_its_tasks(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """What shows as running in a run that was killed was killed with it; Prefect leaves it so for good."""
    going = [StateType.PENDING, StateType.RUNNING]
    of_run = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run.id]))
    of_state = TaskRunFilter(state=TaskRunFilterState(type=TaskRunFilterStateType(any_=going)))
    ended = Crashed if state.is_crashed() else Cancelled
    with get_client(sync_client=True) as client:
        left = client.read_task_runs(flow_run_filter=of_run, task_run_filter=of_state, limit=MOST_AT_ONCE)
        for task_run in left:
            client.set_task_run_state(task_run.id, ended(message="Its run has ended."), force=True)


@flow(name="study", flow_run_name="{name}", on_cancellation=[_end_its_tasks], on_crashed=[_end_its_tasks])
def run_study(name: str, force: bool = False) -> str:
    """Runs the eight stages of a study in reading order and gives the path of its report.

    Args:
        name: An entry of params.yaml.
        force: Run every stage, up to date or not.
    """
    _tell_errors_in_one_line()
    loaded = study.load(name)
    limits.make_for(loaded)
    # Alone on the study: a twin would take away the folders that this run's next stage reads.
    with prefect.tags(*deployments.tags(loaded)), alone(loaded, "study"):
        for stage in paths.STAGES:
            _report(name, stage, stages.run(loaded, stage, force=force))
        artifacts.show_results(loaded)
    return str(paths.report_page(name).relative_to(paths.root()))


@flow(
    name="stage",
    flow_run_name="{name} / {stage}",
    on_cancellation=[_end_its_tasks],
    on_crashed=[_end_its_tasks],
)
def run_stage(name: str, stage: str) -> None:
    """Runs one stage of a study, as `dvc repro` asks for it."""
    _tell_errors_in_one_line()
    loaded = study.load(name)
    limits.make_for(loaded)
    _report(name, stage, stages.run(loaded, stage))
    if stage == "report":
        artifacts.show_results(loaded)


def start_study(name: str, *, force: bool) -> str:
    """Starts `run_study` in this process."""
    with prefect.tags(*deployments.tags(study.load(name))), _without_heartbeat():
        report: str = run_study(name, force)
        return report


def start_stage(name: str, stage: str) -> None:
    """Starts `run_stage` in this process."""
    with prefect.tags(*deployments.tags(study.load(name)), stage), _without_heartbeat():
        run_stage(name, stage)


def _without_heartbeat() -> Any:
    """A synchronous flow run waits a second for its heartbeat thread to end."""
    return temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})


def _report(name: str, stage: str, manifest: dict[str, Any]) -> None:
    told = line(name, stage, manifest)
    print(told, flush=True)
    get_run_logger().info("%s", told)


class _OneLine(logging.Filter):
    """Cuts the traceback off a user's error, in the UI's logs too: the message says what to do."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, NatstatError):
            record.msg, record.args = f"{type(error).__name__}: {error}", ()
            record.exc_info = record.exc_text = None
        return True


_ONE_LINE = _OneLine()


def _tell_errors_in_one_line() -> None:
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logger = logging.getLogger(name)
        logger.addFilter(_ONE_LINE)
        # The command prints the summary and the error itself; the run's log is for the UI.
        logger.propagate = False
