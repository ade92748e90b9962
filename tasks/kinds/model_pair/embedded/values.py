"""How much of a trait each answer has: counts, shares and projections, by a definition."""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.engines import languages
from tasks.engines.embedded import lexicon, similarity, style, tokens, tone
from tasks.engines.embedded.measures import MEASURES, SENTENCE_END
from tasks.engines.embedded.pictures import Looks
from tasks.engines.embedded.programs import programs
from tasks.engines.embedded.views import View
from tasks.errors import EngineError
from tasks.kinds.model_pair.embedded import looking
from tasks.kinds.model_pair.embedded.traits import Trait, traits

START, END = 200, 300
"""Characters that are the opening of an answer, and its end."""
LEAST_LETTERS = 4
"""Of a prompt's word that counts as taken up: shorter ones are mostly grammar."""
_FIRST = re.compile(r"[^\n]*?(?:[.!?。！？؟](?=\s|$)|$|\n)")
# A line is a sentence at least: titles and items of lists end with no full stop.
_SENTENCES = rf"{SENTENCE_END}|[^\s.!?。！？؟][ \t*_]*(?:\n|\z)"
_PARAGRAPHS = r"\S[ \t\r]*(?:\n[ \t\r]*\n|\s*\z)"

Values = Float[np.ndarray, " answer"]


class Answers:
    """Answers to be measured, prepared once for all definitions."""

    def __init__(
        self, texts: pl.DataFrame, embeddings: Float[np.ndarray, "answer dim"], seen: Looks | None = None
    ) -> None:
        """`seen`: what can be judged of them, where they are pictures."""
        self._seen = seen
        self.text = texts["text"]
        self.prompt = texts["context"].fill_null("")
        self._embeddings = embeddings

    def values(self, definitions: Sequence[Mapping[str, Any]]) -> list[Values]:
        """How much each answer has, for each definition; all that is counted in one pass."""
        counted = {
            str(i): expression.cast(pl.Float64)
            for i, definition in enumerate(definitions)
            if (expression := _expression(definition)) is not None
        }
        found = self.viewed.select(**counted).collect() if counted else pl.DataFrame()
        return [
            found[str(i)].to_numpy() if str(i) in counted else self._value(definition)
            for i, definition in enumerate(definitions)
        ]

    @cached_property
    def viewed(self) -> pl.LazyFrame:
        """The answers as each view has them, with their openings and ends."""
        stripped = pl.col("text").str.strip_chars()
        return style.viewed(self.text).with_columns(
            start=stripped.str.head(START), end=stripped.str.tail(END)
        )

    @cached_property
    def joined(self) -> list[str]:
        """The answers as tokens.joined gives them."""
        return tokens.joined_all(self.text.to_list())

    @cached_property
    def _asked(self) -> list[frozenset[str]]:
        """Words of each prompt that mean something."""
        known: dict[str, frozenset[str]] = {}
        return [known.get(one) or known.setdefault(one, _meant(one)) for one in self.prompt.to_list()]

    def _value(self, definition: Mapping[str, Any]) -> Values:
        if "terms" in definition:
            return occurrences(definition["terms"], self.joined)
        if "axis" in definition:
            return self._along(definition)
        if looking.compares(definition):
            return looking.values(definition, self._seen)
        return self._computed(traits()[definition["trait"]].value, definition)

    def _along(self, definition: Mapping[str, Any]) -> Values:
        vector = np.array(definition["vector"], dtype=np.float64)
        if self._embeddings.shape[1] != len(vector):
            raise EngineError(
                f"wanted embeddings of {len(vector)} dimensions by {definition.get('encoder')}, "
                f"got {self._embeddings.shape[1]}.",
                hint="Propose again after a change of encoder: `dvc repro`.",
            )
        # Rounded, so that equal answers tie whatever the order of the sums.
        result: Values = np.round(similarity.projections(self._embeddings, vector[None])[:, 0], 6)
        return result

    def _computed(self, name: str, definition: Mapping[str, Any]) -> Values:
        if name == "sentiment":
            left_out = frozenset(definition.get("without", ()))
            return _numbers(_valence(text.split(), left_out) for text in self.joined)
        if name == "overlap":
            pairs = zip(self._asked, self.joined, strict=True)
            return _numbers(len(asked.intersection(text.split())) for asked, text in pairs)
        if name == "echo":
            firsts = self.viewed.select("start").collect()["start"].to_list()
            pairs = zip(self._asked, map(_first_sentence, firsts), strict=True)
            return _numbers(len(asked.intersection(tokens.joined(said).split())) for asked, said in pairs)
        among = tuple(definition.get("among", ()))
        spoken = languages.identified(self.text.to_list(), among or tuple(sorted(languages.LANGUAGES)))
        asked = languages.identified(self.prompt.to_list(), among or tuple(sorted(languages.LANGUAGES)))
        return _numbers(one == other for one, other in zip(spoken, asked, strict=True))


def occurrences(terms: Sequence[str], joined: Sequence[str]) -> Values:
    """How often the terms stand in each text, given as tokens.joined."""
    padded = [f" {term} " for term in terms]
    return _numbers(sum(text.count(term) for term in padded) for text in joined)


def marked(trait: Trait) -> tuple[str, View]:
    """The pattern that is counted and what of an answer it reads; empty where none is."""
    if trait.measure:
        measure = MEASURES[trait.measure]
        return measure.pattern, measure.view
    return trait.pattern, trait.view


def _expression(definition: Mapping[str, Any]) -> pl.Expr | None:
    """What polars computes; None of what it does not."""
    if "pattern" in definition:
        return pl.col("text").str.count_matches(definition["pattern"])
    trait = traits()[definition["trait"]] if "trait" in definition else Trait("")
    if trait.measure:
        return MEASURES[trait.measure].expression
    if trait.program:
        program = programs()[trait.program]
        return style.read(program).str.count_matches(program.without(definition.get("without", ())))
    if trait.pattern:
        # Where it is looked for at one place, it is there or not.
        return (
            pl.col(trait.at).str.contains(trait.pattern)
            if trait.at
            else pl.col(trait.view).str.count_matches(trait.pattern)
        )
    return _RATIOS.get(trait.value)


def _per(pattern: str, whole: pl.Expr) -> pl.Expr:
    return whole / pl.max_horizontal(pl.col("text").str.count_matches(pattern), pl.lit(1))


_RATIOS = {
    "sentence_length": _per(_SENTENCES, MEASURES["words"].expression),
    "paragraph_length": _per(_PARAGRAPHS, MEASURES["characters"].expression),
}


def _meant(prompt: str) -> frozenset[str]:
    return frozenset(
        word
        for word in tokens.joined(prompt).split()
        if word not in lexicon.function_words()
        and (len(word) >= LEAST_LETTERS or tokens.is_spaceless(word))
        and word[0].isalnum()
    )


def _first_sentence(opening: str) -> str:
    found = _FIRST.match(opening)
    return found.group() if found else ""


def _valence(words: Sequence[str], without: frozenset[str]) -> float:
    """Mean valence of a word, rounded so that the order of a sum changes nothing."""
    total = sum(valence for _, valence in tone.valences_of(words, without))
    return round(total / max(len(words), 1), 9)


def _numbers(found: Any) -> Values:
    return np.fromiter(found, dtype=np.float64)
