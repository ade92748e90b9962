"""What DVC's lock says of a study: the MD5 of each output of its stages, and whether it is still true."""

import hashlib
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from tasks import paths
from tasks.errors import StoreError
from tasks.study import dialect

_ENTRY = re.compile(r"^  \S.*$", re.MULTILINE)


def outputs(study: str) -> Iterator[tuple[str, Path, str | None, str]]:
    """Stage, place, what its MD5 is now (None where it is gone), and what `dvc.lock` says; none without one.

    Raises:
        StoreError: the lock cannot be read.
    """
    for stage, entry in _entries(study):
        for out in entry.get("outs", []):
            place = paths.root() / out["path"]
            yield stage, place, _md5(place), str(out["md5"])


def _entries(study: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The study's stages in the lock; those of other studies are not parsed: the file may be long."""
    file = paths.root() / "dvc.lock"
    try:
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        starts = [found.start() for found in _ENTRY.finditer(text)]
        parts = [text[start:end] for start, end in pairwise([*starts, len(text)])]
        for stage in paths.STAGES:
            name = f"{stage}@{study}"
            for part in parts:
                if part.split(":", 1)[0].strip(" '\"") == name:
                    yield stage, next(iter(dialect.read(part).values()))
    except (OSError, UnicodeDecodeError, dialect.NotYaml, AttributeError, KeyError, TypeError) as error:
        raise StoreError(f"{file}: cannot be read: {error}. Run `dvc repro`, which writes it anew.") from None


def _md5(place: Path) -> str | None:
    """As DVC has it: of a file its bytes', of a folder that of the list of its files."""
    if place.is_file():
        return _of_file(place)
    if not place.is_dir():
        return None
    held = sorted((f.relative_to(place).as_posix(), f) for f in place.rglob("*") if f.is_file())
    listed = [{"md5": _of_file(file), "relpath": name} for name, file in held]
    return hashlib.md5(json.dumps(listed).encode(), usedforsecurity=False).hexdigest() + ".dir"


def _of_file(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
