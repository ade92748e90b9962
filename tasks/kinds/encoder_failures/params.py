"""The block `encoder_failures` of a study."""

from typing import cast

from pydantic import Field, field_validator

from tasks.study import Study
from tasks.study.block import Block

LEXICAL = "lexical"
"""The reference that needs no encoder: how far the same words stand in the same order."""


AUTO = "auto"
"""The threshold that follows from the encoder's own scale (scale.py)."""


class Failures(Block):
    """What counts as confused, and on what it is tested."""

    reference: str = LEXICAL
    """What tells texts apart: `lexical` (their words in order) or an encoder, as under embed.encoder."""
    threshold: float | str = AUTO
    """Cosine under test (embed.encoder) from which two texts count as confused; `auto`: the one that 1 in
    1,000 pairs of explored texts of two documents reach."""
    margin: float = Field(default=0.1, ge=0, le=2)
    """How much lower the reference must be."""
    top: int = Field(default=2000, ge=1)
    """Most confused pairs kept as evidence, the nearest first."""
    per_text: int = Field(default=3, ge=1)
    """Most kept pairs in which a text stands."""
    shown: int = Field(default=20, ge=1)
    """Pairs shown to a language model in a round."""
    fresh: int = Field(default=100, ge=10)
    """New pairs written to test each failure, and as many controls."""
    domain: str | None = None
    """What failures should be about, e.g. captions for self-driving scenes."""
    transfer: tuple[str, ...] = Field(default=(), strict=False)
    """Other encoders on which the confirmed failures are tested."""

    @field_validator("threshold")
    @classmethod
    def _threshold_is_a_cosine(cls, value: float | str) -> float | str:
        if value != AUTO and (isinstance(value, str) or not 0 < value <= 1):
            raise ValueError(f"wanted a number in (0, 1] or `{AUTO}`, got {value!r}")
        return value

    @field_validator("reference")
    @classmethod
    def _reference_tells_apart(cls, name: str) -> str:
        if name == "none":
            raise ValueError("wanted `lexical` or an encoder, got 'none'")
        return name

    @field_validator("transfer")
    @classmethod
    def _transfer_is_to_encoders(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for i, name in enumerate(names):
            if name in {"none", "lexical"}:
                raise ValueError(f"wanted encoders, as under embed.encoder, got {name!r}")
            if name in names[:i]:
                raise ValueError(f"wanted each encoder once, got {name!r} twice")
        return names


def own(study: Study) -> Failures:
    """The study's values."""
    return cast(Failures, getattr(study, "encoder_failures"))  # noqa: B009 - reading.py adds it
