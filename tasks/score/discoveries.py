"""What a discovery is, and why a tested sentence is none: the only place that says so.

A discovery is at least as large as the minimum effect in the frozen direction, and significant over all
frozen predicates of the study, of which those that are not so large count as no evidence (p = 1). A walk
decides by the same conditions while it judges (stats/decisions.py). What gold verdicts contradict is none.

Not here:   estimates and intervals (a kind's, corrected.py)
"""

from collections.abc import Sequence
from typing import cast

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from tasks.records import Why
from tasks.score.corrected import Corrected
from tasks.stats.decisions import evalues_adjusted, pvalues_adjusted
from tasks.study.params import ScoreParams
from tasks.verdicts.judged import Judged
from tasks.verdicts.walk import Walk

SUPPORTED, OPEN, CONTRADICTED = BEARINGS = ("supported", "open", "contradicted")
"""What the gold verdicts say of the judge's effect."""
_STOPPED = ("futile", "curtailed", "undecided")
"""Decisions of a walk that are their own reason."""
_LARGEST_LOG = 700.0
Each = Float[np.ndarray, " predicate"]


def q_of(p: Each, towards: Each, wanted: ScoreParams, weight: Each | None = None) -> Each:
    """q of a fixed plan, over all frozen predicates: who is not large enough counts as p = 1.

    Args:
        p: of each predicate.
        towards: effects in the frozen direction; their sizes where no direction is frozen.
        wanted: what counts as large.
        weight: the frozen ones; all alike if None.
    """
    return pvalues_adjusted(p, _is_large(towards, wanted), weight)


def holds(q: Each, towards: Each, wanted: ScoreParams) -> Bool[np.ndarray, " predicate"]:
    """The rule: large enough, and significant.

    Args:
        q: of `q_of`, or of a walk.
        towards: effects in the frozen direction; their sizes where no direction is frozen.
        wanted: what counts as significant and as large.
    """
    return np.asarray((q <= wanted.alpha) & _is_large(towards, wanted))


def _is_large(towards: Each, wanted: ScoreParams) -> Bool[np.ndarray, " predicate"]:
    return np.asarray(towards >= wanted.min_effect)


def effect_towards(effect: Each, towards_a: Bool[np.ndarray, " predicate"]) -> Each:
    """Effects in the frozen direction; NaN where there is none."""
    return np.where(towards_a, effect, -effect)


def decided_fixed(
    estimates: pl.DataFrame,
    towards_a: Bool[np.ndarray, " predicate"],
    wanted: ScoreParams,
    weight: Each | None = None,
) -> pl.DataFrame:
    """The estimates with what is decided, where every predicate was judged on every row.

    Args:
        estimates: rows of frames.ESTIMATES, with `e_value` where a kind's test gives one.
        towards_a: the frozen directions.
        wanted: what counts as a discovery.
        weight: the frozen ones; all alike if None.
    """
    towards = effect_towards(estimates["validity"].to_numpy(), towards_a)
    q = q_of(estimates["p"].to_numpy(), towards, wanted, weight)
    found = holds(q, towards, wanted)
    return estimates.with_columns(
        pl.Series("q", q),
        (pl.col("e_value") if "e_value" in estimates.columns else pl.lit(None, pl.Float64)).alias("e_value"),
        pl.lit("fixed").alias("decision"),
        pl.col("validity").alias("conservative_validity"),
        pl.Series("fragile", found & is_fragile(estimates, towards_a, wanted)),
        pl.Series("is_discovery", found),
    )


def decided_sequential(walk: Walk, estimates: pl.DataFrame) -> pl.DataFrame:
    """The estimates with what the walk decided, and with the figures that hold where it stopped.

    Args:
        walk: at its stop.
        estimates: the fixed-sample ones at level (1 + level) / 2; corrected ones where gold decides.
    """
    look = walk.looks[-1]
    lo, hi = walk.interval(estimates["lo"].to_numpy(), estimates["hi"].to_numpy())
    estimate = np.clip(look.estimate, lo, hi)
    conservative = np.where(walk.ended, estimate, np.clip(walk.conservative, lo, hi))
    e_value = np.exp(np.clip(look.log_e, -_LARGEST_LOG, _LARGEST_LOG))
    method = [f"betting+{m}" if ended else "betting" for m, ended in zip(estimates["method"], walk.ended)]  # noqa: B905 - an array
    return estimates.with_columns(
        pl.Series("validity", estimate),
        pl.Series("conservative_validity", conservative),
        pl.Series("lo", lo),
        pl.Series("hi", hi),
        pl.Series("p", np.minimum(1.0, 1 / e_value)),
        pl.Series("method", method),
        pl.Series("q", look.q),
        pl.Series("e_value", e_value),
        pl.Series("decision", walk.decisions),
        pl.Series("fragile", look.fragile),
        pl.Series("is_discovery", [decision == "confirmed" for decision in walk.decisions]),
    )


def is_fragile(
    estimates: pl.DataFrame, towards_a: Bool[np.ndarray, " predicate"], wanted: ScoreParams
) -> Bool[np.ndarray, " predicate"]:
    """Whether the effect would be too small had every missing verdict gone against it."""
    least, most = (estimates[name].to_numpy() for name in ("missing_lo", "missing_hi"))
    worst = np.where(towards_a, least, -most)
    return np.asarray((least != most) & ((worst <= 0) | (worst < wanted.min_effect)))


def less_contradicted(table: pl.DataFrame, bearing: Sequence[str]) -> pl.DataFrame:
    """What the gold verdicts contradict is no discovery."""
    stands = pl.Series([of != CONTRADICTED for of in bearing])
    return table.with_columns(pl.col("fragile", "is_discovery") & stands)


def less_unknown(table: pl.DataFrame, known: Bool[np.ndarray, " predicate"]) -> pl.DataFrame:
    """Without gold verdicts in both groups a walk by gold has found nothing, whatever it says."""
    nothing = {
        "validity": float("nan"),
        "conservative_validity": float("nan"),
        "lo": -1.0,
        "hi": 1.0,
        "p": 1.0,
        "q": 1.0,
    }
    is_known = pl.Series(known)
    return table.with_columns(
        *[
            pl.when(is_known).then(pl.col(name)).otherwise(value).alias(name)
            for name, value in nothing.items()
        ],
        pl.col("fragile", "is_discovery") & is_known,
    )


def less_unfit(
    table: pl.DataFrame,
    is_unfit: Bool[np.ndarray, " predicate"],
    wanted: ScoreParams,
    control: str,
    weight: Each | None = None,
) -> pl.DataFrame:
    """What the judge of a walk was asked about in vain too often, or does not agree on, is no discovery.

    Others stand without it. A set from which one is struck is no longer one that the guarantee applies to: q
    is made anew.
    """
    if not is_unfit.any():
        return table
    left = less_unknown(table, ~is_unfit)
    named = left["is_discovery"].to_numpy()
    q = evalues_adjusted(np.log(left["e_value"].to_numpy()), named, control, weight)
    stands = pl.Series(~named | (q <= wanted.alpha))
    return left.with_columns(
        pl.Series("q", np.where(named, q, left["q"].to_numpy())), pl.col("fragile", "is_discovery") & stands
    )


def with_why(
    table: pl.DataFrame,
    towards_a: Bool[np.ndarray, " predicate"],
    bearing: Sequence[str] | None,
    wanted: ScoreParams,
    judged: Judged | None = None,
) -> pl.DataFrame:
    """Adds `why` each is no discovery: the first condition that failed; NULL of discoveries.

    Args:
        table: as `decided_fixed` or `decided_sequential` gives it.
        towards_a: the frozen directions.
        bearing: what gold verdicts say of each; None without any.
        wanted: what counts as a discovery.
        judged: the verdicts, which may be too few or not agreed on; None: they are neither.
    """
    effect = effect_towards(table["validity"].to_numpy(), towards_a)
    unfit = [None] * table.height if judged is None else _unfit(judged)
    reasons: list[Why | None] = [
        None if is_discovery else unfit[i] or _why(p, q, float(effect[i]), decision, of, wanted)
        for i, (p, q, decision, is_discovery, of) in enumerate(
            zip(
                table["p"],
                table["q"],
                table["decision"],
                table["is_discovery"],
                bearing or [OPEN] * table.height,
                strict=True,
            )
        )
    ]
    return table.with_columns(pl.Series("why", reasons, dtype=pl.String))


def _unfit(judged: Judged) -> list[Why | None]:
    """Why each was not tested at all; None of those that were."""
    agreed = np.ones(len(judged.predicates), dtype=bool) if judged.agreed is None else judged.agreed
    both = zip(judged.is_gapped, agreed, strict=True)
    return [
        "too many gaps" if is_gapped else None if is_agreed else "ill-defined"
        for is_gapped, is_agreed in both
    ]


def _why(p: float, q: float, effect: float, decision: str, bearing: str, wanted: ScoreParams) -> Why:
    if bearing == CONTRADICTED:
        return "contradicted"
    if not np.isfinite(q) or not np.isfinite(effect):
        return "untested"
    if decision in _STOPPED:
        return cast(Why, decision)
    # By itself, before its size: who may not be named has a q of 1 whatever its p.
    if p > wanted.alpha or effect >= wanted.min_effect:
        return "not significant"
    return "other direction" if effect < 0 else "under the minimum"


def corrected_q(
    corrected: Corrected,
    towards_a: Bool[np.ndarray, " predicate"],
    wanted: ScoreParams,
    control: str = "fdr",
    weight: Each | None = None,
) -> Each:
    """q of the corrected effects over all frozen predicates.

    Args:
        corrected: of `corrected.py`.
        towards_a: the frozen directions.
        wanted: the minimum effect, under which a predicate's evidence counts as none.
        control: fdr or fwer, of a sequential plan.
        weight: the frozen ones; all alike if None.
    """
    towards = effect_towards(corrected.validity, towards_a)
    if corrected.log_e is None:
        return q_of(corrected.p, towards, wanted, weight)
    return evalues_adjusted(corrected.log_e, _is_large(towards, wanted), control, weight)


def bearings(
    corrected: Corrected,
    q: Each,
    towards_a: Bool[np.ndarray, " predicate"],
    by_judge: pl.DataFrame,
    wanted: ScoreParams,
) -> list[str]:
    """What the gold verdicts say of each predicate, one of BEARINGS.

    Args:
        corrected: of `corrected.py`.
        q: of `corrected_q`.
        towards_a: the frozen directions.
        by_judge: what the judge's own test decided; only what it calls a discovery can be contradicted.
        wanted: what counts as a discovery.
    """
    supported = holds(q, effect_towards(corrected.validity, towards_a), wanted)
    judged = by_judge["validity"].to_numpy()
    # Ends and estimates are rounded apart.
    outside = (judged < corrected.lo - 1e-9) | (judged > corrected.hi + 1e-9)
    against = by_judge["is_discovery"].to_numpy() & outside & ~supported
    return [SUPPORTED if s else CONTRADICTED if c else OPEN for s, c in zip(supported, against, strict=True)]
