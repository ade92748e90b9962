"""Proposing for a direction: what holds of many texts at its top and of few at its bottom.

The fit (fitted/fitting.py) relaxes, sorts the texts by each direction and shows both ends as groups A and B.
One call asks about the top; that the texts were sorted, and by what, is not told. The fit judges and chooses,
so nothing is judged here. Every answer is data: a sentence is only ever judged, never obeyed.
"""

import numpy as np

from tasks import kinds
from tasks.engines import roles
from tasks.engines.llm import prompts
from tasks.engines.llm.proposing import LlmProposer, Look, has_both
from tasks.engines.llm.suggesting import Form, Suggestion
from tasks.kinds.fitted.params import own
from tasks.kinds.fitted.prompts import FOLDER
from tasks.records import Proposal
from tasks.study import Study

NOTED = ("n_rounds", "n_rounds_failed", "n_suggested", "n_rewritten", "n_unfit", "n_repeated")
"""What is counted, over all directions."""
MOST_FAILED = 3
"""A model that brought no answer so many times is not asked on."""


class FitProposer(LlmProposer):
    """Asks a language model about one direction after another; what it said of one is not asked for again."""

    def __init__(self, study: Study) -> None:
        """Asks in the form of its kind."""
        super().__init__(study, form=form(study))
        self._said: list[Suggestion] = []

    @property
    def noted(self) -> roles.Noted:
        """What happened on the way, and why suggestions were unfit and calls failed, for the manifest."""
        return {**self._tally.noted(NOTED), **self._suggester.describer.noted}

    def propose(self, exploration: roles.Exploration, rng: np.random.Generator) -> list[Proposal]:
        """What is new in the answers about the top, group A; row order is immaterial.

        Raises:
            EngineError: the endpoint cannot be used, or brought no answer however often it was asked.
        """
        if not has_both(exploration.texts):
            return []
        look = Look.of(exploration, rng)
        n_known = len(self._said)
        for n_round in range(rounds(self._study)):
            rows = look.sampler.typical(n_round, self._sizes.samples)
            self._said = self._grown(self._said, look, rows, unexplained=False)
        self._check_it_answers()
        self._said = self._said[: n_known + self._study.propose.most]
        return [self._proposal(one, 0.0, 0.0) for one in self._said[n_known:]]

    def _check_it_answers(self) -> None:
        if MOST_FAILED <= self._tally.counts["n_rounds_failed"] == self._tally.counts["n_rounds"]:
            raise self._tally.error(
                f"studies.{self._study.name}: {self._suggester.model} gave no usable hypotheses in any of "
                f"{self._tally.counts['n_rounds']} rounds"
            )


def rounds(study: Study) -> int:
    """Samples that are shown of a direction: one where the study names no number, for there are many."""
    return 1 if study.propose.rounds == "auto" else study.propose.rounds


def form(study: Study) -> Form:
    """The top alone is asked about."""
    values = {"told": prompts.lines([told(study)]), "explained": explained(study)}
    return Form(prompts.load("propose", FOLDER), ("A",), values)


def explained(study: Study) -> str:
    """The value of each text, in a word or two; empty where texts have none."""
    kind = kinds.load(study.kind)
    return str(getattr(kind, "explains", "")) if getattr(kind, "has_values", False) else ""


def told(study: Study) -> dict[str, str]:
    """What is explained of each text, as data for a prompt."""
    value = explained(study)
    if not value:
        return {"explained": "the words of each text"}
    return {"explained": f"the {value} of each text", "column": str(own(study).value)}
