"""What a model may answer about traits."""

from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, WithJsonSchema, create_model

from tasks.engines.llm.schemas import Answer, bounded_list


def _sentence(subject: str, most: int) -> Any:
    """A sentence of so many words about that subject, where a server enforces schemas."""
    pattern = rf'^{subject}( [^ "\\\n()]{{1,30}}){{2,{most}}}$'
    return Annotated[str, WithJsonSchema({"type": "string", "pattern": pattern})]


class Trait(Answer):
    """What answers with more and with less of it do, the comparison that follows, and whose show more.

    Told in this order: a model that names a trait before it has said what it is names none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    high: _sentence("It", 12)  # type: ignore[valid-type]
    low: _sentence("The other", 12)  # type: ignore[valid-type]
    trait: _sentence("The answer", 9)  # type: ignore[valid-type]
    more_in: Literal["first", "second"]


class Traits(Answer):
    """What one round suggests."""

    traits: list[Trait]


@lru_cache
def traits(most: int) -> type[Traits]:
    """Half of `most` at least, so that an answer neither runs away nor ends at once."""
    return create_model("Traits", __base__=Traits, traits=bounded_list(Trait, -(-most // 2), most))
