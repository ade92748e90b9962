"""A short text as units to align: content words with their form, and phrases of closed classes.

Articles, intensifiers and relative pronouns are left out. A verb carries its auxiliaries (time, aspect,
voice); `isn't playing` is a denial and the verb `play`; `a lot of` is one unit.
"""

import functools
import re
from dataclasses import dataclass

from tasks.kinds.encoder_failures.embedded import closed, vocabulary
from tasks.kinds.encoder_failures.embedded.readings import Reading

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*", re.UNICODE)
_SPLIT = {"can't": "can not", "cannot": "can not", "won't": "will not", "shan't": "shall not"}
_PRONOUNS = frozenset({"it", "he", "she", "that", "this", "there", "who", "what", "where", "here"})
_LONGEST = 5


@dataclass(frozen=True, slots=True)
class Unit:
    """A content word, or a phrase of a closed class."""

    part: str
    """noun, verb, adjective, adverb, word, preposition, conjunction, negation, amount, number, owner or
    frame."""
    key: str
    """Base form, or the name of the class: equal keys say the same."""
    form: str = ""
    """Of nouns one or many; of verbs the form that was written."""
    time: str = ""
    """Of verbs: past, present, future, bare (no time told), or a modal verb."""
    aspect: str = ""
    """Of verbs: simple, progressive or perfect."""
    passive: bool = False
    fresh: bool = False
    """An article stood before it."""
    text: str = ""
    """As written, casefolded."""


@functools.lru_cache(maxsize=4096)
def units(text: str) -> tuple[Unit, ...]:
    """The units of a text, in order; the same for any case and punctuation."""
    return tuple(_Reader(_tokens(text)).read())


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    for raw in _TOKEN.findall(text.casefold().replace("’", "'")):
        word = _SPLIT.get(raw, raw)
        if word.endswith("n't"):
            word = f"{word[:-3]} not"
        elif word.endswith("'s"):
            word = f"{word[:-2]} is" if word[:-2] in _PRONOUNS else word[:-2]
        elif match := re.fullmatch(r"(.+)('re|'ve|'ll|'m|'d)", word):
            word = f"{match[1]} {match[2]}"
        found += word.split()
    return found


def _is_manner(word: str) -> bool:
    return word.endswith("ly") and word not in closed.load().not_adverbs and not vocabulary.is_listed(word)


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self._words = closed.load()
        self._tokens = tokens
        self._at = 0
        self._fresh = False
        self._found: list[Unit] = []

    def read(self) -> list[Unit]:
        while self._at < len(self._tokens):
            if not self._phrase():
                self._word()
        return self._found

    def _put(self, part: str, key: str, text: str, **more: str | bool) -> None:
        self._found.append(Unit(part, key, fresh=self._fresh, text=text, **more))  # type: ignore[arg-type]
        self._fresh = False

    def _phrase(self) -> bool:
        for length in range(min(_LONGEST, len(self._tokens) - self._at), 0, -1):
            words = tuple(self._tokens[self._at : self._at + length])
            listed = None if self._is_verb_like(words) else self._words.phrases.get(words)
            if listed is None or (listed[0] == "frame" and any(u.part != "frame" for u in self._found)):
                continue
            part, key = listed
            if part == "auxiliary":
                self._tokens[self._at : self._at + length] = [key]
                return False
            self._at += length
            if part == "denied":
                self._deny(key, " ".join(words))
            else:
                self._put(part, key, " ".join(words))
            return True
        return False

    def _is_verb_like(self, words: tuple[str, ...]) -> bool:
        """`like` is a verb after a plural: `children like spinach`."""
        return words == ("like",) and bool(self._found) and self._found[-1].form == "many"

    def _word(self) -> None:
        word = self._tokens[self._at]
        if word in self._words.auxiliaries:
            self._verb_group()
            return
        self._at += 1
        if word in self._words.articles:
            self._fresh = True
        elif word in self._words.owners:
            self._put("owner", word, word)
        elif word in self._words.fillers:
            return
        elif word in self._words.denied:
            self._deny(self._words.denied[word], word)
        elif word in {"everyone", "everybody", "everything"}:
            self._put("amount", "all", word)
            self._put("noun", "something" if word == "everything" else "somebody", word)
        elif word in {"lack", "lacks", "lacking"}:
            self._deny("with", word)
        else:
            self._listed(word)

    def _deny(self, denied: str, text: str) -> None:
        """A denial and what it denies, in one word: the text is shown once."""
        self._put("negation", "not", text)
        if denied != "some":
            self._put("preposition" if denied == "with" else "noun", denied, "")

    def _listed(self, word: str) -> None:
        token_key = self._words.somebody.get(word, word)
        if word in self._words.negations:
            self._put("negation", "not", word)
        elif word in self._words.conjunctions:
            self._put("conjunction", "and" if word == "plus" else word, word)
        elif word in self._words.numbers or word[0].isdigit():
            self._put("number", str(self._words.numbers.get(word, word)).replace(",", ""), word)
        elif word in vocabulary.adverbs() or _is_manner(word):
            self._put("adverb", word, word)
        else:
            self._content(word, token_key)

    def _content(self, word: str, key: str) -> None:
        readings = vocabulary.readings(key)
        one = chosen(readings, self._nominal(), self._found[-1].form if self._found else "")
        if one.part == "verb":
            self._put("verb", one.lemma, word, **self._plain_time(readings, one))
            return
        # An adverb that is on no list of manner or place may say another thing in another place: `only`.
        part = one.part if one.part != "adverb" and vocabulary.is_listed(key) else "word"
        self._put(part, one.lemma, word, form=one.form)

    def _nominal(self) -> bool:
        """Whether a noun or adjective is what comes next."""
        if self._fresh or not self._found:
            return True
        last = self._found[-1]
        return last.part in {"adjective", "number", "amount", "owner", "frame"} or (
            last.part == "preposition" and last.key != "to"
        )

    def _plain_time(self, readings: tuple[Reading, ...], one: Reading) -> dict[str, str | bool]:
        forms = {r.form for r in readings if r.lemma == one.lemma and r.part == "verb"}
        following = self._tokens[self._at] if self._at < len(self._tokens) else ""
        if "participle" in forms and following == "by":
            return {"form": "participle", "time": "bare", "aspect": "simple", "passive": True}
        if "ing" in forms:
            return {"form": "ing", "time": "bare", "aspect": "progressive"}
        if "past" in forms and "base" in forms:
            return {"form": "base", "time": "any", "aspect": "simple"}
        time = "past" if forms & {"past", "participle"} else "present"
        return {"form": one.form, "time": time, "aspect": "simple"}

    def _verb_group(self) -> None:
        chain: list[str] = []
        while self._at < len(self._tokens):
            word = self._tokens[self._at]
            if self._tokens[self._at : self._at + 2] in (["going", "to"], ["about", "to"]):
                self._tokens[self._at : self._at + 2] = [word + "_to"]
                continue
            if word in self._words.auxiliaries:
                chain.append(word)
            elif word in self._words.negations and word != "no":
                self._put("negation", "not", word)
            elif _is_manner(word):
                self._put("adverb", word, word)
            elif word not in self._words.fillers:
                break
            self._at += 1
        self._close_group(chain)

    def _close_group(self, chain: list[str]) -> None:
        word = self._tokens[self._at] if self._at < len(self._tokens) else ""
        last, time = chain[-1], _time(chain[0], chain)
        is_be = last in self._words.be
        wanted = {"ing", "participle"} if is_be else {"participle"} if last in self._words.have else {"base"}
        fitting = (
            [r for r in vocabulary.readings(word) if r.part == "verb" and r.form in wanted] if word else []
        )
        unknown = bool(word) and wanted == {"base"} and not self._starts_phrase(word)
        if not fitting and not unknown:
            key = "be" if is_be else "have" if last in self._words.have else "do"
            self._put("verb", key, " ".join(chain), form="base", time=time, aspect="simple")
            return
        self._at += 1
        lemma, form = (fitting[0].lemma, fitting[0].form) if fitting else (word, "base")
        passive = is_be and form == "participle"
        perfect = any(one in self._words.have for one in chain)
        progressive = "being" in chain or (is_be and form == "ing")
        aspect = "perfect" if perfect else "progressive" if progressive else "simple"
        text = " ".join([*chain, word])
        self._put("verb", lemma, text, form=form, time=time, aspect=aspect, passive=passive)

    def _starts_phrase(self, word: str) -> bool:
        closed_class = word in self._words.articles | self._words.owners or word in self._words.numbers
        return closed_class or ((word,) in self._words.phrases and word != "like")


def chosen(readings: tuple[Reading, ...], nominal: bool, number_before: str) -> Reading:
    """The reading that fits the place: a noun after an article, a finite verb after a noun.

    Args:
        readings: one at least.
        nominal: whether a noun or adjective is what comes next.
        number_before: `one` or `many` of the noun before; empty where there is none.
    """
    verbs = [r for r in readings if r.part == "verb"]
    others = [r for r in readings if r.part != "verb"]
    if not verbs or (others and nominal):
        return others[0]
    if others and {r.form for r in verbs} == {"base"} and number_before != "many":
        return others[0]
    return verbs[0]


def _time(first: str, chain: list[str]) -> str:
    words = closed.load()
    if set(chain) & words.future:
        return "future"
    if first in words.present_be or "present" in {words.have.get(first), words.do.get(first)}:
        return "present"
    if first in words.past_be or "past" in {words.have.get(first), words.do.get(first)}:
        return "past"
    return first if first in words.modals else "bare"
