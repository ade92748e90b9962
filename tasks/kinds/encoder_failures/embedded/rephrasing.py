"""The same sentence in other words: pairs that an encoder should keep together.

Up to two words are exchanged for listed synonyms of the same form. The pair is read again, as any is, and
left out where it is not read as saying the same.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from tasks.kinds.encoder_failures.embedded import lexicon, synonyms, vocabulary
from tasks.kinds.encoder_failures.embedded.edits import edit
from tasks.kinds.encoder_failures.embedded.inflection import article, plural, verb_forms
from tasks.kinds.encoder_failures.embedded.readings import VERB_FORMS
from tasks.kinds.encoder_failures.embedded.tagging import CONTENT, Token, replaced, tagged
from tasks.kinds.encoder_failures.roles import NewPair, Source

MOST_WORDS = 2
"""Exchanged in one sentence."""
_ROWS = {"adjective": "adjectives", "verb": "verbs", "noun": "nouns"}


def paraphrases(sources: Sequence[Source], n: int, rng: np.random.Generator) -> list[NewPair]:
    """At most n pairs that mean the same, one a document.

    Args:
        sources: sentences to be rephrased, tried in this order.
        n: how many.
        rng: every draw is made with it.
    """
    made: dict[str, NewPair] = {}
    for source in sources:
        if len(made) == n:
            break
        if source.document_id not in made and (right := rephrased(source.text, rng)):
            made[source.document_id] = NewPair(source.text, right, source.document_id)
    return list(made.values())


def rephrased(text: str, rng: np.random.Generator) -> str | None:
    """The text in other words; None where no list holds another word for one of its."""
    changes: dict[tuple[int, int], str] = {}
    tokens = tagged(text)
    for i in rng.permutation(len(tokens)).tolist():
        others = list(_others(tokens[i]))
        if others and len(changes) < MOST_WORDS:
            changes[tokens[i].start, tokens[i].end] = others[int(rng.integers(len(others)))]
    right = replaced(text, changes)
    return right if changes and edit(text, right).same_meaning is True else None


def _others(token: Token) -> Iterator[str]:
    """Words of its part and form that mean the same and take the same article."""
    if token.part not in CONTENT:
        return
    rows = [row for row in synonyms.rows(_ROWS[token.part]) if token.lemma in row]
    found = {word for row in rows for word in row} | lexicon.load().synonyms.get(token.lemma, frozenset())
    for lemma in sorted(found - {token.lemma}):
        word = _form(lemma, token)
        if vocabulary.is_listed(word) and article(word) == article(token.word):
            yield word


def _form(lemma: str, token: Token) -> str:
    if token.part == "verb":
        return dict(zip(VERB_FORMS, verb_forms(lemma), strict=True)).get(token.form, lemma)
    return plural(lemma) if token.form == "many" else lemma
