"""Whatever the vectors, thresholds and block sizes: mining gives what comparing all pairs gives."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.engines.pairs import lexical_overlap, word_order_similarity
from tasks.errors import EngineError
from tasks.kinds.encoder_failures import mining, tally, tiles
from tasks.kinds.encoder_failures.mining import Mined, mine
from tests.conftest import REPO

EVERYTHING = 10**6
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PRECISIONS = ("float32", "bfloat16")


@pytest.fixture(params=PRECISIONS)
def precision(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    import torch

    monkeypatch.setattr(tiles, "_fastest", lambda *_: getattr(torch, request.param))
    return request.param


def _words(n: int) -> list[str]:
    return [f"text number {i}" for i in range(n)]


def _clustered(rng: np.random.Generator, n: int, dim: int, noise: float) -> np.ndarray:
    centres = rng.standard_normal((max(1, n // 6), dim))
    vectors = centres[rng.integers(0, len(centres), n)] + noise * rng.standard_normal((n, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _cosines(vectors: np.ndarray) -> np.ndarray:
    exact = vectors.astype(np.float64)
    norms = np.linalg.norm(exact, axis=1, keepdims=True)
    unit = np.divide(exact, norms, out=np.zeros_like(exact), where=norms > 0)
    return np.round(unit @ unit.T, 9)


def _lexical(texts: list[str]) -> np.ndarray:
    n = len(texts)
    left, right = np.repeat(texts, n).tolist(), np.tile(texts, n).tolist()
    return np.round(word_order_similarity(left, right).reshape(n, n), 9)


def _brute(
    texts: list[str], under_test: np.ndarray, reference: np.ndarray | None, threshold: float, margin: float
) -> tuple[pl.DataFrame, int, np.ndarray]:
    """All hits in order, the number of collisions, and every compared similarity in any order."""
    seen: set[str] = set()
    compared = []
    for i, text in enumerate(texts):
        key = " ".join(text.casefold().split())
        if key not in seen and under_test[i].any():
            compared.append(i)
        seen.add(key)
    similarity = _cosines(under_test)
    other = _lexical(texts) if reference is None else _cosines(reference)
    keep = np.isin(np.arange(len(texts)), compared)
    upper = np.triu(np.ones_like(similarity, dtype=bool), 1) & keep[:, None] & keep
    collides = upper & (similarity >= threshold)
    left, right = np.nonzero(collides & (np.round(similarity - other, 9) >= margin))
    hits = pl.DataFrame(
        {
            "left": pl.Series(left, dtype=pl.UInt32),
            "right": pl.Series(right, dtype=pl.UInt32),
            "similarity": similarity[left, right],
            "reference": other[left, right],
        }
    )
    order = ["similarity", "left", "right"]
    ordered = hits.sort(order, descending=[True, False, False])
    return ordered, int(collides.sum()), similarity[upper]


def _greedy(hits: pl.DataFrame, top: int, per_text: int) -> pl.DataFrame:
    used: dict[int, int] = {}
    rows = []
    for row in hits.iter_rows(named=True):
        if len(rows) == top:
            break
        pair = (row["left"], row["right"])
        if all(used.get(i, 0) < per_text for i in pair):
            rows.append(row)
            for i in pair:
                used[i] = used.get(i, 0) + 1
    return pl.DataFrame(rows, schema=hits.schema)


def _check(
    found: Mined, brute: tuple[pl.DataFrame, int, np.ndarray], texts: list[str], top: int, per_text: int
) -> None:
    hits, n_collisions, similarities = brute
    wanted = _greedy(hits, top, per_text)
    assert (found.n_hits, found.n_collisions) == (hits.height, n_collisions)
    assert found.pairs.schema == mining.MINED
    assert found.pairs.select("left", "right").rows() == wanted.select("left", "right").rows()
    for column in ("similarity", "reference"):
        np.testing.assert_allclose(found.pairs[column], wanted[column], atol=2e-9)
    left, right = ([texts[i] for i in found.pairs[side]] for side in ("left", "right"))
    assert found.pairs["overlap"].to_list() == lexical_overlap(left, right).tolist()
    assert found.is_complete
    for n, threshold in found.quantiles.items():
        assert (similarities >= threshold).sum() >= int(n)
        assert (similarities >= threshold + 2 / tally.STEP).sum() < int(n)


@QUICK
@given(
    seed=st.integers(0, 2**31),
    n=st.integers(0, 70),
    dim=st.sampled_from([1, 2, 5, 33]),
    threshold=st.one_of(st.floats(-1.1, 1.1), st.sampled_from([-1.0, 0.0, 0.5, 1.0])),
    margin=st.one_of(st.floats(-0.5, 1.0), st.sampled_from([0.0, 0.5])),
    top=st.integers(0, 60),
    per_text=st.integers(1, 5),
    block_size=st.sampled_from([1, 7, 32, 256, 300]),
    lexical=st.booleans(),
    precise=st.sampled_from(PRECISIONS),
    known=st.sampled_from([1, 10, 100, 100_000]),
)
def test_small_cases_of_every_shape(
    seed: int, n: int, dim: int, threshold: float, margin: float, top: int, per_text: int, block_size: int,
    lexical: bool, precise: str, known: int,
) -> None:  # fmt: skip
    import torch

    rng = np.random.default_rng(seed)
    # Whole numbers, so that equal cosines, duplicates and zero vectors abound.
    under_test = rng.integers(-1, 2, (n, dim)).astype(np.float32)
    reference = None if lexical else rng.integers(-1, 2, (n, 3)).astype(np.float64)
    texts = [" ".join(rng.choice(["a", "b", "C", "c ", "d"], rng.integers(0, 5))) for _ in range(n)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles, "_fastest", lambda *_: getattr(torch, precise))
        patch.setattr(tally, "KNOWN", known)
        found = mine(
            texts, under_test, reference, threshold=threshold, margin=margin, top=top, per_text=per_text,
            block_size=block_size,
        )  # fmt: skip
    _check(found, _brute(texts, under_test, reference, threshold, margin), texts, top, per_text)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), threshold=st.floats(0.3, 1.0), margin=st.floats(0.0, 0.6))
def test_600_clustered_texts(seed: int, threshold: float, margin: float) -> None:
    rng = np.random.default_rng(seed)
    under_test, reference = _clustered(rng, 600, 48, 0.4), _clustered(rng, 600, 20, 0.4)
    texts = _words(600)
    found = mine(texts, under_test, reference, threshold=threshold, margin=margin, top=200, per_text=3)
    _check(found, _brute(texts, under_test, reference, threshold, margin), texts, 200, 3)


@pytest.mark.slow
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**31), threshold=st.floats(-0.2, 1.0), margin=st.floats(0.0, 0.6))
def test_texts_of_more_than_two_blocks(precision: str, seed: int, threshold: float, margin: float) -> None:
    rng, n = np.random.default_rng(seed), 4200  # a block holds 2048
    under_test, reference = _clustered(rng, n, 64, 0.5), _clustered(rng, n, 32, 0.5)
    texts = _words(n)
    found = mine(texts, under_test, reference, threshold=threshold, margin=margin, top=1000, per_text=2)
    brute = _brute(texts, under_test, reference, threshold, margin)
    if found.is_complete:
        _check(found, brute, texts, 1000, 2)
    assert (found.n_hits, found.n_collisions) == (brute[0].height, brute[1])


@pytest.mark.parametrize("lift", [0.0, 1e-9, -1e-9])
def test_a_threshold_at_a_pair_is_exact(precision: str, lift: float, monkeypatch: pytest.MonkeyPatch) -> None:
    # So that after the first tile the threshold alone decides what is computed again.
    monkeypatch.setattr(tally, "KNOWN", 1)
    rng = np.random.default_rng(1)
    under_test, texts = _clustered(rng, 300, 384, 0.5), _words(300)
    ordered = np.sort(_brute(texts, under_test, -under_test, -1.0, 0.0)[2])[::-1]
    asked = {"margin": 0.0, "top": 0, "per_text": 1, "block_size": 16}
    for k in range(0, 900, 97):
        threshold = float(ordered[k]) + lift
        found = mine(texts, under_test, -under_test, threshold=threshold, **asked)
        assert found.n_collisions == (ordered >= threshold).sum()


@pytest.mark.parametrize("known", [1, 30, 1000])
def test_the_nearest_pairs_are_counted_below_the_threshold(
    precision: str, known: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "KNOWN", known)
    vectors, texts = _clustered(np.random.default_rng(6), 300, 32, 0.5), _words(300)
    found = mine(texts, vectors, vectors, threshold=1.1, margin=0.0, top=9, per_text=9, block_size=16)
    assert list(found.quantiles) == [str(10**k) for k in range(4) if 10**k <= known]
    _check(found, _brute(texts, vectors, vectors, 1.1, 0.0), texts, 9, 9)


def test_equal_similarities_are_ordered_by_row_in_a_pool_that_overflows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mining, "POOL_MOST", 10)
    asked = {"threshold": 1.0, "margin": 1.0, "top": 10, "per_text": 40, "block_size": 4}
    found = mine(_words(40), np.ones((40, 2)), np.eye(40), **asked)
    assert found.pairs.select("left", "right").rows() == [(0, j) for j in range(1, 11)]
    assert found.n_hits == 40 * 39 // 2


@pytest.mark.parametrize("vectors", ["memmap", "float16", "scaled"])
def test_how_the_vectors_are_kept_changes_nothing(tmp_path: Path, vectors: str) -> None:
    rng = np.random.default_rng(2)
    plain = _clustered(rng, 300, 16, 0.5).astype(np.float16).astype(np.float32)
    kept: np.ndarray = plain
    if vectors == "memmap":
        np.save(tmp_path / "e.npy", plain)
        kept = np.load(tmp_path / "e.npy", mmap_mode="r")
    elif vectors == "float16":
        kept = plain.astype(np.float16)
    else:
        kept = plain * 2.0 ** rng.integers(-40, 40, (300, 1)).astype(np.float32)
    asked = {"threshold": 0.5, "margin": 0.1, "top": 50, "per_text": 2}
    texts, reference = _words(300), _clustered(rng, 300, 8, 0.5)
    assert mine(texts, kept, reference, **asked).pairs.equals(mine(texts, plain, reference, **asked).pairs)


def test_block_size_changes_nothing_even_where_most_hits_are_forgotten(
    precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mining, "POOL_MOST", 100)
    monkeypatch.setattr(tiles, "BATCH_CELLS", 512)
    rng = np.random.default_rng(3)
    under_test, reference = rng.integers(-1, 2, (90, 6)), rng.integers(-1, 2, (90, 4))
    hits, n_collisions, _ = _brute(_words(90), under_test, reference, -0.5, 0.0)
    assert hits.height > 1000
    for per_text, top in ((90, 100), (1, 90)):  # the whole pool, and fewer than asked for
        wanted = _greedy(hits.head(100), top, per_text)
        asked = {"threshold": -0.5, "margin": 0.0, "top": top, "per_text": per_text}
        found = [
            mine(_words(90), under_test, reference, block_size=size, **asked) for size in (1, 16, 50, 2048)
        ]
        for one in found:
            assert (one.n_hits, one.n_collisions) == (hits.height, n_collisions)
            assert one.pairs.select("left", "right").rows() == wanted.select("left", "right").rows()
            assert one.quantiles == found[0].quantiles
            assert one.is_complete == (top == 100)


def test_the_pool_is_long_enough_for_a_crowd_about_one_text() -> None:
    # One text close to all the others: its pairs are the best ones, and it may keep one of them.
    angle = np.concatenate([[0.0], np.linspace(0.5, 0.8, 300)])
    side = np.where(np.arange(301) % 2, 1.0, -1.0)
    under_test = np.stack([np.cos(angle), side * np.sin(angle)], axis=1)
    texts = _words(301)
    found = mine(texts, under_test, np.eye(301), threshold=-1.0, margin=0.0, top=20, per_text=1)
    assert found.pairs.height == 20 and found.is_complete
    _check(found, _brute(texts, under_test, np.eye(301), -1.0, 0.0), texts, 20, 1)


def test_equal_texts_count_once_as_the_first() -> None:
    texts = ["A dog", "a  dog ", "a cat", "A CAT", "a dog\n"]
    found = mine(texts, np.ones((5, 3)), None, threshold=0.9, margin=0.1, top=9, per_text=9)
    assert found.pairs.select("left", "right").rows() == [(0, 2)]
    assert (found.n_texts, found.n_hits, found.n_collisions) == (2, 1, 1)


def test_a_zero_vector_is_similar_to_nothing() -> None:
    under_test = np.array([[1.0, 0], [1, 0], [0, 0], [0, 0]])
    found = mine(_words(4), under_test, under_test, threshold=-1.0, margin=-2.0, top=9, per_text=9)
    assert found.pairs.select("left", "right").rows() == [(0, 1)]
    # In the reference it is apart from everything, at 0.
    found = mine(_words(4), np.ones((4, 2)), under_test, threshold=0.9, margin=0.5, top=9, per_text=9)
    assert (0, 1) not in found.pairs.select("left", "right").rows() and found.n_hits == 5
    assert set(found.pairs["reference"]) == {0.0}


@pytest.mark.parametrize("n", [0, 1])
def test_no_pairs_without_two_texts(n: int) -> None:
    found = mine(_words(n), np.ones((n, 4)), None, threshold=-1.0, margin=-2.0, top=9, per_text=9)
    assert (found.pairs.height, found.n_hits, found.n_collisions, found.quantiles) == (0, 0, 0, {})
    assert found.pairs.schema == mining.MINED and found.is_complete


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", [0, 1])
def test_a_vector_that_is_not_finite_names_its_text(bad: float, side: int) -> None:
    views = [np.ones((6000, 3)), np.ones((6000, 2))]
    views[side][5123, 1] = bad
    name = ("encoder under test", "reference")[side]
    with pytest.raises(EngineError, match=f"^{name}: wanted finite vectors.*'text number 5123'"):
        mine(_words(6000), *views, threshold=0.5, margin=0.1, top=9, per_text=9)


@pytest.mark.parametrize("shape", [(3, 4), (5,)])
def test_vectors_of_other_texts_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(EngineError, match="wanted one vector for each of 5 texts"):
        mine(_words(5), np.ones(shape), None, threshold=0.5, margin=0.1, top=9, per_text=9)


def test_identical_encoders_hit_nothing_though_all_collide() -> None:
    vectors = _clustered(np.random.default_rng(0), 300, 24, 0.3)
    asked = {"threshold": -1.0, "margin": 0.05, "top": 9, "per_text": 9}
    found = mine(_words(300), vectors, vectors.copy(), **asked)
    assert (found.n_hits, found.n_collisions) == (0, 300 * 299 // 2)


def test_a_threshold_that_selects_nothing_still_knows_what_would() -> None:
    rng = np.random.default_rng(4)
    vectors, texts = _clustered(rng, 900, 32, 0.5), _words(900)
    asked = {"margin": -2.0, "top": 9, "per_text": 9}
    nothing = mine(texts, vectors, vectors, threshold=1.1, **asked)
    assert (nothing.n_hits, nothing.n_collisions) == (0, 0)
    assert list(nothing.quantiles) == ["1", "10", "100", "1000", "10000", "100000"]
    for n, threshold in nothing.quantiles.items():
        assert mine(texts, vectors, vectors, threshold=threshold, **asked).n_collisions >= int(n)


PEAK = """
import sys
from benchmarks import mining
from tasks.kinds.encoder_failures.mining import mine
n, *thresholds = sys.argv[1:]
under_test, reference, texts = mining.made(int(n), 384, 0, 20)
asked = dict(margin=-2.0, top=500, per_text=3)
mine(texts[:300], under_test[:300], reference[:300], threshold=1.0, **asked)
before = mining.resident_mb()
for threshold in thresholds:
    found = mine(texts, under_test, reference, threshold=float(threshold), **asked)
    print(found.n_hits, mining.peak_mb() - before)
"""


@pytest.mark.slow
def test_millions_of_hits_take_no_more_memory_than_their_pool() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PEAK, "8000", "1.0", "-1.0"],
        cwd=REPO,  # where `benchmarks` is, wherever other tests have gone
        capture_output=True,
        text=True,
        check=True,
    )
    (few, few_mb), (many, many_mb) = (map(float, line.split()) for line in done.stdout.splitlines())
    assert few == 0 and many == 8000 * 7999 // 2  # 32 million: 770 MB, were they kept
    assert many_mb < 300, f"few hits {few_mb:.0f} MB, all {many_mb:.0f} MB"


@QUICK
@given(seed=st.integers(0, 10**6), n_documents=st.integers(1, 20), block_size=st.sampled_from([3, 7, 64]))
def test_pairs_of_one_document_are_no_evidence(seed: int, n_documents: int, block_size: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = _clustered(rng, 30, 8, 0.3)
    texts, documents = _words(30), [f"d{i}" for i in rng.integers(n_documents, size=30)]
    asked: dict[str, Any] = {"threshold": 0.8, "margin": -2.0, "top": EVERYTHING, "per_text": EVERYTHING}
    every = mine(texts, vectors, -vectors, **asked, block_size=block_size)
    found = mine(texts, vectors, -vectors, **asked, documents=documents, block_size=block_size)
    of = pl.Series(documents)
    apart = of[every.pairs["left"]] != of[every.pairs["right"]]
    assert found.pairs.equals(every.pairs.filter(apart))
    assert found.n_collisions == found.n_hits == int(apart.sum())
    assert found.n_same_document == every.n_collisions - found.n_collisions
    n_pairs = sum(a != b for i, a in enumerate(documents) for b in documents[:i])
    assert set(found.quantiles) == {str(10**k) for k in range(20) if 10**k <= n_pairs}
