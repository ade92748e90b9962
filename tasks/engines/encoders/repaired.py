"""An encoder with a weight for each of its parts: `repaired:STUDY`, from what a study left in repair.json.

The vector of a text is the weighted sum of what the parts add, at length one. A part that was ablated adds
what it added on average. A repair is numbers alone; the encoder it belongs to is opened anew, and must be the
one it was made for.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import polars as pl
from jaxtyping import Float
from pydantic import Field, ValidationError

from tasks import paths
from tasks.engines.encoders.parts import Decomposed
from tasks.engines.encoders.sentence import LEAST_ROWS
from tasks.errors import EngineError
from tasks.store.frames import hashed
from tasks.study import naming
from tasks.study.block import Block
from tasks.study.params import REPAIRED

if TYPE_CHECKING:
    import torch

FILE = "repair.json"
"""In 6_scores of that study ..."""
PAIRS = "repair_pairs.parquet"
"""... beside the pairs that weights were fitted on."""
_METHOD = "v1"  # part of every name: change it when equal weights would give other vectors

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Repair(Block):
    """What is to be done to an encoder."""

    base: str
    """As under embed.encoder."""
    model: str
    """The name under which vectors of the base are kept: it holds a hash of its weights."""
    weights: dict[str, Finite]
    """By part; 1 changes nothing."""
    means: dict[str, list[Finite]] = Field(default={})
    """What an ablated part adds whatever the text."""
    fitted_on: dict[str, int] = Field(default={})
    """By failure, how many pairs that show it weights were fitted on."""
    paraphrases: int = 0
    """How many that mean the same."""
    threshold: Finite | None = None
    """The cosine that pairs were pushed below, or held above; None where nothing was fitted."""


class RepairedEncoder(Decomposed):
    """The weighted sum of what the parts of a sentence encoder add."""

    def __init__(self, model: Any, label: str, batch_size: int, repair: Repair) -> None:
        """Opens it.

        Args:
            model: of sentence-transformers, the base.
            label: of the base.
            batch_size: texts encoded at once.
            repair: its weights.

        Raises:
            EngineError: the base is another model than the weights are of, or its parts are called otherwise.
        """
        super().__init__(model, label, "float32", batch_size)
        base, names = self.name, self.parts.names
        if base != repair.model:
            raise EngineError(
                f"encoder {label}: repaired was {repair.model}, {repair.base} is {base} by now.",
                hint="Rerun the score stage of the study that repaired it, or put the model back.",
            )
        fits = repair.weights.keys() == set(names) and repair.means.keys() <= set(names)
        if not fits or any(len(mean) != self.dim for mean in repair.means.values()):
            raise EngineError(
                f"encoder {label}: wanted a weight for each of {len(names)} parts and means of {self.dim} "
                f"numbers, {FILE} has others.",
                hint="Rerun the score stage of the study that wrote it.",
            )
        self.name = f"repaired-{digest(repair)}-{base}"
        self._weights = np.array([repair.weights[name] for name in names], dtype=np.float32)
        self._offset = np.sum([np.zeros(self.dim), *map(np.array, repair.means.values())], axis=0)

    def _forward(self, tokens: dict[str, list[list[int]]], rows: np.ndarray) -> np.ndarray:
        import torch

        features = self._features(tokens, np.resize(rows, max(len(rows), LEAST_ROWS)))
        with torch.inference_mode():
            summed = _weighed(self.parts(features)[0], self._weights)
        vectors: Float[np.ndarray, "text dim"] = summed[: len(rows)].cpu().numpy() + self._offset
        return vectors


def _weighed(parts: "torch.Tensor", weights: Float[np.ndarray, " part"]) -> "torch.Tensor":
    return (parts * parts.new_tensor(weights)[:, None]).sum(dim=1)


def digest(repair: Repair) -> str:
    """16 hex digits of all that its vectors follow from."""
    told = repair.model_dump(include={"model", "weights", "means"})
    return hashed(_METHOD, json.dumps(told, sort_keys=True))


def is_repaired(name: str) -> bool:
    """Whether an encoder is named by the study that repaired it."""
    return name.startswith(REPAIRED)


def study_of(name: str) -> str:
    """The study that an encoder's name names.

    Raises:
        EngineError: no study can be called that.
    """
    study = name.removeprefix(REPAIRED)
    if naming.problem(study):
        raise EngineError(
            f"encoder {name}: wanted the name of a study behind the colon, got {study!r}.",
            hint=f"Write `{REPAIRED}STUDY`.",
        )
    return study


def place(name: str) -> Path:
    """The file of a repair.

    Raises:
        EngineError: it is not there.
    """
    study = study_of(name)
    file = paths.output(study, "score") / FILE
    if not file.is_file():
        raise EngineError(
            f"encoder {name}: wanted {file.relative_to(paths.root())}, not there.",
            hint=f"Run `dvc repro score@{study}`; the study needs a block `repair:`.",
        )
    return file


def read(name: str) -> Repair:
    """The repair that an encoder's name names.

    Raises:
        EngineError: there is none, or the file holds something else.
    """
    file = place(name)
    try:
        repair = Repair.model_validate_json(file.read_bytes())
    except (ValidationError, OSError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": str(error)}
        where = ".".join(map(str, first["loc"]))
        raise EngineError(
            f"encoder {name}: wanted a repair in {file}, got {where + ': ' if where else ''}{first['msg']}.",
            hint=f"Rerun `dvc repro -f score@{study_of(name)}`.",
        ) from None
    if is_repaired(repair.base):
        raise EngineError(
            f"encoder {name}: wanted an encoder of its own, it repairs {repair.base}.",
            hint="Repair the first encoder for all failures at once.",
        )
    return repair


def learned(name: str) -> list[str]:
    """Texts that an encoder was fitted on; none where it was not repaired, or without pairs.

    Raises:
        EngineError: there is no such repair.
    """
    if not is_repaired(name) or not (file := place(name).with_name(PAIRS)).is_file():
        return []
    pairs = pl.read_parquet(file, columns=["left", "right"])
    return [*pairs["left"], *pairs["right"]]


def written(
    base: str,
    decomposed: Decomposed,
    weights: Float[np.ndarray, " part"],
    means: Mapping[str, Float[np.ndarray, " dim"]],
    **told: Any,
) -> Repair:
    """The repair of an encoder.

    Args:
        base: the encoder, as under embed.encoder.
        decomposed: the same in float32.
        weights: of its parts, in their order.
        means: of those that were ablated, whose weight is 0.
        told: what it was fitted on.
    """
    names: Sequence[str] = decomposed.parts.names
    rounded = dict(zip(names, np.round(weights, 6).tolist(), strict=True))
    of_means = {name: np.round(mean, 8).tolist() for name, mean in means.items()}
    return Repair(base=base, model=decomposed.name, weights=rounded, means=of_means, **told)
