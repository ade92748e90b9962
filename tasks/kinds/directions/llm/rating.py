"""Rating names of units: no difference of groups, and no unit is told."""

from collections.abc import Sequence
from dataclasses import replace

from tasks.engines.llm import prompts
from tasks.engines.llm.rating import LlmRater
from tasks.engines.roles import Rating
from tasks.kinds.directions.ends import sentence
from tasks.kinds.directions.prompts import FOLDER
from tasks.records import Predicate


class UnitRater(LlmRater):
    """Rates what units respond to."""

    has_groups = False

    @staticmethod
    def prompts() -> tuple[prompts.Prompt, prompts.Prompt]:
        """What the blind proposer is asked, and what the rater."""
        return prompts.load("blind", FOLDER), prompts.load("rate", FOLDER)

    def about(self) -> dict[str, str]:
        """Goal, reader and origin of the inputs: there are no groups."""
        rows = f"{prompts.noun(self._study)}s"
        known = {"reader": self._study.user, rows: self._study.propose.about}
        return {"goal": self._study.goal, **{name: value for name, value in known.items() if value}}

    def question_fields(self, predicate: Predicate) -> dict[str, str]:
        """The sentence alone."""
        return {"predicate": predicate.predicate}

    def rate(self, predicates: Sequence[Predicate]) -> list[Rating]:
        """One rating for each name, told without its unit.

        Raises:
            EngineError: the endpoint cannot be used, or the budget is reached.
        """
        return super().rate([replace(one, predicate=sentence(one)) for one in predicates])
