"""The confirmation texts in the seeded order of a sequential plan, and what is decided on the way.

Verify takes the walk while it judges; score takes it once more from the verdicts. Both stop where they
do because order and rule follow from the study and the texts alone, and decisions from the verdicts.
Where a gold judge decides (`gold.decides`), the walk bets on the judge's scores corrected by its sample.
"""

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int, UInt8

from tasks.engines import roles
from tasks.errors import FrozenError
from tasks.records import Predicate
from tasks.stats.blocks import look_rows, text_blocks
from tasks.stats.decisions import Rule
from tasks.stats.sequential import Look, Sequential, difference_ci_last_look
from tasks.store import frames
from tasks.study import Study
from tasks.verdicts.bets import Corrected, Scale, worst_verdicts
from tasks.verdicts.gold_draw import largest_weight
from tasks.verdicts.matrices import GoldVerdicts, at_threshold, groups_and_documents

DECISIONS = ("undecided", "confirmed", "futile", "curtailed")
"""By status of `stats.decisions`."""
_STREAM = 3
"""Of the study's seed."""


class Walk:
    """Batches of whole blocks in their order; `take` one after the other while any predicate is `going`."""

    def __init__(
        self,
        study: Study,
        in_a: Bool[np.ndarray, " text"],
        document: Int[np.ndarray, " text"],
        predicates: Sequence[Predicate],
        level: float,
        weight: float | None = None,
        n_blocks: Int[np.ndarray, " predicate"] | None = None,
    ) -> None:
        """Numbers of documents must not depend on the order of rows; the level decides nothing.

        Args:
            study: its rule and seed.
            in_a: True for texts of A.
            document: any integer per text; equal ones are one document.
            predicates: frozen ones.
            level: of the intervals.
            weight: where a gold judge decides, the largest 1 / chance that a pair may be asked about with.
            n_blocks: blocks that a predicate can have verdicts in; without it all.
        """
        wanted = study.verify.sequential
        self.predicates = predicates
        self._in_a = in_a
        self.block = text_blocks(in_a, document, np.random.default_rng([study.seed, _STREAM]))
        self._threshold = predicates[0].threshold
        sizes = np.bincount(self.block)
        self.batches = look_rows(self.block, wanted.look_every)
        self._scale = Scale() if weight is None else Corrected(weight)
        exact = self._threshold is not None and bool((sizes == 2).all())
        self.state = Sequential(
            towards_a=np.array([p.direction == "A" for p in predicates]),
            n_blocks=sizes.size if n_blocks is None else n_blocks,
            rule=Rule(
                wanted.alpha,
                wanted.min_effect / self._scale.width,
                wanted.control,
                futility=wanted.futility,
                level=level,
            ),
            weight=np.array([p.weight for p in predicates]),
            resolution=self._scale.resolution(exact),
        )
        self._hopeful: Sequential | None = None
        """The same walk, had all that the gold judge refused spoken for the predicates; None before any."""
        self._taken: list[Bool[np.ndarray, " predicate"]] = []
        self._stopped = False

    @property
    def going(self) -> Bool[np.ndarray, " predicate"]:
        """Predicates to be judged on the next batch; none where the texts are at their end."""
        return self.state.going & (self.n_looks < len(self.batches)) & (not self._stopped)

    @property
    def n_looks(self) -> int:
        """Batches taken so far."""
        return len(self._taken)

    @property
    def decisions(self) -> list[str]:
        """One of DECISIONS for each predicate."""
        return [DECISIONS[status] for status in self.state.status]

    @property
    def looks(self) -> list[Look]:
        """What was known after each batch, in units of validity.

        What the gold judge refused counts against the predicates, but for the interval's other end.
        """
        hopeful = [] if self._hopeful is None else self._hopeful.path
        path = self.state.path
        alone, both = path[: len(path) - len(hopeful)], path[len(path) - len(hopeful) :]
        widened = [self._widened(look, best) for look, best in zip(both, hopeful, strict=True)]
        return [self._scale.told(look) for look in (*alone, *widened)]

    def _widened(self, look: Look, best: Look) -> Look:
        towards_a = self.state.towards_a
        return replace(
            look,
            lo=np.where(towards_a, look.lo, np.fmin(look.lo, best.lo)),
            hi=np.where(towards_a, np.fmax(look.hi, best.hi), look.hi),
        )

    def take(
        self,
        score: Float[np.ndarray, "text predicate"],
        status: UInt8[np.ndarray, "text predicate"],
        gold: GoldVerdicts | None = None,
    ) -> None:
        """Decides on the next batch's verdicts, which are those of a judge; `absent` is not asked.

        Args:
            score: rows as in the batch, a column for every predicate; of decided ones it is ignored.
            status: index into roles.STATUSES.
            gold: likewise, where a gold judge decides; else it is not looked at.

        Raises:
            FrozenError: a gold judge decides, and there are no gold verdicts or other chances than planned.
        """
        rows = self.batches[self.n_looks]
        verdict, asked = at_threshold(score, self._threshold), status != roles.ABSENT
        worst = worst_verdicts(self._in_a[rows], self.state.towards_a)
        texts = (self._in_a[rows], self.block[rows], asked, self._scale.bounds)
        decides = gold if isinstance(self._scale, Corrected) else None
        if self._hopeful is None and decides is not None and decides.n_refused.any():
            self._hopeful = copy.deepcopy(self.state)
            self._hopeful.path.clear()
        value = self._scale.scores(verdict, gold, self._threshold, worst)
        self.state.update(value, *texts)
        if self._hopeful is not None:
            self._hopeful.update(self._scale.scores(verdict, gold, self._threshold, 1 - worst), *texts)
        self._taken.append(self.going)
        self._look(last=self.n_looks == len(self.batches))

    def _look(self, last: bool) -> None:
        self.state.look(last)
        if self._hopeful is not None:
            self._hopeful.look(last)
            self._hopeful.status = self.state.status.copy()  # hope decides nothing

    def stop(self) -> None:
        """Ends the walk where it is, for want of money: what was seen is all the estimate there is."""
        self._stopped = True
        if self.state.path and self.n_looks < len(self.batches):
            for one in (self.state, self._hopeful):
                if one is not None:
                    del one.path[-1]
            self._look(last=True)

    def replay(
        self,
        score: Float[np.ndarray, "text predicate"],
        status: UInt8[np.ndarray, "text predicate"],
        gold: GoldVerdicts | None = None,
        n_looks: int | None = None,
    ) -> None:
        """Takes the whole walk from verdicts that it led to.

        Args:
            score: of every text of the study, rows as the batches number them.
            status: likewise.
            gold: likewise, where a gold judge decides.
            n_looks: where the walk was ended before its time, after so many.

        Raises:
            FrozenError: there is a verdict that the walk did not ask for; or as `take`.
        """
        asked = np.zeros(status.shape, dtype=bool)
        while self.going.any():
            if self.n_looks == n_looks:
                self.stop()
                break
            rows = self.batches[self.n_looks]
            asked[np.ix_(rows, np.flatnonzero(self.going))] = True
            self.take(score[rows], status[rows], None if gold is None else gold.at(rows))
        if (status[~asked] != roles.ABSENT).any():
            raise FrozenError("verdicts are there that this plan did not ask for. Rerun verify.")

    def interval(
        self, fixed_lo: Float[np.ndarray, " predicate"], fixed_hi: Float[np.ndarray, " predicate"]
    ) -> tuple[Float[np.ndarray, " predicate"], Float[np.ndarray, " predicate"]]:
        """The intervals as of now; of predicates judged to the last text, cut with the fixed-sample ones.

        Args:
            fixed_lo: at level (1 + level) / 2.
            fixed_hi: likewise.
        """
        look = self.looks[-1]
        lo, hi = difference_ci_last_look(look.lo, look.hi, fixed_lo, fixed_hi)
        return np.where(self.ended, lo, look.lo), np.where(self.ended, hi, look.hi)

    @property
    def conservative(self) -> Float[np.ndarray, " predicate"]:
        """What to show for the estimate where the walk stopped, in units of validity."""
        return np.asarray(np.clip(self.state.conservative() * self._scale.width, -1, 1))

    @property
    def ended(self) -> Bool[np.ndarray, " predicate"]:
        """Predicates that were going up to the last batch."""
        is_last = self.n_looks == len(self.batches)
        return self._taken[-1] if is_last else np.zeros(len(self.predicates), dtype=bool)

    def path(self, lo: Float[np.ndarray, " predicate"], hi: Float[np.ndarray, " predicate"]) -> pl.DataFrame:
        """Rows of store/frames.PATHS: each look of each predicate that was going, in that order.

        Args:
            lo: of `interval`; it is the last row's of predicates judged to the last text.
            hi: likewise.
        """
        ids = np.array([p.predicate_id for p in self.predicates])
        parts = []
        for number, (look, taken) in enumerate(zip(self.looks, self._taken, strict=True), 1):
            cut = self.ended & (number == len(self.batches))
            columns = {
                "n_judged": look.n_texts,
                "estimate": look.estimate,
                "lo": np.where(cut, lo, look.lo),
                "hi": np.where(cut, hi, look.hi),
                "q": look.q,
                "decision": np.array(DECISIONS)[look.status],
            }
            of = {name: column[taken] for name, column in columns.items()}
            parts.append(pl.DataFrame({"predicate_id": ids[taken], **of}).with_columns(look=pl.lit(number)))
        return frames.conform(pl.concat(parts).fill_nan(None), frames.PATHS)


def walk_over(
    study: Study,
    rows: pl.DataFrame,
    predicates: Sequence[Predicate],
    level: float = 0.95,
    weight: float | None = None,
) -> "Walk":
    """The walk over these rows, at its start.

    Args:
        study: its rule, seed and gold judge.
        rows: those under test; each may be for one predicate.
        predicates: frozen ones.
        level: of the intervals; it decides nothing.
        weight: where gold verdicts decide, the largest 1 / chance in a file of them; else as the study draws.
    """
    if study.gold.decides and weight is None:
        weight = largest_weight(rows, study.gold.texts)
    n_blocks = None
    if "predicate_id" in rows.columns:
        of_each = dict(rows.group_by("predicate_id").agg(pl.col("document_id").n_unique()).iter_rows())
        n_blocks = np.array([of_each.get(p.predicate_id, 1) for p in predicates])
    return Walk(study, *groups_and_documents(rows), predicates, level, weight, n_blocks)
