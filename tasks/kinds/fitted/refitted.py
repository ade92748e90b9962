"""The model fitted anew to the confirmation half, and to resamples of its documents."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from tasks.kinds.fitted import effects, frozen
from tasks.kinds.fitted.frozen import Frozen
from tasks.kinds.fitted.model import Verdicts
from tasks.kinds.fitted.observed import Observed
from tasks.stats.resampled import interval, weights_by_document
from tasks.stats.tilting import patterns
from tasks.verdicts.judged import Judged

DRAWS = 100
"""Resamples: of so many the spread is known within 7 %."""
LEAST_DRAWS = 30
"""Of a large model, within 13 %."""
_WORK = 20_000_000_000
"""Products of numbers in a step of all their fits, about a minute's."""
_STREAM = 5
"""Of the study's seed."""


@dataclass(frozen=True)
class Refitted:
    """What stands beside the scores is read off it."""

    judged: Judged
    model: Frozen
    """Of the exploration half."""
    of: Observed
    """Of the rows under test."""

    @property
    def level(self) -> float:
        """Of all intervals."""
        return self.judged.study.score.level

    @cached_property
    def z(self) -> Verdicts:
        """Verdicts, gaps filled as for the test."""
        return frozen.filled(self.judged.verdict, self.model.share)[0]

    @cached_property
    def fit(self) -> Any:
        """To all documents."""
        return self.model.model.fit(self.z, self.of)

    @cached_property
    def draws(self) -> list[Any]:
        """To each resample; fewer than DRAWS where a fit costs much."""
        rng = np.random.default_rng([self.judged.study.seed, _STREAM])
        step = len(self.z) * len(patterns(self.z)[0]) * self.z.shape[1] ** 2
        n = int(np.clip(_WORK // max(step, 1), LEAST_DRAWS, DRAWS))
        return [
            self.model.model.fit(self.z, self.of, mass, self.fit)
            for mass in weights_by_document(self.of.document, n, rng)
        ]

    def ends(
        self,
        figures: Callable[[Any], Float[np.ndarray, "*figure"]],
        errors: Float[np.ndarray, "*figure"] | float = 0.0,
    ) -> tuple[Float[np.ndarray, "*figure"], ...]:
        """Figures of the fit, and lower and upper ends of their intervals over documents.

        Args:
            figures: what is told of a fit.
            errors: their standard errors by the model, where it knows them: the least that counts.
        """
        estimate = figures(self.fit)
        draws = np.stack([figures(one) for one in self.draws])
        return estimate, *interval(draws, estimate, self.level, errors)


def refitted(judged: Judged) -> Refitted:
    """The model of these verdicts, yet to be fitted."""
    model, of = effects.known(judged)
    return Refitted(judged, model, of)
