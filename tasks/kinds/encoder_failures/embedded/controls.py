"""A matched control: the left text of a pair with other words of the class that the pair itself exchanges.

Where a pair exchanges words of open classes, its control exchanges as many of the same part of speech, for
words that are near in meaning to nothing the texts say. Where a pair exchanges, adds or moves small words
(not, two, under, was), so does its control: encoders weigh small words less than others, and a control that
exchanged nouns would be told apart for that alone. A control means something else than its left text, too.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.engines.embedded import wordlists
from tasks.engines.pairs import lexical_overlap
from tasks.kinds.encoder_failures.embedded.edits import edit
from tasks.kinds.encoder_failures.embedded.rewriting import Sentence, rewritten
from tasks.kinds.encoder_failures.embedded.tagging import CONTENT, Token, replaced, tagged
from tasks.kinds.encoder_failures.embedded.wording import Wording, are_kin, are_near, lemma_of

SMALL = "small word"
"""Any word of a closed class."""
BY_SORT = frozenset({"entity", "action", "attribute"})
"""Failures that are an exchange of words of one sort for each other."""
_SMALL_WAYS = ("preposition", "quantifier", "number", "tense")
"""Rewritings that exchange small words. Denial is none of them: it is the failure most looked for."""
_AMOUNTS = frozenset({"quantifier", "number"})
_MOST = 4
"""Words exchanged in a control, at most."""
_NEAR = 0.05
"""Overlaps that differ by less are matched."""


@dataclass(frozen=True)
class Control:
    """The second text of a control."""

    text: str
    word_class: str
    """What was exchanged: noun, verb, adjective or SMALL."""


def word_class(left: str, right: str) -> str:
    """The class of the words in which two texts differ: noun, verb, adjective, or SMALL for closed classes.

    Of several open classes the one with most of them. Of the same words in another order it is the class of
    the words that moved. Another form of one word (runs, ran) is told by an ending: a small word.
    """
    counted = Counter(t.part for side in _differing(left, right) for t in side)
    return max(sorted(counted), key=lambda part: counted[part]) if counted else SMALL


def _differing(left: str, right: str) -> tuple[list[Token], list[Token]]:
    """Words of open classes that only one of the texts has, or that moved."""
    first, second = tagged(left), tagged(right)
    words = Counter(t.word for t in first), Counter(t.word for t in second)
    if words[0] == words[1] or _without_articles(words[0]) == _without_articles(words[1]):
        moved = [t for t in first if t.part in CONTENT and [t.word, _place(first, t)] not in _placed(second)]
        return moved, []
    lemmas = {t.lemma for t in first} & {t.lemma for t in second}
    gone, come = words[0] - words[1], words[1] - words[0]
    return (
        [t for t in first if t.part in CONTENT and t.word in gone and t.lemma not in lemmas],
        [t for t in second if t.part in CONTENT and t.word in come and t.lemma not in lemmas],
    )


def _without_articles(words: Counter[str]) -> Counter[str]:
    return Counter({word: n for word, n in words.items() if word not in {"a", "an"}})


def _placed(tokens: Sequence[Token]) -> list[list[str | int]]:
    return [[t.word, _place(tokens, t)] for t in tokens]


def _place(tokens: Sequence[Token], token: Token) -> int:
    return tokens.index(token)


def controls(
    pairs: Sequence[tuple[str, str]], wording: Wording, rng: np.random.Generator
) -> list[Control | None]:
    """For each pair a text that differs from its left one by other words of the same class.

    Of all that can be exchanged that which brings the lexical overlap nearest to the pair's own.

    Args:
        pairs: texts that show a failure.
        wording: of the corpus, whose words stand in.
        rng: every draw is made with it.

    Returns:
        None where there is nothing of that class to exchange.
    """
    return [_control(left, right, wording, rng) for left, right in pairs]


def _control(left: str, right: str, wording: Wording, rng: np.random.Generator) -> Control | None:
    of = word_class(left, right)
    way = _small(left, right, wording, rng) if of == SMALL else _open(left, right, of, wording, rng)
    every = [(text, edit(left, text).same_meaning) for text in way if text != left]
    # One that cannot be read would count against the failure: only where there is no other.
    texts = [text for text, same in every if same is False] or [text for text, same in every if same is None]
    if not texts:
        return None
    wanted = float(lexical_overlap([left], [right])[0])
    gap = np.abs(lexical_overlap([left] * len(texts), texts) - wanted).round(12)
    # Of equally near ones any: which way comes first says nothing.
    near = np.flatnonzero(gap == gap.min())
    return Control(texts[int(near[int(rng.integers(near.size))])], of)


def _open(left: str, right: str, part: str, wording: Wording, rng: np.random.Generator) -> Iterator[str]:
    """`left` with one, two ... words of that part exchanged for unrelated ones, first those of the pair."""
    tokens = tagged(left)
    said = {t.lemma for t in (*tokens, *tagged(right)) if t.part in CONTENT}
    # Where the pair itself exchanges words of one sort, the control does so for words of another.
    related = are_kin if edit(left, right).kind in BY_SORT else are_near
    theirs = {t.start for t in _differing(left, right)[0]}
    order = [int(i) for i in rng.permutation(len(tokens))]
    changes: dict[tuple[int, int], str] = {}
    for at in sorted(order, key=lambda i: tokens[i].start not in theirs):
        token = tokens[at]
        if token.part != part:
            continue

        def fits(word: str, token: Token = token) -> bool:
            lemma = lemma_of(word, part, token.form)
            return lemma not in said and not any(related(lemma, other, part) for other in said)

        word = wording.drawn(tokens, at, fits, rng, anywhere=True)
        if word is None:
            continue
        changes[token.start, token.end] = word
        said.add(lemma_of(word, part, token.form))
        yield replaced(left, changes)
        if len(changes) == _MOST:
            return


def _small(left: str, right: str, wording: Wording, rng: np.random.Generator) -> list[str]:
    """`left` with other small words exchanged or added than in the pair, where its meaning is another.

    One, or two where one leaves more words in common than the pair has.
    """
    kind = edit(left, right).kind
    barred = _AMOUNTS if kind in _AMOUNTS else frozenset({kind})

    def is_fit(text: str) -> bool:
        found = edit(left, text)
        return found.same_meaning is False and not barred & {found.kind, *found.kinds}

    once = [text for text in _changed_once(left, barred, wording, rng) if is_fit(text)]
    few = once[:_MOST]
    wanted, *reached = lexical_overlap([left] * (1 + len(few)), [right, *few])
    if not few or min(reached) - wanted < _NEAR:
        return once
    twice = [text for one in few for text in _changed_once(one, barred, wording, rng)]
    return [*once, *filter(is_fit, twice)]


def _changed_once(
    text: str, barred: Collection[str], wording: Wording, rng: np.random.Generator
) -> Iterator[str]:
    """The text with one small word exchanged or added, each way."""
    sentence = Sentence(text, tagged(text))
    for way in _SMALL_WAYS:
        if way not in barred:
            yield from rewritten(way, sentence, wording, rng)
    yield from _with_adverb(sentence, rng)
    yield from _with_or(sentence)


def _with_adverb(s: Sentence, rng: np.random.Generator) -> Iterator[str]:
    """With an adverb of time or frequency before what is done, if it has none."""
    adverbs = wordlists.yaml_beside(__file__)["adverbs"].split()
    if any(token.word in adverbs for token in s.tokens):
        return
    for i, token in enumerate(s.tokens):
        if token.part == "verb" and token.form in {"third", "ing", "base"} and s.part(i - 1) in _SUBJECTS:
            yield replaced(s.text, {(token.start, token.start): f"{rng.choice(adverbs)} "})
            return
    for token in s.tokens:
        if token.word == "with":
            yield replaced(s.text, {(token.start, token.start): f"{rng.choice(adverbs)} "})
            return


def _with_or(s: Sentence) -> Iterator[str]:
    yield from (replaced(s.text, {(t.start, t.end): "or"}) for t in s.tokens if t.word == "and")


_SUBJECTS = frozenset({"noun", "auxiliary"})
