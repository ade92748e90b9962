"""Tones as directions between two sets of example sentences (axes.yaml).

The difference of the mean embeddings of contrasted examples finds a tone that the similarity to its
name does not. It ranks; it does not decide: predicates say "leans towards ... (top 25 %)".
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from tasks.engines.embedded import wordlists


@dataclass(frozen=True)
class Axis:
    """Two poles, what the tone is called at each, and how it sounds there."""

    high: str
    low: str
    high_examples: tuple[str, ...]
    low_examples: tuple[str, ...]


@functools.cache
def axes() -> Mapping[str, Axis]:
    """All tones by name; the order is that of every table of their vectors."""
    return {
        name: Axis(one["high"], one["low"], tuple(one["high_examples"]), tuple(one["low_examples"]))
        for name, one in wordlists.yaml_beside(__file__).items()
    }
