"""The plan's test of every frozen predicate, by the judge's verdicts and, where there are any, gold ones."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks import kinds
from tasks.score import corrected, discoveries
from tasks.score.corrected import Corrected
from tasks.score.corrected_walk import corrected_at_stop, corrected_whatever_refused
from tasks.verdicts.judged import Judged
from tasks.verdicts.walk import Walk


@dataclass(frozen=True)
class Outcome:
    """Estimates and decisions, before predicates are put beside each other."""

    table: pl.DataFrame
    """frames.ESTIMATES with q, e_value, decision, fragile, is_discovery and why, in frozen order."""
    corrected: Corrected | None = None
    q: Float[np.ndarray, " predicate"] | None = None
    """Of the corrected effects."""
    bearing: list[str] | None = None


def decide(judged: Judged, walk: Walk | None = None, n_looks: int | None = None) -> Outcome:
    """The plan's test of every predicate.

    Args:
        judged: all verdicts.
        walk: that of a sequential plan, at its start.
        n_looks: where verify ended the walk before its time.
    """
    found = _fixed(judged) if walk is None else _sequential(judged, walk, n_looks)
    wanted = judged.study.score
    table = discoveries.with_why(found.table, judged.towards_a, found.bearing, wanted, judged)
    return replace(found, table=table)


def fixed_estimates(judged: Judged) -> pl.DataFrame:
    """The fixed plan's estimates by whoever decides: rows of frames.ESTIMATES."""
    level = judged.study.score.level
    alone = judge_estimates(judged, level)
    fixed = gold_estimates(judged, level) if judged.study.gold.decides else None
    return alone if fixed is None else _told(corrected.corrected_estimates(judged, alone, fixed), judged)


def judge_estimates(judged: Judged, level: float) -> pl.DataFrame:
    """What the judge's verdicts alone say; nothing of those that are unfit."""
    return _told(kinds.load(judged.study.kind).estimates(judged, level), judged)


def _told(estimates: pl.DataFrame, judged: Judged) -> pl.DataFrame:
    nothing = {"validity": float("nan"), "lo": -1.0, "hi": 1.0, "p": 1.0}
    is_unfit = pl.Series(judged.is_unfit)
    return estimates.with_columns(
        pl.when(is_unfit).then(value).otherwise(pl.col(name)).alias(name) for name, value in nothing.items()
    )


def gold_estimates(judged: Judged, level: float) -> Corrected | None:
    """What they say corrected by the gold verdicts, as if every row had been judged; None without any."""
    return None if judged.gold is None else corrected.corrected_fixed(judged, level)


def _fixed(judged: Judged) -> Outcome:
    wanted, towards_a = judged.study.score, judged.towards_a
    alone, fixed = judge_estimates(judged, wanted.level), gold_estimates(judged, wanted.level)
    own = discoveries.decided_fixed(alone, towards_a, wanted, judged.weight)
    if fixed is None:
        return Outcome(own)
    q = discoveries.corrected_q(fixed, towards_a, wanted, weight=judged.weight)
    bearing = discoveries.bearings(fixed, q, towards_a, own, wanted)
    if not judged.study.gold.decides:
        return Outcome(discoveries.less_contradicted(own, bearing), fixed, q, bearing)
    estimates = _told(corrected.corrected_estimates(judged, alone, fixed), judged)
    return Outcome(discoveries.decided_fixed(estimates, towards_a, wanted, judged.weight), fixed, q, bearing)


def _sequential(judged: Judged, walk: Walk, n_looks: int | None) -> Outcome:
    study, wanted = judged.study, judged.study.score
    control, weight = study.verify.sequential.control, judged.weight
    unfit = (judged.is_unfit, wanted, control, weight)
    level, decides = (1 + wanted.level) / 2, study.gold.decides
    walk.replay(judged.score, judged.status, judged.gold if decides else None, n_looks)
    alone, fixed = judge_estimates(judged, level), gold_estimates(judged, level)
    if fixed is None:
        return Outcome(discoveries.less_unfit(discoveries.decided_sequential(walk, alone), *unfit))
    fixed = corrected_whatever_refused(fixed, judged, level)
    stopped = corrected_at_stop(fixed, judged, walk, wanted.level, steadier=not decides)
    if decides:
        # The walk bet on corrected scores: its figures are the corrected ones.
        ends = replace(stopped, lo=fixed.lo, hi=fixed.hi, method=fixed.method)
        table = discoveries.decided_sequential(walk, corrected.corrected_estimates(judged, alone, ends))
        table = discoveries.less_unknown(table, ~np.isnan(fixed.validity))
        table = discoveries.less_unfit(table, *unfit)
        bearing = [discoveries.SUPPORTED if found else discoveries.OPEN for found in table["is_discovery"]]
        return Outcome(table, _with_decided_figures(stopped, table), table["q"].to_numpy(), bearing)
    own = discoveries.less_unfit(discoveries.decided_sequential(walk, alone), *unfit)
    q = discoveries.corrected_q(stopped, judged.towards_a, wanted, control, weight)
    bearing = discoveries.bearings(stopped, q, judged.towards_a, own, wanted)
    return Outcome(discoveries.less_contradicted(own, bearing), stopped, q, bearing)


def _with_decided_figures(stopped: Corrected, table: pl.DataFrame) -> Corrected:
    """The corrected effects as they were decided by."""
    figures = {name: table[name].to_numpy() for name in ("validity", "lo", "hi", "p")}
    method: Sequence[str] = table["method"].to_list()
    return replace(stopped, **figures, method=list(method))
