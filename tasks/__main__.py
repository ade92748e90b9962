"""The command line: `natstat COMMAND`, or `python -m tasks COMMAND`. The parser, nothing else."""

import argparse
import atexit
import errno
import gc
import importlib
import sys
from collections.abc import Callable, Sequence

from tasks import paths, terminal
from tasks.errors import CLOSED, FULL, NatstatError, StoreError

OF_DISK = FULL | CLOSED | {errno.EIO, errno.EMFILE, errno.ENAMETOOLONG}

SEARCH_AFTER = 50_000
"""Objects made until Python looks for garbage. After its 700 it looks again and again through what importing
made, which all stays: a tenth of a small stage's time."""

STAGE_HELP = {
    "collect": "read sources, merge duplicates, split by document",
    "embed": "encode every text",
    "propose": "suggest hypotheses from the exploration half",
    "formalise": "freeze predicates, judge, threshold and test",
    "verify": "judge the frozen predicates on the confirmation half",
    "score": "effects, intervals, p and q",
    "record": "check and remember the discoveries",
    "report": "write reports/NAME/index.html",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit code (tasks/errors.py draws them)."""
    if argv is None:
        spare_the_search()
    with terminal.guarded():
        arguments = parser().parse_args(argv)
    # Each command is a module of its name, imported only when it is called.
    command = importlib.import_module(f"tasks.commands.{arguments.command}")
    return exit_code(lambda: command.run(arguments))


def spare_the_search() -> None:
    """Makes this process, which ends with its command, look for garbage seldom, and never as its last act.

    That last look goes through all that was imported: of what Great Expectations costs a third.
    """
    gc.set_threshold(SEARCH_AFTER)
    atexit.register(gc.freeze)


def exit_code(run: Callable[[], None]) -> int:
    """Runs a command: a user's error is one line and its exit code, a bug is a traceback."""
    with terminal.guarded():
        try:
            run()
            sys.stdout.flush()  # what is still in the buffer may meet a full disk or a closed pipe
        except NatstatError as error:
            print(f"error: {error}", file=sys.stderr)
            return error.exit_code
        except KeyboardInterrupt:
            print("interrupted; rerun to go on where it stopped.", file=sys.stderr)
            return 130
        except BrokenPipeError:
            terminal.give_up_output()
            return 141
        except OSError as error:
            # Whatever it was about to do: this is the user's disk, not a bug.
            if error.errno not in OF_DISK:
                raise
            if error.errno in FULL:
                terminal.give_up_output()  # it may be what is full
            print(f"error: {_of_disk(error)}", file=sys.stderr)
            return StoreError.exit_code
    return 0


def _of_disk(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    do = "Free space" if error.errno in FULL else "Give read and write permission there"
    return f"{place}{error.strerror}. {do}, then rerun."


_Add = Callable[..., argparse.ArgumentParser]
"""Adds a command by its name."""


def parser() -> argparse.ArgumentParser:
    """All commands with their arguments."""
    whole = argparse.ArgumentParser(
        prog="natstat",
        description="natstat: what differs between two piles of text, and is it true?",
        epilog="The documentation starts at docs/index.md.",
    )
    whole.add_argument("--version", action=_Version, nargs=0, help="print the version and end")
    commands = whole.add_subparsers(metavar="COMMAND", required=True)

    def add(
        name: str, help_text: str, *, command: str = "", study: bool = True, table: bool = False
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help_text, description=help_text)
        if study:
            added.add_argument("--study", required=True, metavar="NAME", help="an entry of params.yaml")
        if table:
            added.add_argument("--json", action="store_true", help="as JSON")
        added.set_defaults(command=command or name)
        return added

    _add_stages(add)
    _add_beginning(add)
    _add_before_a_run(add)
    _add_findings(add)
    _add_upkeep(add)
    completion = add("completion", "print a script that completes commands and studies", study=False)
    completion.add_argument(
        "shell", choices=("bash", "zsh", "fish"), metavar="SHELL", help="bash, zsh or fish"
    )
    completion.set_defaults(parser=whole)
    completion.epilog = 'In bash: eval "$(natstat completion bash)"'
    return whole


def _add_stages(add: _Add) -> None:
    for stage in paths.STAGES:
        added = add(stage, STAGE_HELP[stage], command="stage", table=True)
        added.set_defaults(stage=stage)
        writes = paths.output("NAME", stage).relative_to(paths.root())
        added.epilog = (
            f"Writes {writes}. It runs alone: `dvc repro {stage}@NAME` runs what is stale before it, too."
        )


def _add_beginning(add: _Add) -> None:
    studies = add("studies", "list the studies of params.yaml", study=False, table=True)
    studies.add_argument("--kind", metavar="KIND", help="only those of that kind")
    studies.add_argument("--names", action="store_true", help="only their names, a line each")
    new = add("new", "look at a file and write an entry of params.yaml for it", study=False, table=True)
    new.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="a file, a folder of files or pictures, a zip of pictures; without it: asked",
    )
    new.add_argument("--name", metavar="NAME", help="what the study is called (the file's name)")
    new.add_argument("--goal", metavar="TEXT", help="what is asked")
    new.add_argument(
        "--kind", metavar="KIND", help=f"one of {', '.join(paths.kinds())} (what the columns look like)"
    )
    new.add_argument("--encoding", metavar="NAME", help="of CSV, JSON and text files (UTF-8), e.g. cp1252")
    new.add_argument(
        "--text",
        metavar="COLUMN",
        help="the column of the texts (that of the longest), of pictures the captions",
    )
    new.add_argument(
        "--group",
        metavar="COLUMN",
        help="the column that tells groups apart (times, labels); random: by chance",
    )
    new.add_argument("--a", metavar="VALUE", help="group A: a value of that column (the most frequent)")
    new.add_argument("--b", metavar="VALUE", help="group B: another")
    new.add_argument(
        "--document", metavar="COLUMN", help="the column of documents; none: each text is its own"
    )
    new.add_argument("--yes", action="store_true", help="ask nothing: take what is guessed")
    new.epilog = "An entry that is there is never changed. Next: natstat check --study NAME"
    explain = add("explain", "describe the keys of params.yaml", study=False, table=True)
    explain.add_argument("key", nargs="?", default="", help="a block or key, e.g. score.alpha")


def _add_before_a_run(add: _Add) -> None:
    add("check", "tell what would be used, before anything runs", table=True)
    cost = add("cost", "preview judgements, calls, tokens and money before spending", table=True)
    cost.add_argument("--no-judge", action="store_true", help="ask nobody: leave the judge unmeasured")
    cost.epilog = "Measures the judge first (natstat judge), within the budget of the study."
    add("judge", "measure the study's judge by questions with known answers", table=True)
    label = add(
        "label", "write a blank sheet for people to judge a sample of the confirmation texts", table=True
    )
    label.add_argument(
        "--texts", type=int, default=100, metavar="N", help="about so many texts of each group (default 100)"
    )
    label.add_argument("--found", action="store_true", help="only the discoveries, not all frozen predicates")
    label.epilog = "Writes data/labels/NAME.csv, unless it holds verdicts already."


def _add_findings(add: _Add) -> None:
    show = add("show", "print the discoveries of a finished study", table=True)
    show.add_argument("--ids", action="store_true", help="with the id of each")
    texts = add("texts", "print the confirmation texts for which a predicate holds", table=True)
    texts.add_argument(
        "--predicate",
        metavar="ID",
        help="its id, the beginning of it, or its number in the report; without: a list",
    )
    texts.add_argument(
        "--verdict", choices=("yes", "no", "invalid", "all"), help="only those (default yes; all as CSV)"
    )
    texts.add_argument("--group", choices=("A", "B"), help="only texts of that group")
    texts.add_argument(
        "--search", metavar="WORDS", help="only texts with these words, upper and lower case alike"
    )
    texts.add_argument("--limit", type=int, metavar="N", help="most texts (default 20; as JSON or CSV all)")
    texts.add_argument(
        "--csv", nargs="?", const="-", metavar="FILE", help="as CSV, to FILE or standard output"
    )
    texts.epilog = "For example: natstat texts --study docstrings --predicate 1 --csv verdicts.csv"
    applied = add("apply", "judge a study's discoveries on new texts: a column each", study=False, table=True)
    applied.add_argument("study", metavar="STUDY", help="an entry of params.yaml that has run")
    applied.add_argument(
        "--data", required=True, metavar="FILE", help="a table: CSV, TSV, JSON lines, JSON, Parquet or Arrow"
    )
    applied.add_argument("--text", metavar="COLUMN", help="the column of the texts (that of the study)")
    applied.add_argument("--out", metavar="FILE", help="where (beside the file, with the study's name)")
    applied.add_argument("--yes", action="store_true", help="ask a language model without asking you first")
    applied.epilog = "For example: natstat apply docstrings --data new.csv"
    site = add(
        "site", "write one page of all studies and discoveries: reports/index.html", study=False, table=True
    )
    site.epilog = "It reads data/discoveries.duckdb, and leads to the reports beside it."
    export = add(
        "export", "write what was tested as CSV, Parquet and a Croissant description", study=False, table=True
    )
    export.add_argument("--out", default="export", metavar="FOLDER", help="where (export)")
    export.add_argument("--study", metavar="NAME", help="only of that study")
    export.add_argument("--kind", metavar="KIND", help="only of studies of that kind")
    export.add_argument("--held", action="store_true", help="only what holds")
    trace = add("trace", "print where a discovery comes from, and verify every hash", study=False, table=True)
    trace.add_argument(
        "discovery",
        metavar="DISCOVERY_ID",
        help="STUDY/ID, RUN/ID or STUDY/NUMBER; the beginning of an id is enough",
    )
    trace.epilog = "For example: natstat trace docstrings/1. Ids: natstat show --study NAME --ids"
    replicate = add(
        "replicate", "test a past discovery again on other data, as a study of its own", table=True
    )
    replicate.add_argument("discovery", metavar="DISCOVERY_ID", help="as of natstat trace")
    replicate.epilog = "NAME is an entry of params.yaml with the new data. Nothing of it runs yet."
    query = add("query", "run a ready question or SQL on all past discoveries", study=False, table=True)
    query.add_argument("question", nargs="?", help="a ready question, or SQL; without it: the list")
    query.add_argument("values", nargs="*", metavar="NAME=VALUE", help="the question's parameters")
    query.epilog = "For example: natstat query strongest study=docstrings"


def _add_upkeep(add: _Add) -> None:
    clean = add(
        "clean",
        "delete what natstat made and can make again: results, reports, caches",
        study=False,
        table=True,
    )
    clean.epilog = "Your own files, labels, answers of language models and past runs (data/.runs) stay."
    add(
        "verify-store",
        "prove that data/discoveries.duckdb equals the recorded Parquet",
        command="verify_store",
        study=False,
        table=True,
    )
    add("load", "rebuild data/discoveries.duckdb from the recorded Parquet", study=False, table=True)


class _Version(argparse.Action):
    """Looked up when it is asked for: `--help` stays instant."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"natstat {version('natstat')}")
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())
