"""Conditional gains in bits per text on the confirmation half: the estimand of the kinds with a model."""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl

from tasks import kinds, paths
from tasks.kinds.fitted import frozen
from tasks.kinds.fitted.frozen import Frozen, others
from tasks.kinds.fitted.observed import Observed
from tasks.store import frames
from tasks.verdicts.judged import Judged


def estimates(judged: Judged, level: float) -> pl.DataFrame:
    """Bits per text that each predicate adds to the others, with interval and one-sided p.

    mean_a is what the full model gives a text in bits, mean_b what the model without the predicate does.
    """
    from scipy import stats

    kind: Any = kinds.load(judged.study.kind)
    of = kind.observed(judged.study, judged.rows)
    full, without, e = gains(judged, of)
    difference = full - without
    # Placeholder of stats/gains: documents as units.
    rows = []
    for k in range(difference.shape[1]):
        one = pl.DataFrame({"d": judged.document, "g": difference[:, k]}).filter(pl.col("g").is_not_nan())
        mean = one.group_by("d").agg(pl.col("g").mean()).sort("d")["g"].to_numpy()
        n = len(mean)
        se = mean.std(ddof=1) / np.sqrt(n) if n > 1 else np.inf
        half = stats.t.ppf((1 + level) / 2, max(n - 1, 1)) * se
        p = float(stats.t.sf(mean.mean() / se, n - 1)) if n > 1 and se > 0 else 1.0
        rows.append(
            {
                "n_a": one.height, "n_b": 0, "n_documents": n, "mean_a": float(np.nanmean(full[:, k])),
                "mean_b": float(np.nanmean(without[:, k])), "validity": float(mean.mean()),
                "lo": float(mean.mean() - half), "hi": float(mean.mean() + half), "p": p,
                "missing_lo": float(mean.mean()), "missing_hi": float(mean.mean()),
                "method": frozen.TEST, "e_value": float(e[k]),
            }
        )  # fmt: skip
    frame = pl.DataFrame(rows)
    return frames.conform(frame, pl.Schema({**frames.ESTIMATES, "e_value": pl.Float64()}))


def gains(judged: Judged, of: Observed) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """log2 likelihoods of the full model and of that without each predicate, and e-values.

    Both text x predicate: NaN where the predicate has no verdict.
    """
    model = read(judged)
    score = judged.verdict
    z, _ = frozen.filled(score, model.share)
    full, without = np.empty(score.shape), np.empty(score.shape)
    for k, predicate in enumerate(judged.predicates):
        own = model.model.own_words(predicate.predicate, predicate.definition)
        full[:, k] = model.model.bits(model.full, z, of, own)
        without[:, k] = model.model.bits(model.without[k], others(z, k), of, own)
    gaps = np.isnan(score)
    full[gaps], without[gaps] = np.nan, np.nan
    return full, without, np.full(score.shape[1], np.nan)


def read(judged: Judged) -> Frozen:
    """The frozen model of a study."""
    study = judged.study
    file = paths.output(study.name, "propose") / "model.parquet"
    key = (study.name, tuple(p.predicate_id for p in judged.predicates), file.stat().st_mtime_ns)
    return _read(key, _Once(judged))


class _Once:
    """What is read where it is not known yet; equal whatever it holds."""

    def __init__(self, judged: Judged) -> None:
        self.judged = judged

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Once)


@lru_cache(maxsize=1)
def _read(key: tuple[Any, ...], once: _Once) -> Frozen:
    judged = once.judged
    study = judged.study
    texts = frames.read(paths.output(study.name, "collect"), "texts.parquet", frames.TEXTS)
    return frozen.read(study, judged.predicates, kinds.load(study.kind), texts)


def shuffled(judged: Judged, rng: np.random.Generator) -> Judged:
    """The values dealt out anew between documents; placeholder."""
    kind: Any = kinds.load(judged.study.kind)
    rows = judged.rows
    if kind.has_values and "value" not in rows.columns:
        rows = kind.with_values(judged.study, rows)
    if not kind.has_values:
        document = judged.document
        order = np.argsort(document, kind="stable")
        score = judged.score.copy()
        for k in range(score.shape[1]):
            rank = rng.permutation(int(document.max()) + 1)
            score[order, k] = score[order[np.argsort(rank[document[order]], kind="stable")], k]
        return replace(judged, score=score)
    order = np.argsort(judged.document, kind="stable")
    rank = rng.permutation(int(judged.document.max()) + 1)
    source = order[np.argsort(rank[judged.document[order]], kind="stable")]
    given = np.empty(rows.height, dtype=np.int64)
    given[order] = source
    moved = rows.select("value", "number")[given]
    return replace(judged, rows=rows.with_columns(moved))
