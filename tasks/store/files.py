"""Which files a run rests on, by the hash of their bytes: what `natstat trace` verifies."""

from pathlib import Path

import polars as pl

from tasks import paths
from tasks.errors import SourceError
from tasks.store import disk, frames
from tasks.study import Study

FILES = pl.Schema({"stage": pl.String, "file": pl.String, "hash": pl.String})
"""A file or folder that a run rests on: the stage that wrote it, or `data` or `labels`; its path from the
project folder; 16 hex digits of BLAKE2b over its bytes."""
_OUTPUTS = (".parquet", ".npy")
_STAGES = ("collect", "embed", "propose", "formalise", "verify", "score")


def place_hash(place: Path) -> str:
    """16 hex digits over a file's bytes, or over the names and bytes of all files in a folder.

    Compiled modules are left out: they come and go without any change of the code.

    Raises:
        SourceError: it is not there, or may not be read.
    """
    try:
        if not place.is_dir():
            return frames.file_hash(place)
        held = (file for file in place.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
        names = sorted(file.relative_to(place).as_posix() for file in held)
        return frames.hashed(*(part for name in names for part in (name, frames.file_hash(place / name))))
    except OSError as error:
        raise SourceError(
            f"{error.filename or place}: cannot be read: {error.strerror}. Bring it back or give read "
            "permission, then rerun."
        ) from error


def note_data(study: Study, read: str) -> None:
    """Notes the hash of the data that collect has read, beside its output and with the output's own hash.

    An order of rows that changes nothing in the output makes no later stage run again.

    Args:
        study: whose they are.
        read: of `place_hash`.

    Raises:
        StoreError: the note cannot be written.
    """
    note = _data_note(study)
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(f"{read} {_of_texts(study)}", encoding="utf-8")
    except OSError as error:
        raise disk.unwritable(note, error) from error


def _noted(study: Study) -> str | None:
    """The hash of the data that the output of collect came from; None where it was fetched, not made here."""
    try:
        read, _, of = _data_note(study).read_text(encoding="utf-8").partition(" ")
    except OSError:
        return None
    return read if of == _of_texts(study) else None


def _of_texts(study: Study) -> str:
    return frames.file_hash(paths.output(study.name, "collect") / "texts.parquet")


def _data_note(study: Study) -> Path:
    return paths.cache() / "data_hashes" / study.name


def rested_on(study: Study) -> pl.DataFrame:
    """Rows of FILES: the data as collect read them, labels, and what each stage up to score wrote.

    Raises:
        MissingStageError: collect has not run.
        SourceError: a file may not be read.
    """
    read = _noted(study)
    rows = [("data", study.data, read)] if read else []
    if study.label_file:
        labels = paths.labels() / study.label_file
        rows.append(("labels", _named(labels), place_hash(labels)))
    for stage in _STAGES:
        rows += written_by(stage, paths.output(study.name, stage))
    return pl.DataFrame(rows, schema=FILES, orient="row")


def written_by(stage: str, folder: Path, place: Path | None = None) -> list[tuple[str, str, str]]:
    """Rows of FILES for the tables and vectors in a stage's folder; `place` is where they will lie."""
    held = sorted(file for file in folder.glob("*") if file.suffix in _OUTPUTS)
    return [(stage, _named((place or folder) / file.name), place_hash(file)) for file in held]


def _named(file: Path) -> str:
    """Its path from the project folder, the same on every machine."""
    return file.relative_to(paths.root()).as_posix()
