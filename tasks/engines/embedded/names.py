"""Which words are names in a corpus: of a group, of who is written to, of a person, product or place.

`united` is a positive word, and an airline; `may` hedges, and is a month. A name says nothing of how
a text speaks.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from tasks.engines.embedded import tokens
from tasks.study import Study
from tasks.study.corpus import Source

SAMPLE = 2_000
_READ_CHARS = 1_000
LEAST_SEEN = 2
# One space after a letter or a comma: the middle of a sentence.
_INSIDE = re.compile(r"(?<=[^\W\d_] )[^\W\d_][\w'’]*|(?<=[,;] )[^\W\d_][\w'’]*")
_TAG = re.compile(r"[@#](\w+)")
_WORD = re.compile(r"[^\W\d_][\w'’]*")
_PRONOUN = re.compile(r"i(?:['’].+)?")


def of_groups(study: Study) -> frozenset[str]:
    """Casefolded words of the values and names of the groups."""
    collect = study.collect
    named = (*collect.labels, collect.a_name, collect.b_name)
    labels = [label for label in named if isinstance(label, str)]
    labels += [str(one.path) for one in (collect.a, collect.b) if isinstance(one, Source) and one.path]
    return frozenset(word for label in labels for word in tokens.joined(label).split())


def found(texts: Sequence[str], wanted: Iterable[str]) -> frozenset[str]:
    """Those of the casefolded words that stand in these texts mostly as a name.

    That is inside a sentence with a capital (of texts that do not put capitals everywhere), or as a handle or
    hashtag. Of at most twice SAMPLE texts the beginning is read.
    """
    wanted = frozenset(wanted)
    tagged: Counter[str] = Counter()
    capital: Counter[str] = Counter()
    inside: Counter[str] = Counter()
    said: Counter[str] = Counter()
    for text in (text[:_READ_CHARS] for text in texts[:: max(len(texts) // SAMPLE, 1)]):
        said.update(wanted.intersection(word.casefold() for word in _WORD.findall(text)))
        if "@" in text or "#" in text:
            tagged.update(wanted.intersection(tag.casefold() for tag in _TAG.findall(text)))
        words = [word for word in _INSIDE.findall(text) if not word.isupper()]
        if 2 * sum(word[0].isupper() for word in words) > len(words):
            continue
        inside.update(wanted.intersection(map(str.casefold, words)))
        capital.update(wanted.intersection(word.casefold() for word in words if word[0].isupper()))
    return frozenset(
        word
        for word in wanted
        if not _PRONOUN.fullmatch(word)
        and (
            (capital[word] >= LEAST_SEEN and 2 * capital[word] > inside[word])
            or (tagged[word] >= LEAST_SEEN and 2 * tagged[word] >= said[word])
        )
    )
