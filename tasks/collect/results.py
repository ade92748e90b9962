"""What a user must know of a table of results: how often models were right, and which items are variants."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tasks.collect.families import families
from tasks.store.sources import normalised
from tasks.study.corpus import Collect

_SAME = 0.7
"""As collect.near_duplicates takes texts for near-duplicates."""
MOST_VARIANTS = 0.1
"""Share of items that vary others from which on it is told."""
_AT_MOST_SHOWN = 8


def notes(read: Mapping[str, Any]) -> list[str]:
    """Accuracies with intervals, and two models on the same items; nothing of other rows."""
    found = read.get("results", {})
    models = found.get("models", [])
    told = []
    if models:
        more = f", and {len(models) - _AT_MOST_SHOWN} more models" if len(models) > _AT_MOST_SHOWN else ""
        told.append("right answers: " + ", ".join(map(_of_model, models[:_AT_MOST_SHOWN])) + more)
    if paired := found.get("paired"):
        told.append(_of_pair(paired))
    if n := found.get("n_without_outcome"):
        told.append(f"{n:,} answers without an outcome were left out")
    return told


def _of_model(model: Mapping[str, Any]) -> str:
    repeated = model["n_answers"] > model["n_items"]
    of = (
        f"{model['n_answers']:,} answers to {model['n_items']:,} items"
        if repeated
        else f"{model['n_items']:,}"
    )
    name = f"{model['model']} " if model["model"] else ""
    return f"{name}{model['accuracy']:.1%} of {of} [{model['lo']:.1%}, {model['hi']:.1%}]"


def _of_pair(pair: Mapping[str, Any]) -> str:
    first, second = pair["first"], pair["second"]
    if not pair["n_items"]:
        return f"{first} and {second} answered no item in common: nothing compares them"
    alone = [
        f"{pair[key]:,} items only {model} answered"
        for key, model in (("n_only_first_answered", first), ("n_only_second_answered", second))
        if pair[key]
    ]
    if pair["n_undecided"]:
        alone.append(f"{pair['n_undecided']:,} items a model got right as often as wrong")
    rest = f"; {', '.join(alone)}" if alone else ""
    n_first, n_second = pair["n_first_only_right"], pair["n_second_only_right"]
    only = f"{n_first:,} only {first} got right, {n_second:,} only {second}"
    return (
        f"on the same {pair['n_items']:,} items {first} is right {100 * pair['difference']:+.1f} points "
        f"[{100 * pair['lo']:+.1f}, {100 * pair['hi']:+.1f}] more often than {second}: {only} (McNemar p "
        f"{pair['p']:.2g}){rest}"
    )


def of_variants(collect: Collect, texts: pl.Series) -> list[str]:
    """That many items hardly differ and stand in both halves, where they were not joined.

    Args:
        texts: that are kept.
    """
    if collect.results is None or collect.near_duplicates is not None or not len(texts):
        return []
    distinct = normalised(texts).unique().sort()
    family = pl.Series(families(distinct, _SAME).family)
    sizes: Sequence[int] = [n for n in family.value_counts()["count"] if n > 1]
    if sum(sizes) < MOST_VARIANTS * len(distinct):
        return []
    families_are = "1 family" if len(sizes) == 1 else f"{len(sizes):,} families"
    return [
        f"{sum(sizes) / len(distinct):.0%} of the items are near-duplicates of others ({families_are}), in both "
        "halves. What is found holds for more items like these. Write collect: "
        f"{{near_duplicates: {_SAME}}} to ask what holds for new ones: a family then counts once"
    ]
