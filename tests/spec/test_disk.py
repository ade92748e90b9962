"""A disk that is full, closed, damaged or shared: one line, exit code 17, and a rerun goes on."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tasks import paths
from tasks.__main__ import main
from tasks.errors import MissingStageError
from tasks.store import disk, duck, frames, vectors
from tests.conftest import PAIR_STUDY, REPO, STAGES, Project, in_a_copy, pair
from tests.recorded_study import put_study

BEFORE_RECORD = STAGES[:6]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has run to its end; tests copy it."""
    folder = tmp_path_factory.mktemp("finished")
    project = Project(folder)
    project.table("news.parquet", pair(300, 0.3, 0.0))
    project.params(news=PAIR_STUDY)
    here = Path.cwd()
    os.chdir(folder)
    try:
        project.run("news")
    finally:
        os.chdir(here)
    return folder


@pytest.fixture
def project_there(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return in_a_copy(finished, tmp_path / "project", monkeypatch).folder


def one_line(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 17) -> str:
    capsys.readouterr()
    assert main(arguments) == code
    told = capsys.readouterr().err.strip()
    assert told.startswith("error: ") and "\n" not in told, told
    return told


ALL_ON_A_FULL_DISK = """
import sys
sys.path.insert(0, {repo!r})
from tasks.__main__ import main
import os, shutil
os.chdir({there!r})
for stage in {stages!r}:
    print("code", stage, main([stage, "--study", "news"]), file=sys.stderr)
"""


def on_a_full_disk(finished: Path, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Every stage where not a byte is free, in a small file system of our own; then with space."""
    there = tmp_path / "small"
    there.mkdir()
    program = tmp_path / "all.py"
    content = ALL_ON_A_FULL_DISK.format(repo=str(REPO), there=str(there / "p"), stages=STAGES)
    program.write_text(content, encoding="utf-8")
    script = f"""
        mount -t tmpfs -o size=16m tmpfs {there} || exit 99
        cp -r {finished} {there}/p && rm -rf {there}/p/data/.cache/vectors*
        head -c 16m /dev/zero > {there}/fill 2>/dev/null
        {sys.executable} {program}; rm {there}/fill; {sys.executable} {program}
    """
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("unshare") is None, reason="no unshare")
def test_every_stage_on_a_full_disk_is_one_line_and_goes_on_when_there_is_space(
    finished: Path, tmp_path: Path
) -> None:
    done = on_a_full_disk(finished, tmp_path)
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip("no file system of one's own without privileges")
    assert "Traceback" not in done.stderr, done.stderr
    codes = [line.split() for line in done.stderr.splitlines() if line.startswith("code ")]
    full, free = codes[: len(STAGES)], codes[len(STAGES) :]
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert [code for _, _, code in full] == ["17"] * len(STAGES), done.stderr
    assert len(errors) == len(STAGES)
    assert all("No space left on device" in e or "disk is full" in e for e in errors), errors
    assert all("Free space" in error for error in errors)
    assert [code for _, _, code in free] == ["0"] * len(STAGES), done.stderr


@pytest.mark.parametrize("stage", ["collect", "propose", "formalise", "verify", "score", "record", "report"])
def test_a_file_that_may_not_grow_is_a_full_disk_too(
    stage: str, project_there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, most))
    try:
        told = one_line(capsys, stage, "--study", "news")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    assert "Free space" in told
    assert not list(project_there.glob("data/**/.*.tmp"))
    capsys.readouterr()
    assert main([stage, "--study", "news"]) == 0


def test_a_full_disk_is_not_tried_again_and_a_passing_error_is() -> None:
    from flows.stages import is_worth_retrying

    class Failed:
        def __init__(self, error: Exception) -> None:
            self._error = error

        def result(self, raise_on_failure: bool) -> Exception:
            return self._error

    def caused_by(cause: Exception) -> bool:
        error = disk.unwritable(Path("x"), cause)
        error.__cause__ = cause
        return is_worth_retrying(None, None, Failed(error))  # type: ignore[arg-type]

    assert not caused_by(OSError(errno.ENOSPC, "No space left on device"))
    assert not caused_by(pl.exceptions.ComputeError("underlying IO error: No space left on device"))
    assert not caused_by(PermissionError(errno.EACCES, "Permission denied"))
    assert caused_by(OSError(errno.EIO, "Input/output error"))


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def text(content: str) -> Callable[[Path], None]:
    return lambda file: (file.write_text(content, encoding="utf-8"), None)[1]


@pytest.mark.parametrize("damage", [cut, text(""), text("[]")])
@pytest.mark.parametrize(
    ("file", "stage"),
    [
        ("1_texts/texts.parquet", "propose"),
        ("1_texts/manifest.json", "record"),
        ("2_embeddings/embeddings.npy", "verify"),
        ("4_predicates/manifest.json", "verify"),
        ("5_verdicts/part-0000.parquet", "score"),
        ("5_verdicts/part-0000.parquet", "record"),
        ("6_scores/scores.parquet", "record"),
        ("7_discoveries/manifest.json", "show"),
        ("7_discoveries/runs.parquet", "load"),
    ],
)
def test_a_damaged_file_is_named_with_what_to_do(
    file: str, stage: str, damage: Callable[[Path], None], project_there: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    damage(project_there / "data/news" / file)
    told = one_line(capsys, *([stage] if stage == "load" else [stage, "--study", "news"]))
    assert Path(file).name in told and "rerun its stage" in told


def test_wrong_bytes_in_the_middle_of_verdicts_are_told(
    project_there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = project_there / "data/news/5_verdicts/part-0000.parquet"
    content = bytearray(file.read_bytes())
    content[40:400] = bytes(360)
    file.write_bytes(content)
    assert "news: wanted sound Parquet" in one_line(capsys, "score", "--study", "news")


def test_what_can_be_made_again_is_made_again(
    project_there: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths.timings().unlink()
    paths.timings().mkdir()
    shutil.rmtree(paths.output("news", "verify"))
    from tasks.verify import stage as verify

    with monkeypatch.context() as killed:
        killed.setattr(verify, "_finish", lambda _plan: {})
        assert main(["verify", "--study", "news"]) == 0
    (part,) = (paths.cache() / "parts/news").rglob("part-0000.parquet")
    cut(part)
    verify._planned.cache_clear()  # a rerun is another process
    capsys.readouterr()
    assert main(["verify", "--study", "news"]) == 0
    told = capsys.readouterr().err
    assert "part-0000.parquet of an unfinished run is damaged: judged again" in told
    assert "timings.jsonl: cannot be written: Is a directory" in told
    assert paths.output("news", "verify").is_dir()
    vectors_there = paths.vector_cache()
    vectors_there.write_bytes(b"no database" * 999)
    with vectors.opened("a", 2) as cache:
        assert not cache.get_many([b"x" * 16])[1].any()


def as_somebody(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    """Runs Python as somebody to whom permissions mean something, which they do not to root."""
    bound = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []
    if bound and shutil.which("setpriv") is None:
        pytest.skip("root may do anything, and there is no setpriv")
    return subprocess.run(
        [*bound, sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(REPO)},
    )  # fmt: skip


@pytest.mark.parametrize("closed", ["data", "data/news/1_texts"])
def test_a_closed_folder_is_one_line(closed: str, project_there: Path) -> None:
    commands = [["collect", "--study", "news"], ["record", "--study", "news"], ["show", "--study", "news"],
                ["query", "studies"], ["load"], ["check", "--study", "news"]]  # fmt: skip
    program = (
        "import sys\nfrom tasks.__main__ import main\nfor c in %r:\n    print(main(c), file=sys.stderr)\n"
    )
    for place in project_there.rglob("*"):
        place.chmod(0o777 if place.is_dir() else 0o666)
    project_there.chmod(0o755)
    (project_there / closed).chmod(0o444)
    try:
        done = as_somebody(project_there, program % commands)
    finally:
        (project_there / closed).chmod(0o755)
    assert "Traceback" not in done.stderr, done.stderr
    codes = [line for line in done.stderr.splitlines() if line.isdigit()]
    assert len(codes) == len(commands) and set(codes) <= {"0", "17", "18"}
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == len(codes) - codes.count("0")
    assert errors and all("ermission" in line or "Run `dvc repro`" in line for line in errors), errors


def test_copies_of_the_killed_are_swept_and_others_stay(project: Project) -> None:
    put_study()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    host = disk.copy_beside(Path("x")).name.split("@")[1].removesuffix(".tmp")
    alive = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    data = project.folder / "data"
    try:
        swept = [data / f".discoveries.duckdb.{dead.pid}@{host}", data / f".press.{dead.pid}@{host}"]
        stays = [data / f".discoveries.duckdb.{alive.pid}@{host}", data / f".old.{dead.pid}@elsewhere.tmp",
                 data / f".just.{dead.pid}.tmp", data / ".mine.tmp", data / ".a.tmp.b"]  # fmt: skip
        swept = [place.with_name(f"{place.name}.tmp") for place in swept]
        stays[0] = stays[0].with_name(f"{stays[0].name}.tmp")
        swept.append(swept[0].with_name(f"{swept[0].name}.wal"))
        of_earlier = data / f".1_texts.{dead.pid}.tmp"
        for place in (*swept, *stays, of_earlier):
            place.mkdir() if "press" in place.name else place.touch()
        os.utime(of_earlier, (time.time() - 90_000,) * 2)
        duck.record("press")
        assert [place.name for place in (*swept, of_earlier) if place.exists()] == []
        assert [place.name for place in stays if not place.exists()] == []
    finally:
        alive.kill()
        alive.wait()


def test_a_killed_writer_s_copy_goes_with_the_next_run(project: Project) -> None:
    program = (
        "import time; from pathlib import Path; from tasks.store import frames\n"
        "with frames.writing(Path('data/t/1_texts')) as folder:\n"
        "    (folder / 'texts.parquet').touch(); print('in', flush=True); time.sleep(60)"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    writer = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment)
    assert writer.stdout is not None and writer.stdout.readline() == b"in\n"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    folder = project.folder / "data/t"
    assert len(list(folder.glob(".1_texts.*.tmp"))) == 1
    with frames.writing(folder / "5_verdicts") as written:
        (written / "manifest.json").write_text(json.dumps({}), encoding="utf-8")
    assert [place.name for place in folder.iterdir()] == ["5_verdicts"]


def test_reading_tells_not_there_from_closed_and_damaged(project: Project) -> None:
    with pytest.raises(MissingStageError, match="wanted from an earlier stage"):
        frames.read_manifest(project.folder / "data/none")
    (project.folder / "data/a").mkdir(parents=True)
    (project.folder / "data/a/manifest.json").mkdir()
    with pytest.raises(MissingStageError):
        frames.read_manifest(project.folder / "data/a")
