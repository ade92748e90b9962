"""What a model may answer. The class name in lower case is the schema's name on the wire.

Unknown fields are errors and types are strict: what is not exactly this is asked again or becomes
a row `unparsable`, never a guess.
"""

from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    create_model,
    model_validator,
)


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


MAX_WORDS = 18


def _sentence(noun: str) -> Any:
    """What a server that enforces schemas lets a hypothesis be, by words: it ends where one ends. A server
    that does not may bring other forms.
    """
    pattern = rf'^The {noun}( [^ "\\\n]{{1,30}}){{2,{MAX_WORDS}}}$'
    return Annotated[str, WithJsonSchema({"type": "string", "pattern": pattern})]


PHRASE = r'^[^"\\\n]{2,160}$'
Phrase = Annotated[str, WithJsonSchema({"type": "string", "pattern": PHRASE})]
Written = Annotated[str, WithJsonSchema({"type": "string", "pattern": r"^.{1,2000}$"})]
Points = Annotated[int, Field(ge=0, le=2)]


class Hypotheses(Answer):
    """What one call suggests: sentences about "The text", or "The picture"."""

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
def hypotheses(most: int, noun: str = "text") -> type[Hypotheses]:
    """Half of `most` at least, so that an answer neither runs away nor ends at once."""
    bounded = bounded_list(_sentence(noun), -(-most // 2), most)
    return create_model("Hypotheses", __base__=Hypotheses, hypotheses=bounded)


@lru_cache
def guesses(most: int) -> type[Guesses]:
    """At most so many, short ones."""
    return create_model("Guesses", __base__=Guesses, guesses=bounded_list(Phrase, 1, most))


@lru_cache
def group_guesses(most: int, noun: str = "text") -> type[GroupGuesses]:
    """At most so many for each group."""
    bounded = bounded_list(_sentence(noun), 1, most)
    return create_model("GroupGuesses", __base__=GroupGuesses, more_in_a=bounded, more_in_b=bounded)


@lru_cache
def texts(most: int) -> type[Texts]:
    """At most so many."""
    return create_model("Texts", __base__=Texts, texts=bounded_list(Written, 1, most))


@lru_cache
def rewrites(ids: tuple[str, ...], noun: str = "text") -> type[Rewrites]:
    """A sentence for each id, and nothing else."""
    fields: dict[str, Any] = dict.fromkeys(ids, (_sentence(noun), ...))
    made: type[Rewrites] = create_model("Rewrites", __base__=Rewrites, **fields)
    return made


@lru_cache
def ratings(ids: tuple[str, ...]) -> type[Ratings]:
    """A rating for each id, and nothing else."""
    fields: dict[str, Any] = dict.fromkeys(ids, (PredicateRating, ...))
    made: type[Ratings] = create_model("Ratings", __base__=Ratings, **fields)
    return made


def bounded_list(item: Any, least: int, most: int) -> Any:
    """A list whose bounds a server that enforces schemas keeps; one too many is no reason to ask again."""
    return list[item], Field(json_schema_extra={"minItems": least, "maxItems": most})
