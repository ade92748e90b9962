"""Who is in the model: forward by the gain on the fit part, as far as the tune part bears it, then swaps.

A gain is in bits per text, of documents. On the fit part halves of the documents are exchanged, on the tune
part the models are those of the whole fit part: no text is scored by a model that was fitted on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

from tasks.kinds.fitted import screening
from tasks.kinds.fitted.look import Look, parts
from tasks.kinds.fitted.model import Verdicts
from tasks.kinds.fitted.observed import Observed
from tasks.records import Proposal
from tasks.stats import gains
from tasks.stats.gains import Gains
from tasks.store.canonical import spelling

LEVEL = 0.9
LOOKED_AT = 6
"""Candidates of which models are fitted at a step: the best by a quick look (screening.py)."""
TRIED = 3
"""Candidates that are held against the tune part before nothing more is added."""
ROUNDS = 3
"""Of swaps, at most."""
INSIDE, ENOUGH = 0.9, 0.4
"""A part of a predicate holds so far inside it, and foretells so much of what it does."""
KEPT = 3
"""Predicates that are kept where the tune part bears none, so that a study can end and say so."""
_LESS = 0.01
"""A difference of what a bit counts that is one."""
_FIT, *_HALVES, _TUNE = range(4)
"""Parts of the texts: the fit part, its two halves, and the tune part."""


@dataclass(frozen=True)
class Step:
    """What was tried: rows of tables.PATH."""

    step: int
    move: str
    column: int
    gain: float
    lo: float
    hi: float
    kept: bool
    n_judged: int


@dataclass
class Chosen:
    """Columns in the order in which they were added, those that were asked for first."""

    columns: list[int]
    asked: int
    """So many of them were asked for: they stay."""
    path: list[Step] = field(default_factory=list)
    parted: set[int] = field(default_factory=set)
    """Columns that gave their place to a part of theirs."""
    n_judged: int = 0
    """Judgements so far."""

    @property
    def n_swaps(self) -> int:
        """Predicates that gave their place to another one."""
        return sum(step.move == "swap" and step.kept for step in self.path)

    def note(self, move: str, column: int, told: Gains, kept: bool, step: int | None = None) -> None:
        """Writes a step down."""
        at = self.n_steps if step is None else step
        mean, lo, hi = (float(part[0]) for part in (told.mean, told.lo, told.hi))
        self.path.append(Step(at, move, column, mean, lo, hi, kept, self.n_judged))

    @property
    def n_filled(self) -> int:
        """Predicates that the tune part did not bear out, kept all the same."""
        return sum(step.move == "fill" and step.column in self.columns for step in self.path)

    @property
    def n_steps(self) -> int:
        """Steps so far."""
        return self.path[-1].step + 1 if self.path else 0


@dataclass
class Gauge:
    """Gains of candidates beside others, every model fitted once."""

    look: Look
    candidates: Sequence[Proposal]
    z: Verdicts
    """Of all candidates on all texts, gaps filled; only columns that are judged throughout are used."""
    draw: Float[np.ndarray, " text"] | None = None
    """Parts the texts in place of look.draw."""

    def __post_init__(self) -> None:
        self._models: dict[tuple[tuple[int, ...], int], object] = {}
        fits = parts(self.look.draw if self.draw is None else self.draw)
        first = parts(np.where(fits, self.look.halves, np.inf), 0.5 * fits.mean())
        self._rows = tuple(map(np.flatnonzero, (fits, fits & first, fits & ~first, ~fits)))

    @cached_property
    def _of(self) -> tuple[Observed, ...]:
        return tuple(self.look.of.take(rows) for rows in self._rows)

    @property
    def fit(self) -> Int[np.ndarray, " row"]:
        """Rows of the fit part."""
        return self._rows[_FIT]

    @property
    def tune(self) -> Int[np.ndarray, " row"]:
        """Rows of the tune part."""
        return self._rows[_TUNE]

    def on_tune(self, new: Sequence[int], old: Sequence[int]) -> Gains:
        """What columns gain over the old ones on the tune part; own words of those that differ left out."""
        left_out = self._left_out(new, old)
        gained = [self._bits(columns, _FIT, _TUNE, left_out) for columns in (new, old)]
        document = self.look.of.document[self.tune]
        variance = self._variance(new, old, left_out)
        return gains.gains(gained[0], gained[1][:, None], document, LEVEL, variance)

    def _variance(
        self, new: Sequence[int], old: Sequence[int], left_out: tuple[int, ...]
    ) -> Float[np.ndarray, "text 1"] | None:
        """Of each text's gain on the tune part, as the model without the one more expects it."""
        more = set(new) - set(old)
        if len(more) != 1 or len(new) != len(old) + 1:
            return None
        own = sorted(new)
        full, without = (self._models[tuple(sorted(columns)), _FIT] for columns in (new, old))
        z, of = self.z[self.tune][:, own], self._of[_TUNE]
        dropped = own.index(more.pop())
        return self.look.model.gain_variance(full, without, dropped, z, of, left_out)[:, None]

    def on_fit(self, new: Sequence[int], old: Sequence[int]) -> float:
        """The same on the fit part, by exchanged halves."""
        left_out = self._left_out(new, old)
        gained = np.concatenate([
            self._bits(new, half, other, left_out) - self._bits(old, half, other, left_out)
            for half, other in (_HALVES, _HALVES[::-1])
        ])  # fmt: skip
        document = np.concatenate([self._of[half].document for half in _HALVES[::-1]])
        found = gains.gains(gained, np.zeros((gained.size, 1)), document, LEVEL)
        return float(np.round(found.mean[0], 9))

    def worth(self, column: int, given: Sequence[int]) -> float:
        """What a bit of the column counts beside those given (screening.worth)."""
        if not self.look.of_themes:
            return 1.0
        z = self.z[self.fit]
        return float(screening.worth(z[:, list(given)], z[:, [column]])[0])

    def screened(self, given: Sequence[int], free: Sequence[int]) -> list[int]:
        """The free columns, those first that a quick look finds most in."""
        if not free:
            return []
        left_out = self.look.left_out([self.candidates[k] for k in free])
        targets = self.look.targets(self.fit)
        z, column = (self.z[self.fit][:, list(of)] for of in (given, free))
        gain = screening.gains(targets, z, column, left_out).mean(axis=0)
        if self.look.of_themes:
            gain *= screening.worth(z, column)
        return [free[i] for i in np.argsort(-np.round(gain, 9), kind="stable")]

    def _left_out(self, new: Sequence[int], old: Sequence[int]) -> tuple[int, ...]:
        differ = sorted(set(new) ^ set(old))
        said = [self.candidates[k] for k in differ]
        return tuple(
            sorted(
                {word for one in said for word in self.look.model.own_words(one.predicate, one.definition)}
            )
        )

    def _bits(
        self, columns: Sequence[int], part: int, on: int, left_out: tuple[int, ...]
    ) -> Float[np.ndarray, " text"]:
        key = (tuple(sorted(columns)), part)
        own = list(key[0])
        if key not in self._models:
            learns = self._rows[part]
            self._models[key] = self.look.model.fit(self.z[learns][:, own], self._of[part])
        z = self.z[self._rows[on]][:, own]
        return self.look.model.bits(self._models[key], z, self._of[on], left_out)


def started(gauge: Gauge, chosen: Chosen) -> None:
    """Notes what each of those that were asked for adds to those before it."""
    for place, column in enumerate(chosen.columns):
        before = chosen.columns[:place]
        chosen.note("asked", column, gauge.on_tune([*before, column], before), kept=True)


def grown(gauge: Gauge, chosen: Chosen, pool: Sequence[int], most: int) -> None:
    """Adds the best of the pool while the tune part bears it, up to so many."""
    while len(chosen.columns) < most:
        ranked = _ranked(gauge, chosen.columns, _free(gauge, chosen.columns, pool))
        if not _added(gauge, chosen, ranked[:TRIED]):
            return


def finished(gauge: Gauge, chosen: Chosen, pool: Sequence[int], most: int, fixed: int | None) -> None:
    """Drops what adds nothing to the others any more, or fills up to as many as are wanted.

    Where nothing at all is borne out a few of the best stay, so that a study can end and say so.
    """
    if fixed is None:
        _thinned(gauge, chosen)
    _filled(gauge, chosen, pool, fixed or (0 if chosen.columns else min(KEPT, most)))
    if fixed is not None:
        swapped(gauge, chosen, pool)


def _filled(gauge: Gauge, chosen: Chosen, pool: Sequence[int], wanted: int) -> None:
    while len(chosen.columns) < wanted:
        ranked = _ranked(gauge, chosen.columns, _free(gauge, chosen.columns, pool))
        if not ranked:
            return
        told = gauge.on_tune([*chosen.columns, ranked[0]], chosen.columns)
        chosen.note("fill", ranked[0], told, kept=True)
        chosen.columns.append(ranked[0])


def _added(gauge: Gauge, chosen: Chosen, ranked: Sequence[int]) -> bool:
    for column in ranked:
        told = gauge.on_tune([*chosen.columns, column], chosen.columns)
        chosen.note("add", column, told, kept=bool(told.lo[0] > 0))
        if told.lo[0] > 0:
            chosen.columns.append(column)
            return True
    return False


def swapped(gauge: Gauge, chosen: Chosen, pool: Sequence[int]) -> None:
    """Replaces chosen columns by better ones of the pool, until none is or some rounds are over."""
    for _ in range(ROUNDS):
        replaced = [
            _replaced(gauge, chosen, place, pool) for place in range(chosen.asked, len(chosen.columns))
        ]
        if not any(replaced):
            break
    if gauge.look.of_themes:
        _parted(gauge, chosen, pool)


def _parted(gauge: Gauge, chosen: Chosen, pool: Sequence[int]) -> None:
    """Replaces what the others tell in part by a part of it that they tell less.

    Unions of themes span what the themes do, and foretell as well; a person reads the themes. No interval is
    asked for: it ends because fewer and fewer texts are told twice.
    """
    place = chosen.asked
    while place < len(chosen.columns):
        old = chosen.columns
        rest = [*old[:place], *old[place + 1 :]]
        part = _part(gauge, old[place], rest, _free(gauge, rest, pool))
        if part is None:
            place += 1
            continue
        new = [*rest[:place], part, *rest[place:]]
        chosen.note("swap", part, gauge.on_tune(new, old), kept=True)
        chosen.note("drop", old[place], gauge.on_tune(old, new), kept=False, step=chosen.n_steps - 1)
        chosen.parted.add(old[place])
        chosen.columns, place = new, chosen.asked


def _part(gauge: Gauge, whole: int, rest: Sequence[int], free: Sequence[int]) -> int | None:
    """The best part of a column that the rest tells less of than of all of it; None: there is none."""
    z = gauge.z[gauge.fit]
    told = z[:, list(rest)].max(axis=1, initial=0.0)
    twice = told @ z[:, whole]
    parts = [
        k
        for k in free
        if z[:, k] @ z[:, whole] >= INSIDE * z[:, k].sum()
        and z[:, k].sum() < z[:, whole].sum()
        and told @ z[:, k] < (1 - INSIDE / 10) * twice
    ]
    gain = {k: gauge.on_fit([*rest, k], rest) for k in gauge.screened(rest, parts)[:LOOKED_AT]}
    best = max(gain, key=lambda k: (gain[k], -k), default=None)
    least = ENOUGH * gauge.on_fit([*rest, whole], rest)
    return best if best is not None and gain[best] >= max(least, 0.0) else None


def _replaced(gauge: Gauge, chosen: Chosen, place: int, pool: Sequence[int]) -> bool:
    old = chosen.columns
    rest = [*old[:place], *old[place + 1 :]]
    least = _worth_on_fit(gauge, old[place], rest)
    barred = {old[place], *chosen.parted}
    free = [column for column in _free(gauge, rest, pool) if column not in barred]
    for column in gauge.screened(rest, free)[:LOOKED_AT]:
        if _worth_on_fit(gauge, column, rest) <= least:
            continue
        new = [*old[:place], column, *old[place + 1 :]]
        told = gauge.on_tune(new, old)
        kept = bool(told.lo[0] > 0) or _is_simpler(gauge, column, old[place], rest)
        chosen.note("swap", column, told, kept)
        if kept:
            chosen.note("drop", old[place], gauge.on_tune(old, new), kept=False, step=chosen.n_steps - 1)
            chosen.columns = new
            return True
    return False


def _is_simpler(gauge: Gauge, new: int, old: int, rest: Sequence[int]) -> bool:
    """Whether the new column is less told by the others, and its gain on the tune part worth no less."""
    worth = [gauge.worth(column, rest) for column in (new, old)]
    gain = [float(gauge.on_tune([*rest, column], rest).mean[0]) for column in (new, old)]
    return worth[0] > worth[1] + _LESS and worth[0] * gain[0] > worth[1] * gain[1]


def _worth_on_fit(gauge: Gauge, column: int, rest: Sequence[int]) -> float:
    return gauge.on_fit([*rest, column], rest) * gauge.worth(column, rest)


def _thinned(gauge: Gauge, chosen: Chosen) -> None:
    """Drops what is not borne out beside all the others, the least first; what was asked for stays."""
    while len(chosen.columns) > chosen.asked:
        told = {
            k: gauge.on_tune(chosen.columns, _without(chosen.columns, k))
            for k in chosen.columns[chosen.asked :]
        }
        least = min(told, key=lambda k: (round(float(told[k].mean[0]), 9), k))
        if told[least].lo[0] > 0:
            return
        chosen.note("drop", least, told[least], kept=False)
        chosen.columns = _without(chosen.columns, least)


def _ranked(gauge: Gauge, given: Sequence[int], free: Sequence[int]) -> list[int]:
    """The best of the free columns by models, best first."""
    looked_at = gauge.screened(given, free)[:LOOKED_AT]
    gain = {column: _worth_on_fit(gauge, column, given) for column in looked_at}
    return sorted(looked_at, key=lambda column: (-gain[column], looked_at.index(column)))


def _free(gauge: Gauge, given: Sequence[int], pool: Sequence[int]) -> list[int]:
    """Columns of the pool that are not given, nor say what one of these says."""
    said = {spelling(gauge.candidates[k].predicate) for k in given}
    return [k for k in pool if k not in given and spelling(gauge.candidates[k].predicate) not in said]


def _without(columns: Sequence[int], one: int) -> list[int]:
    return [k for k in columns if k != one]


def in_errors(told: Gains) -> float:
    """A gain in standard errors; 0 where there is no interval."""
    width = float(told.hi[0] - told.lo[0])
    if not np.isfinite(width) or width <= 0:
        return 0.0
    quantile = stats.t.ppf((1 + LEVEL) / 2, max(int(told.n_documents[0]) - 1, 1))
    return float(np.round(2 * quantile * told.mean[0] / width, 6))
