"""The table of stylistic programs (programs.yaml): name, phrase, pattern.

Patterns are polars (Rust) regular expressions, which run in time linear in the text whatever it holds.
A phrase says what its pattern finds and no more.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.engines.embedded import lexicon, wordlists


@dataclass(frozen=True)
class Program:
    """A phrase that completes 'the text ...' and the pattern that decides it."""

    phrase: str
    pattern: str
    negated: bool = False
    """The phrase holds where the pattern does not occur."""


@functools.cache
def programs() -> Mapping[str, Program]:
    """All programs by name; they are proposed and named in this order."""
    return {
        name: Program(one["phrase"], _pattern(one), one.get("negated", False))
        for name, one in wordlists.yaml_beside(__file__).items()
    }


def _pattern(program: Mapping[str, Any]) -> str:
    if "words" in program:
        return _any_of(program["words"])
    if "opens_with" in program:
        return rf"^\s*{_any_of(program['opens_with'])}"
    return str(program["pattern"])


def _any_of(name: str) -> str:
    """Any word of a list in either case, not as a part of a longer word."""
    return r"(?i)\b(?:" + "|".join(lexicon.listed(name)).replace("'", "['’]") + r")\b"
