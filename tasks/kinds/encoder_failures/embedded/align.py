"""Two lists of units side by side at least cost: what stands for what, what came and what went."""

import functools
from collections.abc import Callable, Sequence

from tasks.kinds.encoder_failures.embedded.units import Unit

Pairing = tuple[Unit | None, Unit | None]
"""A unit of the left text and the one that stands for it in the right; None where there is none."""


def aligned(
    left: Sequence[Unit],
    right: Sequence[Unit],
    exchange: Callable[[Unit, Unit], float],
    gap: Callable[[Unit], float],
) -> list[Pairing]:
    """Every unit of both lists once, in order, at the least total cost.

    Args:
        left: units.
        right: units.
        exchange: cost of one unit standing for another, 0 for the same.
        gap: cost of a unit that has no counterpart.

    Returns:
        Pairings in order. Of equally cheap ones an exchange is taken before a gap, so the answer is one.
    """

    @functools.cache
    def rest(i: int, j: int) -> float:
        """Cost of what follows."""
        ways = _ways(i, j)
        return min((cost for cost, _, _ in ways), default=0.0)

    def _ways(i: int, j: int) -> list[tuple[float, int, int]]:
        ways = []
        if i < len(left) and j < len(right):
            ways.append((exchange(left[i], right[j]) + rest(i + 1, j + 1), i + 1, j + 1))
        if i < len(left):
            ways.append((gap(left[i]) + rest(i + 1, j), i + 1, j))
        if j < len(right):
            ways.append((gap(right[j]) + rest(i, j + 1), i, j + 1))
        return ways

    # From the end, so that no call goes deep however long the texts are.
    for i in range(len(left), -1, -1):
        for j in range(len(right), -1, -1):
            rest(i, j)
    found: list[Pairing] = []
    i = j = 0
    while i < len(left) or j < len(right):
        _, to_i, to_j = min(_ways(i, j), key=lambda way: way[0])
        found.append((left[i] if to_i > i else None, right[j] if to_j > j else None))
        i, j = to_i, to_j
    return found
