"""What a sentence of the user's says of a picture: a measure, one of the classes, or something it is near to.

The engine's own sentences are read back as they are published, with or without what stands in brackets.
"""

import functools
import re
from collections.abc import Mapping

from tasks.engines.embedded import forms, pictures
from tasks.engines.embedded.forms import NUMBER, Part
from tasks.engines.roles import UnreadError

FORMS = (
    "is mostly blue; is wider than tall; is darker than 0.3; has edges on more than 20 % of its area; "
    "shows an ostrich; is without colour; and of captions all that can be asked of texts"
)
"""An example of each, for whoever wrote something else."""
LEAST = 0.1
"""Probability over which a class is said to be shown where the user names none."""
_SHOWS = re.compile(
    r"(?:shows|depicts|contains) (?:something like )?(?P<what>.+?)"
    r"(?: \((?:class )?probability over (?P<least>\d*\.?\d+)(?P<percent> ?%)?\))?",
    re.I,
)


def part_of(sentence: str) -> Part | None:
    """The definition as far as it follows from the sentence alone; None where it is not of the picture."""
    return _measure(sentence) or _shown(sentence)


def _measure(sentence: str) -> Part | None:
    said = forms.plain(sentence)
    if said in _named():
        return dict(_named()[said])
    for pattern, name, side in _numbered():
        if found := pattern.fullmatch(said):
            cut = forms.value_of(found["number"]) / pictures.SAYINGS[name].scale
            return {"kind": "measure", "measure": name, side: round(cut, 6)}
    return None


@functools.cache
def _named() -> Mapping[str, Part]:
    """Definition by the plain form of a natural cut's sentence."""
    return {
        forms.plain(said): {"kind": "measure", "measure": name, side: cut}
        for name, side, cut, said in pictures.NATURAL
    }


@functools.cache
def _numbered() -> tuple[tuple[re.Pattern[str], str, str], ...]:
    """Plain forms with a number, as patterns, with measure and side."""
    return tuple(
        (_with_number(said), name, side)
        for name, saying in pictures.SAYINGS.items()
        for said, side in ((saying.more, "more_than"), (saying.less, "less_than"))
    )


def _with_number(said: str) -> re.Pattern[str]:
    before, after = forms.plain(said).split("{}")
    return re.compile(re.escape(before) + NUMBER + re.escape(after))


def _shown(sentence: str) -> Part | None:
    found = _SHOWS.fullmatch(" ".join(sentence.split()))
    if not found:
        return None
    what = re.sub(r"^(?:an?|the) ", "", found["what"], flags=re.I)
    named = {name.casefold(): index for index, name in enumerate(pictures.class_names())}
    index = named.get(what.casefold())
    if index is None:
        # No class of the network's: as near to these words as pictures get.
        return forms.part_of(f"is about {what}")
    least = float(found["least"] or LEAST)
    least = round(least / 100, 9) if found["percent"] else least
    if not 0 < least < 1:
        raise UnreadError(f"probability over {least:g}: a probability is between 0 and 1")
    return {"kind": "class", "index": index, "name": pictures.class_names()[index], "more_than": least}
