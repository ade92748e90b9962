"""What the sentences of a corpus say where: words that its writers put in such a place.

A word for another one is drawn from here, so that a new sentence is one that they might have written.
"""

import functools
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from tasks.kinds.encoder_failures.embedded import everyday, lexicon, synonyms, vocabulary
from tasks.kinds.encoder_failures.embedded.inflection import article
from tasks.kinds.encoder_failures.embedded.tagging import CONTENT, Token, tagged

Key = tuple[str, str, str]
_WIDE = 2
"""Steps up to a common wider word within which two nouns are of one sort: shirt and hat, by clothing."""


class Wording:
    """Words of open classes by part of speech and form, and beside which words they stand."""

    def __init__(self, sentences: Sequence[str]) -> None:
        self._words: dict[tuple[str, str], Counter[str]] = {}
        self._beside: dict[Key, Counter[str]] = {}
        """Part, form and the word that ties it to its place -> words seen there."""
        for sentence in sentences:
            tokens = tagged(sentence)
            for at, token in enumerate(tokens):
                if token.part in CONTENT:
                    self._words.setdefault((token.part, token.form), Counter())[token.word] += 1
                    key = (token.part, token.form, tie(tokens, at))
                    self._beside.setdefault(key, Counter())[token.word] += 1

    def drawn(
        self,
        tokens: Sequence[Token],
        at: int,
        fits: Callable[[str], bool],
        rng: np.random.Generator,
        *,
        anywhere: bool = False,
    ) -> str | None:
        """Another word for the one at `at`, as often as it is written there; None where there is none.

        Args:
            tokens: of a sentence.
            at: a word of an open class.
            fits: whether a word (in the same form) may stand there.
            rng: the draw is made with it.
            anywhere: take words of other places where none fits of this one, and listed ones where the corpus
                has none.
        """
        token = tokens[at]
        taken = {one.word for one in tokens}
        pools = [self._beside.get((token.part, token.form, tie(tokens, at)), Counter())]
        if anywhere:
            pools += [self._words.get((token.part, token.form), Counter()), _listed(token.part, token.form)]
        for pool in pools:
            words = [w for w in sorted(pool) if w not in taken and _sounds(w, token) and fits(w)]
            if words:
                weights = np.sqrt([pool[w] for w in words])
                return words[int(rng.choice(len(words), p=weights / weights.sum()))]
        return None


@functools.cache
def _listed(part: str, form: str) -> Counter[str]:
    """Single words of the lexicon."""
    every = lexicon.load().forms.items()
    return Counter(
        w for w, several in every if " " not in w for r in several if (r.part, r.form) == (part, form)
    )


def tie(tokens: Sequence[Token], at: int) -> str:
    """The word that ties one to its place: what follows a verb, the noun after an adjective, what stands
    before a noun."""
    token = tokens[at]
    if token.part == "noun":
        before = next((t for t in reversed(tokens[:at]) if t.part in {"verb", "preposition"}), None)
        return before.lemma if before else ""
    following = next((t for t in tokens[at + 1 :] if token.part == "verb" or t.part == "noun"), None)
    if following is None:
        return ""
    return following.lemma if token.part == "adjective" or following.part != "noun" else "noun"


def _sounds(word: str, token: Token) -> bool:
    """Whether it takes the same article."""
    return article(word) == article(token.word)


@functools.lru_cache(maxsize=65536)
def are_near(left: str, right: str, part: str) -> bool:
    """Whether two base forms are related in meaning: synonyms, opposites, one wider than the other."""
    if left == right or lexicon.load().are_related(left, right):
        return True
    if synonyms.are_synonyms(left, right) or synonyms.are_opposites(left, right):
        return True
    return everyday.related(left, right, part) in {"same", "near", "opposite"}


@functools.lru_cache(maxsize=65536)
def are_kin(left: str, right: str, part: str) -> bool:
    """Whether two base forms are of one sort: near, or of one class (colours, animals, ways to move)."""
    if are_near(left, right, part):
        return True
    if part == "noun" and everyday.are_of_one_sort(left, right, _WIDE):
        return True
    return _is_one_class(_CLASSES[part], left, right)


def _verb_topic(lemma: str) -> str:
    return vocabulary.verb_class(lemma) or everyday.topic(lemma, "verb")


_CLASSES: dict[str, Callable[[str], str]] = {
    "noun": vocabulary.noun_class,
    "adjective": vocabulary.attribute_class,
    "verb": _verb_topic,
}


def _is_one_class(of: Callable[[str], str], left: str, right: str) -> bool:
    return of(left) == of(right) != ""


@functools.lru_cache(maxsize=65536)
def lemma_of(word: str, part: str, form: str) -> str:
    """The base form of a word that has this part and form."""
    readings = (*vocabulary.readings(word), *everyday.readings(word))
    return next((one.lemma for one in readings if one.part == part and one.form in {form, ""}), word)
