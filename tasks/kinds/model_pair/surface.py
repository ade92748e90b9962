"""What can be counted of an answer without understanding it: the baseline of every claim about traits."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.store import media

_TEXT = pl.col("text")
_FIRST_PERSON = r"(?i)\b(?:i|me|my|mine|myself)\b"

COUNTS: dict[str, pl.Expr] = {
    "characters": _TEXT.str.len_chars(),
    "lines": _TEXT.str.count_matches(r"(?m)^.*\S"),
    "list items": _TEXT.str.count_matches(r"(?m)^\s*(?:[-*+•]|\d{1,3}[.)])\s"),
    "headings": _TEXT.str.count_matches(r"(?m)^ {0,3}#{1,6}\s"),
    "bold": _TEXT.str.count_matches(r"\*\*[^*\n]+\*\*"),
    "code": _TEXT.str.count_matches(r"`+[^`]+`+"),
    "links": _TEXT.str.count_matches(r"https?://|\]\("),
    "question marks": _TEXT.str.count_matches(r"[?？]"),
    "exclamation marks": _TEXT.str.count_matches(r"[!！]"),
    "commas and the like": _TEXT.str.count_matches(r"[,;:，、；：]"),
    "first person": _TEXT.str.count_matches(_FIRST_PERSON),
    "emoji": _TEXT.str.count_matches(r"\p{Extended_Pictographic}"),
}
"""By what is counted."""
LENGTH = "characters"
FORM = ("lines", "list items", "headings", "bold", "code", "links")
"""What an answer is set in: layout and Markdown."""


LOOKS = {
    "megapixels": "has more pixels",
    "aspect": "is wider for its height",
    "lightness": "is lighter",
    "contrast": "has more contrast",
    "saturation": "is more saturated",
    "colourfulness": "is more colourful",
    "n_colours": "has more colours",
    "edges": "has more edges",
    "fineness": "has finer detail",
}
"""Measures of a picture that say nothing of what is in it, none below 0; and what has more of each."""
SIZE = "megapixels"


@dataclass(frozen=True)
class Surface:
    """What is counted of each answer."""

    said: tuple[str, ...]
    """Of what has more of each."""
    value: Float[np.ndarray, "row count"]
    size: int
    """Column that says how long a text is, or how large a picture."""
    size_is: str
    """What that is called."""
    form: tuple[int, ...]
    """Columns of what an answer is set in."""

    @property
    def amounts(self) -> Float[np.ndarray, "row count"]:
        """The logarithm of one more than each: twice as long is as much of a long answer as of a short."""
        return np.asarray(np.log1p(self.value))


def of(study_name: str, rows: pl.DataFrame) -> Surface:
    """Counts of texts, or measures of pictures."""
    if media.are_pictures(rows):
        known = media.measures(study_name).select("media", *LOOKS)
        found = rows.select("media").join(known, on="media", how="left", maintain_order="left")
        value = found.select(*LOOKS).to_numpy().astype(np.float64)
        return Surface(tuple(LOOKS.values()), value, list(LOOKS).index(SIZE), "size", ())
    names = tuple(COUNTS)
    form = tuple(names.index(name) for name in FORM)
    return Surface(
        tuple(f"has more {name}" for name in names), counted(rows), names.index(LENGTH), "length", form
    )


def counted(rows: pl.DataFrame) -> Float[np.ndarray, "row count"]:
    """All COUNTS of the column `text`."""
    return rows.select(of.cast(pl.Float64).alias(name) for name, of in COUNTS.items()).to_numpy()
