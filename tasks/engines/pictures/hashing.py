"""A picture's 64-bit difference hash, and which pictures are near copies by it.

Source: Krawetz (2013), Kind of like that: the difference hash. Norouzi, Punjani, Fleet (2012), Fast search in
Hamming space with multi-index hashing: hashes that differ little agree in whole bands.
"""

from itertools import combinations, pairwise, product

import numpy as np
from jaxtyping import Bool, Int, UInt8, UInt64

from tasks.engines.pictures.opening import library

NEAR = 4
"""Bits of 64 in which the hashes of near copies may differ ..."""
ALIKE = 2.0
"""... where their 8 x 8 pictures differ by at most so many of 255 levels on average: a flat drawing's hash
says next to nothing."""
_GRID = 8
_BANDS = NEAR + 2
_LEVELS = 3 * _GRID * _GRID
_CROWD = 32
"""Pictures that share two bands, of which not all pairs are compared."""
_AT_ONCE = 50_000
"""Pairs whose 8 x 8 pictures are compared at once."""


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
) -> tuple[Int[np.ndarray, " link"], Int[np.ndarray, " link"]]:
    """Links by which every two near copies are joined, directly or through other near copies.

    Hashes that differ in at most NEAR bits agree in two of NEAR + 2 bands at least, so only pictures that
    share two bands are compared. What is wholly the same is compared once. The time is near-linear in the
    number of pictures, for crowds of blank or nearly equal ones too.
    """
    whole = np.column_stack([hashes.view(np.uint8).reshape(len(hashes), -1), spots])
    _, first, same = np.unique(
        whole.view(f"V{whole.shape[1]}").ravel(), return_index=True, return_inverse=True
    )
    found = [(first[same], np.arange(len(hashes)))]
    cuts = np.linspace(0, 64, _BANDS + 1).astype(int)
    distinct = hashes[first]
    bands = [
        (distinct >> np.uint64(low)) & np.uint64(2 ** int(high - low) - 1) for low, high in pairwise(cuts)
    ]
    for one, other in combinations(bands, 2):
        key = (one << np.uint64(32)) | other
        order = np.argsort(key, kind="stable")
        found += _of_band(key[order], first[order], hashes, spots)
    left, right = (np.concatenate(side) for side in zip(*found, strict=True))
    return left, right


Links = tuple[np.ndarray, np.ndarray]


def _of_band(
    key: UInt64[np.ndarray, " picture"],
    picture: Int[np.ndarray, " picture"],
    hashes: UInt64[np.ndarray, " all"],
    spots: UInt8[np.ndarray, "all level"],
) -> list[Links]:
    """Links among pictures with one key, which stand side by side."""
    start = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    size = np.diff(start, append=len(key))
    left = np.arange(len(key))
    end = np.repeat(start + size, size)
    left = left[np.repeat(size <= _CROWD, size)]
    found = []
    for step in range(1, _CROWD):
        left = left[left + step < end[left]]
        if not left.size:
            break
        a, b = picture[left], picture[left + step]
        is_near = _are_near(a, b, hashes, spots)
        found.append((a[is_near], b[is_near]))
    for run in np.flatnonzero(size > _CROWD):
        found += _of_crowd(picture[start[run] : start[run] + size[run]], hashes, spots)
    return found


def _of_crowd(
    picture: Int[np.ndarray, " picture"],
    hashes: UInt64[np.ndarray, " all"],
    spots: UInt8[np.ndarray, "all level"],
) -> list[Links]:
    """Links among many: each is compared with those near it in colour that nothing has reached so far.

    Near copies differ by at most ALIKE levels on average, so the sums of red, of green and of blue differ by
    no more than the side of a cell.
    """
    colour = spots[picture].reshape(len(picture), -1, 3).sum(axis=1, dtype=np.int64)
    places = list(map(tuple, (colour // (int(ALIKE * _LEVELS) + 1)).tolist()))
    waiting = {place: np.array(members) for place, members in _grouped(places).items()}
    is_reached = np.zeros(len(picture), dtype=bool)
    found = []
    for seed in range(len(picture)):
        reached = [] if is_reached[seed] else [seed]
        while reached and waiting:
            one = reached.pop()
            for place in product(*((at - 1, at, at + 1) for at in places[one])):
                rest = waiting.get(place)
                if rest is None:
                    continue
                is_near = _are_near(np.full(len(rest), picture[one]), picture[rest], hashes, spots)
                new = rest[is_near]
                if len(new) == len(rest):
                    del waiting[place]
                else:
                    waiting[place] = rest[~is_near]
                is_reached[new] = True
                found.append((np.full(len(new), picture[one]), picture[new]))
                reached += new[new != one].tolist()
    return found


def _grouped(places: list[tuple[int, ...]]) -> dict[tuple[int, ...], list[int]]:
    members: dict[tuple[int, ...], list[int]] = {}
    for i, place in enumerate(places):
        members.setdefault(place, []).append(i)
    return members


def _are_near(
    a: Int[np.ndarray, " pair"],
    b: Int[np.ndarray, " pair"],
    hashes: UInt64[np.ndarray, " all"],
    spots: UInt8[np.ndarray, "all level"],
) -> Bool[np.ndarray, " pair"]:
    is_near: np.ndarray = np.bitwise_count(hashes[a] ^ hashes[b]) <= NEAR
    close = np.flatnonzero(is_near)
    for start in range(0, len(close), _AT_ONCE):
        part = close[start : start + _AT_ONCE]
        apart = np.abs(spots[a[part]].astype(np.int16) - spots[b[part]]).mean(axis=1)
        is_near[part] = apart <= ALIKE
    return is_near
