"""The language model in this kind: traits are proposed and judged by it, on both answers to a prompt.

proposing    rounds of pairs and traits; the later ones on pairs that the traits so far tell wrongly
traits       a trait as one sentence, and what is none
weighing     verdicts on a sample of exploration pairs: which way they lean, and which pairs they miss
reading      traits of the user's own
rating       what a trait is worth to the reader
loads        what all that asks for
schemas      what may be answered
"""

import polars as pl

from tasks.engines.roles import Judge, Proposer, Rater, Reader
from tasks.study import Study

CANNOT_FIND = (
    "whether the model judges rightly: all that is known is how well both orders agree",
    "whether an answer is right: the judge looks nothing up, and likes what sounds sure",
    "what it never proposes: traits come from the pairs it was shown and from what it has read",
    "a trait that few prompts bring out, unless one of them was shown",
    "a liking of the judge's for answers of its own family, or for long ones",
    "an answer that talks its judge into a verdict about itself: only the model can resist",
    "what stands behind the point at which a long answer is cut, or in the middle of a long prompt",
)
NOTHING = "Name another model under llm.proposer, or say more in goal and propose.about."
"""What to do where nothing was proposed."""


def proposer(study: Study) -> Proposer:
    """Names traits from pairs of the exploration half."""
    from tasks.kinds.model_pair.llm.proposing import TraitProposer

    return TraitProposer(study)


def judge(study: Study) -> Judge:
    """Asks of both answers to a prompt which shows a trait more."""
    from tasks.engines.llm.judging import LlmJudge

    return LlmJudge(study, answers=True)


def reader(study: Study, texts: pl.DataFrame, recorded: pl.DataFrame | None) -> Reader:
    """Takes the user's traits as they are."""
    from tasks.kinds.model_pair.llm.reading import TraitReader

    return TraitReader(study)


def rater(study: Study) -> Rater:
    """Rates relevance, novelty and significance of a trait."""
    from tasks.kinds.model_pair.llm.rating import TraitRater

    return TraitRater(study)
