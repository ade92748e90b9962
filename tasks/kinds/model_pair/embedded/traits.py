"""The table of comparisons (traits.yaml): what is said of the answer that has more, and what is counted."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tasks.engines.embedded import wordlists
from tasks.engines.embedded.measures import MEASURES
from tasks.engines.embedded.programs import Program, programs
from tasks.engines.embedded.views import View
from tasks.records import Grade

AXES: Mapping[str, tuple[str, str]] = {
    "positive": ("sounds more positive", "sounds more negative"),
    "urgent": ("sounds more urgent", "sounds less urgent"),
    "formal": ("is more formal", "is more casual"),
    "personal": ("is more personal", "is more impersonal"),
    "technical": ("is more technical", "is more everyday in its language"),
    "narrative": ("is more of a story", "is more of an explanation"),
    "certain": ("sounds more certain", "sounds more doubtful"),
    "angry": ("sounds angrier", "sounds calmer"),
    "selling": ("is more of an advertisement", "is plainer in tone"),
}
"""Tone axes of the engine that make sense of an answer, and what is said of the one nearer to either pole."""
BY_ENCODER = " (as an encoder hears it)"


@dataclass(frozen=True)
class Trait:
    """What is said of the answer that has more, and what it has more of."""

    phrase: str
    """Completes 'the answer that ...'."""
    less: str = ""
    """What is said of the answer that has less; empty: nothing, it is the other one that shows the trait."""
    measure: str = ""
    """A measure of the engine."""
    program: str = ""
    """A style program of the engine."""
    pattern: str = ""
    """A regular expression of polars."""
    value: str = ""
    """A name in values.py."""
    at: Literal["", "start", "end"] = ""
    """The only part of an answer that a pattern looks at; it then counts once."""
    view: View = "text"
    """What of an answer a pattern reads."""
    also: tuple[str, ...] = ()
    """Other ways to say it; those that end in `<` say `less`."""
    needs: Literal["", "spaced", "spaceless"] = ""
    """Whether it is for texts with spaces between words, or for those without."""
    english: bool = False
    """Whether it reads English words."""
    grade: Grade = "exact"
    from_size: bool = False
    """Whether it grows with whatever an answer is made of."""

    @property
    def is_count(self) -> bool:
        """Whether it counts passages of an answer, of which a longer one has more."""
        return not (self.at or self.value or self.less or self.from_size) and self.measure != "capitals"

    @property
    def listed(self) -> Program | None:
        """The program, if it counts the words of a list."""
        found = programs()[self.program] if self.program else None
        return found if found and found.words else None


@functools.cache
def traits() -> Mapping[str, Trait]:
    """All comparisons by name, in the order in which equals are proposed."""
    return {name: _trait(one) for name, one in wordlists.yaml_beside(__file__).items()}


def _trait(one: Mapping[str, Any]) -> Trait:
    program, measure = one.get("program", ""), one.get("measure", "")
    needs: Literal["", "spaced", "spaceless"] = ""
    if one.get("spaced") or one.get("spaceless"):
        needs = "spaced" if one.get("spaced") else "spaceless"
    elif measure and MEASURES[measure].counts_words:
        needs = "spaced"
    same = {key: one[key] for key in ("phrase", "less", "pattern", "value", "at", "from_size") if key in one}
    return Trait(
        **same,
        measure=measure,
        program=program,
        view=one.get("in", "text"),
        also=tuple(one["also"].split(" / ")) if "also" in one else (),
        needs=needs,
        english=one.get("english", bool(program) and programs()[program].english),
        grade="proxy" if one.get("proxy") else "exact",
    )
