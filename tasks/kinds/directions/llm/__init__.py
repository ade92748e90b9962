"""The language model in this kind: it names the ends of units, and judges where a name matters.

proposing    what it is shown of each end (of pictures, descriptions), and what it says
screening    verdicts on exploration inputs it was not shown: which names go on to the test
judging      each name on the inputs of its own end and on the random ones alone
rating       what a name is worth to the reader
loads        what all that asks for
"""

from tasks.engines.roles import Judge, Proposer, Rater
from tasks.study import Study

CANNOT_FIND = (
    "whether the model judges rightly: its verdicts count as they are",
    "what it never proposes: names come from the inputs it was shown and from what it has read",
    "what an end has in common that shows in few of its inputs",
    "an input that talks its judge into a verdict about itself: only the model can resist",
    "what stands behind the point at which a long input is cut for the judge",
    "what the unit does in the network: a name says what goes with its activation",
)
"""What this engine cannot find: for the README and every report."""
CANNOT_SEE = (
    "whether the model judges rightly: its verdicts count as they are",
    "what it never proposes: names come from descriptions of pictures, and from what it has read",
    "what an end has in common that shows in few of its pictures, or that the describer leaves out",
    "small things: a picture is made smaller before it is sent",
    "exact counts, places and sizes, which models that see often get wrong",
    "a picture, or its caption, that talks its judge into a verdict: only the model can resist",
    "what the unit does in the network: a name says what goes with its activation",
)
"""What it cannot find in pictures."""
NOTHING = "Name another model under llm.proposer, or say more in goal, propose.about and propose.examples."
"""What to do where nothing was proposed."""


def proposer(study: Study) -> Proposer:
    """Names ends of units from inputs of the exploration half."""
    from tasks.kinds.directions.llm.proposing import UnitProposer

    return UnitProposer(study)  # type: ignore[return-value]  # it is shown ends, not groups


def judge(study: Study) -> Judge:
    """Asks about each name on the inputs it is tested on."""
    from tasks.kinds.directions.llm.judging import EndJudge

    return EndJudge(study)


def rater(study: Study) -> Rater:
    """Rates relevance, novelty and significance of a name."""
    from tasks.kinds.directions.llm.rating import UnitRater

    return UnitRater(study)
