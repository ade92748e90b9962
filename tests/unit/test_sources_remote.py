"""Data behind an address: fetched once, again where they changed; one clear error for all that goes wrong."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import paths
from tasks.errors import ParamsError, SourceError
from tasks.store import frames, remote
from tasks.study import load
from tests.conftest import PAIR_STUDY, Project, pair
from tests.served_files import serving


@pytest.fixture
def served(project: Project) -> Iterator[tuple[Project, str, "Counter[str]"]]:
    folder = project.folder / "served"
    folder.mkdir()
    pl.DataFrame(pair(30, 0.4, 0.0)).write_parquet(folder / "news.parquet")
    with serving(folder) as (address, asked):
        yield project, f"{address}/news.parquet", asked


def texts(name: str) -> pl.DataFrame:
    return frames.read(paths.output(name, "collect"), "texts.parquet", frames.TEXTS)


def test_a_file_behind_an_address_is_read_as_one_that_lies_here(
    served: tuple[Project, str, "Counter[str]"],
) -> None:
    project, address, asked = served
    here = {**PAIR_STUDY, "data": "served/news.parquet"}
    project.params(news={**PAIR_STUDY, "data": address}, here=here)
    project.run("news", "collect")
    project.run("here", "collect")
    assert texts("news").equals(texts("here"))
    n_gets = asked["GET"]
    project.run("news", "collect")
    assert n_gets == 1 and asked["GET"] == 1, "fetched once"
    noted = frames.read_manifest(paths.output("news", "collect"))
    assert noted["read"]["data"] == address


def test_what_changed_there_is_fetched_again_and_changes_the_fingerprint(
    served: tuple[Project, str, "Counter[str]"],
) -> None:
    project, address, asked = served
    remote.fetch(address)
    before, bytes_before = remote.state(address), paths.source(address).read_bytes()
    pl.DataFrame(pair(31, 0.4, 0.0)).write_parquet(project.folder / "served/news.parquet")
    assert remote.state(address) != before
    remote.fetch(address)
    assert paths.source(address).read_bytes() == (project.folder / "served/news.parquet").read_bytes()
    assert paths.source(address).read_bytes() != bytes_before and asked["GET"] == 2


def test_a_folder_of_a_store_is_fetched_whole_and_what_is_gone_there_goes_here(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fsspec
    from fsspec.implementations.memory import MemoryFileSystem

    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    monkeypatch.setattr(MemoryFileSystem, "store", {})
    monkeypatch.setattr(MemoryFileSystem, "pseudo_dirs", [""])
    monkeypatch.setattr(fsspec, "filesystem", lambda protocol, **_: MemoryFileSystem())
    store, address = MemoryFileSystem(), "gs://bucket/press"
    for name, n in (("2019/a.csv", 3), ("2020/b.csv", 4), ("../gone.csv", 2)):
        if ".." not in name:
            store.pipe(f"{address}/{name}", b"text\n" * n)
    store.pipe(f"{address}ed/c.csv", b"of another folder")
    place = paths.source(address)

    def held() -> list[str]:
        return sorted(one.relative_to(place).as_posix() for one in place.rglob("*") if one.is_file())

    remote.fetch(address)
    assert held() == ["2019/a.csv", "2020/b.csv"] and place.name == "press"
    before = remote.state(address)
    store.rm(f"{address}/2019/a.csv")
    remote.fetch(address)
    assert held() == ["2020/b.csv"] and remote.state(address) != before


@pytest.mark.parametrize(
    ("of", "told"),
    [
        ("{address}/nothing.csv", "nothing is there"),
        ("http://127.0.0.1:9/a.csv", "cannot be read"),
        ("{address}/moved/example.org/a.csv", "leads to example.org"),
        ("https://example.org/a.csv", "NATSTAT_LOOPBACK_ONLY allows this machine alone"),
        ("s3://bucket/a.csv", "NATSTAT_LOOPBACK_ONLY allows this machine alone"),
    ],
)
def test_what_cannot_be_fetched_is_one_line(
    served: tuple[Project, str, "Counter[str]"], of: str, told: str
) -> None:
    project, address, _ = served
    address = of.format(address=address.rpartition("/")[0])
    project.params(news={**PAIR_STUDY, "data": address})
    with pytest.raises(SourceError, match=told) as raised:
        project.run("news", "collect")
    assert address in str(raised.value) and "\n" not in str(raised.value)
    assert not paths.source(address).exists()


@pytest.mark.parametrize(("protocol", "extra"), [("s3", "s3"), ("gs", "gcs")])
def test_a_store_that_is_not_installed_says_what_to_install(
    project: Project, monkeypatch: pytest.MonkeyPatch, protocol: str, extra: str
) -> None:
    import fsspec

    def missing(*_: Any, **__: Any) -> Any:
        raise ImportError("Install it")

    monkeypatch.setenv("NATSTAT_LOOPBACK_ONLY", "0")
    monkeypatch.setattr(fsspec, "filesystem", missing)
    with pytest.raises(SourceError, match=rf"natstat\[{extra}\]"):
        remote.fetch(f"{protocol}://bucket/a.csv")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("ftp://host/a.csv", "s3://, gs://, https://"),
        ("https://user:hunter2@host/a.csv", "no place for a secret"),
        ("https://host/a.csv?token=hunter2", "no place for a secret"),
        ("s3://bucket", "the whole way"),
        ("s3://bucket/../a.csv", "the whole way"),
        ("http://[bad/a.csv", "cannot"),
    ],
)
def test_an_address_that_may_not_stand_there_is_one_error(project: Project, data: str, told: str) -> None:
    project.params(news={**PAIR_STUDY, "data": data})
    with pytest.raises(ParamsError, match=r"studies\.news\.data") as raised:
        load("news")
    assert told in str(raised.value) and "hunter2" not in str(raised.value)


def test_what_was_fetched_lies_in_the_cache_under_its_own_name(project: Project) -> None:
    one, other = (paths.source(f"https://{host}/news.parquet") for host in ("a.example", "b.example"))
    assert one != other and one.name == other.name == "news.parquet"
    assert one.is_relative_to(project.folder / "data/.cache")
    assert paths.source("news.parquet") == Path.cwd() / "news.parquet"
