"""Which names go on to the test: verdicts of the study's judge on exploration inputs that no model was shown.

Names are picked to fit what was shown, so nothing that was shown says how well they fit. Each is judged on
inputs at its end and on random ones, which are the same for all ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from tasks.engines import roles
from tasks.engines.llm import sampling
from tasks.engines.llm.judging import LlmJudge
from tasks.engines.llm.ranking import HOLDS
from tasks.engines.llm.suggesting import STAGE
from tasks.kinds.directions.ends import End
from tasks.kinds.directions.params import own
from tasks.kinds.directions.roots import roots
from tasks.records import Call
from tasks.store import frames
from tasks.study import Study


@dataclass(frozen=True)
class Named:
    """A sentence that may name an end, with what exploration inputs say of it."""

    end: End
    sentence: str
    effect: float
    """Share of the end minus share of other inputs; 0 where nothing was judged."""
    root: float
    """Signed root of the likelihood ratio; 0 where nothing was judged."""
    means: tuple[float, float] | None
    """Mean activation where it holds and where it does not; None where nothing says."""


@dataclass
class Screen:
    """The judge, and the inputs it looks at."""

    study: Study
    texts: pl.DataFrame
    """Of the exploration half, in the order of their ids."""
    random: Bool[np.ndarray, " text"]
    """The inputs that every sentence is judged on."""
    unshown: Bool[np.ndarray, " text"]
    n: int
    """So many random inputs are judged, and at most so many of each end."""
    calls: tuple[Call, ...] = ()
    n_judged: int = 0
    n_judged_in_vain: int = 0
    _order: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, study: Study, texts: pl.DataFrame, unshown: Bool[np.ndarray, " text"]) -> "Screen":
        """The inputs that were not shown, in a seeded order."""
        n = sampling.n_judged(study)
        drawn = [frames.hashed("judged", str(study.seed), one) for one in texts["text_id"]]
        order = [int(row) for row in np.argsort(drawn, kind="stable") if unshown[row]]
        random = np.zeros(texts.height, dtype=bool)
        random[order[:n]] = True
        return cls(study, texts, random, unshown, n, _order=order)

    @property
    def judges(self) -> bool:
        """Whether anything is judged (`propose.judged`)."""
        return self.n > 0

    def named(self, said: Sequence[tuple[End, Sequence[str]]]) -> list[Named]:
        """The best sentences of each end, at most as many as it may have names; the strongest end first."""
        most = own(self.study).names
        if not self.judges:
            return [Named(end, one, 0.0, 0.0, None) for end, sentences in said for one in sentences[:most]]
        rows = [self._rows(end) for end, _ in said]
        held = self._verdicts(said, rows)
        found: list[Named] = []
        for (end, sentences), judged in zip(said, rows, strict=True):
            each = [_measured(end, one, held[one], judged) for one in sentences]
            found += sorted(each, key=lambda one: -round(one.root, 9))[:most]
        return sorted(found, key=lambda one: (-round(one.root, 9), one.end.unit, one.end.end))

    def _rows(self, end: End) -> Bool[np.ndarray, " text"]:
        """The inputs an end's sentences are judged on."""
        chosen = self.random.copy()
        chosen[[row for row in self._order if end.member[row]][: self.n]] = True
        return chosen

    def _verdicts(
        self, said: Sequence[tuple[End, Sequence[str]]], rows: Sequence[Bool[np.ndarray, " text"]]
    ) -> dict[str, Float[np.ndarray, " text"]]:
        """By sentence 0/1 on the inputs it was judged on; NaN on others and in gaps."""
        wanted: dict[str, Bool[np.ndarray, " text"]] = {}
        for (_, sentences), judged in zip(said, rows, strict=True):
            for one in sentences:
                wanted[one] = wanted.get(one, np.zeros(self.texts.height, dtype=bool)) | judged
        if not wanted:
            return {}
        judge = LlmJudge(self.study, stage=STAGE)
        asked = [roles.unfrozen(frames.hashed(one), one, judge=judge.name) for one in wanted]
        pairs = np.column_stack(list(wanted.values()))
        found = judge.judge_pairs(asked, self.texts, pairs)
        score = np.where(found.status == roles.VALUE, found.score, np.nan)
        self.calls = found.calls
        self.n_judged, self.n_judged_in_vain = int(pairs.sum()), int((pairs & np.isnan(score)).sum())
        return dict(zip(wanted, np.where(np.isnan(score), np.nan, score >= HOLDS).T, strict=True))


def _measured(
    end: End, sentence: str, verdict: Float[np.ndarray, " text"], judged: Bool[np.ndarray, " text"]
) -> Named:
    known = judged & ~np.isnan(verdict)
    member, holds = end.member[known], verdict[known] > 0
    if not member.any() or member.all():
        return Named(end, sentence, 0.0, 0.0, None)
    root = float(roots(holds[:, None].astype(np.float64), member[:, None])[0, 0])
    effect = float(holds[member].mean() - holds[~member].mean())
    # Of an end more inputs are judged than of the others: each counts for as many as it stands for.
    stands_for = np.where(member, end.member.sum() / member.sum(), (~end.member).sum() / (~member).sum())
    activation = end.activation[known]
    means = None
    if 0 < holds.sum() < holds.size:
        means = tuple(
            round(float(np.average(activation[who], weights=stands_for[who])), 9) for who in (holds, ~holds)
        )
    return Named(end, sentence, effect, root, means)  # type: ignore[arg-type]
