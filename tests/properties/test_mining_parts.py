"""However the comparison of all pairs is cut into parts, they merge to what one piece finds."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.kinds.encoder_failures import mining, tally, tiles
from tasks.kinds.encoder_failures.mining import Mined, Search
from tests.properties.test_mining import PRECISIONS, _brute, _clustered, _greedy, _words

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _same(one: Mined, other: Mined) -> bool:
    counted = [
        (m.n_hits, m.n_collisions, m.quantiles, m.n_texts, m.is_complete, m.pairs.schema)
        for m in (one, other)
    ]
    return counted[0] == counted[1] and one.pairs.equals(other.pairs)


@QUICK
@given(
    seed=st.integers(0, 2**31),
    n=st.integers(0, 70),
    dim=st.sampled_from([1, 2, 5, 33]),
    threshold=st.one_of(st.floats(-1.1, 1.1), st.sampled_from([-1.0, 0.0, 0.5, 1.0])),
    margin=st.one_of(st.floats(-0.5, 1.0), st.sampled_from([0.0, 0.5])),
    top=st.integers(0, 60),
    per_text=st.integers(1, 5),
    block_size=st.sampled_from([1, 3, 7, 32, 300]),
    cuts=st.lists(st.integers(0, 70), max_size=6),
    lexical=st.booleans(),
    precise=st.sampled_from(PRECISIONS),
    known=st.sampled_from([1, 10, 100, 100_000]),
    pool=st.sampled_from([1, 20, 200, 2_000_000]),
)
def test_parts_of_any_blocks_merge_to_one_piece(
    seed: int, n: int, dim: int, threshold: float, margin: float, top: int, per_text: int, block_size: int,
    cuts: list[int], lexical: bool, precise: str, known: int, pool: int,
) -> None:  # fmt: skip
    import torch

    rng = np.random.default_rng(seed)
    # Whole numbers, so that equal cosines, duplicates and zero vectors abound.
    under_test = rng.integers(-1, 2, (n, dim)).astype(np.float32)
    reference = None if lexical else rng.integers(-1, 2, (n, 3)).astype(np.float64)
    texts = [" ".join(rng.choice(["a", "b", "C", "c ", "d"], rng.integers(0, 5))) for _ in range(n)]
    asked = {"threshold": threshold, "margin": margin, "top": top, "per_text": per_text}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles, "_fastest", lambda *_: getattr(torch, precise))
        patch.setattr(tiles, "BATCH_CELLS", 512)
        patch.setattr(tally, "KNOWN", known)
        patch.setattr(mining, "POOL_MOST", pool)
        one = mining.mine(texts, under_test, reference, **asked)
        search = Search(texts, under_test, reference, **asked, block_size=block_size)
        ends = sorted({0, search.n_blocks, *(cut for cut in cuts if cut < search.n_blocks)})
        parts = [search.part(range(*ends[k : k + 2])) for k in range(len(ends) - 1)]
        parts += [search.part(range(0))] * (len(cuts) % 3)  # empty ones change nothing
        found = search.merged(parts[k] for k in rng.permutation(len(parts)))
        size = mining.pool_size(top, per_text)
    assert _same(found, one)

    hits, n_collisions, _ = _brute(texts, under_test, reference, threshold, margin)
    assert (found.n_hits, found.n_collisions) == (hits.height, n_collisions)
    chosen, everything = (_greedy(some, top, per_text) for some in (hits.head(size), hits))
    assert found.pairs.select("left", "right").rows() == chosen.select("left", "right").rows()
    if found.is_complete:
        assert chosen.equals(everything)
    else:
        assert hits.height > size and chosen.height < top


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    threshold=st.floats(0.2, 1.0),
    n_most=st.integers(1, 12),
    top=st.integers(1, 400),
    per_text=st.integers(1, 4),
)
def test_shares_of_600_clustered_texts(
    seed: int, threshold: float, n_most: int, top: int, per_text: int
) -> None:
    rng = np.random.default_rng(seed)
    under_test, reference = _clustered(rng, 600, 48, 0.4), _clustered(rng, 600, 20, 0.4)
    asked = {"threshold": threshold, "margin": 0.1, "top": top, "per_text": per_text}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mining, "CROWD", 1)
        patch.setattr(tally, "KNOWN", 1000)
        one = mining.mine(_words(600), under_test, reference, **asked)
        search = Search(_words(600), under_test, reference, **asked, block_size=32)
        found = search.merged(search.part(blocks) for blocks in search.shares(n_most))
    assert _same(found, one)


@given(n_texts=st.integers(0, 300), n_most=st.integers(1, 40))
@settings(deadline=None, max_examples=200)
def test_shares_hold_each_block_once_and_about_as_much_work(n_texts: int, n_most: int) -> None:
    search = _search(np.ones((n_texts, 1)), block_size=4)
    shares = search.shares(n_most)
    assert [block for blocks in shares for block in blocks] == list(range(search.n_blocks))
    assert 1 <= len(shares) <= n_most and (all(map(len, shares)) or n_texts == 0)
    all_tiles = search.n_blocks * (search.n_blocks + 1) // 2
    assert sum(map(search.n_tiles, shares)) == all_tiles
    assert max(map(search.n_tiles, shares)) <= all_tiles / n_most + search.n_blocks


def test_every_tile_is_told() -> None:
    search, told = _search(_clustered(np.random.default_rng(0), 60, 8, 0.5), block_size=16), []
    search.part(range(1, 3), lambda: told.append(1))
    assert len(told) == search.n_tiles(range(1, 3)) == 5


@pytest.mark.parametrize("dim", [2, 33, 384])
def test_a_cosine_in_the_middle_of_two_decimals_is_rounded_one_way(dim: int) -> None:
    # In exact numbers all cosines are in the middle; how sums are ordered would decide.
    rng = np.random.default_rng(dim)
    turned = np.linalg.qr(rng.standard_normal((dim, dim)))[0]
    middle = (rng.integers(0, 10**9, 400) + 0.5) * 1e-9
    flat = np.zeros((401, dim))
    flat[0, 0] = 1
    flat[1:, 0], flat[1:, 1] = middle, np.sqrt(1 - middle**2)
    view = tiles.View("encoder under test", flat @ turned, _words(401))
    left, right = np.zeros(400, dtype=np.int64), np.arange(1, 401)
    alone = np.concatenate([view.cosine(left[k : k + 1], right[k : k + 1]) for k in range(400)])
    thinned = view.cosine(np.repeat([0, 400], [200, 1]), np.append(right[::2], 399))[:200]
    np.testing.assert_array_equal(view.cosine(left, right), alone)  # one product of all
    np.testing.assert_array_equal(thinned, alone[::2])  # pair by pair
    np.testing.assert_array_equal(view.cosine(right[::-1], left)[::-1], alone)
    assert len(set(np.sign(alone - middle))) == 2  # they do lie on both sides


def test_parts_at_once_leave_the_settings_of_torch_as_they_were() -> None:
    import torch

    matmul = torch.backends.cuda.matmul
    before = matmul.allow_bf16_reduced_precision_reduction
    search = _search(_clustered(np.random.default_rng(0), 300, 16, 0.5), block_size=16)
    seen: list[tuple[str, bool]] = []

    def look() -> None:
        seen.append((torch.get_float32_matmul_precision(), matmul.allow_bf16_reduced_precision_reduction))

    torch.set_float32_matmul_precision("medium")
    matmul.allow_bf16_reduced_precision_reduction = True
    try:
        with ThreadPoolExecutor(3) as pool:
            parts = list(pool.map(lambda blocks: search.part(blocks, look), search.shares(6)))
        look()
    finally:
        torch.set_float32_matmul_precision("highest")
        matmul.allow_bf16_reduced_precision_reduction = before
    assert set(seen[:-1]) == {("highest", False)} and seen[-1] == ("medium", True)
    assert _same(search.merged(parts), search.merged([search.part(range(search.n_blocks))]))


def _search(vectors: np.ndarray, block_size: int) -> Search:
    asked = {"threshold": 0.3, "margin": -2.0, "top": 50, "per_text": 2}
    return Search(_words(len(vectors)), vectors, vectors, **asked, block_size=block_size)
