"""Rating sentences of a model: no difference of groups, but what helps to explain the texts."""

from tasks.engines.llm import prompts
from tasks.engines.llm.rating import LlmRater
from tasks.kinds.fitted.llm.proposing import told
from tasks.kinds.fitted.prompts import FOLDER
from tasks.records import Predicate


class FitRater(LlmRater):
    """Rates what explains texts."""

    has_groups = False

    @staticmethod
    def prompts() -> tuple[prompts.Prompt, prompts.Prompt]:
        """What the blind proposer is asked, and what the rater."""
        return prompts.load("blind", FOLDER), prompts.load("rate", FOLDER)

    def about(self) -> dict[str, str]:
        """Goal, reader, and what is explained: there are no groups."""
        reader = {"reader": self._study.user} if self._study.user else {}
        return {"goal": self._study.goal, **reader, **told(self._study)}

    def question_fields(self, predicate: Predicate) -> dict[str, str]:
        """The sentence alone."""
        return {"predicate": predicate.predicate}
