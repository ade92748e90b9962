"""List the studies of params.yaml: what each asks, of which kind it is, and how it is answered."""

import argparse
from collections.abc import Sequence

from tasks import kinds, study
from tasks.commands import output
from tasks.errors import ParamsError


def run(arguments: argparse.Namespace) -> None:
    """Prints them."""
    found = listed(arguments.kind)
    output(found, name_lines if arguments.names else lines, arguments.json)


def listed(kind: str | None = None) -> list[dict[str, str]]:
    """Name, kind, engine and goal of every study, in the order of params.yaml; only of that kind where given.

    Raises:
        ParamsError: params.yaml says something that cannot be meant, or has no study of that kind.
    """
    if kind is not None:
        kinds.load(kind)
    every = [study.load(name) for name in study.names()]
    found = [
        {"name": one.name, "kind": one.kind, "engine": one.engine, "goal": one.goal}
        for one in every
        if kind in {None, one.kind}
    ]
    if kind is not None and not found:
        raise ParamsError(f"--kind {kind}: wanted a kind that a study in params.yaml has, got none. Add one.")
    return found


def lines(found: Sequence[dict[str, str]]) -> list[str]:
    """A line each, as a person reads them."""
    columns = ("name", "kind", "engine")
    wide = {column: max((len(one[column]) for one in found), default=0) for column in columns}
    return [
        "  ".join([*(one[column].ljust(wide[column]) for column in columns), " ".join(one["goal"].split())])
        for one in found
    ] or ["params.yaml has no study."]


def name_lines(found: Sequence[dict[str, str]]) -> list[str]:
    """The names alone, as `make` reads them."""
    return [one["name"] for one in found]
