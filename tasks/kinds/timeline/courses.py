"""Weights and shares over time on the confirmation half, and where shares jump."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from jaxtyping import Float, Int
from scipy.special import expit, logit

from tasks.kinds.fitted import beside, tables
from tasks.kinds.fitted.refitted import Refitted
from tasks.kinds.timeline.model import weight_at
from tasks.stats import tilting
from tasks.stats.changes import changes as jumps
from tasks.store import frames

MOST_MOMENTS = 60
"""At which curves are told, at most."""
_LEAST = 1e-6
"""Shares nearer to 0 or 1 are as near."""
_STREAM = 7
"""Of the study's seed."""


def moments(time: Float[np.ndarray, " text"]) -> Int[np.ndarray, " moment"]:
    """Texts at whose times curves are told, in order: half of them go by time, half by the number of texts.

    All distinct times where they are few.
    """
    distinct, first = np.unique(time, return_index=True)
    if len(distinct) <= MOST_MOMENTS:
        return np.asarray(first)
    even = np.linspace(distinct[0], distinct[-1], MOST_MOMENTS // 2)
    ranked = np.quantile(time, np.linspace(0, 1, MOST_MOMENTS // 2), method="nearest")
    near = np.searchsorted((distinct[1:] + distinct[:-1]) / 2, np.concatenate([even, ranked]))
    return np.asarray(first[np.unique(near)])


def weights(of: Refitted) -> pl.DataFrame:
    """Rows of tables.WEIGHTS, at moments."""
    rows, at = _moments(of)
    was = weight_at(of.model.full, at).T
    figures = [*of.ends(lambda fit: weight_at(fit, at).T), was]
    return beside.weight_rows(of.model.ids, _said(of, rows), figures, np.ones(was.shape, dtype=bool))


def shares(of: Refitted) -> pl.DataFrame:
    """Rows of tables.COVERAGE, at moments: shares that are smooth in time; n are texts nearest to each."""
    rows, at = _moments(of)
    time = _time(of)
    share = tilting.shares(of.fit, at)
    # On the scale of log-odds, where errors are near normal, and ends are shares.
    error = tilting.share_error(of.fit, time, at) / np.clip(share * (1 - share), _LEAST, None)
    figures = of.ends(lambda fit: logit(np.clip(tilting.shares(fit, at), _LEAST, 1 - _LEAST)), error)
    share, lo, hi = (expit(one).T for one in figures)
    nearest = np.searchsorted((at[1:] + at[:-1]) / 2, time)
    n = np.bincount(nearest, minlength=len(at))
    table = pl.DataFrame(
        {
            "predicate_id": np.repeat(list(of.model.ids), len(at)),
            "slot": _said(of, rows) * len(of.model.ids),
            "share": share.ravel(),
            "lo": lo.ravel(),
            "hi": hi.ravel(),
            "n": np.tile(n, len(of.model.ids)),
        }
    )
    return frames.conform(table, tables.COVERAGE)


def changes(of: Refitted) -> pl.DataFrame:
    """Rows of tables.CHANGES: jumps of all predicates, discoveries or not; p by Bonferroni over these.

    Empty of graded verdicts, which have no share.
    """
    if not of.judged.is_binary:
        return tables.CHANGES.to_frame()
    time, study = _time(of), of.judged.study
    said = dict(zip(time.tolist(), of.of.said or (), strict=True))
    found = []
    for k, predicate_id in enumerate(of.model.ids):
        rng = np.random.default_rng([study.seed, _STREAM, k])
        for one in jumps(of.judged.verdict[:, k], time, of.of.document, of.level, rng):
            p = min(1.0, one.p * len(of.model.ids))
            if p <= study.score.alpha:
                ends = {"said": said[one.at], "said_lo": said[one.lo], "said_hi": said[one.hi]}
                row = {"at": one.at, "lo": one.lo, "hi": one.hi, **ends, "before": one.before}
                found.append({"predicate_id": predicate_id, **row, "after": one.after, "p": p})
    return pl.DataFrame(found, schema=tables.CHANGES)


def _moments(of: Refitted) -> tuple[Int[np.ndarray, " moment"], Float[np.ndarray, " moment"]]:
    rows = moments(_time(of))
    return rows, _time(of)[rows]


def _said(of: Refitted, rows: Int[np.ndarray, " moment"]) -> list[str]:
    said: Sequence[str] = of.of.said or ()
    return [said[i] for i in rows.tolist()]


def _time(of: Refitted) -> Float[np.ndarray, " text"]:
    assert of.of.number is not None  # noqa: S101 - as in model.py
    return of.of.number
