"""Which file is meant, and what is said of one that is damaged, too large, closed or elsewhere."""

import gzip
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.__main__ import main
from tasks.errors import SourceError
from tasks.store.sources import read_groups, read_verdicts
from tasks.study import Study
from tests.conftest import REPO, Project

FRAME = pl.DataFrame({"text": ["one", "two"], "g": ["A", "B"], "predicate": ["p", "p"], "score": [1.0, 0.0]})
BOTH = [("one", "A"), ("two", "B")]
WRITERS: dict[str, Callable[[Path], object]] = {
    "csv": FRAME.write_csv,
    "parquet": FRAME.write_parquet,
    "arrow": FRAME.write_ipc,
    "jsonl": FRAME.write_ndjson,
    "json": FRAME.write_json,
    "txt": lambda file: file.write_text("one"),
}


def study(data: str, **collect: Any) -> Study:
    collect = {"group": "g", "a": "A", "b": "B", **collect}
    return Study.model_validate({"name": "s", "goal": "g", "data": data, "collect": collect})


def rows_of(data: str, **collect: Any) -> list[tuple[str, str]]:
    rows, _, _ = read_groups(study(data, **collect))
    return rows.select("text", "group").rows()


@pytest.mark.parametrize("ending", [ending for ending in WRITERS if ending != "txt"])
@pytest.mark.parametrize("stem", ["export [1]", "star*", "what?", "[!a]", "{a,b}", "**"])
def test_a_name_that_is_there_is_that_file(project: Project, ending: str, stem: str) -> None:
    folder = project.folder / "data [1]"
    folder.mkdir()
    WRITERS[ending](folder / f"{stem}.{ending}")
    for other in ("export 1", "starling", "what1", "b", "a"):
        FRAME.with_columns(pl.lit("other").alias("text")).write_parquet(folder / f"{other}.parquet")
        WRITERS[ending](folder / f"{other}.{ending}") if ending != "parquet" else None
    assert rows_of(f"data [1]/{stem}.{ending}") == BOTH
    assert rows_of("data [1]", path=f"{stem}.{ending}") == BOTH


def test_a_pattern_is_one_where_no_such_file_is(project: Project) -> None:
    folder = project.folder / "all"
    folder.mkdir()
    for n in (1, 2):
        FRAME.write_parquet(folder / f"part [{n}].parquet")
    assert rows_of("all", path="part [[]*.parquet") == BOTH * 2
    assert rows_of("all", path="part*") == BOTH * 2
    assert rows_of("all", path="part [1].parquet") == BOTH


@pytest.mark.parametrize("ending", WRITERS)
@pytest.mark.parametrize("named", ["all of the folder", "path", "glob", "folder"])
def test_a_link_out_of_the_data_folder_is_refused(project: Project, ending: str, named: str) -> None:
    outside, folder = project.folder / "outside", project.folder / "all"
    outside.mkdir()
    (folder / "inner").mkdir(parents=True)
    WRITERS[ending](outside / f"f.{ending}")
    WRITERS[ending](folder / f"inner/own.{ending}")
    (folder / f"inner/link.{ending}").symlink_to(outside / f"f.{ending}")
    path = {"path": f"inner/link.{ending}", "glob": f"inner/*.{ending}", "folder": "inner"}.get(named)
    with pytest.raises(SourceError, match=rf"inner/link.{ending}: links out of the data folder all"):
        rows_of("all", path=path)


def test_a_linked_folder_is_as_a_linked_file(project: Project) -> None:
    (project.folder / "outside").mkdir()
    (project.folder / "all").mkdir()
    FRAME.write_parquet("outside/f.parquet")
    FRAME.write_parquet("all/own.parquet")
    Path("all/link").symlink_to(project.folder / "outside")
    for path in (None, "link", "link/f.parquet", "link/*.parquet", "*/*.parquet"):
        with pytest.raises(SourceError, match=r"all/link.*: links out of the data folder all"):
            rows_of("all", path=path)


def test_links_that_stay_inside_or_are_the_data_are_followed(project: Project) -> None:
    Path("all").mkdir()
    FRAME.write_parquet("all/own.parquet")
    Path("data-link").symlink_to(project.folder / "all")
    Path("all/again.parquet").symlink_to(project.folder / "all/own.parquet")
    assert rows_of("data-link", path="own.parquet") == BOTH
    assert rows_of("data-link", path="again.parquet") == BOTH
    Path("file-link.parquet").symlink_to(project.folder / "all/own.parquet")
    assert rows_of("file-link.parquet") == BOTH


def test_a_link_to_nothing_is_told(project: Project) -> None:
    Path("all").mkdir()
    FRAME.write_parquet("all/own.parquet")
    Path("all/gone.parquet").symlink_to("all/nowhere.parquet")
    with pytest.raises(SourceError, match=r"all/gone.parquet: .*links to nothing"):
        rows_of("all")


@pytest.mark.parametrize("data", ["texts", "texts/caf\udce9.txt"])
def test_a_name_that_is_no_utf8_is_told(project: Project, data: str) -> None:
    Path("texts").mkdir()
    for name in ("texts/plain.txt", "texts/caf\udce9.txt"):
        Path(name).write_text("one")
    with pytest.raises(SourceError, match=r"texts/caf\\xe9.txt: wanted a file name in UTF-8.*Rename it"):
        rows_of(data)
    with pytest.raises(SourceError, match=r"nothing readable.*There: caf\\xe9.txt, plain.txt"):
        rows_of("texts", path="nothing.txt")


def test_such_a_name_is_an_error_of_check(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    Path("texts/a").mkdir(parents=True)
    Path("texts/a/caf\udce9.txt").write_text("one")
    project.params(news={"goal": "g", "data": "texts", "collect": {"group": "random"}})
    assert main(["check", "--study", "news"]) == 11
    assert "texts/a/caf\\xe9.txt: wanted a file name in UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize("closed", ["data", "path", "verdicts"])
def test_a_closed_folder_is_one_error(project: Project, closed: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody who may not look")
    top = project.folder / "closed"
    (top / "all").mkdir(parents=True)
    FRAME.write_parquet(top / "all/f.parquet")
    asked = {"data": "closed/all/f.parquet", "path": "closed/all", "verdicts": "closed/all"}[closed]
    collect = {"path": "f.parquet"} if closed == "path" else {}
    top.chmod(0o600)
    try:
        os.seteuid(65534)
        with pytest.raises(SourceError, match=r"closed/all.*Permission denied.*permissions of the folders"):
            if closed == "verdicts":
                read_verdicts(
                    study(asked).model_copy(update={"verdicts": "closed/all/f.parquet", "engine": "replay"})
                )
            else:
                rows_of(asked, **collect)
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("path", [None, "*/*.parquet", "in.ner"])
def test_a_closed_folder_inside_is_not_passed_over(monkeypatch: pytest.MonkeyPatch, path: str | None) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody who may not look")
    # pytest's own folders are closed to others.
    with tempfile.TemporaryDirectory() as name:
        monkeypatch.chdir(name)
        Path(name).chmod(0o755)
        Path("all/in.ner").mkdir(parents=True)
        FRAME.write_parquet("all/own.parquet")
        FRAME.write_parquet("all/in.ner/f.parquet")
        Path("all/in.ner").chmod(0o600)
        try:
            os.seteuid(65534)
            with pytest.raises(SourceError, match=r"all/in.ner: .*looked into.*Permission denied"):
                rows_of("all", path=path)
        finally:
            os.seteuid(0)


def test_a_name_too_long_is_one_error(project: Project) -> None:
    with pytest.raises(SourceError, match="File name too long"):
        rows_of("a" * 300 + ".csv")


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]


@pytest.mark.parametrize(
    "name", ["f.csv.gz", "f.jsonl.gz", "f.txt.gz", "f.parquet", "f.arrow", "f.sqlite", "f.duckdb"]
)
def test_damage_is_one_error_wherever_it_is(project: Project, name: str) -> None:
    """Every place is flipped in turn, and the file cut off there: it is read as it was, or refused."""
    many = pl.concat([FRAME] * 40).with_columns(pl.int_range(pl.len()).alias("n"))
    collect: dict[str, Any] = {"group": "random"}
    if name.endswith(".gz"):
        Path(name).write_bytes(
            gzip.compress(many.write_csv().encode() if "csv" in name else many.write_ndjson().encode())
        )
    elif name == "f.parquet":
        many.write_parquet(name)
    elif name == "f.arrow":
        many.write_ipc(name, compression="zstd")
    else:
        collect["query"] = "select * from t"
        _write_database(many, name)
    whole = Path(name).read_bytes()
    places = range(0, len(whole), max(len(whole) // 15, 1))
    n_refused = 0
    for content in [*(flipped(whole, at) for at in places), *(whole[:at] for at in places)]:
        Path(name).write_bytes(content)
        try:
            read_groups(study(name, **{"a": None, "b": None, **collect}))
        except SourceError as error:
            n_refused += 1
            assert len(str(error).splitlines()) == 1
    # A database has no sums by which a flipped letter would be noticed.
    assert n_refused >= len(places) // 2


def _write_database(frame: pl.DataFrame, name: str) -> None:
    import sqlite3

    import duckdb

    if name == "f.duckdb":
        with duckdb.connect(name) as connection:
            connection.register("f", frame.to_arrow())
            connection.execute("create table t as select * from f")
        return
    with sqlite3.connect(name) as lite:
        lite.execute("create table t (text text, g text, predicate text, score real, n integer)")
        lite.executemany("insert into t values (?, ?, ?, ?, ?)", frame.rows())
    lite.close()


def test_what_unpacks_to_too_much_is_refused_while_it_does(project: Project) -> None:
    zeros = gzip.compress(b"a" * 2**20) * 300
    Path("f.csv.gz").write_bytes(gzip.compress(b"text,g\n") + zeros)
    code = """
import resource
resource.setrlimit(resource.RLIMIT_DATA, (2 * 2**30, 2 * 2**30))
from pathlib import Path
from tasks.__main__ import main
from tasks.errors import SourceError
from tasks.store.sources.tables import text_of
from tasks.study.corpus import Collect
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    text_of(Path("f.csv.gz"), Collect(max_unpacked_mb=20))
except SourceError as error:
    print(error, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        check=False,
    )
    said, _, more_mb = done.stdout.strip().rpartition(" ")
    assert said.startswith("f.csv.gz: unpacks to more than 20 MB"), done.stderr
    assert int(more_mb) < 100


@pytest.mark.parametrize("form", ["texts", "parts"])
def test_a_pickle_of_one_string_many_times_is_refused(project: Project, form: str) -> None:
    text = "x" * 100_000
    samples = [text] * 400 if form == "texts" else [text]
    one = {"A_samples": samples, "B_samples": samples}
    Path("f.pkl").write_bytes(pickle.dumps(one if form == "texts" else {str(i): one for i in range(400)}))
    assert Path("f.pkl").stat().st_size < 2**20
    with pytest.raises(SourceError, match=r"f.pkl: unpacks to more than 30 MB"):
        read_groups(study("f.pkl", group="group", max_unpacked_mb=30))


def test_one_bad_text_among_many_is_named(project: Project) -> None:
    Path("texts").mkdir()
    for i in range(20):
        Path(f"texts/{i:02}.txt").write_text("text")
    Path("texts/07.txt").write_bytes(b"caf\xe9")
    with pytest.raises(SourceError, match=r"texts/07.txt: wanted UTF-8, got byte 0xe9 at offset 3"):
        read_groups(study("texts", group="random", a=None, b=None))
