"""Kind timeline: when did what texts say change?

Estimand: bits per text by which a predicate makes the texts of a time better foreseen, beside all others:
p(x | t) proportional to exp(w_t . h(x)) over the pool of texts, w smooth in time (Zhong, Wang, Klein &
Steinhardt 2024).
"""

from dataclasses import replace

import polars as pl

from tasks.kinds import Gathered, Outputs, Section
from tasks.kinds.fitted import Fitted, own
from tasks.kinds.fitted.model import Model
from tasks.kinds.fitted.observed import Observed
from tasks.kinds.timeline.params import Timeline
from tasks.study import Study


class TimelineKind(Fitted):
    """Time is explained by sentences whose shares change."""

    name = "timeline"
    question = "when did what texts say change?"
    Params = Timeline
    words = replace(
        Fitted.words,
        reads="is how many bits per text a sentence adds to what all the others tell of which texts come "
        "when. It is 0 where its share does not change, or changes as the others say. Models with it and without "
        "it were fitted on other texts.",
        labels="times",
        null="time meant nothing",
        shuffled="times are dealt out anew between documents",
    )

    def gather(self, study: Study) -> Gathered:
        """Texts with their times."""
        from tasks.kinds.fitted import gathering
        from tasks.kinds.timeline import times

        return gathering.gathered(study, own(study).value, times.read)

    def model(self, study: Study, explored: Observed) -> Model:
        """One weight a time."""
        from tasks.kinds.timeline import model

        return model.model(own(study), explored)

    def supports(self, study: Study, held: pl.DataFrame) -> pl.Series:
        """A text speaks for a sentence where it comes when the sentence is frequent."""
        from tasks.kinds.timeline import evidence

        return evidence.supports(self, study, held)

    def section(self, outputs: Outputs) -> Section:
        """Shares over time, with their jumps."""
        from tasks.kinds.timeline import page

        return page.section(outputs)


KIND = TimelineKind()
