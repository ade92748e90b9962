"""Run one stage of one study."""

import argparse

from tasks import run as stages
from tasks import study


def run(arguments: argparse.Namespace) -> None:
    """Runs it and says what it counted."""
    manifest = stages.run(study.load(arguments.study), arguments.stage)
    print(f"{arguments.stage} {arguments.study}: {stages.summary(manifest)}")
