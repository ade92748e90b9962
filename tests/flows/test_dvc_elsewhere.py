"""Several machines under the real DVC: data behind an address; outputs that go to a remote and come back."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.conftest import PAIR_STUDY, REPO, STAGES, Project, pair
from tests.dvc_project import dvc, hashes, prepare, ran
from tests.served_files import serving

pytestmark = pytest.mark.long
BUCKET = "press"


@pytest.fixture
def here(tmp_path: Path) -> Project:
    """The machine where runs are made."""
    (tmp_path / "here").mkdir()
    prepare(tmp_path / "here")
    return Project(tmp_path / "here")


@pytest.fixture(autouse=True)
def ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPO), prepend=os.pathsep)


def news(project: Project, address: str) -> None:
    project.params(news={**PAIR_STUDY, "data": address})


def another_machine(of: Project, folder: Path) -> Project:
    """A clone: all that git tracks, with the place of the remote, and no output."""
    clone = Project(folder)
    folder.mkdir()
    prepare(folder)
    for name in ("params.yaml", "dvc.lock", ".dvc/config", "news.parquet"):
        if (of.folder / name).exists():
            shutil.copy(of.folder / name, folder / name)
    return clone


@contextmanager
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of an S3 server on loopback that has one bucket."""
    for package in ("s3fs", "dvc_s3"):
        pytest.importorskip(package, reason="natstat[s3] is not installed")
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "one",
            "AWS_SECRET_ACCESS_KEY": "two",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(name, value)
        import boto3

        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield client
    finally:
        server.stop()


def test_dvc_watches_a_file_behind_http(here: Project, tmp_path: Path) -> None:
    served = tmp_path / "served"
    served.mkdir()
    pl.DataFrame(pair(40, 0.4, 0.0)).write_parquet(served / "news.parquet")
    with serving(served) as (address, _):
        news(here, f"{address}/news.parquet")
        assert ran(dvc(here.folder, "repro"), "news") == list(STAGES)
        assert ran(dvc(here.folder, "repro"), "news") == []
        pl.DataFrame(pair(60, 0.4, 0.0)).write_parquet(served / "news.parquet")
        assert ran(dvc(here.folder, "repro", "verify@news"), "news") == list(STAGES[:5])


def test_what_one_machine_pushed_another_pulls_and_only_its_page_is_written_anew(
    here: Project, tmp_path: Path
) -> None:
    here.table("news.parquet", pair(40, 0.4, 0.0))
    news(here, "news.parquet")
    dvc(here.folder, "repro")
    dvc(here.folder, "remote", "add", "--default", "team", str(tmp_path / "remote"))
    dvc(here.folder, "push")
    there = another_machine(here, tmp_path / "there")
    dvc(there.folder, "pull")
    assert hashes(there.folder, "news") == hashes(here.folder, "news")
    # Its small JSON lies in no cache of DVC's: the page is written anew, and nothing is judged again.
    assert ran(dvc(there.folder, "repro"), "news") == ["report"]
    assert hashes(there.folder, "news") == hashes(here.folder, "news")


def test_data_and_outputs_on_s3(here: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pl.DataFrame(pair(40, 0.4, 0.0))
    with s3(monkeypatch) as client:
        for year in (2019, 2020):
            rows.filter(pl.col("year") == year).write_parquet(tmp_path / "part.parquet")
            client.upload_file(str(tmp_path / "part.parquet"), BUCKET, f"news/{year}.parquet")
        news(here, f"s3://{BUCKET}/news")
        assert ran(dvc(here.folder, "repro"), "news") == list(STAGES)
        assert ran(dvc(here.folder, "repro"), "news") == []
        dvc(here.folder, "remote", "add", "--default", "team", f"s3://{BUCKET}/outputs")
        dvc(here.folder, "push")
        there = another_machine(here, tmp_path / "there")
        dvc(there.folder, "pull")
        assert hashes(there.folder, "news") == hashes(here.folder, "news")
        client.delete_object(Bucket=BUCKET, Key="news/2019.parquet")
        rows.write_parquet(tmp_path / "part.parquet")
        client.upload_file(str(tmp_path / "part.parquet"), BUCKET, "news/2020.parquet")
        assert ran(dvc(here.folder, "repro", "collect@news"), "news") == ["collect"]
