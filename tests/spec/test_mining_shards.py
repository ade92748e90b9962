"""propose of kind encoder_failures in shards: any number of them, killed or not, leaves the same bytes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tasks import paths, progress, propose
from tasks.kinds.encoder_failures import mined, mining, tiles
from tasks.store import frames
from tasks.study import load
from tests.conftest import PAIR_STUDY, REPO, Project, pair
from tests.mining_shards import NAME, copied, cut, embedded, left, output, params, searched, texts, whole


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return embedded(tmp_path_factory.mktemp(NAME))


@pytest.fixture
def there(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return copied(folder, tmp_path, monkeypatch)


@pytest.fixture
def in_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    cut(monkeypatch)


@pytest.mark.parametrize(("block_size", "n_pairs"), [(16, 5_000), (7, 1), (64, 4_000)])
def test_shards_in_any_order_give_the_bytes_of_one(
    there: Project, block_size: int, n_pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsharded = whole(there)
    cut(monkeypatch, block_size, n_pairs)
    study = load(NAME)
    n_shards = propose.shards(study)
    assert n_shards > 2
    for shard in reversed(range(n_shards)):
        propose.run_shard(load(NAME), shard)
    assert len(left()) == n_shards
    with searched() as found:
        propose.run_shard(study, 1)  # is there
        propose.finish(study)
    assert not found and output() == unsharded
    assert not list((paths.cache() / "parts").glob("*/*")), "what is finished is removed"
    propose.run(study)
    assert output() == unsharded


def test_shards_that_hold_more_hits_than_are_kept(
    there: Project, in_shards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mining, "POOL_MOST", 1)
    params(encoder_failures={"per_text": 1, "top": 40})
    study = load(NAME)
    propose.run(study)
    before = output()
    assert propose.shards(study) > 2
    cut(monkeypatch, 2048, 10**9)
    propose.run(study)
    assert output() == before
    counted = frames.read_manifest(paths.output(NAME, "propose"))
    assert counted["n_mined"] < 40 < counted["n_hits"]


KILLED = """
import os, signal, sys
from tasks.__main__ import main
from tasks.kinds.encoder_failures import mined
mined.BLOCK_SIZE, mined.PAIRS_PER_SHARD, mined.PAIRS_PER_SHARD_ACCELERATOR = 16, {}, 5_000
real = mined.mining.Search.part
n_parts = 0

def part(search, blocks, on_tile):
    global n_parts
    n_parts += 1
    def killed():
        if n_parts == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        on_tile()
    return real(search, blocks, killed)

mined.mining.Search.part = part
main(["propose", "--study", "captions"])
"""


def test_a_killed_search_goes_on_with_the_shards_that_are_missing(
    there: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsharded = whole(there)
    cut(monkeypatch)
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    done = subprocess.run([sys.executable, "-c", KILLED], env=environment, timeout=300, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(left()) == 2 and not paths.output(NAME, "propose").exists()
    with searched() as found:
        propose.run(load(NAME))
    assert len(found) == propose.shards(load(NAME)) - 2
    assert output() == unsharded


def test_the_bar_moves_with_every_tile(
    there: Project, in_shards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int, list[int]]] = []

    @contextmanager
    def bar(description: str, total: int) -> Iterator[progress.Advance]:
        seen.append((description, total, []))
        yield lambda steps=1, note=None: seen[-1][2].append(steps)

    monkeypatch.setattr(progress, "bar", bar)
    study = load(NAME)
    propose.run_shard(study, 0)  # one that is there counts as well
    propose.run(study)
    [(description, total, steps)] = seen
    n_blocks = -(-texts().filter(half="explore").height // 16)
    assert (description, total) == ("propose captions", n_blocks * (n_blocks + 1) // 2)
    assert sum(steps) == total


def test_a_million_texts_are_one_shard_where_products_are_fast(
    there: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = {v: np.load(paths.output(NAME, "embed") / f"{v}.npy") for v in ("embeddings", "reference")}
    n_shards = {}
    for device in ("cpu", "cuda"):
        monkeypatch.setattr(tiles, "device", lambda device=device: device)
        pairs = mined.Pairs(load(NAME), texts(), seen)
        for n in (50_000, 100_000, 1_000_000):
            pairs._search.n_pairs, pairs._search.n_blocks = n * (n - 1) // 2, -(-n // 2048)
            pairs.__dict__.pop("_shards", None)
            n_shards[device, n] = pairs.n_shards
    assert [n_shards["cpu", n] for n in (50_000, 100_000)] == [1, 3]
    assert 100 < n_shards["cpu", 1_000_000] <= 250
    assert [n_shards["cuda", n] for n in (50_000, 100_000, 1_000_000)] == [1, 1, 1]


def test_corpus_pair_has_no_shards(project: Project) -> None:
    project.table("news.parquet", pair(200, 0.4, 0.0))
    project.params(news={**PAIR_STUDY, "data": "news.parquet", "embed": {"encoder": "none"}})
    project.run("news", "collect", "embed", "propose")
    file = paths.output("news", "propose") / "proposals.parquet"
    before = file.read_bytes()
    assert propose.shards(load("news")) == 0
    propose.finish(load("news"))
    assert file.read_bytes() == before
    assert not (paths.cache() / "parts").exists()
