"""Sentences of the user's own (`propose.also`): from params or a file, one by one, and what is wrong.

Not here:   what a sentence means, and whether it can be judged (roles.Reader)
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from tasks import paths
from tasks.errors import ParamsError, SourceError
from tasks.records import Group

MAX_CHARS, MAX_CHARS_PATTERN = 200, 1_000
"""A longer sentence says several things at once."""
_DIRECTION = re.compile(r"(?:more (?:often )?in )?([AB]):\s+", re.I)
_SUBJECT = re.compile(
    r"(?:(?:the|a|this|each) text|(?:(?:the|those) )?texts? (?:that|which)|texts?)\s+", re.I
)
_SINGULAR = {
    "are": "is", "were": "was", "have": "has", "do": "does", "discuss": "discusses", "express": "expresses",
    **{verb: f"{verb}s" for verb in (
        "ask", "begin", "complain", "contain", "describe", "end", "include", "lean", "mention", "praise",
        "report", "resemble", "say", "show", "sound", "speak", "talk", "tell", "use", "write",
    )},
}  # fmt: skip
"""What a verb of `texts that ...` is where one text is spoken of."""
_GROUP = re.compile(r"\b(?:group|corpus) [AB]\b")
PATTERN = re.compile(r"(?:(?:matches|contains|has)(?: the pattern)? )?/(?P<pattern>.+)/(?P<flags>i?)", re.S)


def _as_lines(also: Any) -> Any:
    """`- a: mentions refund` is a mapping to YAML, and a sentence of A."""
    if isinstance(also, list | tuple):
        return tuple(map(_as_line, also))
    if not isinstance(also, str):
        raise ValueError(f'wanted a list of sentences, or a file of them, got {also!r}. Write `["..."]`')
    return also


def _as_line(one: Any) -> Any:
    if isinstance(one, str):
        return one
    if not isinstance(one, dict):
        raise ValueError(f"wanted sentences, got {one!r}. Put a sentence in quotes")
    (key, sentence), *more = one.items() or [("", "")]
    if more or not isinstance(sentence, str) or str(key).lower() not in _SIDES:
        raise ValueError(f"wanted sentences, got the mapping {one}. Put a sentence with a colon in quotes")
    return f"{key}: {sentence}"


_SIDES = {"a", "b", "more in a", "more in b"}
Sentences = Annotated[Annotated[tuple[str, ...], Field(strict=False)] | str, BeforeValidator(_as_lines)]
"""Under `propose.also`: a list, or the name of a file."""


@dataclass(frozen=True)
class Asked:
    """A sentence of the user's."""

    sentence: str
    """As it completes 'the text ...'."""
    direction: Group | None
    """Where it is said to hold more often; None: as the exploration half says."""
    said: str
    """As it was written."""


def sentences(name: str, also: tuple[str, ...] | str, most: int) -> tuple[Asked, ...]:
    """What the user asks, in that order; nothing where nothing is asked.

    Args:
        name: of the study.
        also: they, or the file that has them.
        most: so many are tested.

    Raises:
        ParamsError: one says nothing, is too long or stands twice; or they are more than are tested.
        SourceError: their file is not there, or is no text.
    """
    where = f"studies.{name}.propose.also"
    lines = _lines(where, also) if isinstance(also, str) else also
    found = tuple(_asked(where, line) for line in lines)
    if isinstance(also, str) and not found:
        raise ParamsError(f"{where}: wanted a sentence a line in {also}, got none. Write some.")
    _check_each_stands_once(where, found)
    if len(found) > most:
        raise ParamsError(
            f"{where}: wanted at most {most} sentences, got {len(found)}. Raise "
            "propose.max_predicates, or leave some out: all are tested."
        )
    return found


def _lines(where: str, file: str) -> Sequence[str]:
    """The lines of a file but for blank ones and comments."""
    place = paths.root() / file
    try:
        content = place.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SourceError(f"{where}: {file} is not there. Write it, a sentence a line.") from None
    except UnicodeDecodeError as error:
        line = place.read_bytes()[: error.start].count(b"\n") + 1
        raise SourceError(f"{where}: {file}, line {line}: no UTF-8. Save it as UTF-8.") from None
    except OSError as error:
        raise SourceError(f"{where}: {file} cannot be read: {error.strerror or error}.") from None
    return [line for line in content.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _asked(where: str, said: str) -> Asked:
    bare = said.strip()
    given = _DIRECTION.match(bare)
    direction: Group | None = None
    if given:
        direction, bare = ("A" if given[1] in "Aa" else "B"), bare[given.end() :]
    subject = _SUBJECT.match(bare)
    if subject:
        verb, blank, rest = bare[subject.end() :].partition(" ")
        is_plural = subject[0].casefold().split()[-1] in {"that", "which"}
        bare = (_SINGULAR.get(verb, verb) if is_plural else verb) + blank + rest
    is_pattern = bool(PATTERN.fullmatch(bare))
    # Blanks inside a pattern are part of it.
    sentence = bare if is_pattern else re.sub(r"(?<!\.)\.$", "", " ".join(bare.split()))
    if not sentence:
        raise ParamsError(f"{where}: wanted sentences, got {said!r}, which says nothing. Leave it out.")
    if not is_pattern and _GROUP.search(sentence):
        raise ParamsError(
            f"{where}: wanted sentences about one text, got `{said.strip()}`, which names a group. Say what "
            "holds of a text; `a: ...` or `b: ...` before it says where more is expected."
        )
    most = MAX_CHARS_PATTERN if is_pattern else MAX_CHARS
    if len(sentence) > most:
        raise ParamsError(
            f"{where}: wanted sentences of at most {most} characters, got {len(sentence)} in "
            f"`{sentence[:60]}...`. Say one thing in each."
        )
    return Asked(sentence, direction, said.strip())


def _check_each_stands_once(where: str, found: Sequence[Asked]) -> None:
    seen: dict[str, str] = {}
    for one in found:
        spelled = one.sentence if PATTERN.fullmatch(one.sentence) else one.sentence.casefold()
        if spelled in seen:
            raise ParamsError(
                f"{where}: wanted each sentence once, got `{seen[spelled]}` and `{one.said}`: a test sees "
                "both directions. Leave one out."
            )
        seen[spelled] = one.said


def is_a_place_for_them(file: str) -> bool:
    """Whether DVC watches a file of that name (decision 0023)."""
    place = Path(file)
    return not place.is_absolute() and place.parts[:1] == (paths.ASKED,) and ".." not in place.parts
