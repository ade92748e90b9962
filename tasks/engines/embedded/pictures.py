"""Judging and proposing predicates of pictures: how they look, and what is seen in them.

How a picture looks is exact: a measure of engines/pictures/measures.py over or under a threshold. What is
seen in it is a proxy: the probability that the bundled network gives one of its 1,000 classes. It was trained
on ImageNet-1k, mostly animals, plants and things: it has no class for people, what they do, how many things
there are, or what is written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from tasks.engines.contrast import Contrast
from tasks.engines.embedded import words
from tasks.engines.embedded.candidate import Candidate, Harvest
from tasks.engines.embedded.style import QUANTILES
from tasks.engines.pictures import wording
from tasks.engines.pictures.measures import COLOURS, NAMES
from tasks.errors import EngineError
from tasks.records import Grade
from tasks.store import media
from tasks.study import Study

FAMILIES = ("picture", "shows")
"""Of predicates that this module proposes; they say nothing of texts."""
KINDS = ("measure", "class")
"""Of definitions that are of a picture, not of its caption."""
PROBABILITIES = (0.02, 0.1, 0.5)
"""Thresholds tried for each class: lower ones are met by pictures that only resemble it."""
SURE = 0.5
"""From this probability on a class is likelier than all others together, and is said to be shown."""
DIGITS = 3
"""Digits a threshold is rounded to."""
GREYISH = 0.01
"""Below this share of pixels with a tint a picture is called without colour."""
MOSTLY = 0.5
"""Above this share of its pixels a picture is called mostly of a colour."""


@dataclass(frozen=True)
class Saying:
    """How to say that a measure is over or under a threshold; {} stands for it."""

    more: str
    less: str
    scale: float = 1.0
    """What the threshold is multiplied by where it is said."""


SAYINGS: Mapping[str, Saying] = {
    "megapixels": Saying("has more than {} megapixels", "has fewer than {} megapixels"),
    "aspect": Saying("is more than {} times as wide as tall", "is less than {} times as wide as tall"),
    "covered": Saying(
        "is something other than background on more than {} % of its area",
        "is something other than background on less than {} % of its area", 100,
    ),
    "lightness": Saying("is lighter than {} (0 black, 1 white)", "is darker than {} (0 black, 1 white)"),
    "contrast": Saying(
        "has more contrast than {} (standard deviation of lightness)",
        "has less contrast than {} (standard deviation of lightness)",
    ),
    "saturation": Saying(
        "is more saturated than {} (0 grey, 1 pure)", "is less saturated than {} (0 grey, 1 pure)"
    ),
    "colourfulness": Saying(
        "is more colourful than {} (15 slightly, 45 averagely, 82 highly)",
        "is less colourful than {} (15 slightly, 45 averagely, 82 highly)",
    ),
    **{
        colour: Saying(
            f"is {colour} on more than {{}} % of its area",
            f"is {colour} on less than {{}} % of its area", 100,
        )
        for colour in COLOURS
    },
    "tinted": Saying(
        "is tinted on more than {} % of its area", "is tinted on less than {} % of its area", 100
    ),
    "n_colours": Saying("has more than {} colours out of 512", "has fewer than {} colours out of 512"),
    "edges": Saying(
        "has edges on more than {} % of its area", "has edges on less than {} % of its area", 100
    ),
    "fineness": Saying(
        "has finer detail than {} cycles across", "has coarser detail than {} cycles across"
    ),
    "evenness": Saying(
        "has its contrast spread more evenly than {} (1 alike everywhere)",
        "has its contrast spread less evenly than {} (1 alike everywhere)",
    ),
    "symmetry": Saying(
        "is more symmetric than {} (left to right; 1 a mirror image)",
        "is less symmetric than {} (left to right; 1 a mirror image)",
    ),
    "transparency": Saying(
        "is transparent on more than {} % of its area", "is transparent on less than {} % of its area", 100
    ),
}  # fmt: skip
NATURAL: tuple[tuple[str, str, float, str], ...] = (
    ("aspect", "more_than", 1.0, "is wider than tall"),
    ("aspect", "less_than", 1.0, "is taller than wide"),
    ("tinted", "less_than", GREYISH, "is without colour (grey, black or white)"),
    ("transparency", "more_than", 0.0, "has a transparent part"),
    *((colour, "more_than", MOSTLY, f"is mostly {colour}") for colour in COLOURS),
)
"""Cuts that have a name: measure, side, threshold, phrase. They are tried whatever the pictures."""


@dataclass(frozen=True)
class Looks:
    """What can be judged of the pictures of some rows."""

    study_name: str
    texts: pl.DataFrame
    """Rows of frames.TEXTS, all with a picture."""

    @cached_property
    def measures(self) -> pl.DataFrame:
        """A column of each measure, rows as the texts.

        Raises:
            EngineError: a picture has none.
        """
        known = media.measures(self.study_name)
        found = self.texts.select("media").join(known, on="media", how="left", maintain_order="left")
        lost = found.filter(pl.col(NAMES[0]).is_null()) if NAMES[0] in found.columns else found
        if lost.height:
            raise EngineError(
                f"{self.study_name}: wanted the measures of {lost.height:,} pictures, 1_texts has none.",
                hint="Collect again: `dvc repro -f collect`.",
            )
        return found

    @cached_property
    def are_captioned(self) -> bool:
        """Whether most pictures of the study have a caption."""
        return wording.are_captioned(wording.collected(self.study_name))

    @cached_property
    def classes(self) -> Float[np.ndarray, "text class"] | None:
        """The probability of each class, rows as the texts; None where the encoder tells no classes."""
        return wording.classes(self.study_name, self.texts)


def looks(study: Study, texts: pl.DataFrame) -> Looks | None:
    """What can be judged of these rows; None where they are texts."""
    has_pictures = "media" in texts.columns and texts["media"].is_not_null().any()
    return Looks(study.name, texts) if has_pictures else None


def every_definition(seen: Looks, families: Sequence[str], least: int) -> list[dict[str, Any]]:
    """All that may be asked of these pictures: measures at all thresholds, and classes that enough show.

    Args:
        seen: the pictures.
        families: which of FAMILIES.
        least: fewest pictures for which a class holds, and for which it does not.
    """
    found = _thresholds(seen.measures) if "picture" in families else []
    if "shows" not in families or seen.classes is None:
        return found
    names = class_names()
    for cut in PROBABILITIES:
        n = (seen.classes > cut).sum(axis=0)
        for index in np.flatnonzero((n >= least) & (n <= seen.texts.height - least)).tolist():
            found.append({"kind": "class", "index": index, "name": names[index], "more_than": cut})
    return found


def harvest(family: str, contrast: Contrast, seen: Looks, min_effect: float) -> Harvest:
    """What one of FAMILIES brings; nothing of classes where the encoder tells none."""
    return _looks_like(contrast, seen) if family == "picture" else _shows(contrast, seen, min_effect)


def _looks_like(contrast: Contrast, seen: Looks) -> Harvest:
    """Every measure at quantiles of these pictures and at its natural cuts; of each the one that tells most.

    The gate counts all that were looked at.
    """
    definitions = _thresholds(seen.measures)
    held = np.column_stack([holds(definition, seen) for definition in definitions])
    return _best(contrast, definitions, held, "picture", "exact")


def _shows(contrast: Contrast, seen: Looks, min_effect: float) -> Harvest:
    """Every class that enough pictures show, at each threshold; of each the one that tells most.

    The gate counts all that were looked at.
    """
    if seen.classes is None:
        return Harvest([])
    rarest = words.rarest(contrast, min_effect)
    definitions: list[dict[str, Any]] = []
    columns: list[Bool[np.ndarray, " text"]] = []
    names = class_names()
    for least in PROBABILITIES:
        held = seen.classes > least
        total, with_a = held.sum(axis=0), held[contrast.in_a].sum(axis=0)
        for index in np.flatnonzero(rarest.keeps(total, with_a)).tolist():
            definitions.append({"kind": "class", "index": index, "name": names[index], "more_than": least})
            columns.append(held[:, index])
    if not columns:
        return Harvest([])
    return _best(contrast, definitions, np.column_stack(columns), "shows", "proxy")


def _best(
    contrast: Contrast,
    definitions: Sequence[Mapping[str, Any]],
    held: Bool[np.ndarray, "text predicate"],
    family: str,
    grade: Grade,
) -> Harvest:
    varies = held.any(axis=0) & ~held.all(axis=0)
    effect, z = contrast.measure(held)
    root = contrast.root(held)
    best: dict[Any, int] = {}
    for i in np.flatnonzero(varies).tolist():
        about = definitions[i].get("measure", definitions[i].get("index"))
        if about not in best or abs(effect[i]) > abs(effect[best[about]]):
            best[about] = i
    candidates = [
        Candidate(
            phrase(definitions[i]), family, grade, definitions[i], held[:, i], float(effect[i]), float(z[i]),
            float(root[i]),
        )
        for i in best.values()
    ]  # fmt: skip
    return Harvest(candidates, root[varies])


def _thresholds(measures: pl.DataFrame) -> list[dict[str, Any]]:
    found: dict[tuple[str, str, float], None] = {}
    for name in NAMES:
        cuts = np.quantile(measures[name].to_numpy(), QUANTILES, method="lower")
        found |= dict.fromkeys((name, "more_than", round(float(cut), DIGITS)) for cut in cuts)
    found |= dict.fromkeys((name, side, cut) for name, side, cut, _ in NATURAL)
    return [{"kind": "measure", "measure": name, side: cut} for name, side, cut in found]


def phrase(definition: Mapping[str, Any]) -> str:
    """What the definition says, as a completion of 'the picture ...'."""
    if definition["kind"] == "class":
        least = definition["more_than"]
        shows = "shows" if least >= SURE else "shows something like"
        return f"{shows} {with_article(definition['name'])} (class probability over {100 * least:.6g} %)"
    name, side = definition["measure"], "more_than" if "more_than" in definition else "less_than"
    for measure, of_side, cut, said in NATURAL:
        if (measure, of_side, cut) == (name, side, definition[side]):
            return said
    saying = SAYINGS[name]
    template = saying.more if side == "more_than" else saying.less
    return template.format(f"{saying.scale * definition[side]:.6g}")


def with_article(name: str) -> str:
    """`a pole`, `an ostrich`, `sunglasses`."""
    is_plural = name.endswith("s") and not name.endswith(("ss", "us", "is", "as")) and name not in _SINGULAR
    vowel = name[0].lower() in "aeiou" or name.startswith("hour")
    sounds_open = vowel and not name.startswith("uni")
    return name if is_plural else f"{'an' if sounds_open else 'a'} {name}"


_SINGULAR = frozenset(("triceratops", "Malinois"))
"""Names of one thing that end like plurals."""


def holds(definition: Mapping[str, Any], seen: Looks) -> Bool[np.ndarray, " text"]:
    """Whether each picture meets a validated definition.

    Raises:
        EngineError: the pictures have no measures, or no classes.
    """
    value = values(definition, seen)
    found: Bool[np.ndarray, " text"] = (
        value > definition["more_than"] if "more_than" in definition else value < definition["less_than"]
    )
    return found


def values(definition: Mapping[str, Any], seen: Looks) -> Float[np.ndarray, " text"]:
    """What the definition holds against its threshold, of each picture."""
    if definition["kind"] == "measure":
        return np.asarray(seen.measures[definition["measure"]].to_numpy())
    if seen.classes is None or definition["index"] >= seen.classes.shape[1]:
        raise EngineError(
            f"wanted the probability of `{definition['name']}` in 2_embeddings, it has no classes.",
            hint="Set embed.encoder to bundled, and embed again.",
        )
    found: Float[np.ndarray, " text"] = seen.classes[:, definition["index"]].astype(np.float64)
    return found


def strength(definition: Mapping[str, Any], seen: Looks) -> Float[np.ndarray, " text"]:
    """How clearly each picture meets it: the measure, or what it lacks."""
    value = values(definition, seen)
    clear: Float[np.ndarray, " text"] = np.round(value if "more_than" in definition else -value, 6)
    return clear


def class_names() -> tuple[str, ...]:
    """Of the 1,000 classes of the bundled network."""
    return wording.names()
