"""Comparisons of two pictures: which looks more so (exact), and which shows more of a class (a proxy)."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from tasks.engines.contrast import Contrast
from tasks.engines.embedded import pictures, words
from tasks.engines.pictures.measures import COLOURS, NAMES
from tasks.errors import EngineError

SAYINGS: Mapping[str, tuple[str, str]] = {
    "megapixels": ("has more pixels", "has fewer pixels"),
    "aspect": ("is wider for its height", "is taller for its width"),
    "covered": ("leaves less of its area to the background", "leaves more of its area to the background"),
    "lightness": ("is lighter", "is darker"),
    "contrast": ("has more contrast", "has less contrast"),
    "saturation": ("is more saturated", "is less saturated"),
    "colourfulness": ("is more colourful", "is less colourful"),
    **{one: (f"is {one} on more of its area", f"is {one} on less of its area") for one in COLOURS},
    "tinted": ("is tinted on more of its area", "is tinted on less of its area"),
    "n_colours": ("has more colours", "has fewer colours"),
    "edges": ("has edges on more of its area", "has edges on less of its area"),
    "fineness": ("has finer detail", "has coarser detail"),
    "evenness": ("has its contrast spread more evenly", "has its contrast spread less evenly"),
    "symmetry": ("is more symmetric, left to right", "is less symmetric, left to right"),
    "transparency": ("is transparent on more of its area", "is transparent on less of its area"),
}
"""What is said of the picture that has more of a measure, and of the one that has less."""
LEAST = min(pictures.PROBABILITIES)
"""Up to this probability a class is not shown: two pictures without it tie."""
_SHOWS = re.compile(
    r"(?:shows|depicts|contains) (?:something more like (?P<like>.+?)|(?P<what>.+?) more)"
    r"(?: \(higher class probability, over [\d.]+ %\))?",
    re.I,
)


def compares(definition: Mapping[str, Any]) -> bool:
    """Whether a comparison is one of pictures."""
    return "measure" in definition or "class" in definition


def phrase(definition: Mapping[str, Any]) -> str:
    """What the definition says, as a completion of 'the picture that ...'."""
    if "measure" in definition:
        return SAYINGS[definition["measure"]][bool(definition.get("less"))]
    shown = pictures.with_article(definition["name"])
    return f"shows something more like {shown} (higher class probability, over {100 * LEAST:g} %)"


def fault(definition: Mapping[str, Any]) -> str:
    """What is wanted in place of what it has; empty where it can be judged."""
    if "measure" in definition:
        return "" if definition["measure"] in NAMES else f"measure: one of {', '.join(NAMES)}"
    index, name = definition["class"], definition.get("name")
    fine = isinstance(index, int) and not isinstance(index, bool) and index >= 0 and isinstance(name, str)
    return "" if fine else "class: a number from 0 on, and name: its name"


def values(definition: Mapping[str, Any], seen: pictures.Looks | None) -> Float[np.ndarray, " answer"]:
    """How much of it each picture has.

    Raises:
        EngineError: answers are no pictures, or have no measures or classes.
    """
    if seen is None:
        raise EngineError(
            f"wanted pictures to compare by `{phrase(definition)}`, got texts.",
            hint="Propose again: `dvc repro -f propose`.",
        )
    if "measure" in definition:
        return pictures.values({**definition, "kind": "measure"}, seen).astype(np.float64)
    found = pictures.values({"kind": "class", "index": definition["class"], "name": definition["name"]}, seen)
    return np.where(found > LEAST, found, 0.0)


def measures() -> list[dict[str, Any]]:
    """A comparison by each measure, without its kind."""
    return [{"measure": name} for name in NAMES]


def classes(seen: pictures.Looks, contrast: Contrast, min_effect: float) -> list[dict[str, Any]]:
    """A comparison by each class that enough pictures show, without its kind; none without a network."""
    if seen.classes is None:
        return []
    held = seen.classes > LEAST
    kept = words.rarest(contrast, min_effect).keeps(held.sum(axis=0), held[contrast.in_a].sum(axis=0))
    names = pictures.class_names()
    return [{"class": index, "name": names[index]} for index in np.flatnonzero(kept).tolist()]


def part_of(sentence: str) -> dict[str, Any] | None:
    """The class that a sentence compares by, without its kind; None where it names none."""
    found = _SHOWS.fullmatch(sentence)
    if not found:
        return None
    what = re.sub(r"^(?:an?|the) ", "", found["like"] or found["what"], flags=re.I).casefold()
    names = pictures.class_names()
    at = next((i for i, name in enumerate(names) if name.casefold() == what), None)
    return None if at is None else {"class": at, "name": names[at]}
