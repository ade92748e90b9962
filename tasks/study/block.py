"""What all blocks of params.yaml have in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(gt=0, lt=1)]


class Block(BaseModel):
    """What all have in common: unknown keys are errors, nothing is converted, nothing changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    def __hash__(self) -> int:
        return hash(self.model_dump_json())  # A mapping inside has no hash of its own.
