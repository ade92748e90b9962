"""The block `model_pair` of a study."""

from typing import cast

from pydantic import Field

from tasks.study import Study
from tasks.study.block import Block
from tasks.study.corpus import Column


class Answers(Block):
    """Where prompts and answers are."""

    prompt: Column = "prompt"
    """Column of the prompt."""
    answers: tuple[Column, ...] = Field(default=("answer_1", "answer_2"), strict=False, min_length=2)
    """Columns of the answers, a model each; the first is compared with the others."""
    preference: Column | None = None
    """Column that says how far the second answer is preferred: 0 (the first) to 1."""
    category: Column | None = None
    """Column of the prompt's category."""


def own(study: Study) -> Answers:
    """The study's values."""
    return cast(Answers, getattr(study, "model_pair"))  # noqa: B009 - reading.py adds it


def check(kind: str, study: Study) -> None:
    """Refuses what a comparison of answers cannot do.

    Raises:
        ValueError: it says what was wanted.
    """
    if study.engine == "replay" or study.has_gold:
        raise ValueError(f"wanted `engine: embedded` or `llm` and no `gold` or `labels` with `kind: {kind}`")
    if study.formalise.threshold not in (None, type(study.formalise)().threshold):
        raise ValueError(
            f"wanted no formalise.threshold with `kind: {kind}`: a comparison has three outcomes"
        )
    if study.engine == "llm" and study.llm.logprobs:
        raise ValueError(
            f"wanted no llm.logprobs with `kind: {kind}`: a comparison is no question of yes or no"
        )
    collect = study.collect
    if not collect.is_one_pile:
        raise ValueError(
            f"wanted no group, a or b under collect with `kind: {kind}`: write them under `{kind}`"
        )
