"""Sentence templates of fresh pairs (templates.yaml), by kind of failure."""

import functools
from collections.abc import Mapping

from tasks.engines.embedded import wordlists


@functools.cache
def templates() -> Mapping[str, tuple[tuple[str, str], ...]]:
    """Left and right text of each template, by kind."""
    return {
        kind: tuple((one["left"], one["right"]) for one in several)
        for kind, several in wordlists.yaml_beside(__file__).items()
    }
