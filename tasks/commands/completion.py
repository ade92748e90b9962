"""Print a script by which a shell completes commands, options and the names of studies."""

import argparse
from typing import Any

SHELLS = ("bash", "zsh", "fish")
NAMES = "natstat studies --names 2>/dev/null"
"""What a shell runs to know the studies."""
_FILES = {"file", "data", "out"}
"""Arguments that are a file or folder."""


def run(arguments: argparse.Namespace) -> None:
    """Prints it."""
    print(script(arguments.parser, arguments.shell))


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script for that shell, made from the parser."""
    import shtab

    for command in _commands(parser):
        for action in command._actions:
            if action.dest == "study":
                action.complete = shtab.cmd(NAMES)
            elif action.dest in _FILES:
                action.complete = shtab.FILE
    written: str = shtab.complete(parser, shell)
    return written.rstrip()


def _commands(parser: argparse.ArgumentParser) -> list[Any]:
    groups = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return [command for group in groups for command in group.choices.values()]
