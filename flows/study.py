"""A whole study in one process: `python -m flows.study NAME [--force]`.

With PREFECT_API_URL the run shows on that server; without it one is started for this run.
"""

import argparse
import sys
from collections.abc import Sequence

from flows import settings
from tasks.__main__ import exit_code, spare_the_search


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a study and gives its exit code."""
    arguments = _parser().parse_args(argv)
    return exit_code(lambda: _run(arguments.name, arguments.force))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m flows.study",
        description="Run the eight stages of one study under Prefect; what is up to date is not run again.",
        epilog="With PREFECT_API_URL set the run shows on that server (`make ui` starts one).",
    )
    parser.add_argument("name", metavar="NAME", help="an entry of params.yaml")
    parser.add_argument("--force", action="store_true", help="run every stage, up to date or not")
    return parser


def _run(name: str, force: bool) -> None:
    from tasks import study

    loaded = study.load(name)
    settings.apply()
    if settings.server_is_configured():
        settings.require_server()
    else:
        from flows import serve

        print("Starting Prefect for this run (10-25 s; `make ui` keeps one running).", file=sys.stderr)
        # A server of our own, not the one that Prefect would start: that one answers every web page.
        serve.start_for_this_process()
        from flows import limits

        # Nobody else shares it: what params.yaml says now counts, not what an earlier run left.
        limits.set_for([loaded])
    from flows import pipeline

    print(f"report: {pipeline.start_study(name, force=force)}")


if __name__ == "__main__":
    spare_the_search()
    sys.exit(main())
