"""Judging on a growing part of the texts: who is behind with confidence is asked about no more of them.

Successive halving (Karnin, Koren & Somekh 2013) of candidates whose gain depends on who else is chosen: on
every part of the texts predicates are chosen one by one, and a candidate goes on if at any step it is not
behind the one that is chosen there. A candidate that holds of too few texts to be told from chance goes on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from tasks.kinds.fitted import screening
from tasks.kinds.fitted.judging import Answers
from tasks.kinds.fitted.look import Look
from tasks.stats.rectifier import members

FIRST = 40
"""Texts of the first part, at least."""
PARTS = 16
"""The first part is one of so many."""
SURE = 2.0
"""Standard errors that make confidence."""
HELD = 3
"""A predicate is told from chance where it holds, and fails to hold, of so many texts."""
SPARE = 2
"""Candidates that go on at least, beside those that are needed."""


def sizes(n: int) -> list[int]:
    """Numbers of texts of the parts, doubling up to all."""
    found = [n]
    while found[0] // 2 >= max(FIRST, n // PARTS):
        found.insert(0, found[0] // 2)
    return found


def raced(
    look: Look,
    answers: Answers,
    chosen: Sequence[int],
    fresh: Sequence[int],
    most: int,
    advance: Callable[[], None],
) -> list[int]:
    """Candidates that are left, judged on the whole fit part.

    Args:
        look: the texts.
        answers: gets the verdicts.
        chosen: judged on all texts already.
        fresh: candidates that run.
        most: predicates of the model, at most, the chosen among them.
        advance: called after each part.
    """
    alive = list(fresh)
    for size in sizes(len(look.growing)):
        rows = look.growing[:size]
        answers.ask(alive, rows)
        advance()
        if size < len(look.growing):
            alive = _left(look, answers, chosen, alive, most, rows)
    return alive


def _left(
    look: Look,
    answers: Answers,
    chosen: Sequence[int],
    alive: Sequence[int],
    most: int,
    rows: Int[np.ndarray, " row"],
) -> list[int]:
    column = answers.verdicts(alive, rows)
    held = np.minimum(column.sum(axis=0), len(rows) - column.sum(axis=0))
    alike = np.ptp(column, axis=0) == 0
    steps = max(most - len(chosen), 1)
    run = [i for i in range(len(alive)) if held[i] >= HELD]
    left_out = look.left_out([answers.candidates[alive[i]] for i in run])
    race = _Race(look, rows, answers.verdicts(chosen, rows), column[:, run], left_out)
    rank = race.rank(steps)
    room = max(steps + SPARE, -(-len(run) // 2))
    kept = {run[i] for i in np.argsort(-rank, kind="stable")[:room] if rank[i] > -np.inf}
    rare = {i for i in range(len(alive)) if held[i] < HELD and not (alike[i] and len(rows) >= PARTS * HELD)}
    return [one for i, one in enumerate(alive) if i in kept or i in rare]


@dataclass
class _Race:
    look: Look
    rows: Int[np.ndarray, " row"]
    z: Float[np.ndarray, "text chosen"]
    column: Float[np.ndarray, "text candidate"]
    left_out: Bool[np.ndarray, "candidate target"]

    def rank(self, steps: int) -> Float[np.ndarray, " candidate"]:
        """By how little a candidate is behind at its best step, in standard errors; -inf: confidently."""
        member = members(self.look.of.document[self.rows])
        size = np.asarray(member.sum(axis=1)).ravel()
        targets = self.look.targets(self.rows)
        n = self.column.shape[1]
        rank, free, z = np.full(n, -np.inf), np.ones(n, dtype=bool), self.z
        for step in range(min(steps, n)):
            gain = screening.gains(targets, z, self.column, self.left_out)
            by_document = (member @ gain) / size[:, None]
            mean = np.where(free, np.round(by_document.mean(axis=0), 9), -np.inf)
            best = int(np.argmax(mean))
            behind = -_in_errors(by_document[:, [best]] - by_document)
            hopeful = (_in_errors(by_document) > -SURE) & (behind > -SURE) & free
            rank = np.where(hopeful, np.maximum(rank, behind), rank)
            rank[best] = steps - step
            free[best] = False
            z = np.column_stack([z, self.column[:, best]])
        return rank


def _in_errors(value: Float[np.ndarray, "document candidate"]) -> Float[np.ndarray, " candidate"]:
    """Means in standard errors."""
    error = value.std(axis=0, ddof=1) / np.sqrt(len(value)) if len(value) > 1 else np.zeros(value.shape[1])
    return np.round(np.where(error > 0, value.mean(axis=0) / np.where(error > 0, error, 1.0), 0.0), 9)
