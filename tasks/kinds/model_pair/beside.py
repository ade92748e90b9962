"""Tables beside the scores."""

import numpy as np
import polars as pl

from tasks import paths
from tasks.kinds.model_pair import surface, tables
from tasks.kinds.model_pair.compared import Compared, compared, estimates
from tasks.kinds.model_pair.liking import liked
from tasks.kinds.model_pair.orders import orders
from tasks.kinds.model_pair.surface import Surface
from tasks.kinds.model_pair.telling import telling
from tasks.kinds.model_pair.where import categories, models
from tasks.stats.telling import pair_folds
from tasks.store import frames
from tasks.verdicts.judged import Judged

_STREAM = 4
"""Of the study's seed."""


def beside(judged: Judged, least: float) -> dict[str, pl.DataFrame]:
    """All tables of 6_scores that this kind has beside the scores.

    A walk judges each trait on other pairs, and stops by what it saw: nothing is fitted to what it left.

    Args:
        judged: all verdicts.
        least: what the agreement of judges must reach.
    """
    counted = surface.of(judged.study.name, judged.rows)
    verified = paths.output(judged.study.name, "verify")
    found: dict[str, pl.DataFrame | None] = {
        "baselines": baselines(judged, counted),
        "orders": orders(judged, verified, least),
    }
    if judged.study.verify.plan == "fixed":
        found |= _of_all(judged, compared(judged), counted)
    return {name: frame for name, frame in found.items() if frame is not None}


def _of_all(judged: Judged, of: Compared, counted: Surface) -> dict[str, pl.DataFrame | None]:
    study, level = judged.study, judged.study.score.level
    pairs = pairs_of(judged, of)
    preference = pairs["preference"].fill_null(float("nan")).to_numpy()
    ids = [p.predicate_id for p in judged.predicates]
    fold = pair_folds(of.document, np.random.default_rng([study.seed, _STREAM]))
    more = of.differences(counted.amounts)
    held = more[:, [counted.size, *counted.form]]
    by = {"surface": more, counted.size_is: more[:, [counted.size]]}
    return {
        "telling": telling(of, by, preference, fold, level),
        "liked": liked(judged, of, held, preference, fold),
        "categories": categories(of, pairs, ids, level),
        "models": models(of, pairs, ids, level),
    }


def pairs_of(judged: Judged, of: Compared) -> pl.DataFrame:
    """What is known of the pairs that were judged, in their order."""
    known = frames.read(paths.output(judged.study.name, "collect"), "pairs.parquet", tables.PAIRS)
    return of.pair.to_frame("pair").join(known, on="pair", how="left", maintain_order="left")


def baselines(judged: Judged, counted: Surface) -> pl.DataFrame:
    """What comparing surface counts reaches on the same pairs, by the same test."""
    of = compared(judged)
    score = np.full(counted.value.shape, np.nan)
    score[of.rows[:, 0]] = (1 + np.sign(of.differences(counted.value))) / 2
    score[of.rows[:, 1]] = 1 - score[of.rows[:, 0]]
    status = np.zeros(score.shape, dtype=np.uint8)
    graded = [judged.predicates[0]] * len(counted.said)
    found = estimates(Judged(judged.study, judged.rows, graded, score, status), judged.study.score.level)
    return frames.conform(found.with_columns(pl.Series("baseline", counted.said)), frames.BASELINES)
