"""An encoder made of the target: a weight for each part, fitted on pairs, or parts set to their mean.

What pairs show is fitted on all of them, so figures on them say how well the fit went and no more. What the
repaired encoder is worth is to be tested on new pairs, by a study that names it.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.engines.encoders import inputs, repaired, units
from tasks.engines.encoders.ablation import part_means
from tasks.engines.encoders.parts import Decomposed
from tasks.engines.encoders.reweighting import Products, fitted_weights
from tasks.errors import CorpusError, ParamsError, nearest
from tasks.kinds.directions import pairs, tables
from tasks.kinds.directions.encoding import fitted_on
from tasks.kinds.directions.params import own
from tasks.store import frames
from tasks.study import Study


def repair(study: Study, texts: pl.DataFrame) -> tuple[repaired.Repair, pl.DataFrame]:
    """The repair that a study asks for, and the pairs it was fitted on (rows of tables.REPAIR_PAIRS).

    Raises:
        ParamsError: the target has no such part.
        SourceError: pairs cannot be read.
        CorpusError: there are too few of them.
        MissingStageError: the study that they come from has not run.
    """
    asked = own(study).repair
    assert asked is not None  # noqa: S101 - called only where it is
    if inputs.has_pictures(texts):
        raise ParamsError(
            f"studies.{study.name}.directions.repair: wanted texts, inputs are pictures. Leave repair out."
        )
    decomposed = units.opened(str(own(study).target), study)
    if asked.ablate:
        made = _ablated(study, decomposed, asked.ablate, fitted_on(study, texts))
        return made, pl.DataFrame(schema=tables.REPAIR_PAIRS)
    return _fitted(study, decomposed, *pairs.read(study))


def _ablated(
    study: Study, decomposed: Decomposed, parts: Sequence[str], texts: Sequence[str]
) -> repaired.Repair:
    """Weights of 0, and what these parts add on average."""
    target, names = str(own(study).target), decomposed.parts.names
    if unknown := [one for one in parts if one not in names]:
        raise ParamsError(
            f"studies.{study.name}.directions.repair.ablate: wanted parts of {target}, {names[0]} to "
            f"{names[-1]}, got {unknown[0]!r}{nearest(unknown[0], names)}."
        )
    at = [names.index(one) for one in parts]
    weights = np.ones(len(names))
    weights[at] = 0
    every = part_means((one.rows, one.parts) for one in decomposed.contributions(texts))
    means = dict(zip(parts, every[at], strict=True))
    return repaired.written(target, decomposed, weights, means)


def _fitted(
    study: Study, decomposed: Decomposed, found: pl.DataFrame, threshold: float
) -> tuple[repaired.Repair, pl.DataFrame]:
    """Weights by pairs that differ, and by those that mean the same and are taken for one text already.

    What the target keeps together is to stay together. What it tells apart though it means the same is left
    as it is: drawn together it would draw together all texts.
    """
    drawn = pairs.drawn(study, found)
    products = Products.of(*(_added(decomposed, drawn[side].to_list()) for side in ("left", "right")))
    differs = (drawn["differs"] == 1).to_numpy()
    used = differs | (products.cosines(np.ones(len(decomposed.parts.names))) >= threshold)
    drawn, differs = drawn.filter(used), differs[used]
    products = Products(products.across[used], products.left[used], products.right[used])
    if (n := int((~differs).sum())) < pairs.LEAST_PAIRS:
        raise CorpusError(
            f"studies.{study.name}.directions.repair: wanted {pairs.LEAST_PAIRS} pairs or more that mean the "
            f"same and that {own(study).target} takes for one text, at a cosine of {threshold:g}, got {n}. "
            "Bring more of them, or lower repair.threshold."
        )
    weights = fitted_weights(products, differs, threshold)
    shown_failures = drawn.filter(differs)["failure"].value_counts(sort=True).rows()
    made = repaired.written(
        str(own(study).target),
        decomposed,
        weights,
        {},
        fitted_on={name or "without a name": n for name, n in shown_failures},
        paraphrases=n,
        threshold=threshold,
    )
    told = drawn.with_columns(
        pl.Series("before", products.cosines(np.ones_like(weights))),
        pl.Series("after", products.cosines(weights)),
    )
    return made, frames.conform(told, tables.REPAIR_PAIRS)


def _added(decomposed: Decomposed, texts: Sequence[str]) -> Float[np.ndarray, "text part dim"]:
    found = np.empty((len(texts), len(decomposed.parts.names), decomposed.dim), dtype=np.float32)
    for one in decomposed.contributions(texts):
        found[one.rows] = one.parts
    return found
