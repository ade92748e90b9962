"""What a model may answer. The class name in lower case is the schema's name on the wire.

Unknown fields are errors and types are strict: what is not exactly this is asked again or becomes
a row `unparsable`, never a guess.
"""

from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model, model_validator


class Answer(BaseModel):
    """Exactly what is declared."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Word = Literal["yes", "no", "first", "second", "neither"]


class Words(BaseModel):
    """One word for each id that was asked about; `keyed` gives the class for the ids of a call.

    A server that keeps to the schema leaves nothing out and says nothing twice. Of one that does not, what
    is missing is asked again, and ids that nobody asked about are passed over.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    wanted: ClassVar[dict[str, Any]] = {}

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Every id is required, and nothing else may be said."""
        return cls.wanted

    @model_validator(mode="after")
    def _says_something(self) -> "Words":
        if not self.said:
            raise ValueError(f"wanted a word for each of {', '.join(self.wanted['required'])}")
        return self

    @property
    def said(self) -> dict[str, str]:
        """The words that were given, by id."""
        return {name: word for name, word in self if word is not None}


@lru_cache(maxsize=512)
def keyed(ids: tuple[str, ...], words: tuple[Word, ...]) -> type[Words]:
    """What answers with one of the words for each of the ids."""

    def plain(value: Any) -> Any:
        """A word however it is spelled, or a truth value for yes or no."""
        if isinstance(value, bool):
            value = "yes" if value else "no"
        return value.strip().casefold() if isinstance(value, str) else value

    word = Annotated[Literal[words] | None, BeforeValidator(plain)]  # type: ignore[valid-type]
    fields: dict[str, Any] = dict.fromkeys(ids, (word, None))
    made = create_model("Verdicts", __base__=Words, **fields)
    made.wanted = {
        "type": "object",
        "properties": {id_: {"type": "string", "enum": list(words)} for id_ in ids},
        "required": list(ids),
        "additionalProperties": False,
    }
    return made


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
