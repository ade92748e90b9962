"""What `check` and the page say of models whose answers are compared: how often they were right."""

from collections.abc import Mapping
from typing import Any

import numpy as np

_LEVEL = 0.95
_AT_MOST_SHOWN = 8


def lines(read: Mapping[str, Any]) -> list[str]:
    """Accuracies with intervals, and two models on the same items; nothing of rows that are no answers.

    Args:
        read: what collect read (store/sources/answered.py has what it counts).
    """
    found = read.get("results", {})
    models = found.get("models", [])
    told = []
    if models:
        more = f", and {len(models) - _AT_MOST_SHOWN} more models" if len(models) > _AT_MOST_SHOWN else ""
        told.append("right answers: " + ", ".join(map(_of_model, models[:_AT_MOST_SHOWN])) + more)
    if paired := found.get("paired"):
        told.append(_of_pair(paired))
    if n := found.get("n_without_outcome"):
        told.append(f"answers without an outcome, left out: {n:,}")
    return told


def _of_model(model: Mapping[str, Any]) -> str:
    from tasks.stats.accuracy import share_ci_wilson_clustered

    n_right, n, n_items = np.array(model["items"]).T
    right, item = _answers(*(np.repeat(one, n_items) for one in (n_right, n)))
    lo, hi = share_ci_wilson_clustered(right, item, _LEVEL)
    repeated = len(right) > n_items.sum()
    of = f"{len(right):,} answers to {n_items.sum():,} items" if repeated else f"{len(right):,}"
    name = f"{model['model']} " if model["model"] else ""
    return f"{name}{right.mean():.1%} of {of} [{lo:.1%}, {hi:.1%}]"


def _of_pair(pair: Mapping[str, Any]) -> str:
    from tasks.stats.accuracy import discordance_pvalue_mcnemar
    from tasks.stats.differences import difference

    first, second = pair["first"], pair["second"]
    if not pair["items"]:
        return f"{first} and {second} answered no item in common: nothing compares them"
    *outcomes, n_items = np.array(pair["items"]).T
    right_1, n_1, right_2, n_2 = (np.repeat(one, n_items) for one in outcomes)
    of_1, of_2 = _answers(right_1, n_1), _answers(right_2, n_2)
    right, item = np.concatenate([of_1[0], of_2[0]]), np.concatenate([of_1[1], of_2[1]])
    in_first = np.arange(len(right)) < len(of_1[0])
    apart = difference(right[:, None], in_first, item, _LEVEL, binary=True)
    # Half of the answers right is neither.
    side_1, side_2 = np.sign(2 * right_1 - n_1), np.sign(2 * right_2 - n_2)
    only_1, only_2 = int(((side_1 > 0) & (side_2 < 0)).sum()), int(((side_1 < 0) & (side_2 > 0)).sum())
    points = 100 * np.array([apart.validity[0], apart.lo[0], apart.hi[0]])
    if points[0] < 0:
        points = -points[[0, 2, 1]]
    more = "more" if apart.validity[0] >= 0 else "less"
    return (
        f"on the same {len(n_1):,} items {first} is right {points[0]:.1f} points [{points[1]:.1f}, "
        f"{points[2]:.1f}] {more} often than {second}: {only_1:,} only {first} got right, {only_2:,} only "
        f"{second} (McNemar p {discordance_pvalue_mcnemar(only_1, only_2):.2g})"
        + "".join(f"; {one}" for one in _left_over(pair, int(((side_1 == 0) | (side_2 == 0)).sum())))
    )


def _left_over(pair: Mapping[str, Any], n_undecided: int) -> list[str]:
    """Items that say nothing of which of the two is better."""
    alone = [
        f"items only {pair[model]} answered: {pair[key]:,}"
        for key, model in (("n_only_first_answered", "first"), ("n_only_second_answered", "second"))
        if pair[key]
    ]
    return alone + ([f"items a model got right as often as wrong: {n_undecided:,}"] if n_undecided else [])


def _answers(n_right: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each answer, 1 where it is right, and its item."""
    item = np.repeat(np.arange(len(n)), n)
    place = np.arange(len(item)) - np.repeat(np.cumsum(n) - n, n)
    return (place < np.repeat(n_right, n)).astype(float), item
