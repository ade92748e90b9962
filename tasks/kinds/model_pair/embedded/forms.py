"""Sentences of comparisons -> definitions: `is longer`, `uses bold text more`, `says "delve" more`.

What only differs in words that carry nothing (`has`, `uses`, articles, plurals, where `more` stands) is one
sentence. The opposite of a trait that is none by itself is refused, with what to write of the other model.
"""

import functools
import re
from collections.abc import Mapping
from typing import Any

import polars as pl

from tasks.engines.embedded import definitions as of_texts
from tasks.engines.embedded import forms as of_words
from tasks.engines.roles import UnreadError
from tasks.kinds.model_pair.embedded import definitions, looking
from tasks.kinds.model_pair.embedded.traits import AXES, BY_ENCODER, traits
from tasks.study.asked import PATTERN

Part = dict[str, Any]
_SUBJECT = re.compile(
    r"^(?:the|an?|this|that) (?:answer|response|reply|picture|image)(?: that| which)?\s+", re.I
)
_OFTEN = re.compile(r"\s+(?:more(?: often| frequently)?)\s*$", re.I)
_SAYS_MORE = re.compile(
    r"(?P<verb>says?|mentions?|uses?|contains?|writes?)(?: the (?:words?|phrases?))? (?:more )?(?P<rest>.+?)"
    r"(?: more(?: often| frequently)?)?",
    re.I,
)
_LESS = re.compile(r"\b(?:less|fewer|not|never|rarely|seldom)\b", re.I)
_EMPTY = frozenset(
    [
        "a",
        "an",
        "the",
        "any",
        "some",
        "more",
        "often",
        "frequently",
        "of",
        "its",
        "and",
        "or",
        "is",
        "has",
        "have",
        "uses",
        "use",
        "contains",
        "includes",
        "gives",
    ]
)


def part_of(sentence: str) -> Part:
    """The definition, as far as it follows from the sentence alone.

    Raises:
        UnreadError: it is in no form that can be judged.
    """
    said = _SUBJECT.sub("", " ".join(sentence.split())).rstrip(".")
    if found := PATTERN.fullmatch(_OFTEN.sub("", said)):
        return _pattern(found)
    if shown := looking.part_of(said):
        return {"kind": definitions.KIND, **shown}
    core = _core(said)
    if core in _known():
        return {"kind": definitions.KIND, **_known()[core]}
    if _LESS.search(said):
        positive = _known().get(_core(_LESS.sub("", said)))
        if positive and not positive.get("less"):
            fine = definitions.phrase({"kind": definitions.KIND, **positive})
            raise UnreadError(
                f"it says the opposite of one that can be judged. Write `{fine}`, of the other model"
            )
    elif (found := _SAYS_MORE.fullmatch(said)) and (terms := _terms(found["verb"], found["rest"])):
        return {"kind": definitions.KIND, "terms": terms}
    raise UnreadError("it is in no form that can be judged without a language model")


def _pattern(found: re.Match[str]) -> Part:
    pattern = f"(?i){found['pattern']}" if found["flags"] else found["pattern"]
    if wrong := of_texts.pattern_fault(pattern):
        raise UnreadError(f"the pattern cannot be read: {wrong}")
    if pl.Series([""]).str.contains(pattern)[0]:
        raise UnreadError("the pattern fits an empty text, so that it fits everywhere")
    return {"kind": definitions.KIND, "pattern": pattern}


def _terms(verb: str, rest: str) -> list[str]:
    """Words that are meant as they stand: in quotes, or what the answer `says`."""
    is_quoted = '"' in rest or "“" in rest
    if not is_quoted and not verb.casefold().startswith(("say", "mention")):
        return []
    found: list[str] = of_words.part_of(f"mentions {rest}").get("terms", [])
    return found


@functools.cache
def _known() -> Mapping[frozenset[str], Part]:
    """What is said, without what carries nothing -> the trait; the first of two goes before."""
    found: dict[frozenset[str], Part] = {}
    for name, trait in traits().items():
        less = [trait.less] if trait.less else []
        said = [one for one in trait.also if not one.endswith("<")]
        less += [one.removesuffix("<") for one in trait.also if one.endswith("<")]
        for one in [trait.phrase, *said]:
            found.setdefault(_core(one), {"trait": name})
        for one in less:
            found.setdefault(_core(one), {"trait": name, "less": True})
    for name, poles in AXES.items():
        sides: tuple[Part, Part] = {"axis": name}, {"axis": name, "less": True}
        for part, one in zip(sides, poles, strict=True):
            found.setdefault(_core(one), part)
            found.setdefault(_core(one + BY_ENCODER), part)
    for name, (more, less_of_it) in looking.SAYINGS.items():
        found.setdefault(_core(more), {"measure": name})
        found.setdefault(_core(less_of_it), {"measure": name, "less": True})
    return found


def _core(sentence: str) -> frozenset[str]:
    """What a sentence says: its words but for those that carry nothing, without plurals and examples."""
    bare = re.sub(r"\s*\((?:here mostly|e\.g\.)[^()]*\)", "", sentence.casefold())
    words = re.findall(r"[\w'’-]+", bare)
    return frozenset(re.sub(r"(?<=[^\Ws]{2})s$", "", word) for word in words if word not in _EMPTY)
