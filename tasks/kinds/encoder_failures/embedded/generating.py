"""Writes fresh pairs for a failure from its definition alone: templates, with words new to the corpus.

Not here: whether an encoder confuses them, and whether their meanings differ (meaning.py says that again).
"""

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.errors import EngineError, nearest
from tasks.kinds.encoder_failures.embedded import lexicon
from tasks.kinds.encoder_failures.embedded.slots import Slots
from tasks.kinds.encoder_failures.embedded.templates import templates
from tasks.kinds.encoder_failures.params import own
from tasks.records import Call, Predicate
from tasks.study import Study

_TRIES = 300
"""Draws in a row that gave nothing new, after which a list counts as used up."""
_SWAPPED = re.compile(r"\b(swap|exchang|trad|switch|bound|bind)", re.IGNORECASE)


class TemplateGenerator:
    """Pairs of texts by templates."""

    def __init__(self, study: Study) -> None:
        self._domain = domain_of(own(study).domain or "")
        if own(study).domain and self._domain is None:
            known = ", ".join(sorted(lexicon.load().domain_words))
            raise EngineError(
                f"studies.{study.name}.encoder_failures.domain: the templates have words of {known}, got "
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
        known: frozenset[str],
        rng: np.random.Generator,
    ) -> list[tuple[str, str]]:
        """At most n distinct pairs that show the failure; no text stands in two of them.

        Args:
            predicate: its definition holds the kind of failure and a description.
            n: how many.
            known: casefolded words that the mining corpus uses.
            rng: every draw is made with it.

        Raises:
            EngineError: the definition is none of this kind, or there are no templates for it.
        """
        slots = Slots(lexicon.load(), known, self._domain)
        return _written(_templates(predicate), n, slots, rng)


def domain_of(text: str) -> str | None:
    """The scene domain that a description shares most words with; None where none fits, or two alike."""
    asked = set(re.findall(r"[^\W_]+(?:-[^\W_]+)*", text.casefold()))
    # Half of a hyphenated word is a word too: self-driving, road-side.
    asked |= {part for word in asked for part in word.split("-")}
    shared = {name: len(asked & words) for name, words in lexicon.load().domain_words.items()}
    best = max(shared.values())
    fitting = [name for name, n in shared.items() if n == best]
    return fitting[0] if best and len(fitting) == 1 else None


def _written(
    templates: Sequence[tuple[str, str]], n: int, slots: Slots, rng: np.random.Generator
) -> list[tuple[str, str]]:
    made: list[tuple[str, str]] = []
    texts: set[str] = set()
    start, idle, draws = int(rng.integers(len(templates))), 0, 0
    while len(made) < n:
        # In turn, so that every template has its share.
        left, right = slots.fill(*templates[(start + draws) % len(templates)], rng)
        draws += 1
        if left == right or not texts.isdisjoint((left, right)):
            idle += 1
            if idle < _TRIES:
                continue
            if not slots.widen():
                break
            idle = 0
            continue
        idle = 0
        texts |= {left, right}
        made.append((left, right))
    return made


def _templates(predicate: Predicate) -> tuple[tuple[str, str], ...]:
    kind, description = _kind_and_description(predicate)
    if kind == "attribute" and _SWAPPED.search(description):
        kind = "attribute_swap"
    return templates()[kind]


def _kind_and_description(predicate: Predicate) -> tuple[str, str]:
    """Kind and description of the failure.

    Raises:
        EngineError: the definition is no JSON object, or names a kind without templates.
    """
    try:
        definition: Any = json.loads(predicate.definition)
    except ValueError:
        definition = None
    kind = definition.get("failure") if isinstance(definition, dict) else None
    kinds = tuple(templates())
    if kind not in kinds:
        raise EngineError(
            f"{predicate.predicate!r}: wanted a definition with `failure` among {', '.join(kinds)}, got "
            f"{predicate.definition!r}{nearest(str(kind), kinds)}.",
            hint="A language model can write pairs of other kinds: `engine: llm`.",
        )
    return str(kind), str(definition.get("description", ""))
