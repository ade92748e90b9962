"""What DVC runs: `python -m flows STAGE`, with the study's name in DVC_STAGE; by hand `--study NAME` says it.

In a command of dvc.yaml a shell would read the name before anything here could refuse it.
Without PREFECT_API_URL this is the bare stage and Prefect is not even imported: its start-up would
cost more than most stages. With it, the stage is a flow run on that server.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from flows import settings
from tasks import paths
from tasks.__main__ import STAGE_HELP, exit_code, spare_the_search
from tasks.__main__ import main as run_bare


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one stage and gives its exit code."""
    arguments = _parser().parse_args(argv)
    if not settings.server_is_configured():
        return run_bare([arguments.stage, "--study", arguments.study])
    return exit_code(lambda: _run_on_server(arguments.study, arguments.stage))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m flows",
        description="Run one stage of one study; it shows in the Prefect UI if PREFECT_API_URL is set.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"  {stage:<10} {STAGE_HELP[stage]}" for stage in paths.STAGES),
    )
    parser.add_argument("stage", choices=paths.STAGES, metavar="STAGE", help="one of the stages below")
    under_dvc = _study_under_dvc()
    parser.add_argument(
        "--study",
        required=under_dvc is None,
        default=under_dvc,
        metavar="NAME",
        help="an entry of params.yaml; under DVC that of the stage it runs",
    )
    return parser


def _study_under_dvc() -> str | None:
    """The study of the stage that DVC runs: `collect@press`, or `path/dvc.yaml:collect@press`."""
    _, part, name = os.environ.get("DVC_STAGE", "").partition("@")
    return name if part else None


def _run_on_server(study_name: str, stage: str) -> None:
    from tasks import study

    study.load(study_name)
    settings.apply()
    settings.require_server()
    from flows import pipeline

    pipeline.start_stage(study_name, stage)


if __name__ == "__main__":
    spare_the_search()
    sys.exit(main())
