"""Writes fresh pairs for a failure from its definition alone, by editing sentences of the corpus.

The left text is a sentence of the confirmation half as its writer wrote it, the right one the same with one
difference of the kind. It is read again, as any pair is: one that is not read as meant is left out.
Not here: whether an encoder confuses them (collision.py).
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tasks.errors import EngineError, nearest
from tasks.kinds.encoder_failures.embedded import lexicon
from tasks.kinds.encoder_failures.embedded.edits import edit
from tasks.kinds.encoder_failures.embedded.rewriting import KINDS, Sentence, rewritten
from tasks.kinds.encoder_failures.embedded.tagging import tagged
from tasks.kinds.encoder_failures.embedded.wording import Wording
from tasks.kinds.encoder_failures.params import own
from tasks.kinds.encoder_failures.roles import NewPair, Source
from tasks.records import Call, Predicate
from tasks.study import Study

_SWAPPED = re.compile(r"\b(swap|exchang|trad|switch|bound|bind)", re.IGNORECASE)


class SentenceEditor:
    """Pairs of texts by editing sentences."""

    def __init__(self, study: Study) -> None:
        self._domain = domain_of(own(study).domain or "")
        if own(study).domain and self._domain is None:
            known = ", ".join(sorted(lexicon.load().domain_words))
            raise EngineError(
                f"studies.{study.name}.encoder_failures.domain: the lists have words of {known}, got "
                f"{own(study).domain!r}, which fits none or several.",
                hint="Say it in words of one of these, leave it out, or write `engine: llm`.",
            )

    @property
    def calls(self) -> tuple[Call, ...]:
        """Nothing is paid."""
        return ()

    def pairs(
        self,
        predicate: Predicate,
        n: int,
        sources: Sequence[Source],
        wording: Wording,
        rng: np.random.Generator,
    ) -> list[NewPair]:
        """At most n pairs that show the failure, one a document.

        Args:
            predicate: its definition holds the kind of failure and a description.
            n: how many.
            sources: sentences to be edited, tried in this order.
            wording: of all of them.
            rng: every draw is made with it.

        Raises:
            EngineError: the definition is none of this kind, or no sentence is edited so.
        """
        kind = kind_of(predicate)
        made: list[NewPair] = []
        done: set[str] = set()
        for source in sources:
            if len(made) == n:
                break
            if source.document_id in done or not self._is_inside(source.text):
                continue
            if right := next(edits_of(kind, source.text, wording, rng), None):
                made.append(NewPair(source.text, right, source.document_id))
                done.add(source.document_id)
        return made

    def _is_inside(self, text: str) -> bool:
        if self._domain is None:
            return True
        return not lexicon.load().domain_words[self._domain].isdisjoint(t.word for t in tagged(text))


def edits_of(kind: str, text: str, wording: Wording, rng: np.random.Generator) -> Iterator[str]:
    """The text with one difference of that kind, in random order, if it is read as that.

    Args:
        kind: one of rewriting.KINDS.
        text: a sentence.
        wording: whose words stand in.
        rng: every draw is made with it.
    """
    wanted = "attribute" if kind == "attribute_swap" else kind
    for right in rewritten(kind, Sentence(text, tagged(text)), wording, rng):
        found = edit(text, right)
        if found.same_meaning is False and found.kind == wanted:
            yield right


def domain_of(text: str) -> str | None:
    """The scene domain that a description shares most words with; None where none fits, or two alike."""
    asked = set(re.findall(r"[^\W_]+(?:-[^\W_]+)*", text.casefold()))
    # Half of a hyphenated word is a word too: self-driving, road-side.
    asked |= {part for word in asked for part in word.split("-")}
    shared = {name: len(asked & words) for name, words in lexicon.load().domain_words.items()}
    best = max(shared.values())
    fitting = [name for name, n in shared.items() if n == best]
    return fitting[0] if best and len(fitting) == 1 else None


def kind_of(predicate: Predicate) -> str:
    """The kind of failure that a definition names, one of rewriting.KINDS.

    Raises:
        EngineError: the definition is no JSON object, or names a kind that no sentence is edited by.
    """
    try:
        definition: Any = json.loads(predicate.definition)
    except ValueError:
        definition = None
    kind = definition.get("failure") if isinstance(definition, dict) else None
    kinds = tuple(KINDS)
    if kind not in kinds:
        raise EngineError(
            f"{predicate.predicate!r}: wanted a definition with `failure` among {', '.join(kinds)}, got "
            f"{predicate.definition!r}{nearest(str(kind), kinds)}.",
            hint="A language model can write pairs of other kinds: `engine: llm`.",
        )
    is_swap = kind == "attribute" and _SWAPPED.search(str(definition.get("description", "")))
    return "attribute_swap" if is_swap else str(kind)
