"""A trait as one sentence that completes "the answer that ...": a comparison, and what more and less are.

Two answers are compared, so that here a comparison is wanted. What names a model, or says which answer it
speaks of, can be judged by who reads the name alone, and is left out.
"""

import re
from collections.abc import Sequence

from tasks.engines.llm import wording
from tasks.store.canonical import spelling

NAMES_MODEL = "names a model or one of the answers"
MAX_CHARS = 240
"""With what more and less of it is."""
_SUBJECT = re.compile(
    r"^\W{0,3}(?:(?:the|an?|this|each|one)\s+)?(?:answer|response|repl(?:y|ie))s?\b"
    r"(?:\s+(?:that|which))?[\s,:]+|^it\s+",
    re.I,
)
_OTHER = re.compile(
    r",?\s+(?:than|compared (?:to|with)|in comparison (?:to|with)|relative to) (?:the |those of )?"
    r"(?:other|second|first)(?:'s|s)?(?: (?:answer|response|one|model|writer)(?:'s|s)?)?$",
    re.I,
)
_THE_OTHER = re.compile(r"^the other (?:answer|response|one)s?\b", re.I)
_NOTHING_MORE = {"more", "less", "other"}
_ORDINARY = re.compile(r"[a-z]+")
_WHICH = re.compile(
    r"\b(?:first|second|other|left|right|one) (?:answer|response|writer|model|assistant|one)s?\b"
    r"|\b(?:answer|response|writer|model|assistant|chatbot)s? (?:[AB12]|one|two)\b",
    re.I,
)
_BE = re.compile(
    r"(is|are|sounds?|seems?|feels?|reads?|looks?|appears?) (?!a\b|an\b|the\b|in\b|about\b)", re.I
)
_MORE = re.compile(r"\b(?:more|less|fewer)\b|^[a-z]+ [a-z]{2,}er\b", re.I)


def tidied(sentence: str) -> str:
    """A comparison as it completes "the answer that ...": one line, without subject and without period."""
    bare = wording.tidied(sentence)
    bare = _OTHER.sub("", _SUBJECT.sub("", bare, count=1)).strip()
    if not bare or _MORE.search(bare) or wording.is_comparative(bare):
        return bare
    # Of two answers that both do it the one that does it more is looked for.
    return _BE.sub(r"\1 more ", bare, count=1) if _BE.match(bare) else f"{bare} more"


def sentence(trait: str, high: str = "", low: str = "") -> str:
    """The trait with what it is to show more and less of it, as it is frozen.

    Args:
        trait: as it begins with "The answer".
        high: as it begins with "It".
        low: as it begins with "The other". Of both only what says more than the trait is kept.
    """
    said = tidied(trait)
    parts = [part for part in map(_line, (high, low)) if _words(part) - _words(said) - _NOTHING_MORE]
    return f"{said} ({'; '.join(parts)})" if said and parts else said


def fault(
    predicate: str, names: Sequence[str], texts: Sequence[str] = (), examples: Sequence[str] = ()
) -> str:
    """Why it is no trait; empty where two answers can be compared by it.

    Args:
        predicate: as `sentence` gives it.
        names: of the models.
        texts: what the model was shown: a trait is about many answers, and hands none of them back.
        examples: traits of the user's, which are to be followed and not repeated.
    """
    if len(predicate) > MAX_CHARS:
        return wording.LONG
    said, _, rest = predicate.partition(" (")
    if _WHICH.search(said) or _names_one(predicate, names):
        return NAMES_MODEL
    why = wording.fault(said, texts, examples)
    if why not in {"", wording.COMPARES}:
        return why
    parts = [part for part in (said, *rest.rstrip(")").split("; ")) if part]
    return wording.COPIES_TEXT if any(wording.copies(p, text) for p in parts for text in texts) else ""


def name(predicate: str) -> str:
    """What two wordings of one trait have in common."""
    words = wording.content(spelling(predicate.partition(" (")[0]))
    return " ".join(sorted(words)) or predicate


def _names_one(predicate: str, names: Sequence[str]) -> bool:
    """Whether a model is named; one whose name is an ordinary word (`concise`) is not told from the word."""
    folded = predicate.casefold()
    return any(
        re.search(rf"(?<!\w){re.escape(one.casefold())}(?!\w)", folded)
        for one in names
        if one.strip() and not _ORDINARY.fullmatch(one.strip())
    )


def _words(text: str) -> frozenset[str]:
    return wording.content(spelling(text.removeprefix("it ")))


def _line(text: str) -> str:
    """What stands in the brackets: one line, in lower case, without the answer it is compared with."""
    plain = " ".join(text.split()).replace("(", "").replace(")", "")
    bare = _THE_OTHER.sub("the other", _OTHER.sub("", re.sub(r"(?<!\.)\.$", "", plain)))
    return bare[:1].lower() + bare[1:]
