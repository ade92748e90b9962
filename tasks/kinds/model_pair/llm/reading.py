"""Traits of the user's own as a language model judges them: as they are, on both answers to a prompt."""

from collections.abc import Sequence

import numpy as np

from tasks.engines import roles
from tasks.engines.llm import sampling, wording
from tasks.engines.llm.reading import meaning_by_model, own_proposals
from tasks.kinds.model_pair.llm import traits, weighing
from tasks.records import Call, Proposal
from tasks.store import frames
from tasks.study import Study
from tasks.study.asked import Asked


class TraitReader:
    """Leaves a trait as it is; its direction, where it is not said, is that of a judged sample."""

    forms = "A trait completes `the answer that ...` and compares two answers, such as `hedges more`"

    def __init__(self, study: Study) -> None:
        self._study = study
        self.calls: Sequence[Call] = ()

    def meaning(self, asked: Asked) -> roles.Meaning:
        """The trait, tidied; by which models it is judged.

        Raises:
            UnreadError: it is no comparison of two answers, or nothing would say which way it leans.
        """
        tidy = traits.tidied(asked.sentence)
        why = traits.fault(tidy, list(frames.group_names(self._study.name).values()))
        unfit = why if why in {wording.EMPTY, wording.LONG, traits.NAMES_MODEL} else ""
        return meaning_by_model(self._study, asked, tidy, unfit, "both answers to a prompt at once")

    def read(
        self, asked: Sequence[Asked], exploration: roles.Exploration, rng: np.random.Generator
    ) -> list[Proposal]:
        """Each as a proposal, with what the judge says of it on a sample of exploration pairs.

        Raises:
            UnreadError: one is no comparison of two answers.
            EngineError: the endpoint cannot be used.
        """
        sentences = [self.meaning(one).predicate for one in asked]
        texts = weighing.whole(exploration.texts)
        n = min(sampling.n_judged(self._study), texts.height // 2)
        effect = z = np.zeros(len(asked))
        if n:
            drawn = sorted(rng.permutation(texts.height // 2)[:n])
            scale = weighing.Scale(self._study, weighing.of_pairs(texts, drawn))
            effect, z = scale.lean(scale.verdicts(sentences, roles.OWN))
            self.calls = tuple(scale.calls)
        return own_proposals(asked, sentences, list(map(weighing.definition, sentences)), effect, z)
