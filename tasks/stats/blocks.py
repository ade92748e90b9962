"""Texts of two groups in one random order of blocks, each with texts of both: the draws of a walk."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

_LOOKS_SHARE = 32


@dataclass(frozen=True)
class BlockDifferences:
    """Mean of A less mean of B within each block."""

    answered: Float[np.ndarray, "block predicate"]
    """Of the texts with a verdict; NaN where a group has none."""
    low: Float[np.ndarray, "block predicate"]
    """If every missing verdict of A were as low as it could be and of B as high; NaN where a group was not
    asked about."""
    high: Float[np.ndarray, "block predicate"]
    """If it were the other way round."""
    n: Float[np.ndarray, "group predicate"]
    """Verdicts of A and of B."""
    total: Float[np.ndarray, "group predicate"]
    """Their sums."""


def text_blocks(
    in_a: Bool[np.ndarray, " text"], document: Int[np.ndarray, " text"], rng: np.random.Generator
) -> Int[np.ndarray, " text"]:
    """Gives each text's block: judge blocks 0, 1, 2 ... in turn, as many at a time as you like.

    A document stays whole. One with texts in both groups is a block; the others are put together, one of the
    scarcer group with as many of the other as go round, so that the last block uses up both groups.

    Args:
        in_a: True for texts of A.
        document: any integer per text; equal ones are one document.
        rng: seeded by the caller: the order must not depend on any verdict.

    Returns:
        0 to n_blocks - 1; every block has texts of both groups.

    Raises:
        ValueError: the shapes disagree, or a group is empty.

    Assumes:
        Nothing.

    Source:
        Own; pairs of draws as in Shekhar & Ramdas (2024), section 2, in proportion where groups differ in
        size.
    """
    if in_a.shape != document.shape or in_a.ndim != 1:
        raise ValueError(f"wanted in_a and document (text,), got {in_a.shape} and {document.shape}")
    if in_a.all() or not in_a.any():
        raise ValueError("wanted texts of both groups, got one group alone: there is nothing to compare")
    names, number = np.unique(document, return_inverse=True)
    has_a = np.bincount(number[in_a], minlength=names.size) > 0
    has_b = np.bincount(number[~in_a], minlength=names.size) > 0
    both, only_a, only_b = (
        rng.permutation(np.flatnonzero(of)) for of in (has_a & has_b, has_a & ~has_b, has_b & ~has_a)
    )
    pairs = min(only_a.size, only_b.size)
    blocks = pairs + both.size
    block = np.zeros(names.size, dtype=np.int64)
    block[both] = pairs + np.arange(both.size)
    for alone in (only_a, only_b):
        # Without partners they join the documents that have both groups.
        block[alone] = np.arange(alone.size) * (pairs or blocks) // max(alone.size, 1)
    return np.asarray(rng.permutation(blocks)[block][number])


def look_rows(block: Int[np.ndarray, " text"], look_every: int) -> list[Int[np.ndarray, " text"]]:
    """Gives the rows that are judged before each look: the texts of whole blocks.

    Args:
        block: of `text_blocks`.
        look_every: as of `look_of_blocks`.

    Assumes:
        Nothing.

    Source:
        Own.
    """
    look = look_of_blocks(np.bincount(block), look_every)
    ends = np.cumsum(np.bincount(look[block]))
    return np.split(np.argsort(block, kind="stable"), ends[:-1])


def look_of_blocks(sizes: Int[np.ndarray, " block"], look_every: int) -> Int[np.ndarray, " block"]:
    """Gives the look after which each block is known: whole blocks, in order.

    A look comes after `look_every` texts more, or, where that is more, a 32nd of those judged so far: what is
    judged past a decision stays in proportion, and looks stay few however long the walk.

    Args:
        sizes: texts of each block.
        look_every: texts between two looks, at first.

    Returns:
        0, 1, 2 ..., ascending.

    Assumes:
        Nothing: looks may come whenever no verdict has a part in it.

    Source:
        Own.
    """
    ends = np.cumsum(sizes)
    look = np.zeros(ends.size, dtype=np.int64)
    start = number = 0
    while start < ends.size:
        before = ends[start] - sizes[start]
        wanted = before + max(look_every, before // _LOOKS_SHARE)
        stop = max(int(np.searchsorted(ends, wanted)) + 1, start + 1)
        look[start:stop] = number
        start, number = stop, number + 1
    return look


def block_differences(
    score: Float[np.ndarray, "text predicate"],
    in_a: Bool[np.ndarray, " text"],
    block: Int[np.ndarray, " text"],
    asked: Bool[np.ndarray, "text predicate"] | None = None,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> BlockDifferences:
    """Gives the difference within each block, in the order of the blocks' numbers.

    Args:
        score: verdicts in [0, 1]; NaN where there is none.
        in_a: True for texts of A.
        block: of `text_blocks`; all texts of each block at hand.
        asked: False where no verdict was asked for; all were if None. A NaN that was asked for is missing.
        bounds: what a missing verdict could have been, in [0, 1].

    Raises:
        ValueError: shapes disagree, or a score is outside [0, 1].

    Assumes:
        Nothing; for what the differences are used see `sequential.py`.

    Source:
        Own; bounds of missing verdicts as Manski (1990).
    """
    if score.ndim != 2 or in_a.shape != score.shape[:1] or block.shape != score.shape[:1]:
        raise ValueError(
            f"wanted score (text, predicate) with in_a and block (text,), got {score.shape}, {in_a.shape} "
            f"and {block.shape}"
        )
    seen = ~np.isnan(score)
    if not ((score >= 0) & (score <= 1) | ~seen).all():
        raise ValueError("wanted verdicts in [0, 1] or NaN, got one outside")
    order, starts = _runs(in_a, block)
    n, total = _sums(seen, order, starts), _sums(np.where(seen, score, 0.0), order, starts)
    together = [np.stack([part[::2].sum(axis=0), part[1::2].sum(axis=0)]) for part in (n, total)]
    if seen.all():
        mean = total / n
        exact = mean[::2] - mean[1::2]
        return BlockDifferences(exact, exact, exact, *together)
    rows = _sums(np.ones_like(seen) if asked is None else seen | asked, order, starts)
    with np.errstate(invalid="ignore"):
        mean = total / n
        least, most = ((total + (rows - n) * bound) / rows for bound in bounds)
    return BlockDifferences(
        mean[::2] - mean[1::2], least[::2] - most[1::2], most[::2] - least[1::2], *together
    )


def _runs(in_a: NDArray[np.bool_], block: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """An order of rows in which every block's A and then its B are one run, and where the runs start."""
    key = 2 * block + ~in_a
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    in_b = key[order][starts] % 2
    if starts.size % 2 or in_b[::2].any() or not in_b[1::2].all():
        raise ValueError("wanted texts of both groups in every block, got a block without: pass whole blocks")
    return order, starts


def _sums(
    cell: NDArray[np.float64] | NDArray[np.bool_], order: NDArray[np.intp], starts: NDArray[np.intp]
) -> NDArray[np.float64]:
    """By block and group: A's at even places, B's at odd ones."""
    if starts.size == order.size:
        return cell[order].astype(float)
    return np.asarray(np.add.reduceat(cell[order], starts, axis=0, dtype=float))
