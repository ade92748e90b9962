"""Each name is judged where it is tested: on the random inputs, and on those at its own end.

Names that say the same of several units are asked about once an input. All other pairs stay `absent`.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from tasks.engines import roles
from tasks.engines.llm.judging import LlmJudge
from tasks.kinds.directions import ends
from tasks.records import Call, Predicate
from tasks.study import Study


class EndJudge:
    """Asks a language model, or a panel, about sentences without the units they name."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._judge = LlmJudge(study)
        self.name, self.model = self._judge.name, self._judge.model

    @cached_property
    def _tested(self) -> ends.Tested:
        return ends.tested(self._study)

    def judge(
        self,
        predicates: Sequence[Predicate],
        texts: pl.DataFrame,
        embeddings: Float[np.ndarray, "text dim"],
    ) -> roles.Judgements:
        """Verdicts on random inputs and on those at a predicate's end; all others are absent.

        Raises:
            EngineError: as the engine's judge.
        """
        asked, column = distinct(predicates)
        random, at_end = self._tested.of(texts["text_id"], predicates)
        wanted = np.column_stack([at_end[:, column == k].any(axis=1) for k in range(len(asked))])
        # On random inputs every sentence is asked about: there they share calls.
        everywhere = self._judge.judge(asked, texts.filter(random), embeddings[random])
        elsewhere = self._judge.judge_pairs(asked, texts.filter(~random), wanted[~random])
        found = _together(random, everywhere, elsewhere)
        ids = {one.predicate_id: _sharing(predicates, column == k) for k, one in enumerate(asked)}
        # Of a sentence that is asked for several units each has the verdicts on its own inputs.
        is_own = random[:, None] | at_end
        each = None if found.each is None else np.where(is_own, found.each[:, :, column], np.nan)
        return replace(
            found,
            score=np.where(is_own, found.score[:, column], np.nan),
            status=np.where(is_own, found.status[:, column], roles.ABSENT).astype(np.uint8),
            each=each,
            calls=tuple(_shared(call, ids) for call in found.calls),
        )

    def strength(
        self,
        predicates: Sequence[Predicate],
        texts: pl.DataFrame,
        embeddings: Float[np.ndarray, "text dim"],
    ) -> Float[np.ndarray, "text predicate"]:
        """0: the score has said it."""
        return self._judge.strength(predicates, texts, embeddings)

    def spans(self, predicate: Predicate, text: str) -> list[tuple[int, int]]:
        """Where words that the sentence quotes stand in the text."""
        return self._judge.spans(replace(predicate, predicate=ends.sentence(predicate)), text)


def distinct(predicates: Sequence[Predicate]) -> tuple[list[Predicate], Int[np.ndarray, " predicate"]]:
    """The sentences without their units, each once, and which one each predicate has."""
    place: dict[str, int] = {}
    column = [place.setdefault(ends.sentence(one), len(place)) for one in predicates]
    first = [column.index(k) for k in range(len(place))]
    asked = [replace(predicates[i], predicate=ends.sentence(predicates[i])) for i in first]
    return asked, np.array(column, dtype=np.int64)


def _together(
    random: Bool[np.ndarray, " text"], everywhere: roles.Judgements, elsewhere: roles.Judgements
) -> roles.Judgements:
    """Both as one, in the order of the texts."""
    order = np.argsort(np.concatenate([np.flatnonzero(random), np.flatnonzero(~random)]))
    each = None
    if everywhere.each is not None and elsewhere.each is not None:
        each = np.concatenate([everywhere.each, elsewhere.each], axis=1)[:, order]
    return replace(
        everywhere,
        score=np.concatenate([everywhere.score, elsewhere.score])[order],
        status=np.concatenate([everywhere.status, elsewhere.status])[order],
        each=each,
        calls=(*everywhere.calls, *elsewhere.calls),
    )


def _sharing(predicates: Sequence[Predicate], has: Bool[np.ndarray, " predicate"]) -> tuple[str, ...]:
    return tuple(predicates[int(i)].predicate_id for i in np.flatnonzero(has))


def _shared(call: Call, ids: dict[str, tuple[str, ...]]) -> Call:
    """The call as one about all predicates that have a sentence of it."""
    return replace(call, predicate_ids=tuple(one for asked in call.predicate_ids for one in ids[asked]))
