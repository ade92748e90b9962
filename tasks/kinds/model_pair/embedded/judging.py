"""Judging comparisons by their own definitions: the answer that has more shows the trait, equal ones tie."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.engines.embedded import pictures, style, tone, words
from tasks.engines.embedded.programs import programs
from tasks.engines.roles import REFUSAL, VALUE, Judgements
from tasks.kinds.model_pair.embedded import definitions
from tasks.kinds.model_pair.embedded.comparing import Pairs
from tasks.kinds.model_pair.embedded.traits import traits
from tasks.kinds.model_pair.embedded.values import END, START, Answers, marked
from tasks.records import Predicate
from tasks.study import Study

NAME = "comparing/1"
"""Change the number when a comparison's verdicts change: frozen predicates name it."""


class ComparingJudge:
    """Counts in both answers, and says which has more; where one is missing nothing is compared."""

    name = NAME

    def __init__(self, study: Study) -> None:
        self._study = study
        self.model = study.embed.encoder

    def judge(
        self, predicates: Sequence[Predicate], texts: pl.DataFrame, embeddings: Float[np.ndarray, "text dim"]
    ) -> Judgements:
        """1 for the answer that shows it more, 0 for the other, a half for both where they are equal.

        Raises:
            EngineError: a definition this engine does not know, or one made with another encoder.
        """
        pairs = Pairs.of(texts)
        score = np.full((texts.height, len(predicates)), np.nan)
        for i, (turn, values) in enumerate(self._values(predicates, texts, embeddings)):
            signs = turn * pairs.signs(values)
            score[pairs.in_a, i], score[pairs.in_b, i] = (1 + signs) / 2, (1 - signs) / 2
        lost = np.concatenate([pairs.in_a[pairs.missing], pairs.in_b[pairs.missing]])
        status = np.full(score.shape, VALUE, dtype=np.uint8)
        score[lost], status[lost] = np.nan, REFUSAL
        return Judgements(score, status)

    def strength(
        self, predicates: Sequence[Predicate], texts: pl.DataFrame, embeddings: Float[np.ndarray, "text dim"]
    ) -> Float[np.ndarray, "text predicate"]:
        """How much more of it each answer has than the one beside it."""
        pairs = Pairs.of(texts)
        strength = np.zeros((texts.height, len(predicates)))
        for i, (turn, values) in enumerate(self._values(predicates, texts, embeddings)):
            sizes = np.round(turn * pairs.sizes(values), 6)
            strength[pairs.in_a, i], strength[pairs.in_b, i] = sizes, -sizes
        return strength

    def spans(self, predicate: Predicate, text: str) -> list[tuple[int, int]]:
        """Words and patterns where they stand; nothing for lengths, shares, tones and what is lacking."""
        definition = definitions.read(predicate.definition, predicate.predicate)
        if "terms" in definition:
            return words.spans(definition["terms"], text)
        if "pattern" in definition:
            return style.spans_of(definition["pattern"], text)
        return _of_trait(definition, text) if "trait" in definition and not definition.get("less") else []

    def _values(
        self, predicates: Sequence[Predicate], texts: pl.DataFrame, embeddings: Float[np.ndarray, "text dim"]
    ) -> list[tuple[int, Float[np.ndarray, " text"]]]:
        """For each predicate whether more or less of it is meant (1, -1), and how much each answer has."""
        read = [definitions.read(predicate.definition, predicate.predicate) for predicate in predicates]
        values = Answers(texts, embeddings, pictures.looks(self._study, texts)).values(read)
        return [(-1 if one.get("less") else 1, value) for one, value in zip(read, values, strict=True)]


def _at(place: str, pattern: str, text: str) -> list[tuple[int, int]]:
    """Where it opens so, or ends so."""
    stripped = text.strip()
    first = len(text) - len(text.lstrip())
    if place == "end":
        first += max(len(stripped) - END, 0)
        stripped = stripped[-END:]
    else:
        stripped = stripped[:START]
    return [(first + start, first + end) for start, end in style.spans_of(pattern, stripped)]


def _of_trait(definition: Mapping[str, Any], text: str) -> list[tuple[int, int]]:
    trait = traits()[definition["trait"]]
    if trait.program:
        program = programs()[trait.program]
        pattern = program.without(definition.get("without", ()))
        return style.spans_in(text, pattern, program.view, program.skipped)
    if trait.value == "sentiment":
        return tone.spans(definition, text)
    if trait.at:
        return _at(trait.at, trait.pattern, text)
    pattern, view = marked(trait)
    # What grows with an answer's size stands all over it.
    return style.spans_in(text, pattern, view) if pattern and not trait.from_size else []
