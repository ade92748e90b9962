"""The language model in this kind: failures are named, pairs are written and their meaning is judged by it.

proposing    rounds of mined pairs and named failures, and what it expects without any pair
generating   new pairs: sentences of the corpus, edited by the description of a failure
meaning      whether the two texts of a pair mean the same
rating       what a failure is worth to the reader
schemas      what may be answered
"""

from tasks.engines.roles import Judge, Rater
from tasks.kinds.encoder_failures.collision import CollisionJudge
from tasks.kinds.encoder_failures.roles import FailureProposer, PairGenerator, for_domain
from tasks.study import Study

CANNOT_FIND = (
    "whether the model judges meaning rightly: its verdicts count as they are",
    "what it never names: failures come from the pairs it was shown and from what it has read",
    "a confusion that no mined pair shows, above all one that the reference confuses as well",
    "how often real users write such pairs: the model edits their sentences as it is told to",
)
NOTHING = "Name another model under llm.proposer, or say more in goal and propose.about."
"""What to do where nothing was proposed."""


def proposer(study: Study) -> FailureProposer:
    """Names failures from pairs mined in the exploration half."""
    from tasks.kinds.encoder_failures.llm.proposing import LlmFailureProposer

    return LlmFailureProposer(study)


def judge(study: Study) -> Judge:
    """Asks whether the texts of a pair that collides mean the same."""
    from tasks.kinds.encoder_failures.llm.meaning import LlmMeaning

    return CollisionJudge(study, LlmMeaning(study))


def rater(study: Study) -> Rater:
    """Rates relevance, novelty and significance of a failure."""
    from tasks.kinds.encoder_failures.llm.rating import FailureRater

    return FailureRater(study)


def pair_generators(study: Study) -> dict[bool, PairGenerator]:
    """Writers of new pairs, by whether they write for the study's domain."""
    from tasks.kinds.encoder_failures.llm.generating import LlmPairGenerator

    return {inside: LlmPairGenerator(one) for inside, one in for_domain(study).items()}
