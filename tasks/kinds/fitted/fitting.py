"""Fitting on the exploration half: relax, sort, name, judge, choose (after Zhong et al. 2024).

look          the texts, split once more: a fit part and a tune part
relaxing      directions of the vectors that would explain what is left, and sentences for their ends
judging       what was said of candidates; racing: on a growing part of the texts
screening     what candidates would add, by a quick look
choosing      forward steps and swaps by models, as far as the tune part bears them
agreeing      the choice made again on other parts
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import polars as pl

from tasks import progress
from tasks.engines import roles
from tasks.kinds.fitted import agreeing, choosing, frozen, look, racing, relaxing, tables
from tasks.kinds.fitted.choosing import Chosen, Gauge
from tasks.kinds.fitted.judging import Answers
from tasks.kinds.fitted.look import Look
from tasks.kinds.fitted.model import Verdicts
from tasks.kinds.fitted.params import MOST
from tasks.kinds.parts import Proposed, Seen
from tasks.records import Proposal
from tasks.store import frames
from tasks.study import Study

ROUNDS = 2
"""Of relaxation: a second one on what the first leaves."""


class Source(Protocol):
    """Brings candidates."""

    def proposed(self, z: Verdicts, advance: Callable[[], None]) -> list[Proposal]:
        """Sentences for what the verdicts of those chosen so far leave unexplained."""
        ...


def fitted(kind: Any, seen: Seen, actors: roles.Engine, rng: np.random.Generator) -> Proposed:
    """Predicates with their model, and how they were chosen.

    Raises:
        CorpusError: there are too few texts.
        EngineError: a proposer or judge cannot be used.
    """
    at = look.prepared(kind, seen)
    source = relaxing.Relaxed(seen, actors, at, rng)
    answers = Answers(seen.study, kind.judge(seen.study, actors), at.texts, at.vectors)
    found = search(seen, at, answers, source, kind.params(seen.study).predicates)
    noted = {**source.noted, **found.noted}
    calls = (*source.calls, *answers.calls)
    if not found.chosen.columns:
        return Proposed([], noted, calls)
    return _proposed(found, kind.params(seen.study).restarts, noted, calls)


@dataclass(frozen=True)
class Found:
    """What a search left."""

    look: Look
    answers: Answers
    chosen: Chosen
    pool: Sequence[int]
    """Columns that are judged on all texts."""
    path: pl.DataFrame
    most: int
    fixed: int | None
    noted: Mapping[str, float | Mapping[str, int]]

    @property
    def z(self) -> Verdicts:
        """Verdicts of all candidates on all texts, gaps filled."""
        return frozen.filled(self.answers.score)[0]


def search(seen: Seen, at: Look, answers: Answers, source: Source, fixed: int | None) -> Found:
    """Chooses among the candidates of a source, which is asked for more once some are chosen.

    Args:
        seen: with what the user asks.
        at: the texts.
        answers: gets all verdicts; no candidates yet.
        source: of candidates.
        fixed: how many predicates the user wants; None: as many as the tune part bears.
    """
    study, asked = seen.study, answers.add([replace(one, direction="A") for one in seen.asked])
    most = max(min(fixed or study.propose.max_predicates, MOST), len(asked))
    every = np.arange(at.texts.height)
    answers.ask(asked, every)
    chosen, pool, lines, n_gapped = Chosen(list(asked), len(asked)), list(asked), [], 0
    rounds = 0 if study.propose.only else ROUNDS
    n_parts = len(racing.sizes(len(at.growing)))
    with progress.bar(f"fit {study.name}", max(rounds * (relaxing.DIRECTIONS + n_parts + 1), 1)) as advance:
        for number in range(rounds):
            fresh = answers.add(source.proposed(answers.verdicts(chosen.columns, every), advance))
            if not fresh:
                break
            left = racing.raced(at, answers, chosen.columns, fresh, most, advance)
            answers.ask(left, every)
            usable, gapped = answers.usable(left, every)
            pool, n_gapped = [*pool, *usable], n_gapped + gapped
            gauge = Gauge(at, answers.candidates, frozen.filled(answers.score)[0])
            is_last = number == rounds - 1
            choosing.grown(gauge, chosen, pool, most)
            choosing.swapped(gauge, chosen, pool)
            _finished(gauge, chosen, pool, most, fixed)
            lines += _lines(chosen, answers, len(lines))
            advance()
    ...
