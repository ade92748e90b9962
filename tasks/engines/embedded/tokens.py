"""Text -> words, the same way for the proposer, the judge and the marks in the report.

A word is a run of letters, digits and underscores with the apostrophes inside it; characters of
scripts that write no spaces (Chinese, Japanese kana) are words of their own. Punctuation and symbols
become breaks, so that no phrase reaches across them; a hyphen between two words does not.
"""

import functools
import re
from collections.abc import Sequence

_SPACELESS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# Vowel signs and accents that Python's \w leaves out though they stand inside words.
_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u0900-\u0963\u0966-\u0dff\u0e31-\u0e4e\u0eb1-\u0ece\u0f71-\u0f84\u102b-\u103e\u17b4-\u17d3"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u200c\u200d\u20d0-\u20ff\ufe20-\ufe2f"
)
_LETTER = rf"[^\W{_SPACELESS}]"
_WORD = rf"[{_SPACELESS}]|{_LETTER}+(?:(?:[{_MARKS}]+|['\u2019](?={_LETTER})){_LETTER}*)*"
_HYPHEN = r"(?<=\w)[-\u2010\u2011](?=\w)"
_PATTERN = rf"({_WORD}|(?!{_HYPHEN})[^\w\s]+)|{_HYPHEN}"


@functools.cache
def _pattern() -> re.Pattern[str]:
    return re.compile(_PATTERN)


def joined(text: str) -> str:
    """The text's casefolded words and breaks, each with one space before and after it.

    A phrase occurs in the text exactly where f" {phrase} " is a part of this string.
    """
    return f" {' '.join(filter(None, _pattern().findall(text)))} ".casefold()


def joined_all(texts: Sequence[str]) -> list[str]:
    """joined() of each text."""
    return [joined(text) for text in texts]


def located(text: str) -> list[tuple[int, int, str]]:
    """Start, end and casefolded form of every word and break of the text."""
    return [
        (match.start(), match.end(), match.group(1).casefold())
        for match in _pattern().finditer(text)
        if match.group(1)
    ]


def is_spaceless(word: str) -> bool:
    """Whether the word is one character of a script that writes no spaces."""
    return re.fullmatch(rf"[{_SPACELESS}]", word) is not None


def readable(phrase: str) -> str:
    """The phrase as a reader writes it: Chinese and kana without spaces between them."""
    words = phrase.split(" ")
    return ("" if all(is_spaceless(word) for word in words) else " ").join(words)
