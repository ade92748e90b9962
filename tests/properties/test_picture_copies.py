"""Near copies of pictures: links join exactly those that comparing all pairs joins, in near-linear time."""

import time

import numpy as np
import pytest

from tasks.collect.families import first_linked
from tasks.engines.pictures import hashing


def joined_by_all_pairs(hashes: np.ndarray, spots: np.ndarray) -> np.ndarray:
    """The first picture that each is joined with, from every pair there is."""
    left, right = np.triu_indices(len(hashes), 1)
    is_near = np.bitwise_count(hashes[left] ^ hashes[right]) <= hashing.NEAR
    apart = np.abs(spots[left].astype(int) - spots[right]).mean(axis=1)
    is_near &= apart <= hashing.ALIKE
    return first_linked(left[is_near], right[is_near], len(hashes))


def drawn(n: int, n_hashes: int, n_spots: int, spread: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures around a few hashes and a few 8 x 8 pictures, with bits flipped and levels moved."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 2**64, n_hashes, dtype=np.uint64)[rng.integers(0, n_hashes, n)]
    for _ in range(4):
        flips = np.uint64(1) << rng.integers(0, 64, n, dtype=np.uint64)
        hashes = np.where(rng.random(n) < 0.4, hashes ^ flips, hashes)
    middle = rng.integers(40, 200, (n_spots, 192))[rng.integers(0, n_spots, n)]
    return hashes, (middle + rng.integers(-spread, spread + 1, (n, 192))).astype(np.uint8)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("n_hashes", "n_spots", "spread"),
    [(1, 1, 3), (1, 40, 3), (3, 3, 2), (100, 5, 3), (300, 300, 2), (1, 1, 0)],
)
def test_links_join_what_all_pairs_join(n_hashes: int, n_spots: int, spread: int, seed: int) -> None:
    hashes, spots = drawn(300, n_hashes, n_spots, spread, seed)
    found = first_linked(*hashing.near(hashes, spots), len(hashes))
    assert (found == joined_by_all_pairs(hashes, spots)).all()


@pytest.mark.parametrize("seed", range(3))
def test_flat_pictures_are_joined_by_their_colours_alone(seed: int) -> None:
    """All of one hash; chains of colours reach further than any of its links."""
    colours = np.random.default_rng(seed).integers(0, 40, (400, 3)).astype(np.uint8)
    hashes, spots = np.zeros(400, dtype=np.uint64), np.tile(colours, 64)
    found = first_linked(*hashing.near(hashes, spots), 400)
    assert (found == joined_by_all_pairs(hashes, spots)).all()
    assert 1 < len(np.unique(found)) < 400


@pytest.mark.parametrize("spread", [0, 1])
def test_a_crowd_of_blank_pictures_takes_seconds(spread: int) -> None:
    """All pairs of these would be 450 million."""
    n = 30_000
    spots = np.random.default_rng(0).integers(254 - spread, 255, (n, 192)).astype(np.uint8)
    before = time.process_time()
    found = first_linked(*hashing.near(np.zeros(n, dtype=np.uint64), spots), n)
    assert (found == 0).all()
    assert time.process_time() - before < 30
