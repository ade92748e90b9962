"""Run one stage of one study."""

import argparse
import sys
from typing import Any

from tasks import notices, study
from tasks import run as stages
from tasks.commands import output
from tasks.study import Study


def run(arguments: argparse.Namespace) -> None:
    """Runs it and says what it counted."""
    run_stage(study.load(arguments.study), arguments.stage, arguments.json)


def run_stage(of: Study, stage: str, as_json: bool = False) -> dict[str, Any]:
    """Runs it, says what it counted and gives the manifest."""
    with notices.of_news(of, stage):
        manifest = stages.run(of, stage)
    output(manifest, lambda found: [stages.line(of.name, stage, found)], as_json)
    sys.stdout.flush()
    return manifest
