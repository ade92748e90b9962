"""What a model may answer. The class name in lower case is the schema's name on the wire.

Unknown fields are errors and types are strict: what is not exactly this is asked again or becomes
a row `unparsable`, never a guess.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


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


class Hypothesis(Answer):
    """A predicate, and the group in which it is said to hold more often."""

    predicate: str
    direction: Literal["A", "B"]


class Hypotheses(Answer):
    """What one round suggests."""

    hypotheses: list[Hypothesis]


class Rewrite(Answer):
    """A hypothesis as a predicate of one text."""

    id: str
    predicate: str


class Rewrites(Answer):
    """One rewrite per hypothesis."""

    rewrites: list[Rewrite]


class Guesses(Answer):
    """What is expected from the goal alone."""

    guesses: list[str]


Points = Annotated[int, Field(ge=0, le=2)]


class PredicateRating(Answer):
    """What a predicate is worth to the reader, 0-2 each."""

    id: str
    relevance: Points
    novelty: Points
    significance: Points


class Ratings(Answer):
    """One rating per predicate."""

    ratings: list[PredicateRating]


class Texts(Answer):
    """Texts that were written."""

    texts: list[str]
