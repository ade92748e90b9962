"""Kind classes: what predicts the label of a text, or its score, given the rest?

Estimand: bits per text by which a predicate makes the label of a new text better foreseen, beside all others:
ridge multinomial logistic model of a label, linear normal model of a score.
"""

from dataclasses import replace

import numpy as np
import polars as pl
from jaxtyping import Bool

from tasks.kinds import Gathered, Outputs, Section
from tasks.kinds.classes.params import Classes
from tasks.kinds.fitted import Fitted
from tasks.kinds.fitted.model import Model
from tasks.kinds.fitted.observed import Observed
from tasks.kinds.fitted.params import own
from tasks.study import Study


class ClassesKind(Fitted):
    """A label, or a score, is explained by sentences."""

    name = "classes"
    question = "which sentences predict the label, or the score, of a text, given the others?"
    explains = "label or score"
    min_effect = 0.005  # docs/classes.md
    Params = Classes
    words = replace(
        Fitted.words,
        reads="is how many bits of a text's label, or score, a sentence tells that all other sentences do "
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
        """One weight a class, or one for the score [propose, score]."""
        from tasks.kinds.classes import model

        return model.model(own(study), explored)

    def parts(self, of: Observed) -> dict[str, Bool[np.ndarray, " text"]]:
        """Texts of each class [score]."""
        from tasks.kinds.classes import model

        said = np.array(of.said or (), dtype=object)
        return {} if model.is_score(of) else {str(one): said == one for one in sorted(set(of.said or ()))}

    def known(self, study: Study, of: Observed, bits: float) -> tuple[str, float]:
        """Of a label's entropy, or of a score's variance [score]."""
        from tasks.kinds.classes import model

        if model.is_score(of):
            # Of normal errors: a bit halves them twice.
            return "of the variance of the score", 1 - 4.0 ** -max(bits, 0.0)
        share = np.unique(of.said or (), return_counts=True)[1] / len(of)
        entropy = float(-(share * np.log2(share)).sum())
        return f"of the {entropy:.2f} bits that say the class of a text", bits / entropy if entropy else 0.0

    def supports(self, study: Study, held: pl.DataFrame) -> pl.Series:
        """A text speaks for a sentence where its label, or score, is what the sentence says."""
        from tasks.kinds.classes import evidence

        return evidence.supports(self, study, held)

    def section(self, outputs: Outputs) -> Section:
        """Coefficients with classes as columns."""
        from tasks.kinds.classes import page

        return page.section(outputs, own(outputs.study).value)


KIND = ClassesKind()
