"""Measures of a text that a stylistic predicate holds against a threshold.

Every measure of an empty text is 0. It is read from a frame with the columns of views.py.
"""

from dataclasses import dataclass

import polars as pl

from tasks.engines.embedded.programs import programs
from tasks.engines.embedded.views import View

SENTENCE_END = r"[.!?。！？؟]+(?:[\s\"'”’)]|$)"


@dataclass(frozen=True)
class Measure:
    """A number of a text, and how to say that it is above a threshold."""

    phrase: str
    """Completes 'the text ...', with {} for the threshold."""
    expression: pl.Expr
    digits: int
    """Digits a threshold is rounded to."""
    counts_words: bool = False
    """Whether it means little of texts that write no spaces between words."""
    pattern: str = ""
    """What is counted, where it stands in the text; empty: it is no count of passages."""
    view: View = "text"
    """Where it is counted."""


def _per(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return pl.when(whole > 0).then(part / whole).otherwise(0.0)


def _count(pattern: str, view: View = "text") -> pl.Expr:
    return pl.col(view).str.count_matches(pattern)


def _passages(phrase: str, pattern: str, view: View = "text") -> Measure:
    """How often a pattern matches."""
    return Measure(phrase, _count(pattern, view), 0, pattern=pattern, view=view)


def _found(phrase: str, program: str) -> Measure:
    """How often a stylistic program finds its pattern in what it reads."""
    found = programs()[program]
    return _passages(phrase, found.pattern, found.view)


_BULLET = r"(?m)^[ \t]*[-*+•‣][ \t]+\S"
_NUMBERED = r"(?m)^[ \t]*\d{1,3}[.)][ \t]+\S"
_FENCED = r"(?s)```.*?(?:```|\z)"


_SPACELESS = r"\p{Han}\p{Hiragana}\p{Katakana}"
_RUN = rf"[\w&&[^{_SPACELESS}]][\w'’\-&&[^{_SPACELESS}]]*"
_WORD = rf"[{_SPACELESS}]|{_RUN}"
# White space around a text does not show.
_CHARS = pl.col("text").str.strip_chars().str.len_chars()
_WORDS = _count(_WORD)
_LETTERS = _count(r"\p{L}")
_DISTINCT = pl.col("text").str.to_lowercase().str.extract_all(_WORD).list.n_unique()
_SENTENCES = pl.max_horizontal(_count(SENTENCE_END), pl.lit(1))

MEASURES: dict[str, Measure] = {
    "words": Measure("is longer than {} words", _WORDS, 0, True),
    "characters": Measure("is longer than {} characters", _CHARS, 0),
    "lines": Measure("has more than {} lines", _count(r"(?m)^.*\S"), 0),
    "sentences": Measure("has more than {} sentence ends", _count(SENTENCE_END), 0),
    "word_length": Measure("has words longer than {} letters on average", _per(_LETTERS, _WORDS), 1, True),
    "sentence_length": Measure("has more than {} words per sentence", _per(_WORDS, _SENTENCES), 1, True),
    "capitals": Measure(
        "has more than {} % of its letters in capitals", _per(100 * _count(r"\p{Lu}"), _LETTERS), 1
    ),
    "digits": Measure(
        "has digits for more than {} % of its characters", _per(100 * _count(r"\p{Nd}"), _CHARS), 1
    ),
    "punctuation": Measure(
        "has punctuation or symbols for more than {} % of its characters",
        _per(100 * _count(r"[\p{P}\p{S}]"), _CHARS),
        1,
    ),
    "commas": _passages("has more than {} commas", r"[,，、،]"),
    "repetition": Measure(
        "repeats more than {} % of its words", _per(100 * (_WORDS - _DISTINCT), _WORDS), 0, True
    ),
    "bold": _found("has more than {} passages in bold", "bold"),
    "headings": _found("has more than {} Markdown headings", "heading"),
    "list_items": _passages("has more than {} bulleted items", _BULLET, "uncoded"),
    "numbered_items": _passages("has more than {} numbered items", _NUMBERED, "uncoded"),
    "code_blocks": _passages("has more than {} fenced code blocks", _FENCED),
    "code_spans": _passages("has more than {} passages in backticks", r"`[^`\n]+`"),
    "formulas": _found("has more than {} LaTeX formulas", "formula"),
    "links": _found("has more than {} Markdown links", "link"),
    "emoji": _found("has more than {} emoji", "emoji"),
    "tags": _found("has more than {} HTML tags", "html"),
}
