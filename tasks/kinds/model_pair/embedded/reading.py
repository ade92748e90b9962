"""Comparisons of the user's own, made testable: their form (forms.py), and what it takes from the answers."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import polars as pl

from tasks.engines import roles
from tasks.engines.embedded.proposing import check_encoder
from tasks.engines.encoders import encoder as encoders
from tasks.engines.roles import Meaning, UnreadError
from tasks.kinds.model_pair.embedded import definitions, forms, looking
from tasks.kinds.model_pair.embedded.forms import Part
from tasks.kinds.model_pair.embedded.proposing import Look, grade_of
from tasks.kinds.model_pair.embedded.traits import traits
from tasks.records import Call, Proposal
from tasks.store import media
from tasks.study import Study
from tasks.study.asked import Asked

_TWINS = {"length": "length_in_characters"}
"""What says the same of texts that write no spaces between words."""
_HOW = {
    "trait": "counted in both answers",
    "terms": "by these words, as they stand",
    "pattern": "by this pattern",
    "measure": "measured in both pictures",
    "class": "by a stand-in: of which picture the network gives the class a higher probability",
    "axis": "by a stand-in: which answer the encoder puts nearer to such a tone",
}


class ComparingReader:
    """Judges offline what can be counted in both answers, or heard by an encoder."""

    calls: Sequence[Call] = ()
    _of_texts = (
        "Forms that can: `is longer`, `is shorter`, `has more list items`, `uses bold text more`, "
        "`hedges more`, `opens by praising the question`, "
        '`says "delve" more`, `is more formal`, `matches /refund(s|ed)?/ more`; '
        "all of them stand in docs/model-pair.md. Or judge by a language model: `engine: llm`"
    )

    _of_pictures = (
        "Forms that can: `is lighter`, `is darker`, `has more contrast`, `is blue on more of its area`, `has "
        "finer detail`, `shows a pole more`. Or judge by a language model: `engine: llm`"
    )

    def __init__(self, study: Study, texts: pl.DataFrame) -> None:
        self._study = study
        self._texts = texts.sort("text_id")
        self.forms = self._of_pictures if media.are_pictures(texts) else self._of_texts

    def meaning(self, asked: Asked) -> Meaning:
        """The sentence as the engine would publish it, and by what it is judged.

        Raises:
            UnreadError: it is in no form that can be judged, or not of these answers.
        """
        part = self._part(asked)
        how = next(said for key, said in _HOW.items() if key in part)
        if grade_of(part) == "proxy" and "trait" in part:
            how = "by a stand-in"
        return Meaning(definitions.phrase(part), how)

    def read(
        self, asked: Sequence[Asked], exploration: roles.Exploration, rng: np.random.Generator
    ) -> list[Proposal]:
        """Each as a proposal, with what its definition says of the exploration half.

        Raises:
            UnreadError: one cannot be judged.
            EngineError: the encoder cannot be used.
        """
        shown = exploration.ordered
        texts, embeddings = shown.texts, shown.embeddings
        parts = [self._part(one) for one in asked]
        needs_encoder = any("axis" in part for part in parts)
        encoder = encoders.load(self._study) if needs_encoder else None
        if encoder:
            check_encoder(exploration, encoder)
        look = Look(self._study, texts, embeddings, encoder)
        found = [look.completed(part) for part in parts]
        proposals = []
        for one, definition, values in zip(asked, found, look.answers.values(found), strict=True):
            candidate = look.measured(definition, values, roles.OWN, 1, True)
            proposals.append(look.proposal(candidate, one.direction))
        return proposals

    def _part(self, asked: Asked) -> Part:
        part = forms.part_of(asked.sentence)
        if "axis" in part and self._study.embed.encoder == "none":
            raise UnreadError("it needs an encoder, and embed.encoder is none")
        look = self._look
        if looking.compares(part) != (look.seen is not None):
            raise UnreadError(
                "answers are texts, and it is about how pictures look"
                if look.seen is None
                else "answers are pictures, and it is about texts"
            )
        if "class" in part and look.seen and look.seen.classes is None:
            raise UnreadError("it needs classes of pictures, which embed.encoder: bundled alone tells")
        if "axis" in part and not look.is_read_by(self._study.embed.encoder):
            raise UnreadError("the encoder does not read these answers: set embed.encoder to one that does")
        if "trait" not in part:
            return part
        if why := look.unfit(traits()[part["trait"]]):
            other = _TWINS.get(part["trait"])
            if not other or look.unfit(traits()[other]):
                raise UnreadError(why)
            return {**part, "trait": other}
        return part

    @cached_property
    def _look(self) -> Look:
        return Look(self._study, self._texts, np.zeros((self._texts.height, 0)), None)
