"""Kind timeline: when did what texts say change?

Estimand: bits per text by which a predicate makes the texts of a time better foreseen, beside all others:
p(x | t) proportional to exp(w_t . h(x)) over the pool of texts, w smooth in time (Zhong, Wang, Klein &
Steinhardt 2024).
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl

from tasks.kinds import Gathered, Outputs, Section
from tasks.kinds.fitted import Fitted
from tasks.kinds.fitted.model import Model
from tasks.kinds.fitted.observed import Observed
from tasks.kinds.fitted.params import own
from tasks.kinds.timeline.params import Timeline
from tasks.study import Study

if TYPE_CHECKING:
    from tasks.kinds.fitted.refitted import Refitted
    from tasks.verdicts.judged import Judged

_WORK = 20_000_000_000
"""Products of numbers in all shuffles, at about a billion a second."""


class TimelineKind(Fitted):
    """Time is explained by sentences whose shares change."""

    name = "timeline"
    question = "when did what texts say change?"
    explains = "time"
    min_effect = 0.005  # docs/timeline.md
    Params = Timeline
    words = replace(
        Fitted.words,
        reads="is how many bits per text a sentence adds to what all the others tell of which texts come "
        "when. It is 0 where its share does not change, or changes as the others say. Models with it and "
        "without it were fitted on other texts.",
        labels="times",
        null="time meant nothing",
        shuffled="times are dealt out anew between documents",
    )

    def gather(self, study: Study) -> Gathered:
        """Texts with their times."""
        from tasks.kinds.fitted import gathering
        from tasks.kinds.timeline import times

        asked = own(study)
        return gathering.gathered(
            study, asked.value, lambda rows, at: times.read(rows, at, asked), as_spelt=True
        )

    def guessed(self, rows: pl.DataFrame) -> dict[str, Any] | None:
        """The column of times, where nothing parts the texts in groups."""
        from tasks.kinds.timeline import guessing

        return guessing.block(rows)

    def model(self, study: Study, explored: Observed) -> Model:
        """One weight a time [propose, score]."""
        from tasks.kinds.timeline import model

        return model.model(own(study), explored)

    def most_shuffles(self, judged: "Judged") -> int:
        """As many as take about 20 seconds, and 20 at least: a fit costs times x distinct verdicts."""
        from tasks.kinds.fitted import effects
        from tasks.stats.tilting import patterns

        model, _ = effects.known(judged)
        k = len(model.ids)
        work = len(model.model.slots) * len(patterns(model.z)[0]) * k**2 * (k + 1)
        return int(max(20, _WORK // work))

    def supports(self, study: Study, held: pl.DataFrame) -> pl.Series:
        """A text speaks for a sentence where it comes when the sentence is frequent."""
        from tasks.kinds.timeline import evidence

        return evidence.supports(self, study, held)

    def section(self, outputs: Outputs) -> Section:
        """Shares over time, with their jumps."""
        from tasks.kinds.timeline import page

        return page.section(outputs)

    def weights(self, of: "Refitted") -> pl.DataFrame:
        """Over time [score]."""
        from tasks.kinds.timeline import courses

        return courses.weights(of)

    def courses(self, of: "Refitted") -> pl.DataFrame:
        """Shares over time [score]."""
        from tasks.kinds.timeline import courses

        return courses.shares(of)

    def changes(self, of: "Refitted") -> pl.DataFrame:
        """Jumps of shares [score]."""
        from tasks.kinds.timeline import courses

        return courses.changes(of)


KIND = TimelineKind()
