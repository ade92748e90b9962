"""The two flows: a whole study, and a single stage of one. Imports Prefect: call settings.apply() first."""

import logging
from typing import Any

import prefect
from prefect import flow
from prefect.logging import get_run_logger
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from flows import artifacts, deployments, limits, stages
from tasks import paths, study
from tasks.errors import NatstatError
from tasks.run import alone, line


@flow(name="study", flow_run_name="{name}")
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


@flow(name="stage", flow_run_name="{name} / {stage}")
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
