"""Judging predicates by their own definitions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from tasks.engines.embedded import definitions, language, pictures, similarity, style, tokens, tone, words
from tasks.engines.embedded.definitions import Definition
from tasks.engines.roles import VALUE, Judgements
from tasks.errors import EngineError
from tasks.records import Predicate
from tasks.study import Study

NAME = "embedded/2"
"""Change the number when a program's verdicts change: frozen predicates name it."""


class EmbeddedJudge:
    """Exact programs for words, style and language; a frozen vector and threshold for meaning.

    Every text gets a value. An empty text holds no word, pattern, language or meaning: 0, except for
    what is defined by absence.
    """

    name = NAME

    def __init__(self, study: Study) -> None:
        self.model = study.embed.encoder
        self._study = study

    def judge(
        self,
        predicates: Sequence[Predicate],
        texts: pl.DataFrame,
        embeddings: Float[np.ndarray, "text dim"],
    ) -> Judgements:
        """1.0 or 0.0 for every pair.

        Raises:
            EngineError: a definition this engine does not know, or one made with another encoder.
        """
        read = [definitions.read(predicate.definition, predicate.predicate) for predicate in predicates]
        for predicate, definition in zip(predicates, read, strict=True):
            _check_dimensions(predicate, definition, embeddings)
        needs_words = any(definition["kind"] in ("words", "sentiment") for definition in read)
        joined = tokens.joined_all(texts["text"].to_list()) if needs_words else []
        score = np.zeros((texts.height, len(predicates)))
        seen = pictures.Looks(self._study.name, texts)
        for i, definition in enumerate(read):
            if definition["kind"] in pictures.KINDS:
                score[:, i] = pictures.holds(definition, seen)
            else:
                score[:, i] = _holds(definition, texts["text"], joined, embeddings)
        return Judgements(score, np.full(score.shape, VALUE, dtype=np.uint8))

    def strength(
        self,
        predicates: Sequence[Predicate],
        texts: pl.DataFrame,
        embeddings: Float[np.ndarray, "text dim"],
    ) -> Float[np.ndarray, "text predicate"]:
        """The projection for similarity, the measure or probability of a picture; 0 for programs."""
        strength = np.zeros((texts.height, len(predicates)))
        seen = pictures.Looks(self._study.name, texts)
        for i, predicate in enumerate(predicates):
            definition = definitions.read(predicate.definition, predicate.predicate)
            if definition["kind"] in pictures.KINDS:
                strength[:, i] = pictures.strength(definition, seen)
            elif definition["kind"] == "similarity":
                _check_dimensions(predicate, definition, embeddings)
                vector = np.array(definition["vector"], dtype=np.float64)[None]
                # Rounded, so that the last bits of a sum do not decide what a report shows.
                strength[:, i] = np.round(similarity.projections(embeddings, vector)[:, 0], 6)
        return strength

    def spans(self, predicate: Predicate, text: str) -> list[tuple[int, int]]:
        """Words and patterns where they stand; nothing for measures, languages and meaning."""
        definition = definitions.read(predicate.definition, predicate.predicate)
        if definition["kind"] == "words":
            return words.spans(definition["terms"], text)
        if definition["kind"] == "pattern":
            return style.spans_of(definition["pattern"], text)
        if definition["kind"] == "style":
            return style.spans(definition, text)
        return tone.spans(definition, text) if definition["kind"] == "sentiment" else []


def _holds(
    definition: Mapping[str, Any],
    texts: pl.Series,
    joined: Sequence[str],
    embeddings: Float[np.ndarray, "text dim"],
) -> Bool[np.ndarray, " text"]:
    kind = definition["kind"]
    if kind == "words":
        return words.holds(definition["terms"], joined)
    if kind == "pattern":
        return texts.str.contains(definition["pattern"]).to_numpy()
    if kind == "style":
        return style.holds(definition, texts)
    if kind == "sentiment":
        return tone.holds(definition, joined)
    if kind == "language":
        return language.holds(definition, texts.to_list())
    return similarity.holds(definition, embeddings)


def _check_dimensions(
    predicate: Predicate, definition: Definition, embeddings: Float[np.ndarray, "text dim"]
) -> None:
    if definition["kind"] == "similarity" and len(definition["vector"]) != embeddings.shape[1]:
        raise EngineError(
            f"predicate `{predicate.predicate}`: wanted embeddings of {len(definition['vector'])} dimensions "
            f"by {definition['encoder']}, got {embeddings.shape[1]}.",
            hint="Propose again after a change of encoder: `dvc repro`.",
        )
