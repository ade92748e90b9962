"""Activations of the parts of an encoder, for a study that names an encoder and no file of them."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks import paths, progress
from tasks.engines.encoders import inputs, units
from tasks.engines.encoders.parts import Contributions
from tasks.engines.encoders.units import Direction, Target
from tasks.errors import CorpusError, ParamsError, nearest
from tasks.kinds.directions import tables
from tasks.kinds.directions.ends import ACTIVATIONS, FIRST, SQUARED
from tasks.kinds.directions.params import Directions, own
from tasks.kinds.parts import Encoded
from tasks.store import frames
from tasks.study import Study

MOST_FITTED = 2000
"""Exploration texts, at most, that directions are found on: a part has 384 numbers, or some such."""


def encoded(study: Study, texts: pl.DataFrame) -> Encoded:
    """Activations of every input; directions are found on exploration texts alone.

    Raises:
        EngineError: the target is not there, or has no parts that sum to its vector.
        ParamsError: it has no such unit, or more than are asked for.
        CorpusError: a unit has one activation on all texts.
    """
    asked = own(study)
    target = str(asked.target)
    decomposed = units.target(target, study, texts)
    chosen = _chosen(study, units.names(decomposed, asked.parts))
    said = inputs.items_of(texts).to_list()
    rows: list[dict[str, Any]]
    if asked.parts == units.NEURONS:
        with progress.bar(f"activations {study.name}", len(said)) as advance:
            values = units.neurons(_told(decomposed, said, advance), chosen, len(said))
        arrays, rows = {ACTIVATIONS: values}, [{"unit": unit} for unit in chosen]
    else:
        found, arrays = _along(study, decomposed, chosen, texts)
        rows = [{"unit": one.unit, "sentence": one.sentence, "share": one.share} for one in found]
    table = pl.DataFrame(rows, schema=tables.UNITS)
    _check_varies(study, table["unit"].to_list(), arrays[ACTIVATIONS])
    noted = {"target": {"encoder": decomposed.name, "parts": asked.parts, "units": table.height}}
    return Encoded(arrays, {"units": table}, noted)


def _along(
    study: Study, decomposed: Target, parts: Sequence[str], texts: pl.DataFrame
) -> tuple[list[Direction], dict[str, Float[np.ndarray, "text unit"]]]:
    """The units that parts have, and how far texts lie along them."""
    seen, said = fitted_on(study, texts), inputs.items_of(texts).to_list()
    known = decomposed.parts.names
    with progress.bar(f"activations {study.name}", len(seen) + len(said)) as advance:
        moments = units.moments(_told(decomposed, seen, advance), [known.index(one) for one in parts])
        sentences = _bank(study) if own(study).bank else []
        bank = decomposed.encode(sentences).astype(np.float64) if sentences else None
        found = [
            one
            for part, of in zip(parts, moments, strict=True)
            for one in (
                units.principal(part, of)
                if bank is None
                else units.spanned(part, of, bank, sentences, own(study).spans)
            )
        ]
        if not found:
            raise CorpusError(
                f"studies.{study.name}: wanted exploration texts on which the {own(study).parts} of "
                f"{own(study).target} differ, they do not on {len(seen):,}. Collect other texts."
            )
        values, squared = units.along(_told(decomposed, said, advance), found, known, len(said))
    return found, {ACTIVATIONS: values, SQUARED: squared}


def fitted_on(study: Study, texts: pl.DataFrame) -> list[str]:
    """The exploration inputs that directions are found on, drawn by hash where there are more."""
    seen = texts.filter(half="explore", group=FIRST)
    if seen.height > MOST_FITTED:
        draw = [frames.hashed("directions", str(study.seed), one) for one in seen["text_id"]]
        seen = seen.with_columns(pl.Series("_draw", draw)).sort("_draw").head(MOST_FITTED)
    return inputs.items_of(seen.sort("text_hash")).to_list()


def _told(decomposed: Target, texts: Sequence[str], advance: progress.Advance) -> Iterator[Contributions]:
    for batch in decomposed.contributions(texts):
        yield batch
        advance(len(batch.rows))


def _bank(study: Study) -> list[str]:
    return frames.read(paths.output(study.name, "collect"), "bank.parquet", tables.BANK)["sentence"].to_list()


def _chosen(study: Study, known: Sequence[str]) -> list[str]:
    """The parts that the study names, or all."""
    asked: Directions = own(study)
    where = f"studies.{study.name}.directions"
    if unknown := [one for one in asked.units if one not in known]:
        raise ParamsError(
            f"{where}.units: wanted {asked.parts} of {asked.target}, {known[0]} to {known[-1]}, got "
            f"{unknown[0]!r}{nearest(unknown[0], known)}."
        )
    chosen = list(asked.units) or list(known)
    if len(chosen) > asked.most_units:
        raise ParamsError(
            f"{where}: wanted at most {asked.most_units:,} units, {asked.target} has {len(chosen):,} "
            f"{asked.parts}. Name some under units, or raise most_units."
        )
    return chosen


def _check_varies(study: Study, names: Sequence[str], values: Float[np.ndarray, "text unit"]) -> None:
    constant = values.min(axis=0) == values.max(axis=0)
    if constant.any():
        raise CorpusError(
            f"studies.{study.name}: wanted texts on which every unit varies, {names[int(constant.argmax())]} "
            f"has one activation on all {len(values):,}. Collect other texts, or name others under "
            "directions.units."
        )
