"""What was judged, as one record: a row for each row under test, a column for each frozen predicate.

Verdicts are thresholded here, and gaps become what they count as, once; whatever follows takes the record.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int, UInt8

from tasks.engines import roles
from tasks.records import Predicate
from tasks.study import Study
from tasks.verdicts.matrices import GoldVerdicts, Matrix, at_threshold, groups_and_documents

Gaps = Literal["left out", "against"]


@dataclass(frozen=True)
class Judged:
    """All verdicts on the frozen predicates of a study."""

    study: Study
    rows: pl.DataFrame
    """Those under test: columns text_id, text, group, document_id at least; `predicate_id` where a row is for
    one predicate alone."""
    predicates: Sequence[Predicate]
    score: Matrix
    """As the judge gave it, 0-1, gaps filled; NaN where there is none that counts."""
    status: UInt8[np.ndarray, "row predicate"]
    """Index into roles.STATUSES."""
    gold: GoldVerdicts | None = None
    """Of a better judge, on a sample; scores as it gave them."""
    agreed: Bool[np.ndarray, " predicate"] | None = None
    """Predicates that say the same to whoever judges (`Kind.agreed`); None: all."""
    wanted: Bool[np.ndarray, "row predicate"] | None = None
    """Where each predicate is judged (`Kind.wanted`); None: on all rows that are for it."""

    @cached_property
    def in_a(self) -> Bool[np.ndarray, " row"]:
        """Who is in A."""
        return groups_and_documents(self.rows)[0]

    @cached_property
    def document(self) -> Int[np.ndarray, " row"]:
        """Documents by number."""
        return groups_and_documents(self.rows)[1]

    @cached_property
    def threshold(self) -> float | None:
        """From where on a score counts as 1; None of graded ones."""
        return self.predicates[0].threshold

    @property
    def is_binary(self) -> bool:
        """Whether verdicts are 0/1."""
        return self.threshold is not None

    @cached_property
    def verdict(self) -> Matrix:
        """0/1 where there is a threshold."""
        return at_threshold(self.score, self.threshold)

    @cached_property
    def verdict_gold(self) -> GoldVerdicts | None:
        """Thresholded as the judge's."""
        of = self.gold
        return of and replace(of, score=at_threshold(of.score, self.threshold))

    @cached_property
    def in_vain(self) -> Bool[np.ndarray, "row predicate"]:
        """Pairs on which the judge was asked in vain."""
        return np.asarray((self.status == roles.REFUSAL) | (self.status == roles.UNPARSABLE))

    @cached_property
    def is_gapped(self) -> Bool[np.ndarray, " predicate"]:
        """Predicates about which the judge was asked in vain too often (max_refusal_share)."""
        asked = (self.status != roles.ABSENT).sum(axis=0).clip(1)
        return np.asarray(self.in_vain.sum(axis=0) / asked > self.study.record.max_refusal_share)

    @cached_property
    def is_unfit(self) -> Bool[np.ndarray, " predicate"]:
        """Predicates that are tested on nothing: with too many gaps, or ill-defined."""
        return self.is_gapped if self.agreed is None else self.is_gapped | ~self.agreed

    @cached_property
    def own(self) -> Int[np.ndarray, " row"] | None:
        """Of rows that are each for one predicate, its column; None where all are for all."""
        if "predicate_id" not in self.rows.columns:
            return None
        column = {p.predicate_id: i for i, p in enumerate(self.predicates)}
        return np.array([column[one] for one in self.rows["predicate_id"]], dtype=np.int64)

    def n_of_others(self, i: int) -> int:
        """Rows on which this predicate is not to be judged."""
        if self.wanted is not None:
            return int((~self.wanted[:, i]).sum())
        return 0 if self.own is None else int((self.own != i).sum())

    @property
    def n_pairs(self) -> int:
        """Pairs there are to be judged: all, those that are wanted, or each row for its own predicate."""
        if self.wanted is not None:
            return int(self.wanted.sum())
        return self.rows.height * (len(self.predicates) if self.own is None else 1)

    @cached_property
    def towards_a(self) -> Bool[np.ndarray, " predicate"]:
        """The frozen directions."""
        return np.array([p.direction == "A" for p in self.predicates])

    @cached_property
    def weight(self) -> Float[np.ndarray, " predicate"]:
        """The frozen weights."""
        return np.array([p.weight for p in self.predicates])

    def regrouped(self, group: pl.Series) -> "Judged":
        """The same verdicts on rows with other group labels."""
        return replace(self, rows=self.rows.with_columns(group))


def judged_from(
    study: Study,
    rows: pl.DataFrame,
    predicates: Sequence[Predicate],
    score: Float[np.ndarray, "row predicate"],
    status: UInt8[np.ndarray, "row predicate"],
    gaps: Gaps = "left out",
    gold: GoldVerdicts | None = None,
) -> Judged:
    """The record of these verdicts, gaps counting as they do in this kind of study."""
    in_a = (rows["group"] == "A").to_numpy()
    return Judged(study, rows, predicates, with_gaps(score, status, in_a, gaps), status, gold)


def with_gaps(
    score: Float[np.ndarray, "row predicate"],
    status: UInt8[np.ndarray, "row predicate"],
    in_a: Bool[np.ndarray, " row"],
    gaps: Gaps,
) -> Float[np.ndarray, "row predicate"]:
    """Scores with what a gap counts as: nothing, or what speaks against the predicate (0 in A, 1 in B)."""
    if gaps == "left out":
        return score
    in_vain = (status == roles.REFUSAL) | (status == roles.UNPARSABLE)
    return np.where(in_vain, np.where(in_a, 0.0, 1.0)[:, None], score)
