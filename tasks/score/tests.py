"""The plan's test of every frozen predicate, by the judge's verdicts and, where there are any, gold ones."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int, UInt8

from tasks.engines import roles
from tasks.kinds import Estimate, Kind
from tasks.records import Predicate
from tasks.score import corrected as gold
from tasks.score import discoveries as deciding
from tasks.score.corrected import Corrected
from tasks.score.corrected_walk import corrected_at_stop, corrected_whatever_refused
from tasks.score.discoveries import Decided
from tasks.study import Study
from tasks.verdicts import matrices
from tasks.verdicts.matrices import GoldVerdicts, Matrix
from tasks.verdicts.walk import Walk


@dataclass(frozen=True)
class Judged:
    """What was judged: rows as in `held_out`, columns as the frozen predicates."""

    study: Study
    kind: Kind
    held_out: pl.DataFrame
    predicates: Sequence[Predicate]
    score: Matrix
    status: UInt8[np.ndarray, "text predicate"]
    gold: GoldVerdicts | None = None
    """Of a better judge, on a sample."""

    @cached_property
    def threshold(self) -> float | None:
        """From where on a score counts as 1; None of graded ones."""
        return self.predicates[0].threshold

    @cached_property
    def verdict(self) -> Matrix:
        """0/1 where there is a threshold."""
        return matrices.thresholded(self.score, self.threshold)

    @cached_property
    def verdict_gold(self) -> GoldVerdicts | None:
        """Thresholded as the judge's."""
        of = self.gold
        return of and replace(of, score=matrices.thresholded(of.score, self.threshold))

    def n_of_others(self, i: int) -> int:
        """Rows that were written for another predicate than this one."""
        if "predicate_id" not in self.held_out.columns:
            return 0
        return int((self.held_out["predicate_id"] != self.predicates[i].predicate_id).sum())

    @cached_property
    def in_a(self) -> Bool[np.ndarray, " text"]:
        """Who is in A."""
        return matrices.groups_and_documents(self.held_out)[0]

    @cached_property
    def document(self) -> Int[np.ndarray, " text"]:
        """Documents by number."""
        return matrices.groups_and_documents(self.held_out)[1]

    @cached_property
    def towards_a(self) -> Bool[np.ndarray, " predicate"]:
        """The frozen directions."""
        return np.array([p.direction == "A" for p in self.predicates])


@dataclass(frozen=True)
class Outcome:
    """Estimates and decisions, before predicates are put beside each other."""

    decided: list[Decided]
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
    return _tested_fixed(judged) if walk is None else _tested_sequential(judged, walk, n_looks)


def estimated(judged: Judged, held_out: pl.DataFrame) -> list[Estimate]:
    """The fixed plan's estimates by whoever decides, on the same texts with any labels."""
    level = judged.study.score.level
    alone = _alone(judged, held_out, level)
    corrected = _corrected(judged, held_out, level) if judged.study.gold.decides else None
    return alone if corrected is None else _in_place(judged, held_out, alone, corrected)


def _tested_fixed(judged: Judged) -> Outcome:
    wanted, predicates = judged.study.score, judged.predicates
    alone = _alone(judged, judged.held_out, wanted.level)
    corrected = _corrected(judged, judged.held_out, wanted.level)
    by_judge = deciding.decided_fixed(wanted, alone, predicates)
    if corrected is None:
        return Outcome(by_judge)
    q = deciding.corrected_q(corrected, predicates, wanted)
    bearing = _bearing(judged, corrected, q, by_judge)
    if not judged.study.gold.decides:
        return Outcome(_less_contradicted(by_judge, bearing), corrected, q, bearing)
    estimates = _in_place(judged, judged.held_out, alone, corrected)
    return Outcome(deciding.decided_fixed(wanted, estimates, predicates), corrected, q, bearing)


def _tested_sequential(judged: Judged, walk: Walk, n_looks: int | None) -> Outcome:
    wanted, level = judged.study.score, (1 + judged.study.score.level) / 2
    decides = judged.study.gold.decides
    walk.replay(judged.score, judged.status, judged.gold if decides else None, n_looks)
    alone = _alone(judged, judged.held_out, level)
    fixed = _corrected(judged, judged.held_out, level)
    if fixed is None or judged.verdict_gold is None:
        return Outcome(deciding.decided_sequential(walk, alone))
    whole = (judged.in_a, judged.document, level, judged.threshold is not None)
    fixed = corrected_whatever_refused(fixed, judged.verdict, judged.verdict_gold, *whole)
    texts = (judged.in_a, judged.document, walk.block, judged.towards_a, walk.ended)
    stopped = corrected_at_stop(
        fixed, judged.verdict, judged.verdict_gold, *texts, wanted.level, steadier=not decides
    )
    if decides:
        # The walk bet on corrected scores: its figures are the corrected ones.
        ends = replace(stopped, lo=fixed.lo, hi=fixed.hi, method=fixed.method)
        decided = deciding.decided_sequential(walk, _in_place(judged, judged.held_out, alone, ends))
        decided = _only_known(decided, ~np.isnan(fixed.validity))
        bearing = [deciding.SUPPORTED if d.is_discovery else deciding.OPEN for d in decided]
        return Outcome(decided, _as_decided(stopped, decided), np.array([d.q for d in decided]), bearing)
    by_judge = deciding.decided_sequential(walk, alone)
    q = deciding.corrected_q(stopped, judged.predicates, wanted, judged.study.verify.sequential.control)
    bearing = _bearing(judged, stopped, q, by_judge)
    return Outcome(_less_contradicted(by_judge, bearing), stopped, q, bearing)


def _alone(judged: Judged, held_out: pl.DataFrame, level: float) -> list[Estimate]:
    """What the judge's verdicts alone say."""
    return judged.kind.estimand(held_out, judged.score, judged.status, judged.predicates, level)


def _corrected(judged: Judged, held_out: pl.DataFrame, level: float) -> Corrected | None:
    """What they say corrected by the gold verdicts, as if every text had been judged."""
    if judged.verdict_gold is None:
        return None
    texts = matrices.groups_and_documents(held_out)
    binary = judged.threshold is not None
    return gold.corrected_fixed(judged.verdict, judged.verdict_gold, *texts, level, binary)


def _in_place(
    judged: Judged, held_out: pl.DataFrame, alone: Sequence[Estimate], corrected: Corrected
) -> list[Estimate]:
    """The corrected estimates in place of the judge's."""
    in_vain = (judged.status == roles.REFUSAL) | (judged.status == roles.UNPARSABLE)
    assert judged.verdict_gold is not None  # noqa: S101 - there are no corrected effects without
    in_a = matrices.groups_and_documents(held_out)[0]
    refused = gold.shares_refused(in_vain, judged.verdict, judged.verdict_gold, in_a)
    return gold.corrected_estimates(alone, corrected, refused)


def _bearing(
    judged: Judged, corrected: Corrected, q: Float[np.ndarray, " predicate"], by_judge: Sequence[Decided]
) -> list[str]:
    return deciding.bearings(
        corrected,
        q,
        judged.predicates,
        np.array([d.estimate.validity for d in by_judge]),
        np.array([d.is_discovery for d in by_judge]),
        judged.study.score,
    )


def _less_contradicted(by_judge: Sequence[Decided], bearing: Sequence[str]) -> list[Decided]:
    """What the gold verdicts contradict is no discovery; why is told by its bearing."""
    return [
        replace(d, is_discovery=False, fragile=False) if b == deciding.CONTRADICTED else d
        for d, b in zip(by_judge, bearing, strict=True)
    ]


def _only_known(decided: Sequence[Decided], known: Bool[np.ndarray, " predicate"]) -> list[Decided]:
    """Without gold verdicts in both groups a walk by gold has found nothing, whatever it says."""
    return [
        d if is_known else replace(d, estimate=_of_nothing(d), q=1.0, fragile=False, is_discovery=False)
        for d, is_known in zip(decided, known, strict=True)
    ]


def _of_nothing(decided: Decided) -> Estimate:
    return replace(decided.estimate, validity=float("nan"), lo=-1.0, hi=1.0, p=1.0)


def _as_decided(stopped: Corrected, decided: Sequence[Decided]) -> Corrected:
    figures = {
        name: np.array([getattr(d.estimate, name) for d in decided]) for name in ("validity", "lo", "hi", "p")
    }
    return replace(stopped, **figures, method=[d.estimate.method for d in decided])
