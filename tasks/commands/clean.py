"""Delete what natstat made and can make again: results, reports, caches and the database.

Standard library alone, so that it runs where the environment is broken. What it takes for natstat's are the
folders that only a stage writes, by their names and the manifest in them, and pages that say who made them.
Everything else under data/ and reports/ is yours and stays, and so do answers, labels and past runs.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks import paths
from tasks.commands import output

_OF_STAGE = ("*.parquet", "*.npy", "manifest.json")
_PAGE = "index.html"
_OF_REPORT = ("checks.html", "metrics.json", "forest.json")
_HEAD = 200_000
"""Characters of a page in which it says whose report it is, style sheet included."""
_COPIES = ("data/.*.tmp*", "data/*/.*.tmp", "reports/.*.tmp")
_PARQUET = b"PAR1"


def run(arguments: argparse.Namespace) -> None:
    """Deletes it, and says what."""
    ours = list(studies())
    n_studies = len(ours)
    places = list(made())
    ours += [place.parent for place in places if place.name == _PAGE and place != paths.site_page()]
    n_files = sum(_delete(place) for place in places)
    for folder in ours:
        _drop_if_empty(folder)
    kept = [_told(place) for place in _kept() if place.exists()]
    output({"n_files": n_files, "n_studies": n_studies, "kept": kept}, lines, arguments.json)


def _told(place: Path) -> str:
    inside = place.is_relative_to(paths.root())
    return (place.relative_to(paths.root()) if inside else place).as_posix()


def lines(found: Mapping[str, Any]) -> list[str]:
    """What was deleted, and what stays."""
    kept = f" Kept: {', '.join(found['kept'])}." if found["kept"] else ""
    return [f"deleted {found['n_files']} files of {found['n_studies']} studies.{kept}"]


def studies() -> Iterator[Path]:
    """Folders under data/ in which stages left something, in params.yaml or no longer."""
    for folder in sorted(paths.data().glob("*")):
        if not folder.is_symlink() and any(_is_stage(folder / stage) for stage in paths.stage_folders()):
            yield folder


def made() -> Iterator[Path]:
    """Files and folders that natstat made and can make again."""
    for study in studies():
        for stage in paths.stage_folders():
            if _is_stage(study / stage):
                yield from (file for like in _OF_STAGE for file in (study / stage).glob(like))
                yield study / stage
    for report in sorted(paths.reports().glob("*")):
        if not report.is_symlink() and _is_ours(report / _PAGE):
            yield from (report / name for name in _OF_REPORT)
            yield report / _PAGE
    if _says(paths.site_page(), "all studies"):
        yield paths.site_page()
    for like in _COPIES:
        yield from filter(_is_copy, paths.root().glob(like))
    yield from sorted(paths.cache().rglob("*"), reverse=True)
    yield paths.cache()
    # One that an earlier release made, or beside damaged Parquet, holds runs that are nowhere else.
    if _are_whole([run for run in paths.past_runs().glob("*") if paths.RUN.fullmatch(run.name)]):
        yield from (Path(f"{paths.discoveries_db()}{end}") for end in ("", ".wal"))


def _kept() -> tuple[Path, ...]:
    return (paths.answers(), paths.past_runs(), paths.discoveries_db(), paths.labels())


def _is_stage(folder: Path) -> bool:
    """Whether a stage wrote it: what else has such a name has no manifest, or not the stage's tables."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    tables = any(folder.glob("*.parquet")) or any(folder.glob("*.npy"))
    return isinstance(manifest, dict) and tables and not folder.is_symlink()


def _are_whole(runs: Sequence[Path]) -> bool:
    """Whether there are runs, and the database can be made from them, as far as files tell by themselves."""
    tables = [table for run in runs for table in run.glob("*.parquet")]
    return (
        bool(runs) and all((run / "runs.parquet").is_file() for run in runs) and all(map(_is_whole, tables))
    )


def _is_whole(table: Path) -> bool:
    try:
        content = table.read_bytes()
    except OSError:
        return False
    return content.startswith(_PARQUET) and content.endswith(_PARQUET)


def _is_ours(page: Path) -> bool:
    """Whether it is the report of the study that its folder is called after: a copy elsewhere is yours."""
    return _says(page, f"study {page.parent.name}")


def _says(page: Path, whose: str) -> bool:
    """Whether it is a page of natstat's that says whose it is."""
    try:
        with page.open(encoding="utf-8", errors="replace") as opened:
            head = opened.read(_HEAD)
    except OSError:
        return False
    return "· natstat</title>" in head and f">natstat · {whose}<" in head


def _delete(place: Path) -> int:
    """Deletes a file, or a folder that is empty by now, and says how many files that were."""
    if place.is_dir() and not place.is_symlink():
        if _is_copy(place):
            for inner in sorted(place.rglob("*"), reverse=True):
                _delete(inner)
        _drop_if_empty(place)
        return 0
    try:
        place.unlink()
    except OSError:
        return 0
    return 1


def _is_copy(place: Path) -> bool:
    return bool(paths.COPY.fullmatch(place.name))


def _drop_if_empty(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink() and folder != paths.labels():
        try:
            folder.rmdir()
        except OSError:
            return
