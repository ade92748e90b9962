"""Text -> words, the same way for the proposer, the judge and the marks in the report.

A word is a run of letters, digits and underscores with the apostrophes inside it, or one emoji. Runs of
scripts that write no spaces (Chinese, Japanese kana, Thai, Lao, Khmer, Burmese) are cut into words by the
dictionaries of ICU. Punctuation and symbols become breaks, so that no phrase reaches across them, and so does
a space inside such a script; a hyphen between two words does not.
"""

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

_LETTERS_ALONE = (
    "\u0e01-\u0e4e\u0e50-\u0e59\u0e81-\u0edf\u1000-\u1049\u1050-\u109f\u1780-\u17d3\u17dc-\u17ff"
    "\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"
)
_HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
SPACELESS = _LETTERS_ALONE + _HAN
"""For a class of characters: scripts that write no spaces between words."""
EMOJI = (
    "\u231a\u231b\u23e9-\u23f3\u23f8-\u23fa\u2600-\u27bf\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55"
    "\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff"
)
"""For a class of characters: with which an emoji begins."""
WORD = rf"^[\w\p{{M}}{EMOJI}]"
"""How what is no break begins, for polars."""
# Vowel signs and accents that Python's \w leaves out though they stand inside words.
_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u0900-\u0963\u0966-\u0dff\u0f71-\u0f84"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u200c\u200d\u20d0-\u20ff\ufe20-\ufe2f"
)
_LETTER = rf"[^\W{SPACELESS}]"
_SPELT = rf"{_LETTER}+(?:(?:[{_MARKS}]+|['\u2019](?={_LETTER})){_LETTER}*)*"
_TONE = "[\ufe0f\U0001f3fb-\U0001f3ff]*"
_PICTURE = rf"[\U0001f1e6-\U0001f1ff]{{2}}|[{EMOJI}]{_TONE}(?:\u200d[{EMOJI}]{_TONE})*"
_HYPHEN = r"(?<=\w)[-\u2010\u2011](?=\w)"
_GAP = rf"(?<=[{SPACELESS}])\s+(?=[{SPACELESS}])"
BREAK = "\u2423"
"""Stands for punctuation among the words of a text."""
_PATTERN = rf"({_SPELT}|{_GAP}|[{SPACELESS}]+|{_PICTURE}|(?!{_HYPHEN})[^\w\s{EMOJI}{SPACELESS}]+)|{_HYPHEN}"


@functools.cache
def _pattern() -> re.Pattern[str]:
    return re.compile(_PATTERN)


@functools.cache
def _spaceless() -> re.Pattern[str]:
    return re.compile(f"[{SPACELESS}]")


def joined(text: str) -> str:
    """The text's casefolded words and breaks, each with one space before and after it.

    A phrase occurs in the text exactly where f" {phrase} " is a part of this string.
    """
    found: Iterable[str] = filter(None, _pattern().findall(text))
    if _spaceless().search(text):
        found = (word for run in found for word in _cut(run))
    return f" {' '.join(found)} ".casefold()


def joined_all(texts: Sequence[str]) -> list[str]:
    """joined() of each text."""
    return [joined(text) for text in texts]


def located(text: str) -> list[tuple[int, int, str]]:
    """Start, end and casefolded form of every word and break of the text."""
    found = []
    for match in _pattern().finditer(text):
        start, end = match.span()
        for word in _cut(match.group(1)) if match.group(1) else ():
            # A gap is one break, however long.
            length = end - start if word == BREAK else len(word)
            found.append((start, start + length, word.casefold()))
            start += length
    return found


def _cut(run: str) -> Iterator[str]:
    """The words of a run in a script without spaces; whatever else as it is, a gap as a break."""
    if run.isspace():
        return iter((BREAK,))
    if len(run) == 1 or not _spaceless().match(run):
        return iter((run,))
    from icu4py.breakers import WordBreaker

    # Its dictionaries go by script, whatever the locale.
    return iter(WordBreaker(run, "root"))


def is_spaceless(word: str) -> bool:
    """Whether the word is in a script that writes no spaces."""
    return bool(word) and all(map(_spaceless().match, word))


def is_letter(word: str) -> bool:
    """Whether the word is a single letter, kana, digit or sign: none that could name anything.

    A single Chinese character can be a word.
    """
    return len(word) == 1 and (
        word.isascii() or word.isdigit() or re.match(f"[{_LETTERS_ALONE}]", word) is not None
    )


def listed(words: Sequence[str], last: str = "and") -> str:
    """`"a", "b" and "c"`."""
    quoted = [f'"{word}"' for word in words]
    return f"{', '.join(quoted[:-1])} {last} {quoted[-1]}" if len(quoted) > 1 else quoted[0]


def readable(phrase: str) -> str:
    """The phrase as a reader writes it: no space between two words of scripts that write none."""
    words = phrase.split(" ")
    shown = words[0]
    for before, word in pairwise(words):
        shown += word if is_spaceless(before) and is_spaceless(word) else f" {word}"
    return shown
