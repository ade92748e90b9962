"""Tables beside the scores: weights refitted on the confirmation half, coverage, baselines."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from tasks.kinds.fitted import baselines, tables
from tasks.kinds.fitted.refitted import Refitted, refitted
from tasks.stats.accuracy import share_ci_wilson_clustered
from tasks.store import frames
from tasks.verdicts.judged import Judged

MOST_SLOTS = 60
"""With more slots, which are words then, those of the largest weights are shown."""
TOP_SLOTS = 12
Parts = Mapping[str, Bool[np.ndarray, " text"]]


def beside(kind: Any, judged: Judged, texts: pl.DataFrame, found: Sequence[str]) -> dict[str, pl.DataFrame]:
    """All tables of tables.SCORED, and baselines.

    Args:
        kind: of the study.
        judged: all verdicts.
        texts: of the study.
        found: predicate_ids of the discoveries.
    """
    of = refitted(judged)
    return {
        "weights": kind.weights(of),
        "coverage": pl.concat([coverage(of, kind.parts(of.of), found), kind.courses(of)]),
        "changes": kind.changes(of),
        "baselines": baselines.baselines(of, texts),
    }


def weights(of: Refitted) -> pl.DataFrame:
    """Rows of tables.WEIGHTS: constants and all slots, or of very many slots those that matter most.

    Which these are goes by the frozen weights: intervals are of what was chosen elsewhere.
    """
    form, ids = of.model.model, ["", *of.model.ids]
    was = form.weights(of.model.full)
    weight, lo, hi = of.ends(form.weights, form.errors(of.fit, of.z, of.of))
    shown = np.ones(was.shape, dtype=bool)
    if was.shape[1] > MOST_SLOTS:
        shown[:] = False
        top = np.argsort(-was[1:], axis=1, kind="stable")[:, :TOP_SLOTS]
        np.put_along_axis(shown[1:], top, True, axis=1)
    return weight_rows(ids, list(form.slots), (weight, lo, hi, was), shown)


def weight_rows(
    ids: Sequence[str],
    slots: Sequence[str],
    figures: Sequence[Float[np.ndarray, "1+predicate slot"]],
    shown: Bool[np.ndarray, "1+predicate slot"],
) -> pl.DataFrame:
    """Rows of tables.WEIGHTS: weight, lo, hi and frozen of each predicate and slot that is shown."""
    k, slot = np.nonzero(shown)
    names = ("weight", "lo", "hi", "frozen")
    rows = pl.DataFrame(
        {
            "predicate_id": [ids[i] for i in k.tolist()],
            "slot": [slots[i] for i in slot.tolist()],
            **{name: values[k, slot] for name, values in zip(names, figures, strict=True)},
        }
    )
    return frames.conform(rows, tables.WEIGHTS)


def coverage(of: Refitted, parts: Parts, found: Sequence[str]) -> pl.DataFrame:
    """Rows of tables.COVERAGE: for how many texts each predicate holds, and for how many no discovery does.

    Args:
        of: the model and its texts.
        parts: slots with the texts of each; all texts are the empty slot.
        found: predicate_ids of the discoveries; without any nothing is said of what they leave.
    """
    columns = dict(zip(of.model.ids, of.judged.verdict.T, strict=True))
    if found:
        columns[tables.UNEXPLAINED] = none_holds(np.column_stack([columns[one] for one in found]))
    rows: list[dict[str, Any]] = []
    for name, held in columns.items():
        for slot, inside in {"": np.ones(len(held), dtype=bool), **parts}.items():
            at = inside & ~np.isnan(held)
            if at.any():
                lo, hi = share_ci_wilson_clustered(held[at], of.of.document[at], of.level)
                share = float(held[at].mean())
                rows.append(
                    {
                        "predicate_id": name,
                        "slot": slot,
                        "share": share,
                        "lo": lo,
                        "hi": hi,
                        "n": int(at.sum()),
                    }
                )
    return frames.conform(pl.DataFrame(rows, schema=tables.COVERAGE), tables.COVERAGE)


def none_holds(held: Float[np.ndarray, "text predicate"]) -> Float[np.ndarray, " text"]:
    """1 where none holds, 0 where one does, NaN where that hangs on a verdict that is missing."""
    most = np.nanmax(np.where(np.isnan(held), 0.0, held), axis=1)
    return np.where(np.isnan(held).any(axis=1) & (most < 0.5), np.nan, (most < 0.5).astype(float))
