"""The table of stylistic programs (programs.yaml): name, phrase, pattern.

Patterns are polars (Rust) regular expressions, which run in time linear in the text whatever it holds.
A phrase says what its pattern finds and no more.
"""

import functools
import string
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from tasks.engines.embedded import lexicon, views, wordlists
from tasks.engines.embedded.views import View


@dataclass(frozen=True)
class Program:
    """A phrase that completes 'the text ...' and the pattern that decides it."""

    phrase: str
    pattern: str
    negated: bool = False
    """The phrase holds where the pattern does not occur."""
    skipped: str = ""
    """Where this pattern matches, nothing is looked for; empty: everywhere is looked."""
    view: View = "text"
    """What is read."""
    english: bool = False
    """Whether it reads English words."""
    words: tuple[str, ...] = ()
    """The words of its list, if it has one."""
    opens: bool = False
    """Whether they count at the beginning of a text alone."""

    def without(self, words: Collection[str]) -> str:
        """The pattern without these casefolded words of its list."""
        if not words or not self.words:
            return self.pattern
        kept = [word for word in self.words if word.casefold() not in words]
        return _any_of(kept, self.opens) if kept else r"[^\s\S]"


@functools.cache
def programs() -> Mapping[str, Program]:
    """All programs by name; they are proposed and named in this order."""
    return {name: _program(one) for name, one in wordlists.yaml_beside(__file__).items()}


def _program(one: Mapping[str, Any]) -> Program:
    opens = "opens_with" in one
    named = one.get("opens_with") or one.get("words")
    words = lexicon.listed(named) if named else ()
    if words:
        pattern = _any_of(words, opens)
    elif "stretched" in one:
        pattern = _stretched(one["stretched"])
    else:
        pattern = views.SHARED[one["reads"]] if "reads" in one else str(one["pattern"])
    return Program(
        one["phrase"],
        pattern,
        one.get("negated", False),
        one.get("except", ""),
        one.get("in", "prose" if words else "text"),
        one.get("english", bool(words)),
        words,
        opens,
    )


def _any_of(words: Collection[str], opens: bool) -> str:
    """Any of the words in either case, not as a part of a longer one."""
    said = rf"(?i)\b(?:{'|'.join(words)})\b".replace("'", "['’]")
    return rf"^\s*{said}" if opens else said


def _stretched(least: int) -> str:
    """Any letter so often in a row beside another one of its word; `IEEE`, `xxx` and `xiii` are none."""
    found = []
    for letter in string.ascii_lowercase:
        other, capital, n = f"[a-z--{letter}]", letter.upper(), least + (letter in "ix")
        found.append(rf"[A-Za-z&&[^{letter}{capital}]]{letter}{{{n},}}")
        found.append(rf"(?-u:\b)[{letter}{capital}]{letter}{{{n - 1},}}{other}")
        found.append(rf"[A-Z--{capital}]{capital}{{{n + 1},}}")
    return "|".join(found)
