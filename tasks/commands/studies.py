"""List the studies of params.yaml: what each asks, of which kind it is, and how it is answered."""

import argparse
from collections.abc import Sequence
from typing import Any

from tasks import kinds, paths, study
from tasks.commands import output
from tasks.errors import ParamsError


def run(arguments: argparse.Namespace) -> None:
    """Prints them."""
    found = listed(arguments.kind)
    output(found, name_lines if arguments.names else lines, arguments.json)


def listed(kind: str | None = None) -> list[dict[str, Any]]:
    """Name, kind, engine, goal and page of every study, in the order of params.yaml; only of that kind where
    given. `report` is None until the study has run to its end.

    Raises:
        ParamsError: params.yaml says something that cannot be meant, or has no study of that kind.
    """
    if kind is not None:
        kinds.load(kind)
    every = [study.load(name) for name in study.names()]
    found = [
        {
            "name": one.name,
            "kind": one.kind,
            "engine": one.engine,
            "goal": one.goal,
            "report": _page(one.name),
        }
        for one in every
        if kind in {None, one.kind}
    ]
    if kind is not None and not found:
        raise ParamsError(f"--kind {kind}: wanted a kind that a study in params.yaml has, got none. Add one.")
    return found


def _page(name: str) -> str | None:
    page = paths.report_page(name)
    return str(page.relative_to(paths.root())) if page.is_file() else None


def lines(found: Sequence[dict[str, Any]]) -> list[str]:
    """A line each, as a person reads them."""
    columns = ("name", "kind", "engine")
    wide = {column: max((len(one[column]) for one in found), default=0) for column in columns}
    return [
        "  ".join([*(one[column].ljust(wide[column]) for column in columns), " ".join(one["goal"].split())])
        + (f"  {one['report']}" if one["report"] else "")
        for one in found
    ] or ["params.yaml has no study."]


def name_lines(found: Sequence[dict[str, Any]]) -> list[str]:
    """The names alone, as `make` reads them."""
    return [one["name"] for one in found]
