"""A sentence word by word, each with its place and what it is: what edits of a sentence start from.

Beside units.py, which reads a text for its meaning and forgets where its words stood.
"""

import re
from dataclasses import dataclass

from tasks.kinds.encoder_failures.embedded import closed, everyday, vocabulary
from tasks.kinds.encoder_failures.embedded.inflection import article
from tasks.kinds.encoder_failures.embedded.units import chosen

_ARTICLE = re.compile(r"\b(an?) $", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:['’\-][^\W_]+)*")
CONTENT = frozenset({"noun", "verb", "adjective"})
_NOMINAL = frozenset({"article", "adjective", "number", "amount", "owner", "preposition"})
_POINTERS = frozenset({"this", "that", "these", "those", "own"})
_PLURALS = frozenset({"people", "children", "men", "women"})


@dataclass(frozen=True, slots=True)
class Token:
    """A word where it stands."""

    start: int
    end: int
    word: str
    """Casefolded."""
    part: str
    """noun, verb, adjective, article, owner, preposition, amount, number, conjunction, negation, auxiliary,
    filler, or word where no list holds it."""
    lemma: str = ""
    form: str = ""
    """Of nouns: one or many; of verbs: base, third, past, participle or ing."""


def tagged(text: str) -> list[Token]:
    """The words of a text in order, with what each can best be read as."""
    found: list[Token] = []
    for match in _WORD.finditer(text):
        word = match[0].casefold()
        part, lemma, form = _read(word, found, between=text[found[-1].end : match.start()] if found else "")
        found.append(Token(match.start(), match.end(), word, part, lemma, form))
    return found


def _read(word: str, before: list[Token], between: str) -> tuple[str, str, str]:
    words = closed.load()
    if part := _closed(word):
        return part, word, ""
    if word[0].isdigit() or word in words.numbers:
        return "number", word, ""
    if not vocabulary.is_listed(word):
        return "word", word, ""
    last = before[-1] if before else None
    # After a comma a new phrase begins: `a dog , running`.
    follows = last is not None and (last.part in _NOMINAL or last.word in _POINTERS) and last.word != "to"
    nominal = last is None or (follows and not between.strip())
    noun = next((t for t in reversed(before) if t.part == "noun"), None)
    readings = tuple(dict.fromkeys((*vocabulary.readings(word), *everyday.readings(word))))
    one = chosen(readings, nominal, noun.form if noun and noun is last else "")
    if one.part == "verb" and last and last.part == "auxiliary":
        fitting = [r for r in readings if r.part == "verb"]
        one = next((r for r in fitting if r.form in {"ing", "participle"}), fitting[0])
    elif one.part == "verb" and last and last.part in {"article", "owner"}:
        return "adjective", word, ""  # a smiling boy
    return one.part, one.lemma, "many" if word in _PLURALS else one.form


def _closed(word: str) -> str:
    """The closed class of a word; empty for words of open classes."""
    words = closed.load()
    for part, members in (
        ("article", words.articles),
        ("owner", words.owners),
        ("auxiliary", words.auxiliaries),
        ("negation", words.negations | frozenset(words.denied)),
        ("conjunction", words.conjunctions),
        ("filler", words.fillers),
    ):
        if word in members:
            return part
    listed = words.phrases.get((word,))
    return listed[0] if listed and listed[0] in {"preposition", "amount"} else ""


def replaced(text: str, changes: dict[tuple[int, int], str]) -> str:
    """The text with other words at these places (start and end); capitals stay, `a` becomes `an`.

    An article is set right only before a word that was exchanged: what the writer wrote stays.
    """
    parts, end = [], 0
    for (start, stop), word in sorted(changes.items()):
        before, was = text[end:start], text[start:stop]
        is_capital = was[:1].isupper() or (start == 0 and text[:1].isupper())
        new = word[:1].upper() + word[1:] if is_capital else word
        if was and (found := _ARTICLE.search(before)):
            before = before[: found.start(1)] + _cased(article(new.casefold()), found[1]) + " "
        parts += [before, new]
        end = stop
    return re.sub(r"  +", " ", "".join([*parts, text[end:]])).strip()


def _cased(word: str, like: str) -> str:
    return word.capitalize() if like[0].isupper() else word
