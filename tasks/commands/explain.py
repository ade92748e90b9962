"""Describe the keys of params.yaml: those of every study, and those of each kind's own block."""

import argparse

from tasks import kinds
from tasks.commands import output
from tasks.errors import ParamsError, nearest
from tasks.study import Study
from tasks.study.explain import key_meanings


def run(arguments: argparse.Namespace) -> None:
    """Prints them."""
    output(
        keys_explained(arguments.key),
        lambda found: [f"{name:<26} {' '.join(text.split())}" for name, text in found.items()],
        arguments.json,
    )


def keys_explained(key: str = "") -> dict[str, str]:
    """Every key of a study with its meaning and default; only those under `key` where given.

    Raises:
        ParamsError: there is no such key.
    """
    every = dict(key_meanings(Study))
    for name in kinds.names():
        kind = kinds.load(name)
        every["kind"] = f"{every['kind']} {name}: {kind.question}"
        if own := key_meanings(kind.Params, f"{name}."):
            every |= {name: kind.Params.__doc__ or "", **dict(own)}
    chosen = {k: v for k, v in every.items() if k == key or k.startswith(f"{key}.") or not key}
    if not chosen:
        raise ParamsError(f"{key}: unknown key{nearest(key, every)}.")
    return chosen
