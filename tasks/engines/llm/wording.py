"""The sentences a proposer gives: in one form, about one text alone, and each said once.

A predicate is judged on one text. What compares ("is more formal than group B") has no truth value
there, so it is found here, to be rewritten by the model or left out. Of 199 published hypotheses (Zhong
et al. 2023) 34 are found: all that compare, and one that reports a comparison. Only English is looked for.
"""

import re
import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np

from tasks.engines.llm.schemas import MAX_WORDS
from tasks.engines.roles import Encoder
from tasks.records import Group
from tasks.store.canonical import canonical, spelling

LONGEST_WORD = 19
"""Letters; of a hundred thousand English words a few dozen have more."""
MAX_CHARS = 200
"""A longer sentence says several things at once."""
MAX_WORDS_BARE = 6
"""Up to so many words without a verb are what a text is about."""
MAX_WORDS_LISTING = 12
"""A longer sentence loses the examples at its end: it is told for what it is about."""
LEAST_RUN = 4
"""Fewer words that also stand in a text are no copy of it."""
RESTATED = 0.65
"""Share of its words from which a sentence says again what a text or an example says."""
EMPTY = "says nothing, or breaks off"
LONG = "is too long"
NAMES_GROUP = "names a group or other texts"
COMPARES = "compares with other texts"
GARBLED = "holds words that are none"
REPEATS_EXAMPLE = "repeats an example"
COPIES_TEXT = "copies one text"
FAULTS = (EMPTY, LONG, NAMES_GROUP, COMPARES, GARBLED, REPEATS_EXAMPLE, COPIES_TEXT)
"""Why a suggestion is no hypothesis: for the manifest, and told to the model, which may mend it."""
NEAR = 0.8
"""Cosine from which two sentences with the same content words are one.

MiniLM's cosine alone does not tell opposites from paraphrases: "a rise in the number of coronavirus cases"
and "a fall in ..." have 0.97, and of 29 paraphrases 28 have less. Both together merge 5 of these 29, and none
of 39 pairs that differ in meaning; what else says the same shows in the verdicts (ranking.py).
"""
_SUBJECT = re.compile(r"^\W{0,3}(?:(?:the|this|a|each) (?:text|sample|document|snippet)s?\b\W{0,5})+", re.I)
_PICTURE = re.compile(r"^\W{0,3}(?:the|this|each) (?:picture|photo|photograph|image)s?\b", re.I)
_GROUP = re.compile(
    r"(?:(?<=^)|(?<=\s))(?<!texts )(?<!those )(?<!than )\(?(?:[io]n|of|from|for|within|across) (?:the )?"
    r"(?:group|corpus|list|sample|set) [AB]\b\)?"
    r"|(?:(?<=^)|(?<=\s))(?:in|of|from|within|across|among) (?:many |most |all |several |some )?(?:of )?"
    r"(?:these|the (?:first|second|given|above)) (?:texts|lists?|groups?|samples?|documents)\b"
)
_TEXTS = re.compile(
    r"^(?:(?:more|most|many|several|all|a lot) )?(?:of )?(?:the |these )?texts\b"
    r"(?: (?:of|in|from) (?:group|corpus|list) [AB])?(?=\s)[\s,]*",
    re.I,
)
_FINITE = re.compile(
    r"(?:\w+s|do|are|were|have|had|can|cannot|will|may|must|not|never|mention|discuss|talk|focus|describe|"
    r"express|use|contain|refer|report|ask|include|concern|relate|deal|address|show|give|make|say|tell)\b"
    r"|.*\b(?:is|are|was|were|has|have|had|does|do|will|can|may)\b",
    re.I,
)
_LISTING = re.compile(r",? (?:including|such as)\b.*", re.I | re.S)
_BROKEN = re.compile(r".*\b(?:the|an?|of|and|or|its|their|including|such as|like),?", re.I | re.S)
_VERB_FIRST = re.compile(r"[A-Z][a-z-]*s\b(?! (?:is|are|was|were|has|have|had)\b)")
_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|«[^»]*»|(?<!\w)'[^']*'(?!\w)|(?<!\w)‘[^’]*’(?!\w)")
_REPORTED = re.compile(
    r"\b(?:says?|states?|claims?|argues?|implies|imply|reports?|asks?|believes?|expects?|complains?|notes?|"
    r"predicts?|asserts?|mentions?|thinks?|hopes?|fears?|denies|suggests?) (?:that|whether|how|why)\b.*",
    re.I | re.S,
)
_COUNTED = r"(?:\d|an?\b|one\b|two\b|three\b|four\b|five\b|six\b|ten\b|half\b|once\b|twice\b|just\b|simply\b)"
_OTHER_GROUP = re.compile(
    r"\b(?:group|corpus|samples?|texts?) [AB]\b|\bthan (?:(?:the|those|texts|in|of|from) )*[AB]\b"
    r"|\bthe other (?:group|corpus|texts|samples)\b"
    r"|\b(?:[Cc]ompared (?:to|with)|in comparison (?:to|with)|relative to)\b"
)
_DEGREE = re.compile(
    rf"(?<!one )(?<!two )(?<!any )(?<!no )(?<!once )\b(?:more|less|fewer)\b"
    rf"(?! or less\b| about\b| than {_COUNTED}|\s*$|\s*[,.;:!?)])"
    rf"|(?<!more or )\bless than (?!{_COUNTED})"
    r"|\b(?:is|are|has|have|uses?|contains?|shows?|employs?|an?) (?:longer|shorter|simpler|larger|smaller|"
    r"bigger|higher|lower|greater|better|worse|stronger|weaker|broader|richer|clearer|easier|harder)\b"
    rf"(?! than {_COUNTED})"
    rf"|\b(?!rather\b|other\b)(?:\w+er|worse) than (?!{_COUNTED})"
    r"|\bmost (?:often|frequently|likely)\b",
    re.I,
)
_EMPTY = re.compile(
    r"an?|the|is|are|was|were|be|been|being|its?|this|that|these|those|of|to|in|on|at|for|from|by|as|and|or|"
    r"which|who|whom|whose|there|their|they|them|about|regarding|concern(?:s|ing)|mention(?:s|ed|ing)?|"
    r"describes?|discuss(?:es)?|refers?|talks?|contains?|includes?|references?"
)


def tidied(sentence: str) -> str:
    """The sentence in its one form, as it completes "the text ...": one line, no final period."""
    bare = " ".join(_GROUP.sub("", " ".join(canonical(sentence).split())).split())
    bare = _SUBJECT.sub("", _TEXTS.sub("", bare)).strip()
    bare = re.sub(r"^(?:\.{3}|…)\s*", "", bare)
    bare = re.sub(r"(?<!\.)\.$", "", bare).strip()
    # "Mentions a flood" completes the sentence as "mentions a flood"; "James is mentioned" stays.
    return bare[:1].lower() + bare[1:] if _VERB_FIRST.match(bare) else bare


def bare(sentence: str, noun: str) -> str:
    """Without the words that name a picture, where rows are pictures: a text may well speak of one."""
    return _PICTURE.sub("", sentence) if noun == "picture" else sentence


def predicate(sentence: str) -> str:
    """The sentence tidied; without the end where it breaks off; a few words without a verb as a subject."""
    tidy = tidied(sentence)
    if len(tidy.split()) > MAX_WORDS_LISTING:
        tidy = _LISTING.sub("", tidy)
    # A grammar that lets it have no more words ends it anywhere.
    is_cut = len(tidy.split()) >= MAX_WORDS and not sentence.rstrip().endswith((".", "!", "?"))
    if _BROKEN.fullmatch(tidy) or (is_cut and "," in tidy):
        tidy = tidy.rpartition(",")[0].strip()
    n_words = len(tidy.split())
    if not tidy.isascii() or not 0 < n_words <= MAX_WORDS_BARE or (n_words > 1 and _FINITE.match(tidy)):
        return tidy
    return f"is {tidy}" if tidy.startswith("about ") else f"is about {tidy}"


def is_comparative(sentence: str) -> bool:
    """Whether it sets the text against other texts; what it quotes or reports may compare."""
    plain = _QUOTED.sub('""', sentence)
    return bool(_OTHER_GROUP.search(plain) or _DEGREE.search(_REPORTED.sub("", plain)))


def fault(sentence: str, texts: Sequence[str] = (), examples: Sequence[str] = ()) -> str:
    """Why it is no hypothesis, as one of FAULTS; empty where it can be judged on one text as it stands.

    Args:
        sentence: tidied.
        texts: what the model was shown: a hypothesis is about many, and does not hand one back.
        examples: hypotheses of the user's, which are to be followed and not repeated.
    """
    plain = _QUOTED.sub('""', sentence)
    faults = (
        (EMPTY, lambda: not sentence or _BROKEN.fullmatch(sentence)),
        (LONG, lambda: len(sentence) > MAX_CHARS),
        (NAMES_GROUP, lambda: _OTHER_GROUP.search(plain)),
        (COMPARES, lambda: _DEGREE.search(_REPORTED.sub("", plain))),
        (GARBLED, lambda: _is_garbled(sentence, texts)),
        (REPEATS_EXAMPLE, lambda: any(_alike(sentence, example) >= RESTATED for example in examples)),
        # What more of the shown texts say is no text's own.
        (COPIES_TEXT, lambda: 0 < sum(copies(sentence, text) for text in texts) <= 2),
    )
    return next((why for why, has in faults if has()), "")


def _is_garbled(sentence: str, texts: Sequence[str]) -> bool:
    """Whether it has letters of a script, or an endless word, that no text has.

    A model whose sentence ends where a grammar wants it to runs words into one, or goes on in Chinese.
    """
    shown = "\n".join(texts).casefold()
    foreign = {c for c in sentence if c.isalpha() and not unicodedata.name(c, "").startswith("LATIN")}
    words = re.findall(r"[^\W\d_]+", sentence.casefold())
    endless = [word for word in words if len(word) > LONGEST_WORD and word not in shown]
    return bool(endless) or any(c not in shown for c in foreign)


def fits(sentence: str) -> bool:
    """Whether it can be judged on one text as it stands."""
    return not fault(sentence)


def _alike(sentence: str, other: str) -> float:
    """Content words that both have, of all that either has."""
    one, two = content(_spelling(sentence)), content(_spelling(tidied(other)))
    return len(one & two) / len(one | two) if one or two else 1.0


def copies(sentence: str, text: str) -> bool:
    """Whether most of the sentence stands in the text word by word, or both say nearly the same words."""
    said, words = (re.findall(r"\w+", _spelling(one)) for one in (sentence, text))
    run = SequenceMatcher(None, said, words, autojunk=False).find_longest_match().size
    if run >= LEAST_RUN and run >= RESTATED * len(said):
        return True
    return len(content(_spelling(text))) >= LEAST_RUN and _alike(sentence, text) >= RESTATED


def distinct(sentences: Sequence[str], directions: Sequence[Group], encoder: Encoder | None) -> list[int]:
    """Which sentences to keep, the first of each that say the same.

    The same are equal spellings and, with an encoder, sentences of one direction that have the same
    content words and a cosine of at least NEAR.
    """
    spelled = [_spelling(sentence) for sentence in sentences]
    vectors = encoder.encode(spelled).astype(np.float64) if encoder and spelled else None
    words = [content(sentence) for sentence in spelled]
    kept: list[int] = []
    for i in range(len(sentences)):
        alike = (
            spelled[i] == spelled[j]
            or (
                vectors is not None
                and directions[i] == directions[j]
                and words[i] == words[j]
                and float(vectors[i] @ vectors[j]) >= NEAR
            )
            for j in kept
        )
        if not any(alike):
            kept.append(i)
    return kept


def _spelling(sentence: str) -> str:
    return spelling(sentence).rstrip(".!")


def content(spelling: str) -> frozenset[str]:
    """Its words without function words and verbs of mentioning, by their first five letters."""
    return frozenset(word[:5] for word in re.findall(r"\w+", spelling) if not _EMPTY.fullmatch(word))
