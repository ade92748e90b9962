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

    Raises:
        SourceError: it is not there, or may not be read.
    """
    try:
        if not place.is_dir():
            return frames.file_hash(place)
        held = sorted(file for file in place.rglob("*") if file.is_file())
        return frames.hashed(*(f"{f.relative_to(place).as_posix()}\n{frames.file_hash(f)}" for f in held))
    except OSError as error:
        raise SourceError(f"{place}: cannot be read: {error.strerror}. Bring it back, then rerun.") from error


def note_data(study: Study) -> None:
    """Notes the hash of the data that collect reads, beside its output: an order of rows that changes nothing
    there makes no later stage run again.

    Raises:
        SourceError: a file may not be read.
        StoreError: the note cannot be written.
    """
    note = _data_note(study)
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(place_hash(study.data_path), encoding="utf-8")
    except OSError as error:
        raise disk.unwritable(note, error) from error


def _data_note(study: Study) -> Path:
    return paths.cache() / "data_hashes" / study.name


def rested_on(study: Study) -> pl.DataFrame:
    """Rows of FILES: the data as collect read them, labels, and what each stage up to score wrote.

    Raises:
        MissingStageError: collect has not run.
        SourceError: a file may not be read.
    """
    read = _data_note(study)
    rows = [("data", study.data, read.read_text(encoding="utf-8"))] if read.is_file() else []
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
