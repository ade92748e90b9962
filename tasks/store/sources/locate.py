"""Which files a source means: `data` itself, a file or glob inside it, or a folder of one format."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks import paths
from tasks.errors import SourceError, nearest
from tasks.store.sources.wording import listed, shown
from tasks.study import Study

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".eval": "log",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "ipc",
    ".feather": "ipc",
    ".ipc": "ipc",
    ".txt": "text",
    ".duckdb": "database",
    ".ddb": "database",
    ".db": "database",
    ".sqlite": "database",
    ".sqlite3": "database",
    ".pkl": "problem",
    ".pickle": "problem",
    ".yaml": "yaml",
    ".yml": "yaml",
}
"""Suffix -> reader. A text format may end in .gz as well."""
_GZIPPED = {"csv", "jsonl", "json", "text"}


def format_of(file: Path) -> str | None:
    """The reader a file's name asks for, None where there is none."""
    suffixes = [s.lower() for s in file.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        inner = FORMATS.get(suffixes[-2]) if len(suffixes) > 1 else None
        return inner if inner in _GZIPPED else None
    return FORMATS.get(suffixes[-1]) if suffixes else None


def files_of(study: Study, pattern: str | None) -> list[Path]:
    """The files to read, sorted; at least one.

    Raises:
        SourceError: nothing is there or may be looked at, a path or link leaves the data folder, a name is no
            UTF-8, or the choice is not clear.
    """
    with _looking(f"studies.{study.name}.data: {shown(study.data_path)}"):
        found = _files_of(study, study.data_path, pattern)
        for file in found:
            _check_name(file)
        return found


@contextmanager
def _looking(what: str) -> Iterator[None]:
    """Turns what a system says of a place that it does not show into one error."""
    try:
        yield
    except OSError as error:
        raise SourceError(
            f"{what}: wanted a place that may be looked into, the system says: {error.strerror or error}. "
            "Check the permissions of the folders above it."
        ) from None


def _check_name(file: Path) -> None:
    """Refuses a name that is no UTF-8: DVC could not watch it."""
    try:
        str(file).encode()
    except UnicodeEncodeError:
        raise SourceError(
            f"{shown(file)}: wanted a file name in UTF-8, which DVC could not watch otherwise. Rename it; "
            "`convmv -f latin1 -t utf8 -r --notest FOLDER` renames all that an old archive brought."
        ) from None


def _files_of(study: Study, base: Path, pattern: str | None) -> list[Path]:
    if not base.exists():
        beside = [p.name for p in base.parent.iterdir()] if base.parent.is_dir() else []
        raise SourceError(
            f"studies.{study.name}.data: wanted a file or folder, {shown(base)} is not there"
            f"{nearest(base.name, beside)}. Paths are relative to the folder of params.yaml."
        )
    if base.is_file():
        if pattern is not None:
            raise SourceError(
                f"studies.{study.name}.collect: path {pattern!r}, but data is the file {shown(base)}. "
                "Leave path out, or let data name the folder."
            )
        return [base]
    # Recorded verdicts may lie beside the texts and are no texts themselves.
    verdicts = verdicts_file(study)
    if pattern is None:
        return _of_one_format(base, base, verdicts)
    found = _inside(study, base, pattern)
    if len(found) == 1 and found[0].is_dir():
        return _of_one_format(base, found[0], verdicts)
    return found


def verdicts_file(study: Study) -> Path | None:
    """The file of recorded verdicts, by its path from the project or from the data folder.

    Raises:
        SourceError: it is neither `data` nor inside it, so DVC would not notice a change.
    """
    if study.verdicts is None:
        return None
    data = study.data_path.resolve()
    with _looking(f"studies.{study.name}.verdicts: {study.verdicts}"):
        for file in (paths.root() / study.verdicts, study.data_path / study.verdicts):
            resolved = file.resolve()
            if resolved.is_file() and resolved.is_relative_to(data):
                return file
    raise SourceError(
        f"studies.{study.name}.verdicts: wanted a file that is data ({shown(study.data_path)}) or inside it, "
        f"got {study.verdicts!r}. Put it there, so that a change of it is noticed."
    )


def _inside(study: Study, base: Path, pattern: str) -> list[Path]:
    """What a path or glob inside the data folder names."""
    where = f"studies.{study.name}.collect: path {pattern!r}"
    wanted = Path(pattern)
    if wanted.is_absolute() or ".." in wanted.parts:
        raise SourceError(
            f"{where}: leaves the data folder {shown(base)}. Let data name a folder above both."
        )
    try:
        # A name that is there is meant, whatever marks of a pattern it holds.
        is_pattern = any(c in pattern for c in "*?[") and not os.path.lexists(base / pattern)
        if is_pattern:
            _everything(base)
        found = sorted(base.glob(pattern)) if is_pattern else [base / pattern]
    except (ValueError, NotImplementedError) as error:
        raise SourceError(f"{where}: no glob that can be meant: {error}.") from None
    if len(found) > 1:
        found = [f for f in found if f.is_file() and format_of(f)]
    if not found or not found[0].exists():
        there = sorted(shown(p).removeprefix(f"{shown(base)}/") for p in _everything(base) if p.is_file())
        raise SourceError(
            f"{where}: nothing readable in {shown(base)}{nearest(pattern, there)}. There: {listed(there)}."
        )
    _check_links(base, found)
    return found


def _check_links(base: Path, found: list[Path]) -> None:
    """Refuses a link out of the data folder, be it named, matched or one of a folder's files."""
    top = base.resolve()
    for file in found:
        if not file.exists():
            raise SourceError(
                f"{shown(file)}: wanted a file, it links to nothing. Mend the link or delete it."
            )
        if not file.resolve().is_relative_to(top):
            raise SourceError(
                f"{shown(file)}: links out of the data folder {shown(base)}. Let data name the place it "
                "leads to, or put a copy there."
            )


def _of_one_format(base: Path, folder: Path, apart: Path | None) -> list[Path]:
    """All readable files of a folder, which must be of one format: two would be a guess."""
    there = [p for p in _everything(folder) if not _hidden(p.relative_to(folder))]
    _check_links(base, [p for p in there if p.is_symlink() and (p.is_dir() or format_of(p))])
    every = sorted(p for p in there if p.is_file())
    left_out = apart.resolve() if apart else None
    by_format: dict[str, list[Path]] = {}
    for file in every:
        name = format_of(file)
        if name and file.resolve() != left_out:
            by_format.setdefault(name, []).append(file)
    if not by_format:
        raise SourceError(
            f"{shown(folder)}: wanted files that can be read ({_suffixes()}), the folder has: "
            f"{listed(os.fsencode(p.relative_to(folder)).decode(errors='backslashreplace') for p in every)}."
        )
    if len(by_format) > 1:
        examples = [files[0].relative_to(folder).as_posix() for files in by_format.values()]
        raise SourceError(
            f"{shown(folder)}: holds files of several formats ({listed(examples)}). "
            "Write path: NAME or a glob under collect."
        )
    return next(iter(by_format.values()))


def _everything(folder: Path) -> list[Path]:
    """All files and folders in a folder; one that may not be looked into is an error, not nothing."""

    def closed(error: OSError) -> None:
        raise SourceError(
            f"{shown(Path(error.filename))}: wanted a folder that may be looked into, the system says: "
            f"{error.strerror}. Check its permissions."
        )

    walked = os.walk(folder, onerror=closed)
    return [Path(top, name) for top, folders, files in walked for name in (*folders, *files)]


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _suffixes() -> str:
    return " ".join(FORMATS)


def no_reader(file: Path) -> SourceError:
    """The error for a file whose name no reader knows."""
    ending, hint = file.suffix.lower(), ""
    if ending in {".xlsx", ".xls", ".ods"}:
        hint = " Save the sheet as CSV."
    elif ending in {".zip", ".7z", ".tar", ".tgz", ".bz2", ".xz", ".zst"}:
        hint = " Unpack it, or pack a text format as .gz."
    return SourceError(
        f"{shown(file)}: wanted a name that ends in one of {_suffixes()}, got {file.suffix!r}.{hint}"
    )
