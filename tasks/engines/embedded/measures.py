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


def _per(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return pl.when(whole > 0).then(part / whole).otherwise(0.0)


def _count(pattern: str, view: View = "text") -> pl.Expr:
    return pl.col(view).str.count_matches(pattern)


def _found(program: str) -> pl.Expr:
    """How often a stylistic program finds its pattern in what it reads."""
    found = programs()[program]
    return _count(found.pattern, found.view)


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
    "commas": Measure("has more than {} commas", _count(r"[,，、،]"), 0),
    "repetition": Measure(
        "repeats more than {} % of its words", _per(100 * (_WORDS - _DISTINCT), _WORDS), 0, True
    ),
    "bold": Measure("has more than {} passages in bold", _found("bold"), 0),
    "headings": Measure("has more than {} Markdown headings", _found("heading"), 0),
    "list_items": Measure("has more than {} bulleted items", _count(_BULLET, "uncoded"), 0),
    "numbered_items": Measure("has more than {} numbered items", _count(_NUMBERED, "uncoded"), 0),
    "code_blocks": Measure("has more than {} fenced code blocks", _count(_FENCED, "text"), 0),
    "code_spans": Measure("has more than {} passages in backticks", _count(r"`[^`\n]+`", "text"), 0),
    "formulas": Measure("has more than {} LaTeX formulas", _found("formula"), 0),
    "links": Measure("has more than {} Markdown links", _found("link"), 0),
    "emoji": Measure("has more than {} emoji", _found("emoji"), 0),
    "tags": Measure("has more than {} HTML tags", _found("html"), 0),
}
