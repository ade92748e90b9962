"""What texts say at a time: the pool of texts, tilted by weights that change with time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from tasks.kinds.fitted.model import Bits, Mass, Model, Verdicts, Weights, foreseen
from tasks.kinds.fitted.observed import Observed
from tasks.kinds.timeline.params import Timeline
from tasks.stats import tilting
from tasks.stats.tilting import Tilting

ROUGHER = 4.0
"""Sums of squared changes may be so many times those of the frozen model before a model counts as another
one: changes twice as large."""
_STRETCHES = 8
"""Stretches of time, with equal numbers of texts, of which the relaxation asks what sets them apart."""


def model(params: Timeline, explored: Observed) -> Model:
    """The form for these times."""
    return Times(params.smoothing, _time(explored))


class Times:
    """p(x | t) is as exp(w_t . z(x)) over the pool of exploration texts."""

    background: float = 0.0

    def __init__(self, smoothing: float, time: Float[np.ndarray, " text"]) -> None:
        self.smoothing = smoothing
        self.times = np.unique(time)
        self.slots: Sequence[str] = [repr(float(one)) for one in self.times]

    def fit(self, z: Verdicts, of: Observed, mass: Mass | None = None, start: Any = None) -> Tilting:
        """By maximum likelihood with the smoothing penalty."""
        time = _time(of)
        begin = None if start is None else start.weight
        return tilting.fit(z, time, self.penalty(z, time), mass=mass, start=begin)

    def bits(self, fitted: Tilting, z: Verdicts, of: Observed, leave_out: Sequence[int] = ()) -> Bits:
        """log2 of how much likelier a text is at its time than in the pool."""
        return tilting.log2_ratio(fitted, z, _time(of))

    def gain_variance(
        self,
        full: Tilting,
        without: Tilting,
        dropped: int,
        z: Verdicts,
        of: Observed,
        leave_out: Sequence[int] = (),
    ) -> Bits:
        """Over texts of the pool, drawn as the model without the predicate says."""
        return tilting.gain_variance(full, without, dropped, _time(of))

    def most_likely(self, frozen: Tilting, z: Verdicts, of: Observed, mass: Mass) -> Bits:
        """Among models of which the changes of weights are at most ROUGHER times those of the frozen one.

        A time of one text alone could be explained perfectly. By Lagrange's bound the best log-likelihood
        under a limit on the penalty is at most that of the penalised fit, plus the limit, less its penalty.
        """
        time = _time(of)
        penalty = self.penalty(z, time)
        best = tilting.fit(z, time, penalty, mass=mass, pool=frozen)
        allowed = ROUGHER * _roughness(weight_at(frozen, best.time))
        slack = penalty * (allowed - _roughness(best.weight)) / np.log(2)
        return np.asarray(tilting.log2_ratio(best, z, time) + slack)

    def errors(self, fitted: Tilting, z: Verdicts, of: Observed) -> Weights:
        """Not told: resamples alone say how far a weight may be off; what is read are shares."""
        return np.zeros((1 + z.shape[1], fitted.time.size))

    def weights(self, fitted: Tilting) -> Weights:
        """A row for each predicate; there are no constants."""
        return np.vstack([np.zeros((1, fitted.time.size)), fitted.weight.T])

    def frozen(self, weights: Weights, z: Verdicts, of: Observed) -> Tilting:
        """The tilted pool is that of the texts it was fitted on."""
        pattern, member = tilting.patterns(z)
        count = np.bincount(member, minlength=len(pattern)).astype(float)
        penalty = self.penalty(z, _time(of))
        return Tilting(self.times, weights[1:].T.copy(), pattern, count, penalty, float("nan"))

    def directions(
        self,
        vectors: Float[np.ndarray, "text dim"],
        z: Verdicts,
        of: Observed,
        most: int,
        rng: np.random.Generator,
    ) -> Float[np.ndarray, "text direction"]:
        """What vectors add to z in telling time: late or early, the middle or the ends, each stretch."""
        rank = np.argsort(np.argsort(_time(of), kind="stable"), kind="stable") / max(len(of) - 1, 1)
        stretch = np.minimum((rank * _STRETCHES).astype(int), _STRETCHES - 1)
        waves = np.column_stack([np.cos(np.pi * rank), np.cos(2 * np.pi * rank)])
        return foreseen(vectors, z, np.column_stack([waves, np.eye(_STRETCHES)[stretch]]), most)

    def own_words(self, predicate: str, definition: str) -> Sequence[int]:
        """Slots are no words."""
        return ()

    def targets(self, of: Observed) -> Float[np.ndarray, "text target"]:
        """Waves of the rank of time, from one that rises once to one that does so often."""
        rank = rankdata(_time(of)) / (len(of) + 1)
        return np.asarray(np.sqrt(2) * np.cos(np.pi * np.outer(rank, np.arange(1, _STRETCHES + 1))))

    def penalty(self, z: Verdicts, time: Float[np.ndarray, " text"]) -> float:
        """lambda of Zhong et al. 2024: of the mean over entries of squared changes.

        Such that, before any text is seen, what a weight changes from the first time to the last has the
        variance 1 / smoothing, however many times, texts and predicates there are.
        """
        changes = max(len(np.unique(time)) - 1, 1)
        return float(self.smoothing * changes**2 * z.shape[1] / (2 * len(time)))


def weight_at(fitted: Tilting, time: Float[np.ndarray, " time"]) -> Float[np.ndarray, "time predicate"]:
    """Weights at any times: between two steps in proportion, beyond the ends as there."""
    columns = [np.interp(time, fitted.time, path) for path in fitted.weight.T]
    return np.column_stack([np.zeros((len(time), 0)), *columns])


def _roughness(weight: Float[np.ndarray, "step predicate"]) -> float:
    change = np.diff(weight, axis=0)
    return float((change**2).mean()) if change.size else 0.0


def _time(of: Observed) -> Float[np.ndarray, " text"]:
    assert of.number is not None  # noqa: S101 - values that are no time were refused when they were read
    return of.number
