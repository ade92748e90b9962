"""collect, of pictures: killed, out of room, or given files made to do harm, it loses and breaks nothing."""

import os
import shutil
import signal
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tasks import paths
from tasks.collect import stage as collect
from tasks.errors import CorpusError, SourceError
from tasks.store.sources import pictures
from tasks.study import Study, load
from tests.conftest import REPO, Project
from tests.drawn_pictures import drawn, folder_of, stored

N = 12
OF_ZIP = {"group": "folder", "a": "a", "b": "b"}
BEGIN = "import os, resource, signal, sys\nfrom tasks.__main__ import main\n"
RUN = "sys.exit(main(['collect', '--study', 'photos']))\n"
KILLED = """
from tasks.store.sources import places
each, left = places.each, {after}
def killed(*given):
    global left
    for data in each(*given):
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        yield data
places.each = killed
"""


def study(project: Project, of: dict[str, Any] | None = None, data: str = "seen") -> Study:
    groups = {"a": {"path": "a"}, "b": {"path": "b"}} if of is None else of
    project.params(photos={"goal": "how they differ", "data": data, "collect": groups})
    return load("photos")


@pytest.fixture
def seen(project: Project) -> Path:
    folder = project.folder / "seen"
    folder_of(folder / "a", N)
    folder_of(folder / "b", N, first=N)
    return folder


def undisturbed(project: Project, of: dict[str, Any] | None = None) -> dict[str, bytes]:
    """What collect writes when it is left alone; gone again."""
    collect.run(study(project, of))
    kept = written()
    shutil.rmtree(paths.output("photos", "collect"))
    return kept


def written() -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in paths.output("photos", "collect").iterdir()}


def started(script: str) -> subprocess.CompletedProcess[str]:
    """collect in a process of its own, of which the script changes something first."""
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    command = [sys.executable, "-c", BEGIN + script + RUN]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("after", [N, 2 * N + 5, 4 * N + 5], ids=["hashed", "opened", "kept"])
def test_killed_in_the_middle_and_run_again_it_writes_the_same(
    project: Project, seen: Path, after: int
) -> None:
    wanted = undisturbed(project)
    assert started(KILLED.format(after=after)).returncode == -signal.SIGKILL
    assert not paths.output("photos", "collect").exists()
    collect.run(load("photos"))
    assert written() == wanted
    assert not list(paths.output("photos", "collect").parent.glob(".*.tmp"))


@pytest.mark.parametrize("share", [0.5, 1.01], ids=["beside", "media.parquet"])
def test_without_room_for_the_bytes_one_line_says_so_and_a_rerun_goes_on(
    project: Project, seen: Path, share: float
) -> None:
    wanted = undisturbed(project)
    room = int(share * sum(file.stat().st_size for file in seen.rglob("*.png")))
    done = started(f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))\n")
    (said,) = [line for line in done.stderr.splitlines() if "pictures:" not in line and line.strip()]
    assert done.returncode and "cannot be written" in said and "Free space, then rerun" in said
    assert not paths.output("photos", "collect").exists()
    collect.run(load("photos"))
    assert written() == wanted


def test_where_all_are_broken_one_line_says_so(project: Project, seen: Path) -> None:
    for file in seen.rglob("*.png"):
        file.write_bytes(b"")
    with pytest.raises(
        CorpusError, match=r"^wanted pictures, 24 of 24 cannot be read: a/0000.png is empty. Check"
    ):
        collect.collected(study(project))


def packed(seen: Path, method: int = zipfile.ZIP_DEFLATED, **more: bytes) -> Path:
    """The folder as a zip, with further members."""
    file = seen.parent / "seen.zip"
    with zipfile.ZipFile(file, "w", method) as zipped:
        for one in sorted(seen.rglob("*.png")):
            zipped.write(one, one.relative_to(seen))
        for name, data in more.items():
            zipped.writestr(f"a/{name}.png", data)
    return file


def patched(file: Path, name: str, at: int, data: bytes, everywhere: bool = True) -> None:
    """Writes bytes over a member's head in the list at the end of a zip, and over its own."""
    content = bytearray(file.read_bytes())
    listed = content.rindex(name.encode()) - 46
    content[listed + at : listed + at + len(data)] = data
    if everywhere:
        own = content.index(name.encode()) - 30
        content[own + at - 2 : own + at - 2 + len(data)] = data
    file.write_bytes(bytes(content))


def unreadable(project: Project) -> dict[str, Any]:
    found = collect.collected(study(project, OF_ZIP, "seen.zip"))
    assert sum(found.manifest["texts"].values()) == 2 * N
    return {why: told["files"] for why, told in found.manifest["pictures"]["unreadable"].items()}


def test_an_encrypted_member_of_a_zip_is_counted(project: Project, seen: Path) -> None:
    patched(packed(seen, locked=stored(drawn(99))), "a/locked.png", 8, struct.pack("<H", 1))
    why = "is encrypted or packed in a way that is not read"
    assert unreadable(project) == {why: ["a/locked.png"]}


def test_a_member_that_says_less_than_it_holds_is_counted(project: Project, seen: Path) -> None:
    patched(packed(seen, bomb=bytes(50_000_000)), "a/bomb.png", 24, struct.pack("<I", 1_000))
    assert unreadable(project) == {"is damaged in its zip": ["a/bomb.png"]}


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_a_damaged_member_is_counted_however_it_is_packed(project: Project, seen: Path, method: int) -> None:
    file = packed(seen, method, hurt=stored(drawn(99)))
    content = bytearray(file.read_bytes())
    start = content.index(b"a/hurt.png") + len("a/hurt.png")
    content[start + 20 : start + 300] = bytes(range(255, 115, -1)) * 2
    file.write_bytes(bytes(content))
    assert unreadable(project) == {"is damaged in its zip": ["a/hurt.png"]}


def test_a_zip_in_a_zip_is_passed_over_and_alone_refused(project: Project, seen: Path) -> None:
    inner = packed(seen).read_bytes()
    with zipfile.ZipFile(seen.parent / "seen.zip", "a") as zipped:
        zipped.writestr("a/inner.zip", inner)
    assert unreadable(project) == {}
    with zipfile.ZipFile(seen.parent / "seen.zip", "w") as zipped:
        zipped.writestr("a/inner.zip", inner)
    with pytest.raises(SourceError, match=r"seen.zip: wanted a zip of pictures, it has none"):
        collect.collected(study(project, OF_ZIP, "seen.zip"))


def test_links_that_lead_nowhere_or_to_folders_do_no_harm(project: Project, seen: Path) -> None:
    (seen / "a" / "gone.png").symlink_to(seen / "a" / "never.png")
    (seen / "a" / "round").symlink_to(seen)
    found = collect.collected(study(project))
    assert found.manifest["texts"] == {"A": N, "B": N}
    assert found.manifest["pictures"]["unreadable"] == {"is not there": {"n": 1, "files": ["a/gone.png"]}}


MANY = """
import re
from pathlib import Path
from tasks.store.sources import pictures
def peak():
    # What getrusage tells counts the memory of the process that started this one.
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
class Entry:
    def __init__(self, number):
        self.name = f"a picture of some length {number:09}.png"
        self.path = f"/data/seen/{self.name}"
    def __fspath__(self):
        return self.path
    def is_symlink(self):
        return False
pictures._of_files((Entry(n) for n in range(1000)), Path("/data/seen"), frozenset(), None)
before = peak()
rows = pictures._of_files((Entry(n) for n in range(300_000)), Path("/data/seen"), frozenset(), None)
print(rows.height, (peak() - before) * 1024 // rows.height)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell it")
def test_names_are_never_all_held_as_python_s(project: Project) -> None:
    """300,000 entries as a folder gives them, made as they are asked for."""
    environment = {**os.environ, "PYTHONPATH": str(REPO), "POLARS_MAX_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", MANY], env=environment, capture_output=True, text=True, check=True
    )
    height, n_bytes = map(int, done.stdout.split())
    print(n_bytes, "bytes a name")
    assert height == 300_000 and n_bytes < 300
    assert pictures._AT_ONCE <= 50_000
