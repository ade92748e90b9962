"""What a model may answer. The class name in lower case is the schema's name on the wire.

Unknown fields are errors and types are strict: what is not exactly this is asked again or becomes
a row `unparsable`, never a guess.
"""

from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, create_model


class Answer(BaseModel):
    """Exactly what is declared."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Verdict(Answer):
    """Whether a predicate holds for a text."""

    id: str
    holds: bool


class Verdicts(Answer):
    """One verdict per item asked about."""

    verdicts: list[Verdict]


class Comparison(Answer):
    """Which of two texts meets a predicate more."""

    id: str
    more: Literal["first", "second", "neither"]


class Comparisons(Answer):
    """One comparison per predicate asked about."""

    verdicts: list[Comparison]


MAX_WORDS = 18
SENTENCE = rf'^The text( [^ "\\\n]{{1,30}}){{2,{MAX_WORDS}}}$'
"""What a server that enforces schemas lets a hypothesis be, by words: it ends where one ends. A server that
does not may bring other forms."""
PHRASE = r'^[^"\\\n]{2,160}$'
Sentence = Annotated[str, WithJsonSchema({"type": "string", "pattern": SENTENCE})]
Phrase = Annotated[str, WithJsonSchema({"type": "string", "pattern": PHRASE})]
Written = Annotated[str, WithJsonSchema({"type": "string", "pattern": r"^.{1,2000}$"})]
Points = Annotated[int, Field(ge=0, le=2)]


class Hypotheses(Answer):
    """What one call suggests: sentences about "The text"."""

    hypotheses: list[str]


class Rewrites(Answer):
    """A better sentence under each id."""


class Guesses(Answer):
    """What is expected from the goal alone."""

    guesses: list[str]


class GroupGuesses(Answer):
    """The same, by the group in which it is said to hold more often."""

    more_in_a: list[str]
    more_in_b: list[str]


class PredicateRating(Answer):
    """What a predicate is worth to the reader, 0-2 each."""

    relevance: Points
    novelty: Points
    significance: Points


class Ratings(Answer):
    """A rating under each id."""


class Texts(Answer):
    """Texts that were written."""

    texts: list[str]


@lru_cache
def hypotheses(most: int) -> type[Hypotheses]:
    """Half of `most` at least, so that an answer neither runs away nor ends at once."""
    bounded = _some(Sentence, -(-most // 2), most)
    return create_model("Hypotheses", __base__=Hypotheses, hypotheses=bounded)


@lru_cache
def guesses(most: int) -> type[Guesses]:
    """At most so many, short ones."""
    return create_model("Guesses", __base__=Guesses, guesses=_some(Phrase, 1, most))


@lru_cache
def group_guesses(most: int) -> type[GroupGuesses]:
    """At most so many for each group."""
    bounded = _some(Sentence, 1, most)
    return create_model("GroupGuesses", __base__=GroupGuesses, more_in_a=bounded, more_in_b=bounded)


@lru_cache
def texts(most: int) -> type[Texts]:
    """At most so many."""
    return create_model("Texts", __base__=Texts, texts=_some(Written, 1, most))


@lru_cache
def rewrites(ids: tuple[str, ...]) -> type[Rewrites]:
    """A sentence for each id, and nothing else."""
    fields: dict[str, Any] = dict.fromkeys(ids, (Sentence, ...))
    made: type[Rewrites] = create_model("Rewrites", __base__=Rewrites, **fields)
    return made


@lru_cache
def ratings(ids: tuple[str, ...]) -> type[Ratings]:
    """A rating for each id, and nothing else."""
    fields: dict[str, Any] = dict.fromkeys(ids, (PredicateRating, ...))
    made: type[Ratings] = create_model("Ratings", __base__=Ratings, **fields)
    return made


def _some(item: Any, least: int, most: int) -> Any:
    """A list whose bounds a server that enforces schemas keeps; one too many is no reason to ask again."""
    return list[item], Field(json_schema_extra={"minItems": least, "maxItems": most})
