"""Rating traits: what tells two models' answers apart, and not two piles of texts."""

from tasks.engines.llm import prompts
from tasks.engines.llm.rating import LlmRater
from tasks.kinds.model_pair.prompts import FOLDER


class TraitRater(LlmRater):
    """Rates what one model's answers show more than the other's."""

    @staticmethod
    def prompts() -> tuple[prompts.Prompt, prompts.Prompt]:
        """What the blind proposer is asked, and what the rater."""
        return prompts.load("blind", FOLDER), prompts.load("rate", FOLDER)
