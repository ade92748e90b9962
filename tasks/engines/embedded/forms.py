"""What a sentence of the user's says, where it can be judged without a language model: a definition.

The engine's own sentences are read back as they are published; beside them a few plain forms (forms.yaml).
What a definition takes from the texts (names, languages, vectors, thresholds) is filled in by reading.py.
"""

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from tasks.engines.embedded import (
    anchored,
    bank,
    definitions,
    pictures,
    style,
    tokens,
    tone,
    wordlists,
    words,
)
from tasks.engines.embedded.measures import MEASURES
from tasks.engines.embedded.programs import programs
from tasks.engines.languages import LANGUAGES
from tasks.engines.roles import UnreadError
from tasks.study.asked import PATTERN

FORMS = (
    'mentions "refund" or "money back"; /refund(s|ed)?/ in Rust\'s syntax; is longer than 50 words; contains '
    "a URL; is a question; is written in French; is positive; is about delivery"
)
"""An example of each, for whoever wrote something else."""
MAX_WORDS_UNQUOTED, MAX_WORDS_TOPIC = 3, 12
TOP_SHARE = anchored.TOP_SHARES[0]
Part = dict[str, Any]
_STRAIGHT = str.maketrans("“”„‘’", '"""\'\'')
_DOUBLE = str.maketrans("“”„", '"""')
"""An apostrophe is part of a word, and stays as it is written."""
_TOP = re.compile(r"\s*\(top ([^()%]*?) *%\)$")
_QUOTED = re.compile(r'"([^"]*)"')
_IN_QUOTES = re.compile(r"""["'‘].+["'’][.,;:!?]*""")
_SAYS_QUOTED = re.compile(
    r'(?:mentions?|says?|contains?|uses?|includes?|has)(?: the (?:words?|phrases?|terms?))? (?P<rest>".*)',
    re.I,
)
_SAYS = re.compile(
    r"(?:mentions?|says?|(?:contains?|uses?|includes?|has) the (?:words?|phrases?|terms?)) (?P<rest>.+)", re.I
)
_NO_WORDS = re.compile(r"(?:that|how|why|whether|when|who)\b|.*\b(?:more|less|fewer|than|often)\b", re.I)
_STATES = re.compile(
    r"(?:is|are|was|were|has|have|does|do|mentions?|says?|contains?|uses?|asks?|talks?|speaks?|sounds?)\s|"
    r".*\b(?:not|\w+n['’]t|no|none|never|nothing|neither|either|nor|both|but|except|without|unless|instead|only|"
    r"hardly|once|twice|(?:any|some|every)thing)\b",
    re.I,
)
"""A clause, a negation or a count: words that say more than that they stand there, unless they are quoted."""
_LEAVES_OUT = re.compile(
    r".*\b(?:not|\w+n['’]t|no|none|never|nothing|neither|nor|but|except|excluding|without|unless|instead of|"
    r"rather than|opposite|unrelated)\b",
    re.I,
)
"""An encoder puts a topic and its negation at one place."""
_ARTICLE = re.compile(r"^(?:an?|the|any|some)\s+", re.I)
_LANGUAGE = re.compile(r"(?:is )?(?:written )?in (?P<name>[A-Za-z]+)|is (?P<bare>[A-Za-z]+)", re.I)
_VADER = re.compile(
    r"(?:is|sounds|leans|has|reads)(?P<strongly> strongly| very)?(?: as)?(?: towards)?(?: an?)?"
    r"(?P<more> strongly| very)? (?P<pole>positive|negative)(?: in)?(?: tone)?(?: \(by vader.*\))?",
    re.I,
)
_TONE = re.compile(
    r"(?:is|sounds|reads|has|uses|shows|expresses|leans towards)(?: an?)? (?P<pole>.+?)(?: in)?(?: tone)?",
    re.I,
)
_TOPIC = re.compile(
    r"(?:is|talks|speaks|writes) (?:mainly |mostly )?about (?P<about>.+)|"
    r"(?:discusses|deals with) (?P<deals>.+)|"
    r"(?:leans towards|is on) the (?:topic|subject)(?: of)? (?P<topic>.+)|"
    r"resembles (?:texts about|pictures of) (?P<like>.+)",
    re.I,
)
_SUCH_AS = re.compile(r'resembles (?:texts|pictures) such as "(?P<text>.+)"', re.I)
NUMBER = r"(?P<number>\d(?:[\d.,]*\d)?)"
"""A number in a sentence, as a group of that name."""
_WRITTEN_NUMBER = re.compile(r"(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d+)?")
_DOTTED_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+")


def part_of(sentence: str) -> Part:
    """The definition, as far as it follows from the sentence alone; of a similarity its anchor and `share`.

    Raises:
        UnreadError: it is in no form that can be judged.
    """
    for form in _READERS:
        found = form(sentence)
        if found is not None:
            return found
    raise UnreadError(f"it is in no form that can be judged without a language model{_narrower(sentence)}")


def _narrower(sentence: str) -> str:
    """Sentences of the engine that say all that this one says, and more, as a question."""
    said = set(plain(sentence).split())
    found = [p.phrase for p in programs().values() if said and said < set(plain(p.phrase).split())]
    return f"; did you mean {' or '.join(f'`{phrase}`' for phrase in found[:3])}?" if found else ""


def phrase(part: Mapping[str, Any]) -> str:
    """What a definition, or part of one, says: as the engine publishes it."""
    kind = part["kind"]
    if kind in _PHRASES:
        return _PHRASES[kind](part)
    said = {
        "topic": f"leans towards the topic {part['anchor']}",
        "axis": f"leans towards {part['anchor']}",
        "text": f'resembles texts such as "{part["anchor"]}"',
    }
    return anchored.top(said[part["basis"]], part["share"])


_PHRASES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "words": lambda part: words.phrase(part["terms"]),
    "pattern": lambda part: f"matches /{part['pattern']}/",
    "style": style.phrase,
    "sentiment": tone.phrase,
    "language": lambda part: f"is written in {LANGUAGES[part['code']]}",
    "measure": pictures.phrase,
    "class": pictures.phrase,
}


def _spelled(sentence: str) -> str:
    return " ".join(sentence.translate(_STRAIGHT).casefold().split())


def plain(sentence: str) -> str:
    """The sentence without what makes no other sentence of it: articles, plurals, examples at its end."""
    bare = re.sub(r"\s*\([^()]*\)$|,? such as .*$", "", _spelled(sentence))
    said = [word for word in bare.split() if word not in {"a", "an", "the", "any", "some"}]
    if said and said[0] in {"has", "have", "includes", "uses", "contain"}:
        said[0] = "contains"
    return " ".join(re.sub(r"(?<=[^\Ws])s$", "", word) for word in said)


@functools.cache
def _published() -> Mapping[str, str]:
    """Program by the sentence it is published with, whole and without its examples."""
    found = {_spelled(program.phrase): name for name, program in programs().items()}
    return found | {_spelled(program.phrase.split(" (")[0]): name for name, program in programs().items()}


@functools.cache
def plain_programs() -> Mapping[str, str]:
    """Program by the plain forms of its sentence."""
    listed = wordlists.yaml_beside(__file__)["programs"]
    own = [(plain(program.phrase), name) for name, program in programs().items()]
    return dict(
        [*own, *((plain(form), name) for name, forms in listed.items() for form in forms.split(" / "))]
    )


@functools.cache
def _measures(which: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Plain forms with a number, as patterns, and the measure of each."""
    found = [(m.phrase, name) for name, m in MEASURES.items()] if which == "measures" else []
    for name, forms in wordlists.yaml_beside(__file__)[which].items():
        found += [(form, name) for form in forms.split(" / ")]
    return tuple((_with_number(form), name) for form, name in found)


def _with_number(form: str) -> re.Pattern[str]:
    before, after = (re.escape(plain(part)) for part in form.split("{}"))
    return re.compile(rf"{before} {NUMBER} {after}")


def _pattern(sentence: str) -> Part | None:
    found = PATTERN.fullmatch(sentence)
    if not found:
        return None
    pattern = f"(?i){found['pattern']}" if found["flags"] else found["pattern"]
    if wrong := definitions.pattern_fault(pattern):
        raise UnreadError(f"the pattern cannot be read: {wrong}")
    if pl.Series([""]).str.contains(pattern)[0]:
        raise UnreadError("the pattern fits an empty text, so that it fits every text")
    return {"kind": "pattern", "pattern": pattern}


def _program(sentence: str) -> Part | None:
    bare = re.sub(r" \(here mostly .*\)$", "", _spelled(sentence))
    name = _published().get(bare)
    return {"kind": "style", "program": name} if name else None


def _plain_program(sentence: str) -> Part | None:
    name = plain_programs().get(plain(sentence))
    return {"kind": "style", "program": name} if name else None


def _measure(sentence: str) -> Part | None:
    said = plain(sentence)
    for pattern, name in _measures("fewer"):
        if found := pattern.fullmatch(said):
            more = MEASURES[name].phrase.format(max(int(value_of(found["number"])) - 1, 0))
            raise UnreadError(
                f"it says the opposite of one that can be judged. Write `{more}`, of the other group"
            )
    for pattern, name in _measures("measures"):
        if found := pattern.fullmatch(said):
            return {"kind": "style", "program": name, "more_than": _threshold(name, found["number"])}
    return None


def value_of(number: str) -> float:
    """A number as people write it.

    Raises:
        UnreadError: it can be read in two ways.
    """
    if not _WRITTEN_NUMBER.fullmatch(number) or _DOTTED_THOUSANDS.fullmatch(number):
        raise UnreadError(
            f"{number} can be read in two ways: write thousands as 1000 or 1,000, a half as 0.5"
        )
    return float(number.replace(",", ""))


def _threshold(name: str, number: str) -> int | float:
    value, digits = value_of(number), MEASURES[name].digits
    if round(value, digits) != value:
        raise UnreadError(f"{number} is finer than {'whole numbers' if not digits else 'one decimal'}")
    return round(value, digits) if digits else int(value)


def _language(sentence: str) -> Part | None:
    found = _LANGUAGE.fullmatch(sentence)
    if not found:
        return None
    name = found["name"] or found["bare"]
    code = next((code for code, known in LANGUAGES.items() if known.casefold() == name.casefold()), None)
    return {"kind": "language", "code": code} if code else None


def _sentiment(sentence: str) -> Part | None:
    found = _VADER.fullmatch(_spelled(sentence))
    if not found:
        return None
    least = tone.THRESHOLDS[bool(found["strongly"] or found["more"])]
    return {"kind": "sentiment", "pole": found["pole"], "least": least}


def _similar(part: Part, share: float) -> Part:
    return {"kind": "similarity", **part, "share": share}


def _axis(sentence: str) -> Part | None:
    said, share = _cut_share(_spelled(sentence))
    found = _TONE.fullmatch(said)
    pole = _poles().get(found["pole"]) if found else None
    return None if pole is None else _similar({"basis": "axis", "anchor": pole}, share)


@functools.cache
def _poles() -> Mapping[str, str]:
    """Pole by its name, with and without what makes a phrase of it."""
    bare = {re.sub(r"^an? | (?:tone|language)$", "", pole): pole for pole in anchored.pole_names()}
    return {**bare, **{re.sub(r"^an? | tone$", "", pole): pole for pole in anchored.pole_names()}}


def _topic(sentence: str) -> Part | None:
    said, share = _cut_share(" ".join(sentence.translate(_STRAIGHT).split()))
    if found := _SUCH_AS.fullmatch(said):
        return _similar({"basis": "text", "anchor": found["text"]}, share)
    found = _TOPIC.fullmatch(re.sub(r" \(e\.g\. .*\)$", "", said))
    if not found:
        return None
    about = next(filter(None, found.groups())).replace('"', "").strip()
    if _NO_WORDS.match(about):
        raise UnreadError("it compares: a topic is what one text is about")
    if _LEAVES_OUT.match(about):
        raise UnreadError(
            "it leaves something out, which nearness to a topic cannot: say what a text is about"
        )
    if not about or len(about.split()) > MAX_WORDS_TOPIC:
        raise UnreadError(f"a topic has 1 to {MAX_WORDS_TOPIC} words")
    known = next((name for name in bank.topics() if name.casefold() == about.casefold()), about)
    return _similar({"basis": "topic", "anchor": known}, share)


def _cut_share(sentence: str) -> tuple[str, float]:
    found = _TOP.search(sentence)
    if not found:
        return sentence, TOP_SHARE
    if not re.fullmatch(r"[1-9]\d?", found[1]):
        raise UnreadError(f"top {found[1]} %: a share is a whole number from 1 to 99")
    return sentence[: found.start()], int(found[1]) / 100


def _quoted_words(sentence: str) -> Part | None:
    found = _SAYS_QUOTED.fullmatch(sentence.translate(_DOUBLE))
    if not found:
        return None
    between = [word for word in re.split(r"[\s,]+", _QUOTED.sub(" ", found["rest"])) if word]
    if "and" in between:
        raise UnreadError("`and` between words cannot be judged: write `or`, or a sentence for each")
    if any(word != "or" for word in between):
        return None
    return _terms(_QUOTED.findall(found["rest"]))


def _plain_words(sentence: str) -> Part | None:
    found = _SAYS.fullmatch(sentence.translate(_DOUBLE))
    if not found or _NO_WORDS.match(found["rest"]):
        return None
    listed = [_ARTICLE.sub("", one.strip()) for one in re.split(r",\s*(?:or\s+)?|\s+or\s+", found["rest"])]
    if any(len(one.split()) > MAX_WORDS_UNQUOTED or " and " in f" {one} " for one in listed):
        raise _meaning()
    if any(_STATES.match(one) and not _IN_QUOTES.fullmatch(one) for one in listed):
        raise _meaning()
    bare = [one.strip("\"'‘’.,;:!?") for one in listed]
    if any('"' in one for one in bare):
        raise _meaning()
    return _terms(bare)


def _meaning() -> UnreadError:
    return UnreadError("it reads as a meaning; words that are meant as they stand are put in quotes")


def _terms(said: list[str]) -> Part:
    terms = list(dict.fromkeys(tokens.joined(one).strip() for one in said))
    part = {"kind": "words", "terms": terms}
    if not all(terms) or definitions.words_fault(part):
        raise UnreadError("its words cannot be told apart in a text: write each word or phrase in quotes")
    return part


# What the engine itself publishes goes before what only looks alike.
_READERS: tuple[Callable[[str], Part | None], ...] = (
    _pattern, _program, _measure, _language, _sentiment, _plain_program,
    _quoted_words, _axis, _topic, _plain_words,
)  # fmt: skip
