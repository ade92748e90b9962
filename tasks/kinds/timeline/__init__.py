"""Kind timeline: when did what texts say change?

Estimand: bits per text by which a predicate makes the texts of a time better foreseen, beside all others:
p(x | t) proportional to exp(w_t . h(x)) over the pool of texts, w smooth in time (Zhong, Wang, Klein &
Steinhardt 2024).
"""

from typing import TYPE_CHECKING

import polars as pl

from tasks.kinds import Gathered
from tasks.kinds.fitted import Fitted, own
from tasks.kinds.fitted.model import Model
from tasks.kinds.fitted.observed import Observed
from tasks.kinds.timeline.params import Timeline
from tasks.study import Study

if TYPE_CHECKING:
    from tasks.kinds.fitted.refitted import Refitted


class TimelineKind(Fitted):
    """Time is explained by sentences whose shares change."""

    name = "timeline"
    question = "when did what texts say change?"
    min_effect = 0.005  # docs/timeline.md
    Params = Timeline

    def gather(self, study: Study) -> Gathered:
        """Texts with their times."""
        from tasks.kinds.fitted import gathering
        from tasks.kinds.timeline import times

        asked = own(study)
        return gathering.gathered(
            study, asked.value, lambda rows, at: times.read(rows, at, asked), as_spelt=True
        )

    def model(self, study: Study, explored: Observed) -> Model:
        """One weight a time."""
        from tasks.kinds.timeline import model

        return model.model(own(study), explored)

    def weights(self, of: "Refitted") -> pl.DataFrame:
        """Over time."""
        from tasks.kinds.timeline import courses

        return courses.weights(of)

    def courses(self, of: "Refitted") -> pl.DataFrame:
        """Shares over time."""
        from tasks.kinds.timeline import courses

        return courses.shares(of)

    def changes(self, of: "Refitted") -> pl.DataFrame:
        """Jumps of shares."""
        from tasks.kinds.timeline import courses

        return courses.changes(of)


KIND = TimelineKind()
