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

FIRST = 64
"""Texts of the first part, at least."""
PARTS = 16
"""The first part is one of so many."""
CLEAR = 2.5
"""Standard errors by which the best of many must gain for its place to be one."""
SURE = 3.0
"""Standard errors that make confidence."""
HELD = 3
"""A predicate is told from chance where it holds, and fails to hold, of so many texts."""
MORE = 3
"""Steps that are taken beyond those of which the gain is clear."""
CUT = 3
"""At most one in so many goes on."""
SWAPS = 2
"""Rounds in which each one chosen gives its place to a better one."""
SPARE = 8
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
        alive = answers.answered(alive, rows, SURE)
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
    order, useful = race.order(steps)
    room = max(useful + SPARE, -(-len(run) // CUT))
    kept = {run[i] for i in order[:room]}
    rare = {i for i in range(len(alive)) if held[i] < HELD and not (alike[i] and len(rows) >= PARTS * HELD)}
    return [one for i, one in enumerate(alive) if i in kept or i in rare]


@dataclass
class _Race:
    look: Look
    rows: Int[np.ndarray, " row"]
    z: Float[np.ndarray, "text chosen"]
    column: Float[np.ndarray, "text candidate"]
    left_out: Bool[np.ndarray, "candidate target"]

    def __post_init__(self) -> None:
        self._member = members(self.look.of.document[self.rows])
        self._size = np.asarray(self._member.sum(axis=1)).ravel()
        self._targets = self.look.targets(self.rows)

    def order(self, steps: int) -> tuple[list[int], int]:
        """Candidates that are not confidently behind, those first that are near the front at any place.

        A place is a step forward, or that of one chosen there beside all the others. Also, how many steps
        were worth taking.
        """
        path: list[int] = []
        fronts: list[list[int]] = []
        useful = 0
        while len(path) < min(steps, self.column.shape[1], max(useful, 1) + MORE):
            front, clear = self._front(path)
            fronts.append(front)
            path.append(front[0])
            useful += clear
        for _ in range(SWAPS):
            for i in range(len(path)):
                front, _ = self._front([*path[:i], *path[i + 1 :]])
                fronts.append(front)
                path[i] = front[0]
        place: dict[int, int] = {}
        for front in fronts:
            for i, one in enumerate(front):
                place[one] = min(i, place.get(one, i))
        return sorted(place, key=lambda one: (place[one], one)), useful

    def _front(self, path: Sequence[int]) -> tuple[list[int], bool]:
        """Who is not confidently behind the best beside the path, that one first; and whether it gains."""
        z = np.column_stack([self.z, self.column[:, list(path)]])
        themes = self.look.of_themes
        gain = screening.gains(self._targets, z, self.column, self.left_out, of_many=themes)
        if themes:
            gain = gain * screening.worth(z, self.column)
        by_document = (self._member @ gain) / self._size[:, None]
        mean = np.round(by_document.mean(axis=0), 9)
        mean[list(path)] = -np.inf
        best = int(np.argmax(mean))
        own = _in_errors(by_document)
        near = _in_errors(by_document - by_document[:, [best]]) > -SURE
        near &= (own > -SURE) & np.isfinite(mean)
        near[best] = False
        others = np.flatnonzero(near)
        return [best, *others[np.argsort(-mean[others], kind="stable")].tolist()], bool(own[best] > CLEAR)


def _in_errors(value: Float[np.ndarray, "document candidate"]) -> Float[np.ndarray, " candidate"]:
    """Means in standard errors."""
    error = value.std(axis=0, ddof=1) / np.sqrt(len(value)) if len(value) > 1 else np.zeros(value.shape[1])
    return np.round(np.where(error > 0, value.mean(axis=0) / np.where(error > 0, error, 1.0), 0.0), 9)
