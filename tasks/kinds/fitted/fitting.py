"""Fitting on the exploration half: relax, sort, name, judge, choose (after Zhong et al. 2024).

look          the texts, split once more: a fit part and a tune part
relaxing      directions of the vectors that would explain what is left, and sentences for their ends
judging       what was said of candidates; racing: on a growing part of the texts
screening     what candidates would add, by a quick look
choosing      forward steps and swaps by models, as far as the tune part bears them
agreeing      the choice made again on other parts
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any, Protocol

import numpy as np
import polars as pl

from tasks import progress
from tasks.engines import roles
from tasks.kinds.fitted import agreeing, choosing, frozen, look, racing, relaxing, tables
from tasks.kinds.fitted.choosing import Chosen, Gauge, in_errors
from tasks.kinds.fitted.found import Found, Noted
from tasks.kinds.fitted.judging import Answers
from tasks.kinds.fitted.look import Look
from tasks.kinds.fitted.model import Verdicts
from tasks.kinds.fitted.params import MOST
from tasks.kinds.parts import Proposed, Seen
from tasks.records import Call, Proposal
from tasks.store import frames

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
    answers = Answers(seen.study, kind.fit_judge(seen.study, actors), at.texts, at.vectors)
    found = search(seen, at, answers, source, kind.params(seen.study).predicates)
    calls = (*source.calls, *answers.calls)
    if not found.chosen.columns:
        return Proposed([], {**source.noted, **found.noted}, calls)
    return _proposed(found, kind.params(seen.study).restarts, source.noted, calls)


def search(seen: Seen, at: Look, answers: Answers, source: Source, fixed: int | None) -> Found:
    """Chooses among the candidates of a source, which is asked for more once some are chosen.

    Args:
        seen: with what the user asks.
        at: the texts.
        answers: gets all verdicts; no candidates yet.
        source: of candidates.
        fixed: how many predicates the user wants; None: as many as the tune part bears.
    """
    study, every = seen.study, np.arange(at.texts.height)
    asked = answers.add([replace(one, direction="A") for one in seen.asked])
    answers.ask(asked, every)
    most = max(min(fixed or study.propose.most, MOST), len(asked))
    state = Found(at, answers, Chosen(list(asked), len(asked)), list(asked), most, fixed)
    choosing.started(state.gauge(), state.chosen)
    rounds = 0 if study.propose.only else ROUNDS
    steps = rounds * (relaxing.DIRECTIONS + len(racing.sizes(len(at.growing))) + 1)
    with progress.bar(f"fit {study.name}", max(steps, 1)) as advance:
        for _ in range(rounds):
            fresh = answers.add(source.proposed(state.z[:, state.chosen.columns], advance))
            if not fresh:
                break
            left = racing.raced(at, answers, state.chosen.columns, fresh, most, advance)
            answers.ask(left, every)
            state.pool += answers.usable(left, every)
            state.chosen.n_judged = answers.n_judged
            gauge = state.gauge()
            choosing.grown(gauge, state.chosen, state.pool, most)
            choosing.swapped(gauge, state.chosen, state.pool)
            advance()
    choosing.finished(state.gauge(), state.chosen, state.pool, most, fixed)
    return state


def _proposed(found: Found, restarts: int, noted: Noted, calls: Sequence[Call]) -> Proposed:
    """The chosen with their models."""
    at, columns, answers = found.look, found.chosen.columns, found.answers
    z = found.z[:, columns]
    gauge = found.gauge()
    proposals = [_measured(gauge, columns, k) for k in columns]
    ids = [frozen.predicate_id(one) for one in proposals]
    full = at.model.fit(z, at.of)
    without = [at.model.fit(frozen.others(z, k), at.of) for k in range(len(columns))]
    agreement = agreeing.restarts(found, ids, restarts)
    own = {
        "explored": _explored(at.texts, ids, answers.score[:, columns]),
        "model": frozen.model_frame(at.model, ids, full, without),
        "path": _path(found),
        "restarts": agreement,
    }
    agreed = agreement["phi"].mean()
    told = {**noted, **found.noted, "agreement": round(float(str(agreed)), 3)}
    return Proposed(proposals, told, tuple(calls), own)


def _measured(gauge: Gauge, columns: Sequence[int], k: int) -> Proposal:
    """The proposal with what it adds to the others: bits on the fit part, and z on the tune part."""
    others = [column for column in columns if column != k]
    return replace(
        gauge.candidates[k],
        direction="A",
        explore_effect=gauge.on_fit(columns, others),
        explore_z=in_errors(gauge.on_tune(columns, others)),
    )


def _path(found: Found) -> pl.DataFrame:
    """Rows of tables.PATH."""
    rows = [
        {**asdict(step), "predicate": found.answers.candidates[step.column].predicate}
        for step in found.chosen.path
    ]
    return frames.conform(pl.DataFrame(rows).drop("column"), tables.PATH)


def _explored(texts: pl.DataFrame, ids: Sequence[str], score: Verdicts) -> pl.DataFrame:
    """Rows of tables.EXPLORED."""
    text_id = texts["text_id"].to_list()
    frame = pl.DataFrame(
        {
            "predicate_id": np.repeat(list(ids), len(text_id)),
            "text_id": text_id * len(ids),
            "score": score.T.ravel(),
        }
    )
    return frames.conform(frame.fill_nan(None), tables.EXPLORED)
