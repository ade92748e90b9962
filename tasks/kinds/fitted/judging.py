"""Candidates and what a judge said of them so far; nobody is asked twice about a text and a predicate."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from tasks.engines import roles
from tasks.kinds.fitted.frozen import filled, predicate_id
from tasks.kinds.fitted.model import Verdicts
from tasks.records import Call, Predicate, Proposal
from tasks.store.canonical import spelling
from tasks.study import Study


@dataclass
class Answers:
    """A column for each candidate; candidates are added, verdicts are asked for when they are needed."""

    study: Study
    judge: roles.Judge
    texts: pl.DataFrame
    vectors: Float[np.ndarray, "text dim"]
    candidates: list[Proposal] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.score: Float[np.ndarray, "text candidate"] = np.zeros((self.texts.height, 0))
        """NaN where nobody was asked, and where there was no answer."""
        self.n_gapped = 0
        """Candidates that were dropped for their gaps."""
        self.asked: Bool[np.ndarray, "text candidate"] = np.zeros((self.texts.height, 0), dtype=bool)

    @property
    def n_judged(self) -> int:
        """Judgements so far, those without an answer too."""
        return int(self.asked.sum())

    @property
    def n_gaps(self) -> int:
        """Judgements without an answer."""
        return int((self.asked & np.isnan(self.score)).sum())

    def add(self, proposals: Sequence[Proposal]) -> list[int]:
        """Columns of those that are not among the candidates yet."""
        known = {_said(one) for one in self.candidates}
        before = len(self.candidates)
        for one in proposals:
            if _said(one) not in known:
                known.add(_said(one))
                self.candidates.append(one)
        more = len(self.candidates) - before
        self.score = np.hstack([self.score, np.full((self.texts.height, more), np.nan)])
        self.asked = np.hstack([self.asked, np.zeros((self.texts.height, more), dtype=bool)])
        return list(range(before, len(self.candidates)))

    def ask(self, columns: Sequence[int], rows: Int[np.ndarray, " row"]) -> None:
        """Asks what is not known yet of these, at once of all candidates that lack the same texts."""
        groups: dict[bytes, list[int]] = {}
        for column in columns:
            groups.setdefault(self.asked[rows, column].tobytes(), []).append(column)
        for group in groups.values():
            wanted = rows[~self.asked[rows, group[0]]]
            if wanted.size:
                self._ask(group, wanted)

    def _ask(self, columns: list[int], rows: Int[np.ndarray, " row"]) -> None:
        asked = [self.predicate(self.candidates[column]) for column in columns]
        said = self.judge.judge(asked, self.texts[rows], self.vectors[rows])
        self.calls += said.calls
        score = np.where(said.status == roles.VALUE, said.score, np.nan)
        threshold = self.study.formalise.threshold
        if threshold is not None:
            score = np.where(np.isnan(score), np.nan, score >= threshold)
        self.score[rows[:, None], columns] = score
        self.asked[rows[:, None], columns] = True

    def verdicts(self, columns: Sequence[int], rows: Int[np.ndarray, " row"]) -> Verdicts:
        """What was said, gaps filled with the share among those judged."""
        return filled(self.score[rows][:, list(columns)])[0]

    def answered(self, columns: Sequence[int], rows: Int[np.ndarray, " row"], sure: float) -> list[int]:
        """Those that have not, by so many standard errors, too many gaps; the others are counted."""
        gaps = np.isnan(self.score[rows][:, list(columns)]).mean(axis=0)
        least = gaps - sure * np.sqrt(gaps * (1 - gaps) / max(len(rows), 1))
        gapped = least > self.study.record.max_refusal_share
        self.n_gapped += int(gapped.sum())
        return [one for one, too_many in zip(columns, gapped, strict=True) if not too_many]

    def usable(self, columns: Sequence[int], rows: Int[np.ndarray, " row"]) -> list[int]:
        """Those without too many gaps that do not say the same of all these texts."""
        kept = self.answered(columns, rows, 0.0)
        z = self.verdicts(kept, rows)
        return [one for i, one in enumerate(kept) if np.ptp(z[:, i]) > 0]

    def predicate(self, one: Proposal) -> Predicate:
        """A candidate as the judge is asked about it."""
        return roles.unfrozen(
            predicate_id(one),
            one.predicate,
            definition=one.definition,
            judge=self.judge.name,
            threshold=self.study.formalise.threshold,
            family=one.family,
            grade=one.grade,
            prompt_hash=one.prompt_hash,
        )


def _said(one: Proposal) -> tuple[str, str]:
    return spelling(one.predicate), one.definition
