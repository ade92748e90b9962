"""What propose left of a model, and what was frozen with the predicates."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from tasks import paths
from tasks.errors import FrozenError
from tasks.kinds.fitted import tables
from tasks.kinds.fitted.model import Model, Verdicts, reader
from tasks.kinds.fitted.observed import Observed
from tasks.records import Predicate, Proposal
from tasks.store import frames
from tasks.study import Study

TEST = "conditional_gain"
"""The planned test; what is frozen with it stands after the sign."""


@dataclass(frozen=True)
class Frozen:
    """A model as it was fitted on the exploration half."""

    model: Model
    ids: tuple[str, ...]
    """predicate_ids, in the order of columns."""
    z: Verdicts
    """Of the exploration texts that it was fitted on, gaps filled."""
    of: Observed
    """What was observed of these."""
    text_ids: tuple[str, ...]
    """Theirs."""
    share: np.ndarray
    """[predicate]: how often each holds there; what a gap counts as."""
    full: Any
    without: tuple[Any, ...]
    """Of each predicate the model without it, which has the columns of the others."""

    def refitted(self, z: Verdicts, of: Observed) -> "Frozen":
        """The same form fitted to other verdicts, or values, of the same texts."""
        full = self.model.fit(z, of, start=self.full)
        without = tuple(self.model.fit(others(z, k), of, start=one) for k, one in enumerate(self.without))
        return replace(self, z=z, of=of, full=full, without=without)


def fitted(
    model: Model, ids: Sequence[str], z: Verdicts, of: Observed, text_ids: Sequence[str] = ()
) -> Frozen:
    """A model fitted anew, with all that leave one predicate out."""
    full = model.fit(z, of)
    without = tuple(model.fit(others(z, k), of) for k in range(z.shape[1]))
    return Frozen(model, tuple(ids), z, of, tuple(text_ids), z.mean(axis=0), full, without)


def predicate_id(proposal: Proposal) -> str:
    """The id that formalise will give it."""
    return frames.hashed(proposal.predicate, proposal.definition)


def others(z: Verdicts, k: int) -> Verdicts:
    """The columns without one."""
    return np.delete(z, k, axis=1)


def model_frame(model: Model, ids: Sequence[str], full: Any, without: Sequence[Any]) -> pl.DataFrame:
    """Rows of tables.MODEL."""
    parts = [_rows(model, "", ids, full)]
    for k, one in enumerate(without):
        parts.append(_rows(model, ids[k], [*ids[:k], *ids[k + 1 :]], one))
    return pl.concat(parts)


def _rows(model: Model, without: str, ids: Sequence[str], fitted: Any) -> pl.DataFrame:
    weights = model.weights(fitted)
    slots = list(model.slots)
    return pl.DataFrame(
        {
            "without": without,
            "predicate_id": np.repeat(["", *ids], len(slots)),
            "slot": slots * (len(ids) + 1),
            "weight": weights.ravel(),
        },
        schema=tables.MODEL,
    )


def planned(study: Study, has_values: bool) -> str:
    """The planned test, with a hash over the model's weights, what they were fitted on, and all values.

    The values decide the test as the verdicts do: labels that were mended once the gains were seen are
    another test. A hash of those of the confirmation half tells nothing of them.

    Args:
        study: whose propose has run.
        has_values: whether each text has a value.
    """
    read = [("propose", "model", tables.MODEL), ("propose", "explored", tables.EXPLORED)]
    if has_values:
        read.append(("collect", "values", tables.VALUES))
    parts = [
        frames.read(paths.output(study.name, stage), f"{name}.parquet", schema).write_ndjson()
        for stage, name, schema in read
    ]
    return f"{TEST}:{frames.hashed(*parts)}"


def read(study: Study, predicates: Sequence[Predicate], kind: Any, texts: pl.DataFrame) -> Frozen:
    """The frozen model.

    Args:
        study: whose it is.
        predicates: the frozen ones.
        kind: of the study; it has the form of the model.
        texts: rows of frames.TEXTS, all of them.

    Raises:
        FrozenError: propose left another model than the one that was frozen, or values are others.
    """
    if predicates[0].planned_test != planned(study, kind.has_values):
        what = "the model, or a value of a text, is" if kind.has_values else "the model is"
        raise FrozenError(
            f"studies.{study.name}: {what} not the one that was frozen with its predicates. "
            "Rerun formalise and verify."
        )
    folder = paths.output(study.name, "propose")
    explored = frames.read(folder, "explored.parquet", tables.EXPLORED)
    weights = frames.read(folder, "model.parquet", tables.MODEL)
    ids = tuple(p.predicate_id for p in predicates)
    wide = explored.pivot("predicate_id", index="text_id", values="score").sort("text_id")
    rows = wide.select("text_id").join(texts, on="text_id", how="left", maintain_order="left")
    of = kind.observed(study, rows)
    z, share = filled(wide.select(ids).to_numpy())
    model = kind.model(study, of)
    fits = [reader(weights, "", ids, model.slots)]
    fits += [reader(weights, one, [i for i in ids if i != one], model.slots) for one in ids]
    full = model.frozen(fits[0], z, of)
    without = tuple(model.frozen(one, others(z, k), of) for k, one in enumerate(fits[1:]))
    return Frozen(model, ids, z, of, tuple(wide["text_id"]), share, full, without)


def filled(score: Verdicts, share: np.ndarray | None = None) -> tuple[Verdicts, np.ndarray]:
    """Verdicts with each gap filled by its predicate's share, and these shares."""
    if share is None:
        known = ~np.isnan(score)
        share = np.where(known, score, 0.0).sum(axis=0) / known.sum(axis=0).clip(1)
    return np.where(np.isnan(score), share, score), share
