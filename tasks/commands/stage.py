"""Run one stage of one study."""

import argparse
from typing import Any

from tasks import run as stages
from tasks import study
from tasks.study import Study


def run(arguments: argparse.Namespace) -> None:
    """Runs it and says what it counted."""
    run_stage(study.load(arguments.study), arguments.stage)


def run_stage(of: Study, stage: str) -> dict[str, Any]:
    """Runs it, says what it counted and gives the manifest."""
    manifest = stages.run(of, stage)
    print(stages.line(of.name, stage, manifest), flush=True)
    return manifest
