"""What a stage's output follows from, as one hash. dvc.yaml is the only list of it.

The hash covers the command, the content of every dependency and the value of every parameter of the
stage's block, with `${key}` and `${item.x}` filled in as DVC fills them in.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tasks import paths
from tasks.errors import ParamsError
from tasks.store import remote
from tasks.store.files import place_hash
from tasks.store.frames import hashed
from tasks.study import dialect

_HOLE = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True)
class Block:
    """One stage of dvc.yaml for one study, holes filled."""

    cmd: str
    deps: tuple[str, ...]
    params: tuple[tuple[str, Any], ...]
    """Name and value of each parameter; None where params.yaml has no such key."""
    outs: tuple[str, ...]
    """Outputs, metrics and plots alike."""


def of(study: str, stage: str) -> str:
    """The stage's fingerprint: equal if and only if nothing it depends on has changed."""
    block = read_block(study, stage)
    deps = (part for dep in block.deps for part in (dep, _state(dep)))
    params = (part for name, value in block.params for part in (name, json.dumps(value, sort_keys=True)))
    return hashed(block.cmd, *deps, *params)


def output_hash(study: str, stage: str) -> str | None:
    """A hash of what the stage left, None if any of it is not there."""
    files = [paths.root() / out for out in read_block(study, stage).outs]
    if not all(file.exists() for file in files):
        return None
    return hashed(*(content_hash(file) for file in files))


def read_block(study: str, stage: str) -> Block:
    """The stage's entry in dvc.yaml for one study.

    Raises:
        ParamsError: dvc.yaml or params.yaml is missing or has no such entry.
    """
    params = _yaml(paths.params_file())
    written = _at(_yaml(paths.root() / "dvc.yaml"), f"stages.{stage}.do")
    if not isinstance(written, dict):
        raise ParamsError(f"dvc.yaml: wanted `stages.{stage}` with `foreach` and `do`, not there.")
    holes = {"key": study, "item": _at(params, f"studies.{study}")}
    filled = _fill(written, holes, stage)
    outs = (out for kind in ("outs", "metrics", "plots") for out in _names(filled.get(kind, [])))
    return Block(
        cmd=str(filled["cmd"]),
        deps=tuple(_names(filled.get("deps", []))),
        params=tuple((name, _at(params, name)) for name in _names(filled.get("params", []))),
        outs=tuple(outs),
    )


def _state(dep: str) -> str:
    return remote.state(dep) if "://" in dep else content_hash(paths.root() / dep)


def content_hash(place: Path) -> str:
    """As `files.place_hash`; `absent` if neither a file nor a folder is there.

    Raises:
        SourceError: something there cannot be read.
    """
    return place_hash(place) if place.is_file() or place.is_dir() else "absent"


def _names(entries: list[Any]) -> Iterator[str]:
    """dvc.yaml writes an entry as `name`, or as `name: {options}`."""
    for entry in entries:
        yield from ([entry] if isinstance(entry, str) else map(str, entry))


def _fill(node: Any, holes: dict[str, Any], stage: str) -> Any:
    if isinstance(node, dict):
        return {_fill(key, holes, stage): _fill(value, holes, stage) for key, value in node.items()}
    if isinstance(node, list):
        return [_fill(value, holes, stage) for value in node]
    if not isinstance(node, str):
        return node

    def value(hole: re.Match[str]) -> str:
        found = _at(holes, hole[1].strip())
        if found is None:
            raise ParamsError(
                f"dvc.yaml: stage {stage} of {holes['key']} uses {hole[0]}, which params.yaml does not give. "
                f"Write it under `studies: {holes['key']}:`."
            )
        return str(found)

    return _HOLE.sub(value, node)


def _at(node: Any, dotted: str) -> Any:
    for key in dotted.split("."):
        node = node.get(key) if isinstance(node, dict) else None
    return node


def _yaml(file: Path) -> Any:
    try:
        return _parsed(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(
            f"{file.name}: wanted in {file.parent}, not there. Start natstat in the project folder."
        ) from None
    except (OSError, UnicodeDecodeError, dialect.NotYaml) as error:
        raise ParamsError(f"{file.name}: cannot be read: {error}.") from None


@lru_cache(maxsize=2)
def _parsed(text: str) -> Any:
    """Each stage asks for both files twice; who gets it changes nothing in it."""
    return dialect.read(text)
