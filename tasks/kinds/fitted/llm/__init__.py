"""The language model in the kinds with a model: it names what the ends of a direction do not share.

proposing    predicates from texts at the top of a direction, held against those at its bottom
reading      sentences of the user's own, which lean nowhere
rating       what a predicate is worth to the reader
loads        what all that asks for
"""

from typing import TYPE_CHECKING

from tasks.engines.roles import Judge, Proposer, Rater, Reader
from tasks.study import Study

if TYPE_CHECKING:
    import polars as pl

CANNOT_FIND = (
    "whether the model judges rightly: its verdicts count as they are until people label a sample",
    "what it never proposes: sentences come from the texts it was shown and from what it has read",
    "what no direction of the embeddings shows, above all a theme of few texts",
    "whether it knows these texts from its training and judges from memory",
    "a text that talks its judge into a verdict about that text: only the model can resist",
    "facts outside the text: who wrote it, when, and whether it is true",
    "what stands behind the point at which a long text is cut for the judge",
)
"""What this engine cannot find in these kinds: for the README and every report."""
NOTHING = (
    "Name another model under llm.proposer, or say more in goal, propose.about and propose.examples. Where "
    "no direction of the texts means anything, nobody is asked: then bring more texts, or sentences of your "
    "own (propose.also)."
)
"""What to do where nothing was proposed."""


def proposer(study: Study) -> Proposer:
    """Names what holds at the top of a direction rather than at its bottom."""
    from tasks.kinds.fitted.llm.proposing import FitProposer

    return FitProposer(study)


def fit_judge(study: Study) -> Judge:
    """The judge of the study, whose answers are paid for while predicates are proposed."""
    from tasks.engines.llm.judging import LlmJudge
    from tasks.engines.llm.suggesting import STAGE

    return LlmJudge(study, stage=STAGE)


def reader(study: Study, texts: "pl.DataFrame", recorded: "pl.DataFrame | None") -> Reader:
    """Takes the user's sentences as they are."""
    from tasks.kinds.fitted.llm.reading import FitReader

    return FitReader(study)


def rater(study: Study) -> Rater:
    """Rates relevance, novelty and significance of a sentence of a model."""
    from tasks.kinds.fitted.llm.rating import FitRater

    return FitRater(study)
