"""The block `directions` of a study."""

from typing import Any, Literal, cast

from pydantic import Field, field_validator, model_validator

from tasks.study import Study
from tasks.study.block import Block
from tasks.study.corpus import Column


class AlsoOn(Block):
    """Another corpus, on which every name is tested as well."""

    path: str
    """File inside `data` with its inputs, of the same columns as the first."""
    activations: str | None = None
    """File inside `data` with the activations of the same units on them: .parquet, .csv or .npz. With a
    `target` none: the target reads them itself."""


class Repair(Block):
    """How an encoder is made of the target, for other studies to name as `repaired:STUDY`."""

    pairs: str | None = None
    """File inside `data` (.parquet or .csv) with the columns left, right, differs (1: must be told apart, 0:
    mean the same) and, if failures have names, failure."""
    failures: str | None = None
    """In place of `pairs`, a study of what an encoder confuses: the failures it confirmed, on its exploration
    half."""
    ablate: tuple[str, ...] = Field(default=(), strict=False)
    """In place of both, parts that are set to what they add on average, such as `h4.6`."""
    threshold: float | None = Field(default=None, gt=0, lt=1)
    """Cosine from which two texts count as one; without it that of `failures`, or 0.9."""

    @model_validator(mode="after")
    def _one_way(self) -> "Repair":
        given = [name for name in ("pairs", "failures", "ablate") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(
                f"wanted one of pairs, failures and ablate, got {' and '.join(given) or 'none of them'}"
            )
        if self.ablate and self.threshold is not None:
            raise ValueError("wanted no threshold with `ablate`: nothing is fitted")
        return self


class Directions(Block):
    """Whose activations are to be named, and on which inputs."""

    activations: str | None = None
    """File inside `data`: Parquet or CSV with a column of ids and one of numbers for each unit; .npz with the
    arrays `ids`, `activations` (input x unit) and, if units have names, `units`; or .npy with the latter
    array, rows as in `ids`."""
    ids: str | None = None
    """File inside `data` with the ids of the rows of a .npy file, one a line."""
    target: str | None = None
    """Encoder whose own parts are named, in place of `activations`: `bundled`, or the folder of one."""
    parts: Literal["heads", "mlps", "neurons"] = "heads"
    """Which parts of the target: `h4.6` is head 6 of layer 4, `m3` the MLP of layer 3, `n3.117` a neuron."""
    bank: str | None = None
    """File inside `data` with sentences for heads or MLPs, in place of words: .txt, one a line, or .csv or
    .parquet with the column `sentence`."""
    spans: int = Field(default=1, ge=1, le=10)
    """With a bank: directions of each part, at most, each named by a sentence: `h4.6/1`, `h4.6/2` ..."""
    id: Column = "id"
    """Column that tells inputs apart, in the texts and in a table of activations."""
    units: tuple[str, ...] = Field(default=(), strict=False)
    """The units to name; without it all of the file, or of the target."""
    most_units: int = Field(default=1000, ge=1)
    """More units than this are an error."""
    top: float = Field(default=0.1, gt=0, le=0.25)
    """Share of the inputs that are an end of a unit: those where it is highest, or lowest."""
    names: int = Field(default=1, ge=1, le=5)
    """Sentences for each end, at most."""

    also_on: AlsoOn | None = None
    """Another corpus, on which every name is tested as well; nothing is named from it."""
    repair: Repair | None = None
    """With a target: what 6_scores/repair.json is to hold."""

    @field_validator("units", mode="before")
    @classmethod
    def _units_have_names(cls, units: Any) -> Any:
        if isinstance(units, list | tuple):
            units = [str(one) if isinstance(one, int) and not isinstance(one, bool) else one for one in units]
            if twice := [one for i, one in enumerate(units) if one in units[:i]]:
                raise ValueError(f"wanted each unit once, got {twice[0]!r} twice")
        return units

    @property
    def has_directions(self) -> bool:
        """Whether units are directions of what parts of an encoder add."""
        return self.target is not None and self.parts != "neurons"


def own(study: Study) -> Directions:
    """The study's values."""
    return cast(Directions, getattr(study, "directions"))  # noqa: B009 - reading.py adds it
