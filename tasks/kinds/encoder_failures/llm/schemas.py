"""What a model may answer about failures and pairs."""

from functools import lru_cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, WithJsonSchema, create_model, model_validator

from tasks.engines.llm.schemas import Answer, bounded_list

NAME = r'^[^"\\\n]{3,100}$'
DESCRIPTION = r'^[^"\\\n]{10,500}$'
EDITED = r"^.{0,1000}$"
"""What a server that enforces schemas lets them be; one that does not may bring other forms."""


class Failure(Answer):
    """What an encoder confuses, named, and told so that new pairs can be written from it."""

    name: Annotated[str, WithJsonSchema({"type": "string", "pattern": NAME})]
    description: Annotated[str, WithJsonSchema({"type": "string", "pattern": DESCRIPTION})]


class Failures(Answer):
    """What one round suggests."""

    failures: list[Failure]


@lru_cache
def failures(most: int) -> type[Failures]:
    """One at least and at most so many; one too many is no reason to ask again."""
    return create_model("Failures", __base__=Failures, failures=bounded_list(Failure, 1, most))


def _all_required(schema: dict[str, Any]) -> None:
    for field in schema.get("properties", {}).values():
        field.pop("default", None)
    schema |= {"required": list(schema.get("properties", {})), "additionalProperties": False}


class Edits(BaseModel):
    """An edited sentence under each id, empty where there was nothing to change; `edits` gives the class.

    A server that keeps to the schema leaves nothing out and says nothing twice. Of one that does not, what is
    missing is as good as empty, and ids that nobody asked about are passed over.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, json_schema_extra=_all_required)

    @model_validator(mode="after")
    def _says_something(self) -> "Edits":
        if not self.model_fields_set:
            raise ValueError(f"wanted a sentence under each of {', '.join(type(self).model_fields)}")
        return self


@lru_cache
def edits(ids: tuple[str, ...]) -> type[Edits]:
    """A sentence for each id, and nothing else."""
    sentence = Annotated[str, WithJsonSchema({"type": "string", "pattern": EDITED})]
    fields: dict[str, Any] = dict.fromkeys(ids, (sentence, ""))
    return create_model("Edits", __base__=Edits, **fields)
