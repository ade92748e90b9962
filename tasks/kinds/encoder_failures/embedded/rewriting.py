"""A sentence and a kind of failure -> the sentence with one such difference, every way there is.

Each way changes as few words as it can and leaves the rest as its writer wrote it. What stands in the place
of a word of an open class is drawn from the sentences of the corpus (wording.py), of closed classes from
their lists. Whether a rewritten sentence is read as meant is asked of edits.py by who calls.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from tasks.engines.embedded import wordlists
from tasks.kinds.encoder_failures.embedded import everyday, lexicon, synonyms, vocabulary
from tasks.kinds.encoder_failures.embedded.inflection import plural, verb_forms
from tasks.kinds.encoder_failures.embedded.readings import VERB_FORMS
from tasks.kinds.encoder_failures.embedded.tagging import Token, replaced
from tasks.kinds.encoder_failures.embedded.wording import Wording, are_kin, lemma_of

Changes = dict[tuple[int, int], str]
"""Start and end -> what stands there instead."""
Way = Callable[["Sentence", Wording, np.random.Generator], Iterator[Changes]]


class Sentence:
    """A text with its words."""

    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self.text, self.tokens = text, tokens

    def at(self, i: int) -> Token | None:
        """The word at i; None outside."""
        return self.tokens[i] if 0 <= i < len(self.tokens) else None

    def part(self, i: int) -> str:
        """Its part; empty outside."""
        token = self.at(i)
        return token.part if token else ""

    def is_tight(self, i: int, j: int) -> bool:
        """Whether nothing but spaces stands between two words."""
        return not self.text[self.tokens[i].end : self.tokens[j].start].strip()

    def phrase_end(self, i: int) -> int:
        """Past the phrase that an article or modifier begins at i: `a young boy`, `two dogs`."""
        while self.part(i) in {"article", "owner", "adjective", "number", "amount"} and self.at(i + 1):
            i += 1
        while self.part(i) == self.part(i + 1) == "noun" and self.is_tight(i, i + 1):
            i += 1
        return i + 1


def rewritten(kind: str, sentence: Sentence, wording: Wording, rng: np.random.Generator) -> list[str]:
    """The sentence with one difference of that kind, each way once, in random order.

    Args:
        kind: one of KINDS.
        sentence: of the corpus.
        wording: of the sentences it stands among.
        rng: every draw is made with it.
    """
    ways = list(KINDS[kind](sentence, wording, rng))
    return [replaced(sentence.text, ways[int(i)]) for i in rng.permutation(len(ways))]


def _span(token: Token) -> tuple[int, int]:
    return token.start, token.end


def _before(token: Token) -> tuple[int, int]:
    return token.start, token.start


def _form(lemma: str, form: str) -> str:
    return dict(zip(VERB_FORMS, verb_forms(lemma), strict=True))[form]


def _finite(s: Sentence, i: int) -> str:
    """`third` or `base` where a verb is the finite one of its subject, which stands before it; else empty."""
    token, last = s.tokens[i], s.at(i - 1)
    if token.part != "verb" or last is None or last.part != "noun" or not s.is_tight(i - 1, i):
        return ""
    number = "one" if any(t.part == "article" and t.word in {"a", "an"} for t in s.tokens[:i]) else last.form
    if token.form == "third":
        return "third"
    return "base" if token.form == "base" and last.form == "many" and number == last.form else ""


def _negation(s: Sentence, wording: Wording, rng: np.random.Generator) -> Iterator[Changes]:
    if any(t.part == "negation" for t in s.tokens):
        return
    for i, token in enumerate(s.tokens):
        following = s.at(i + 1)
        is_verb = following and (following.form in {"ing", "participle"} or following.part == "auxiliary")
        if token.part == "auxiliary" and is_verb:
            yield {(token.end, token.end): " not"}
            return
        if form := _finite(s, i):
            yield {_span(token): f"{'does' if form == 'third' else 'do'} not {token.lemma}"}
            return
        if token.form == "ing" and s.part(i - 1) == "noun" and s.is_tight(i - 1, i):
            yield {_before(token): "not "}
            return
        if token.word == "with" and s.part(i - 1) == "noun" and s.part(i + 1) in {"article", "adjective"}:
            yield {_span(token): "without"}


def _quantifier(s: Sentence, wording: Wording, rng: np.random.Generator) -> Iterator[Changes]:
    for i, token in enumerate(s.tokens):
        head = s.tokens[s.phrase_end(i) - 1]
        if token.part == "amount" and head.form == "many" and token.word in _AMOUNTS:
            yield {_span(token): str(rng.choice(_AMOUNTS[token.word].split("/")).replace("_", " "))}
        elif token.part == "number" and head.form == "many" and s.part(i - 1) not in {"article", "owner"}:
            yield {_span(token): str(rng.choice(["many", "most", "all"]))}


def _number(s: Sentence, wording: Wording, rng: np.random.Generator) -> Iterator[Changes]:
    counted = lexicon.load().numbers[2:9]
    for i, token in enumerate(s.tokens):
        end = s.phrase_end(i)
        head = s.tokens[end - 1]
        if token.part == "number" and token.word in counted and head.form == "many":
            yield {_span(token): str(rng.choice([n for n in counted if n != token.word]))}
        if token.word in {"a", "an"} and head.part == "noun" and head.form == "one" and end - 1 > i:
            many = {_span(token): str(rng.choice(counted[:4])), _span(head): plural(head.word)}
            verb = s.at(end)
            if s.part(i - 1) in {"verb", "preposition"} and s.part(end) in {"", "preposition", "conjunction"}:
                if not _is_no_place(head, s.tokens[i - 1].word):
                    yield many
            elif i == 0 and verb and verb.word in _PLURAL_OF:
                yield many | {_span(verb): _PLURAL_OF[verb.word]}
            elif i == 0 and verb and verb.part == "verb" and verb.form in {"third", "ing"}:
                yield many | ({_span(verb): verb.lemma} if verb.form == "third" else {})


def _tense(s: Sentence, wording: Wording, rng: np.random.Generator) -> Iterator[Changes]:
    for i, token in enumerate(s.tokens):
        if token.word in _OTHER_TIME:
            yield {_span(token): _OTHER_TIME[token.word]}
            return
        if form := _finite(s, i):
            yield {_span(token): _form(token.lemma, "past")}
            if form == "third":
                yield {_span(token): f"will {token.lemma}"}
            return


def _preposition(s: Sentence, wording: Wording, rng: np.random.Generator) -> Iterator[Changes]:
    past = 0
    for i, token in enumerate(s.tokens):
        for length in (4, 3, 2, 1):
            part = s.tokens[i : i + length]
            phrase = " ".join(t.word for t in part)
            if i < past or len(part) < length or phrase not in _OTHER_PLACE:
                continue
            # `to` of `next to` is none of its own.
            past = i + length
            if s.part(i + length) in {"article", "owner"}:
                head = s.at(s.phrase_end(i + length) - 1)
                if head and head.part == "noun" and not _is_no_place(head, phrase):
                    others = _OTHER_PLACE[phrase].split("/")
                    other = others[int(rng.integers(len(others)))]
                    yield {(token.start, part[-1].end): other.replace("_", " ")}


def _is_no_place(head: Token, preposition: str) -> bool:
    """`in a red shirt`, `in the background`, `on the phone`: no place where something is."""
    noun = head.lemma or head.word
    is_worn = vocabulary.noun_class(noun) == "clothes" or everyday.are_of_one_sort(noun, "clothing", 3)
    return noun in _NO_PLACE or (preposition in {"in", "on"} and is_worn)


def _attribute(s: Sentence, wording: Wording, rng: np.random.Generator) -> Iterator[Changes]:
    for i, token in enumerate(s.tokens):
        told = vocabulary.attribute_class(token.word)
        # Young and old are opposites; other ages are of things or of people.
        if told in {"", "age"} or token.part != "adjective" or s.part(i + 1) not in {"noun", "adjective"}:
            continue

        def fits(word: str, told: str = told, token: Token = token) -> bool:
            return vocabulary.attribute_class(word) == told and not synonyms.are_synonyms(word, token.word)

        if word := wording.drawn(s.tokens, i, fits, rng, anywhere=True):
            yield {_span(token): word}


def _attribute_swap(s: Sentence, wording: Wording, rng: np.random.Generator) -> Iterator[Changes]:
    told = [
        (i, vocabulary.attribute_class(t.word))
        for i, t in enumerate(s.tokens)
        if t.part == "adjective" and s.part(i + 1) in {"noun", "adjective"}
    ]
    for n, (i, first) in enumerate(told):
        for j, second in told[n + 1 :]:
            one, other = s.tokens[i], s.tokens[j]
            if first and first == second and not synonyms.are_synonyms(one.word, other.word) and j > i + 2:
                yield {_span(one): other.word, _span(other): one.word}


def _antonym(s: Sentence, wording: Wording, rng: np.random.Generator) -> Iterator[Changes]:
    for token in s.tokens:
        if token.part == "adjective":
            for other in _opposites(token.word, "adjective"):
                yield {_span(token): other}
        elif token.part == "verb" and token.form:
            for other in _opposites(token.lemma, "verb"):
                yield {_span(token): _form(other, token.form)}


def _opposites(lemma: str, part: str) -> list[str]:
    pairs = {*synonyms.opposites(), *(pair for of, pair in everyday.load().opposites if of == part)}
    found = {word for pair in pairs if lemma in pair for word in pair} - {lemma}
    found |= {word for word in lexicon.load().opposites.get(lemma, ()) if " " not in word}
    known = (word for word in sorted(found) if any(r.part == part for r in vocabulary.readings(word)))
    # Green is the opposite of ripe for fruit alone.
    is_colour = vocabulary.attribute_class(lemma) == "colour"
    return [
        word
        for word in known
        if vocabulary.is_listed(word) and (vocabulary.attribute_class(word) == "colour") == is_colour
    ]


def _entity(s: Sentence, wording: Wording, rng: np.random.Generator) -> Iterator[Changes]:
    for i, token in enumerate(s.tokens):
        if token.part != "noun" or "noun" in {s.part(i - 1), s.part(i + 1)}:
            continue

        def fits(word: str, token: Token = token) -> bool:
            lemma = lemma_of(word, "noun", token.form)
            return are_kin(lemma, token.lemma, "noun") and not vocabulary.is_wider(lemma, token.lemma)

        if word := wording.drawn(s.tokens, i, fits, rng):
            yield {_span(token): word}


def _action(s: Sentence, wording: Wording, rng: np.random.Generator) -> Iterator[Changes]:
    for i, token in enumerate(s.tokens):
        is_told = _finite(s, i) or (token.form == "ing" and s.part(i - 1) in {"noun", "auxiliary"})
        if token.part != "verb" or not is_told:
            continue

        def fits(word: str, token: Token = token) -> bool:
            return everyday.related(lemma_of(word, "verb", token.form), token.lemma, "verb") == "apart"

        if word := wording.drawn(s.tokens, i, fits, rng):
            yield {_span(token): word}


def _role_swap(s: Sentence, wording: Wording, rng: np.random.Generator) -> Iterator[Changes]:
    heads = [(i, s.phrase_end(i)) for i, t in enumerate(s.tokens) if t.part in {"article", "number"}]
    for n, (i, end) in enumerate(heads):
        for j, last in heads[n + 1 :]:
            one, other = s.tokens[end - 1], s.tokens[last - 1]
            if j < end or one.part != "noun" or other.part != "noun" or one.form != other.form:
                continue
            if not _may_change_places(one.lemma, other.lemma):
                continue
            first, second = (s.tokens[a + 1].start for a in (i, j))
            phrases = s.text[first : one.end], s.text[second : other.end]
            if phrases[0].casefold() != phrases[1].casefold():
                yield {(first, one.end): phrases[1], (second, other.end): phrases[0]}


def _may_change_places(one: str, other: str) -> bool:
    """Whether each may stand where the other does: two who act."""
    return {vocabulary.noun_class(one), vocabulary.noun_class(other)} <= {"person", "role", "animal"}


_LISTS: Mapping[str, Mapping[str, str]] = wordlists.yaml_beside(__file__)
_AMOUNTS, _OTHER_PLACE = _LISTS["amounts"], _LISTS["places"]
_OTHER_TIME, _PLURAL_OF = _LISTS["times"], _LISTS["plural_of"]
_NO_PLACE = frozenset(str(_LISTS["no_place"]).split())
KINDS: Mapping[str, Way] = {
    "role_swap": _role_swap,
    "negation": _negation,
    "quantifier": _quantifier,
    "number": _number,
    "tense": _tense,
    "preposition": _preposition,
    "attribute": _attribute,
    "attribute_swap": _attribute_swap,
    "antonym": _antonym,
    "entity": _entity,
    "action": _action,
}
"""Kind of failure -> how a sentence is rewritten."""
