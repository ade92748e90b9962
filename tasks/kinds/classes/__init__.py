"""Kind classes: what predicts the label of a text, or its score, given the rest?

Estimand: bits per text by which a predicate makes the label of a new text better foreseen, beside all others:
ridge multinomial logistic model of a label, linear normal model of a score.
"""

from dataclasses import replace

import polars as pl

from tasks.kinds import Gathered, Outputs, Section
from tasks.kinds.classes.params import Classes
from tasks.kinds.fitted import Fitted, own
from tasks.kinds.fitted.model import Model
from tasks.kinds.fitted.observed import Observed
from tasks.study import Study


class ClassesKind(Fitted):
    """A label, or a score, is explained by sentences."""

    name = "classes"
    question = "which sentences predict the label, or the score, of a text, given the others?"
    explains = "label or score"
    Params = Classes
    words = replace(
        Fitted.words,
        reads="is how many bits of a text's label, or score, a sentence tells that all the other sentences do "
        "not: one bit halves what is still open. Models with it and without it were fitted on other texts.",
        labels="labels",
        null="labels meant nothing",
        shuffled="labels, or scores, are dealt out anew between documents",
    )

    def gather(self, study: Study) -> Gathered:
        """Texts with their labels or scores."""
        from tasks.kinds.classes import labels
        from tasks.kinds.fitted import gathering

        asked = own(study)
        return gathering.gathered(study, asked.value, lambda rows, at: labels.read(rows, at, asked))

    def model(self, study: Study, explored: Observed) -> Model:
        """One weight a class, or one for the score."""
        from tasks.kinds.classes import model

        return model.model(own(study), explored)

    def supports(self, study: Study, held: pl.DataFrame) -> pl.Series:
        """A text speaks for a sentence where its label, or score, is what the sentence says."""
        from tasks.kinds.classes import evidence

        return evidence.supports(self, study, held)

    def section(self, outputs: Outputs) -> Section:
        """Coefficients with classes as columns."""
        from tasks.kinds.classes import page

        return page.section(outputs, own(outputs.study).value)


KIND = ClassesKind()
