"""What a model may answer. The class name in lower case is the schema's name on the wire.

Unknown fields are errors and types are strict: what is not exactly this is asked again or becomes
a row `unparsable`, never a guess.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Verdict(_Answer):
    """Whether a predicate holds for a text."""

    id: str
    holds: bool


class Verdicts(_Answer):
    """One verdict per item asked about."""

    verdicts: list[Verdict]


class Comparison(_Answer):
    """Which of two texts meets a predicate more."""

    id: str
    more: Literal["first", "second", "neither"]


class Comparisons(_Answer):
    """One comparison per predicate asked about."""

    verdicts: list[Comparison]


class Hypothesis(_Answer):
    """A predicate, and the group in which it is said to hold more often."""

    predicate: str
    direction: Literal["A", "B"]


class Hypotheses(_Answer):
    """What one round suggests."""

    hypotheses: list[Hypothesis]


class Rewrite(_Answer):
    """A hypothesis as a predicate of one text."""

    id: str
    predicate: str


class Rewrites(_Answer):
    """One rewrite per hypothesis."""

    rewrites: list[Rewrite]


class Guesses(_Answer):
    """What is expected from the goal alone."""

    guesses: list[str]


Points = Annotated[int, Field(ge=0, le=2)]


class PredicateRating(_Answer):
    """What a predicate is worth to the reader, 0-2 each."""

    id: str
    relevance: Points
    novelty: Points
    significance: Points


class Ratings(_Answer):
    """One rating per predicate."""

    ratings: list[PredicateRating]


class Texts(_Answer):
    """Texts that were written."""

    texts: list[str]


class Failure(_Answer):
    """What an encoder confuses, named, and told so that new pairs can be written from it."""

    name: str
    description: str


class Failures(_Answer):
    """What one round suggests."""

    failures: list[Failure]


class TextPair(_Answer):
    """Two texts that an encoder may confuse."""

    first: str
    second: str


class TextPairs(_Answer):
    """Pairs that were written."""

    pairs: list[TextPair]


class Meaning(_Answer):
    """Whether two texts mean the same."""

    id: str
    same: bool


class Meanings(_Answer):
    """One verdict per pair asked about."""

    verdicts: list[Meaning]
