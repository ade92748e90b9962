"""Sentences of the user's own in the kinds with a model: taken as they are, leaning nowhere."""

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tasks.engines import roles
from tasks.engines.llm.reading import LlmReader, own_proposals
from tasks.records import Proposal
from tasks.study.asked import Asked


class FitReader(LlmReader):
    """Leaves a sentence as it is; there is no group in which it is to hold more often."""

    def meaning(self, asked: Asked) -> roles.Meaning:
        """The sentence, tidied; by which models it is judged.

        Raises:
            UnreadError: it is no hypothesis about one text.
        """
        return super().meaning(replace(asked, direction="A"))

    def read(
        self, asked: Sequence[Asked], exploration: roles.Exploration, rng: np.random.Generator
    ) -> list[Proposal]:
        """Each as a proposal; the fit judges it, and nobody before.

        Raises:
            UnreadError: one is no hypothesis about one text.
        """
        sentences = [self.meaning(one).predicate for one in asked]
        definitions = [json.dumps({"says": sentence}, ensure_ascii=False) for sentence in sentences]
        nothing = np.zeros(len(asked))
        whole = [replace(one, direction="A") for one in asked]
        return own_proposals(whole, sentences, definitions, nothing, nothing)
