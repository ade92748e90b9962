"""Rating failures of an encoder: no difference of groups, and no cosine of that encoder is a measure."""

import json

from tasks.engines.llm import prompts
from tasks.engines.llm.rating import LlmRater
from tasks.kinds.encoder_failures.params import own
from tasks.kinds.encoder_failures.prompts import FOLDER
from tasks.records import Predicate


class FailureRater(LlmRater):
    """Rates what an encoder confuses."""

    lack = "the encoder is what is tested"
    has_groups = False

    @staticmethod
    def prompts() -> tuple[prompts.Prompt, prompts.Prompt]:
        """What the blind proposer is asked, and what the rater."""
        return prompts.load("blind", FOLDER), prompts.load("rate", FOLDER)

    def about(self) -> dict[str, str]:
        """Goal, reader and domain: there are no groups."""
        study = self._study
        known = {"reader": study.user, "domain": own(study).domain}
        return {"goal": study.goal, **{name: value for name, value in known.items() if value}}

    def question_fields(self, predicate: Predicate) -> dict[str, str]:
        """The failure with its description."""
        return {
            "predicate": predicate.predicate,
            "description": json.loads(predicate.definition)["description"],
        }
