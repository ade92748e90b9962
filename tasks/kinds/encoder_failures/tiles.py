"""Vectors -> pairs of rows whose cosine may reach a limit, tile by tile of the upper triangle.

A tile is a matrix product in the fastest precision of the device: bfloat16 where the hardware has it, else
float32. It only sorts out. No pair whose cosine reaches the limit is lost, because the limit is lowered by
the most that the rounding of this tile's vectors can have changed a cosine (Cauchy-Schwarz), and what is
left is computed again in float64 by `View.cosine`. So neither precision, nor device, nor the size of a
tile changes an answer.
"""

import functools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from tasks.errors import EngineError

DECIMALS = 9
"""A cosine is the float64 product of the unit vectors, rounded to this: sums in any order agree, because
`View.cosine` takes one order wherever two could be rounded apart."""
SEGMENT = 256
"""Cells of a row that are looked at only when the largest of them reaches the limit."""
BATCH_CELLS = 262_144
"""Cells that are looked at in one go, at most."""
KEPT_BYTES = {"cpu": 256 * 2**20}
"""Prepared blocks that are kept for the next row of tiles."""
KEPT_BYTES_ACCELERATOR = 4 * 2**30
"""More, where the device has memory of its own."""
CHUNK = 512
"""Pairs whose vectors are gathered at once: they stay in the processor's cache."""

Rows = Int[np.ndarray, " pair"]


class View:
    """One encoder's vectors of some texts; they may lie on disk (np.memmap) and are read in parts."""

    def __init__(self, name: str, vectors: Float[np.ndarray, "text dim"], texts: Sequence[str]) -> None:
        """Checks the vectors once.

        Raises:
            EngineError: not one row per text, or a vector with NaN or infinity; names the text.
        """
        if vectors.ndim != 2 or vectors.shape[0] != len(texts):
            raise EngineError(
                f"{name}: wanted one vector for each of {len(texts)} texts, got an array of shape "
                f"{vectors.shape}.",
                hint="Encode these texts again.",
            )
        self._vectors = vectors
        self.inverse_norm: Float[np.ndarray, " text"] = np.zeros(len(texts))
        """0 for a vector of zeros: it has no direction and is similar to nothing."""
        for start in range(0, len(texts), BATCH_CELLS // 64):
            rows = slice(start, start + BATCH_CELLS // 64)
            block = np.asarray(vectors[rows], dtype=np.float64)
            norm = np.sqrt(np.einsum("td,td->t", block, block))
            if not np.isfinite(norm).all():
                text = texts[start + int(np.argmin(np.isfinite(norm)))]
                raise EngineError(
                    f"{name}: wanted finite vectors, got NaN or infinity for {text[:80]!r}.",
                    hint="Write `precision: float32` under embed, or use another encoder.",
                )
            np.divide(1.0, norm, out=self.inverse_norm[rows], where=norm > 0)

    def unit(self, rows: Rows) -> Float[np.ndarray, "row dim"]:
        """The rows at length one, float64."""
        units: np.ndarray = self._vectors[rows].astype(np.float64)
        units *= self.inverse_norm[rows, None]
        return units

    def cosine(self, left: Rows, right: Rows) -> Float[np.ndarray, " pair"]:
        """Cosine of every pair of rows, float64, rounded to DECIMALS."""
        if not len(left):
            return np.empty(0)
        (first, last), (low, high) = (left.min(), left.max() + 1), (right.min(), right.max() + 1)
        if (last - first) * (high - low) <= 8 * len(left):  # nearly all of a tile: one product is cheaper
            cells = self.unit(np.arange(first, last)) @ self.unit(np.arange(low, high)).T
            found = cells[left - first, right - low]
        else:
            found = np.empty(len(left))
            for start in range(0, len(left), CHUNK):
                a, b = left[start : start + CHUNK], right[start : start + CHUNK]
                np.einsum("pd,pd->p", self.unit(a), self.unit(b), out=found[start : start + CHUNK])
        self._settle(found, left, right)
        rounded: np.ndarray = np.round(found, DECIMALS)
        return rounded

    def _settle(self, found: Float[np.ndarray, " pair"], left: Rows, right: Rows) -> None:
        """Sums in one order what lies so near the middle of two decimals that the order may decide."""
        scaled = found * 10.0**DECIMALS
        error = (self._vectors.shape[1] + 8) * 2.0**-52 * 10.0**DECIMALS
        unsure = np.flatnonzero(np.abs(scaled - np.floor(scaled) - 0.5) < error)
        for start in range(0, len(unsure), CHUNK):
            at = unsure[start : start + CHUNK]
            found[at] = (self.unit(left[at]) * self.unit(right[at])).sum(axis=1)


def candidates(
    view: View,
    rows: Rows,
    limit: Callable[[], float],
    block_size: int,
    blocks: range,
    on_tile: Callable[[], object],
) -> Iterator[tuple[Rows, Rows]]:
    """Pairs left < right of `rows`, left in one of `blocks`, among them all of a cosine >= `limit()`.

    Args:
        view: The vectors.
        rows: Ascending; only these are compared.
        limit: Asked again for each batch: it may rise on the way, never fall.
        block_size: Rows and columns of a tile; memory grows with its square.
        blocks: Which blocks of so many rows `left` is from.
        on_tile: Called after each tile.

    Yields:
        At most BATCH_CELLS pairs at a time, in an order that depends on block_size.
    """
    import torch

    place = device()
    dtype = _fastest(place, view.unit(rows[:1]).shape[1])
    width = -(-block_size // SEGMENT) * SEGMENT
    cells = torch.empty(block_size, width, dtype=dtype, device=place)
    lower = torch.ones(block_size, block_size, dtype=torch.bool, device=place).tril_()
    load = _loader(view, rows, block_size, place, dtype)
    with _full_sums:
        for top in (block * block_size for block in blocks):
            for side in range(top, len(rows), block_size):
                (a, error_a), (b, error_b) = load(top), load(side)
                tile = cells[: len(a)]
                torch.mm(a, b.T, out=tile[:, : len(b)])
                if top == side:
                    tile[:, : len(b)].masked_fill_(lower[: len(a), : len(b)], -torch.inf)
                tile[:, len(b) :] = -torch.inf
                # Products of float32 or narrower numbers are summed in float32.
                error = error_a * (1 + error_b) + error_b + a.shape[1] * 2.0**-23
                for i, j in _reaching(tile, limit, error):
                    yield rows[top + i], rows[side + j]
                on_tile()


def _reaching(tile: Any, limit: Callable[[], float], error: float) -> Iterator[tuple[Rows, Rows]]:
    """Places in the tile that may reach the limit."""
    import torch

    def least() -> float:  # rounding keeps order: what reaches the limit reaches the rounded limit
        return float(torch.tensor(max(limit(), -1.0) - error).to(tile.dtype))

    segments = tile.view(-1, SEGMENT)
    hot = (segments.amax(1) >= least()).nonzero()[:, 0]
    for part in hot.split(BATCH_CELLS // SEGMENT):
        found = (segments[part] >= least()).nonzero()
        place = (part[found[:, 0]] * SEGMENT + found[:, 1]).cpu().numpy()
        if len(place):
            yield place // tile.shape[1], place % tile.shape[1]


def _loader(
    view: View, rows: Rows, block_size: int, place: str, dtype: Any
) -> Callable[[int], tuple[Any, float]]:
    """A function: first row of a block -> its unit vectors, and by how much the worst was rounded."""
    import torch

    def load(start: int) -> tuple[Any, float]:
        exact = torch.from_numpy(view.unit(rows[start : start + block_size]))
        rounded = exact.to(dtype)
        error = float(torch.linalg.vector_norm(rounded.double() - exact, dim=1).max())
        return rounded.to(place), error

    block_bytes = block_size * view.unit(rows[:1]).shape[1] * dtype.itemsize
    kept = KEPT_BYTES.get(place, KEPT_BYTES_ACCELERATOR)
    remember = functools.lru_cache(max(2, kept // max(1, block_bytes)))
    cached: Callable[[int], tuple[Any, float]] = remember(load)
    return cached


def device() -> str:
    """Where products are computed: an accelerator when there is one."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


@functools.lru_cache(maxsize=8)
def _fastest(place: str, dim: int) -> Any:
    """bfloat16 where this device multiplies it faster than float32, measured."""
    import torch

    def seconds(dtype: Any) -> float:
        a = torch.zeros(1024, max(dim, 1), dtype=dtype, device=place)
        taken = []
        for _ in range(4):  # the first call pays for more than the product
            began = time.perf_counter()
            float((a @ a.T)[0, 0])  # waits for an accelerator
            taken.append(time.perf_counter() - began)
        return min(taken)

    return min((torch.float32, torch.bfloat16), key=seconds)


class _FullSums:
    """Products are summed in float32 inside, whatever shortcuts the caller allowed torch.

    The setting is that of the whole process: the first thread to come makes it, the last one takes it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_inside = 0
        self._before = ("highest", False)

    def __enter__(self) -> None:
        import torch

        with self._lock:
            if not self._n_inside:
                allowed = torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction
                self._before = torch.get_float32_matmul_precision(), allowed
                self._set("highest", False)
            self._n_inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._n_inside -= 1
            if not self._n_inside:
                self._set(*self._before)

    def _set(self, precision: str, allowed: bool) -> None:
        import torch

        torch.set_float32_matmul_precision(precision)
        torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = allowed


_full_sums = _FullSums()
