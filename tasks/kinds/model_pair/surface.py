"""What can be counted of an answer without understanding it: the baseline of every claim about traits."""

import numpy as np
import polars as pl
from jaxtyping import Float

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


def counted(rows: pl.DataFrame) -> Float[np.ndarray, "row count"]:
    """All COUNTS of the column `text`."""
    return rows.select(of.cast(pl.Float64).alias(name) for name, of in COUNTS.items()).to_numpy()


def amounts(counts: Float[np.ndarray, "row count"]) -> Float[np.ndarray, "row count"]:
    """The logarithms of one more than each count: twice as long is as much of a long answer as of a short."""
    return np.asarray(np.log1p(counts))
