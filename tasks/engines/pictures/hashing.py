"""A picture's 64-bit difference hash, and which pictures are near copies by it.

Source: Krawetz (2013), Kind of like that: the difference hash. Norouzi, Punjani, Fleet (2012), Fast search in
Hamming space with multi-index hashing: hashes that differ little agree in whole bands.
"""

from itertools import combinations

import numpy as np
from jaxtyping import Float, Int, UInt8, UInt64

from tasks.engines.pictures.opening import library

NEAR = 4
"""Bits of 64 in which the hashes of near copies may differ ..."""
ALIKE = 2.0
"""... where their 8 x 8 pictures differ by at most so many of 255 levels on average: a flat drawing's hash
says next to nothing."""
_GRID = 8
_BANDS = NEAR + 2


def difference_hash(rgb: UInt8[np.ndarray, "h w 3"]) -> int:
    """64 bits: whether each of 8 x 8 spots is darker than its right neighbour."""
    images = library()
    grey = images.fromarray(rgb).convert("L").resize((_GRID + 1, _GRID), images.Resampling.BOX)
    levels = np.asarray(grey, dtype=np.int16)
    return int.from_bytes(np.packbits(levels[:, 1:] > levels[:, :-1]).tobytes(), "big")


def tiny(rgb: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, " level"]:
    """The picture as 8 x 8 spots of three levels, by which near copies are confirmed."""
    images = library()
    small = images.fromarray(rgb).resize((_GRID, _GRID), images.Resampling.BOX)
    return np.asarray(small, dtype=np.uint8).ravel()


def near(
    hashes: UInt64[np.ndarray, " picture"], spots: UInt8[np.ndarray, "picture level"]
) -> tuple[Int[np.ndarray, " pair"], Int[np.ndarray, " pair"]]:
    """Pairs of near copies, each at least once.

    Hashes that differ in at most NEAR bits agree in two of NEAR + 2 bands at least, so only pictures that
    share two bands are compared.
    """
    cuts = np.linspace(0, 64, _BANDS + 1).astype(int)
    bands = [
        (hashes >> np.uint64(low)) & np.uint64(2 ** int(high - low) - 1)
        for low, high in zip(cuts[:-1], cuts[1:], strict=True)
    ]
    found = []
    for one, other in combinations(bands, 2):
        key = (one << np.uint64(32)) | other
        order = np.lexsort((hashes, key))
        found.append(_neighbours(key[order], order, hashes, spots))
    left, right = (np.concatenate(side) for side in zip(*found, strict=True))
    return left, right


def _neighbours(
    key: UInt64[np.ndarray, " picture"],
    order: Int[np.ndarray, " picture"],
    hashes: UInt64[np.ndarray, " picture"],
    spots: UInt8[np.ndarray, "picture level"],
) -> tuple[Int[np.ndarray, " pair"], Int[np.ndarray, " pair"]]:
    """Near copies among pictures with one key, step by step apart in their order."""
    left, right = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    at = np.arange(len(key) - 1)
    for step in range(1, len(key)):
        at = at[at + step < len(key)]
        at = at[key[at] == key[at + step]]
        if not at.size:
            break
        a, b = order[at], order[at + step]
        is_close = np.bitwise_count(hashes[a] ^ hashes[b]) <= NEAR
        a, b = a[is_close], b[is_close]
        is_alike = _apart(spots[a], spots[b]) <= ALIKE
        left.append(a[is_alike])
        right.append(b[is_alike])
    return np.concatenate(left), np.concatenate(right)


def _apart(
    a: UInt8[np.ndarray, "pair level"], b: UInt8[np.ndarray, "pair level"]
) -> Float[np.ndarray, " pair"]:
    return np.abs(a.astype(np.int16) - b).mean(axis=1)
