"""Hands studies to the workers of a Prefect work pool: `python -m flows.deploy --pool NAME`.

On the server that PREFECT_API_URL names each study gets a deployment on the pool. Workers are Prefect's own,
`prefect worker start --pool NAME`, on any machine that has the project folder at the same path.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from flows import settings
from tasks.__main__ import exit_code
from tasks.errors import EngineError


def main(argv: Sequence[str] | None = None) -> int:
    """Registers the studies and gives its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m flows.deploy",
        description="Let the workers of a Prefect work pool run the studies of params.yaml.",
        epilog="Start a worker with `prefect worker start --pool NAME`.",
    )
    parser.add_argument("--pool", required=True, metavar="NAME", help="made, of processes, if not there")
    parser.add_argument("studies", nargs="*", metavar="STUDY", help="entries of params.yaml (all)")
    arguments = parser.parse_args(argv)
    return exit_code(lambda: _deploy(arguments.studies, arguments.pool))


def _deploy(names: Sequence[str], pool: str) -> None:
    from tasks import study

    for name in names:
        study.load(name)
    if not settings.server_is_configured():
        raise EngineError(
            f"--pool {pool}: wanted a Prefect server in {settings.API_URL}, none is named.",
            hint=f"Start one with `make ui` and `export {settings.API_URL}=http://127.0.0.1:4200/api`.",
        )
    settings.apply()
    settings.require_server()
    from flows import deployments

    chosen = list(names) or study.names()
    deployments.hand_over(chosen, pool)
    print(
        f"On the work pool {pool}: {', '.join(chosen)}.\n"
        f"Start a worker on each machine: {settings.API_URL}={os.environ[settings.API_URL]} "
        f"prefect worker start --pool {pool}"
    )


if __name__ == "__main__":
    sys.exit(main())
