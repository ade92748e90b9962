"""The vector cache: what it keeps, and what it survives."""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tasks.errors import StoreError
from tasks.store import vectors

DIM = 4


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "vectors.sqlite"


def keys(*texts: str) -> list[bytes]:
    return [vectors.text_key(text) for text in texts]


def units(n: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_what_was_put_comes_back_bit_by_bit(file: Path) -> None:
    rows = units(3)
    with vectors.opened("minilm", DIM, file) as cache:
        cache.put_many(keys("a", "b", "c"), rows)
    with vectors.opened("minilm", DIM, file) as cache:
        got, found = cache.get_many(keys("c", "x", "a", "c"))
    assert found.tolist() == [True, False, True, True]
    assert (got == np.stack([rows[2], np.zeros(DIM), rows[0], rows[2]])).all()
    assert got.dtype == np.float32


def test_encoders_do_not_mix(file: Path) -> None:
    with vectors.opened("minilm", DIM, file) as cache:
        cache.put_many(keys("a"), units(1))
    with vectors.opened("minilm-bfloat16", DIM, file) as cache:
        assert not cache.get_many(keys("a"))[1].any()


def test_texts_differ_by_every_character(file: Path) -> None:
    with vectors.opened("minilm", DIM, file) as cache:
        cache.put_many(keys("Covid"), units(1))
        assert cache.get_many(keys("covid", "Covid ", "Covid", ""))[1].tolist() == [False, False, True, False]


def test_many_keys_go_in_pieces(file: Path) -> None:
    n = 2 * vectors._KEYS_PER_QUERY + 7
    names, rows = [f"text {i}" for i in range(n)], units(n)
    with vectors.opened("minilm", DIM, file) as cache:
        cache.put_many(keys(*names), rows)
        got, found = cache.get_many(keys(*names[::-1]))
    assert found.all()
    assert (got == rows[::-1]).all()


def test_a_second_put_replaces_the_first(file: Path) -> None:
    with vectors.opened("minilm", DIM, file) as cache:
        cache.put_many(keys("a"), units(1, seed=1))
        cache.put_many(keys("a"), units(1, seed=2))
        assert (cache.get_many(keys("a"))[0] == units(1, seed=2)).all()


def test_nothing_asked_nothing_given(file: Path) -> None:
    with vectors.opened("minilm", DIM, file) as cache:
        got, found = cache.get_many([])
    assert (got.shape, found.shape) == ((0, DIM), (0,))


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"\x00" * 15,
        units(2).tobytes(),
        np.full(DIM, np.nan, np.float32).tobytes(),
        np.full(DIM, 7, np.float32).tobytes(),
        "text",
    ],
    ids=["empty", "cut", "long", "nan", "not unit", "text"],
)
def test_what_cannot_be_a_vector_is_missing(file: Path, blob: object) -> None:
    with vectors.opened("minilm", DIM, file) as cache:
        cache.put_many(keys("a", "b"), units(2))
    raw = sqlite3.connect(file)
    raw.execute("UPDATE vectors SET vector = ? WHERE text_key = ?", (blob, *keys("a")))
    raw.commit()
    raw.close()
    with vectors.opened("minilm", DIM, file) as cache:
        got, found = cache.get_many(keys("a", "b"))
        assert found.tolist() == [False, True]
        assert (got[0] == 0).all()
        cache.put_many(keys("a"), units(1))
        assert cache.get_many(keys("a"))[1].all()


def _not_a_database(file: Path) -> None:
    file.write_bytes(b"no database" * 1000)


def _cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _pages_scrambled(file: Path) -> None:
    raw = bytearray(file.read_bytes())
    raw[4096:] = b"\xa5" * (len(raw) - 4096)
    file.write_bytes(raw)


def _of_another_version(file: Path) -> None:
    raw = sqlite3.connect(file)
    raw.execute("PRAGMA user_version = 99")
    raw.close()


@pytest.mark.parametrize("damage", [_not_a_database, _cut_short, _pages_scrambled, _of_another_version])
def test_a_damaged_file_is_set_aside_and_begun_anew(
    file: Path, damage: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"text {i}" for i in range(2000)]
    with vectors.opened("minilm", DIM, file) as cache:
        cache.put_many(keys(*names), units(2000))
    damage(file)
    with vectors.opened("minilm", DIM, file) as cache:
        got, found = cache.get_many(keys(*names))
        assert (got[found] == units(2000)[found]).all()
        assert not found.all()
        cache.put_many(keys(*names), units(2000))
        assert cache.get_many(keys(*names))[1].all()
    warning = capsys.readouterr().err
    assert warning.startswith(f"warning: {file}: damaged (")
    assert warning.count("\n") == 1
    assert file.with_name("vectors.sqlite.damaged").is_file()


def test_damage_found_while_open_costs_a_rerun_of_nothing(file: Path) -> None:
    with vectors.opened("minilm", DIM, file) as cache:
        cache.put_many(keys("a"), units(1))
    with vectors.opened("minilm", DIM, file) as cache:
        _not_a_database(file)
        cache.put_many(keys("b"), units(1))
        assert cache.get_many(keys("b"))[1].all()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="vector cache cannot be used"):
        vectors.VectorCache(tmp_path / "vectors.sqlite", "minilm", DIM)


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match=r"cache.vectors\.sqlite: vector cache cannot be used"):
        vectors.VectorCache(tmp_path / "cache" / "vectors.sqlite", "minilm", DIM)


def test_a_wrong_shape_is_refused_before_anything_is_stored(file: Path) -> None:
    with vectors.opened("minilm", DIM, file) as cache:
        with pytest.raises(ValueError, match="wanted 2 vectors of 4"):
            cache.put_many(keys("a", "b"), units(1))
        assert not cache.get_many(keys("a", "b"))[1].any()


def _put_thirty(file: Path, worker: int) -> None:
    for i in range(30):
        with vectors.opened(f"encoder {i % 2}", DIM, file) as cache:
            cache.put_many(keys(f"{worker} {i}", f"shared {i}"), units(2, seed=i))


def test_processes_at_once_lose_nothing(file: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_put_thirty, args=(file, n)) for n in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    for parity in range(2):
        own = [f"{n} {i}" for n in range(2) for i in range(parity, 30, 2)]
        with vectors.opened(f"encoder {parity}", DIM, file) as cache:
            assert cache.get_many(keys(*own, f"shared {parity}"))[1].all()


KILLED = """
import sys, time, numpy as np
from pathlib import Path
from tasks.store import vectors
rows = np.zeros((100, 4), np.float32); rows[:, 0] = 1
with vectors.opened("minilm", 4, Path(sys.argv[1])) as cache:
    for n in range(10**9):
        cache.put_many([vectors.text_key(f"{n} {i}") for i in range(100)], rows)
        print(n, flush=True)
        time.sleep(0.002)  # or there is much to read back when the kill comes late
"""


def test_a_killed_writer_loses_at_most_its_last_put(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    writer = subprocess.Popen([sys.executable, "-c", KILLED, str(file)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    done = -1
    while done < 20:
        done = int(writer.stdout.readline())
    time.sleep(0.01)
    writer.send_signal(signal.SIGKILL)
    done = max([done, *map(int, writer.stdout.read().split())])
    writer.wait()
    writer.stdout.close()
    with vectors.opened("minilm", DIM, file) as cache:
        for n in range(done + 1):
            assert cache.get_many(keys(*[f"{n} {i}" for i in range(100)]))[1].all()
        half_written = cache.get_many(keys(*[f"{done + 1} {i}" for i in range(100)]))[1]
        assert half_written.all() or not half_written.any()
    assert capsys.readouterr().err == ""
