"""The embedded engine in this kind: guesses are compared with answers, no language model is asked."""

from tasks.engines.embedded.rating import EmbeddedRater
from tasks.engines.roles import Judge, Rater
from tasks.kinds.explanations.foresight import ForesightJudge
from tasks.study import Study

CANNOT_FIND = (
    "what an explanation covers, unless it lists words, or a recorded guess says so",
    "whether an explanation is how the model works: only whether its reader foresees the model",
    "whether an explanation is honest: one that hides a reason may foretell as well",
    "parts of an explainer's explanations that no answer, word or length marks",
)
NOTHING = "Bring more explained inputs, or name another column under explanations."
"""What to do where nothing was proposed."""


def judge(study: Study) -> Judge:
    """Compares guesses with answers."""
    return ForesightJudge()


def rater(study: Study) -> Rater:
    """Measures nothing: an explainer is about no topic."""

    class Unmeasured(EmbeddedRater):
        lack = "no topic"

    return Unmeasured(study)
