"""The block `explanations` of a study."""

from typing import cast

from pydantic import Field

from tasks.study import Study
from tasks.study.block import Block
from tasks.study.corpus import Column

WAYS = {"its reasons": "Say in one or two sentences why you gave this answer."}


class Explanations(Block):
    """Which columns hold explanations, and which inputs they are tried on.

    The text of a row (`collect.text`) is the input that is explained.
    """

    python: str | None = Field(default=None, pattern=r"^[\w.]+:\w+$")
    """The model itself in place of columns, as `module:function`: called once with a list of texts, it gives
    a mapping for each, with `answer` and `explanation`, or `explanations` by explainer. It runs as any code
    of yours would, so name none that you have not read."""
    edited: int = Field(default=0, ge=0, le=50)
    """With `python`: inputs that are made of each explained one by putting words of other inputs in place of
    some of its own, half of them without those that an explanation lists; the function is asked about these,
    too. 0: inputs of the study are drawn."""
    task: str | None = Field(default=None, max_length=4000)
    """With `engine: llm`: what the model under test (llm.subject) is asked of each input, such as "What is
    the tone of the text?". Models then answer, explain, write counterfactuals and guess; no column is
    read."""
    answers: tuple[str, ...] = Field(default=(), strict=False)
    """With `task`: the answers that it may give, two at least."""
    ways: dict[str, str] = Field(default_factory=dict)
    """With `task`: how it is asked to explain, by the name of the explainer; without it, for its reasons."""
    inputs: int = Field(default=200, ge=10)
    """With `task`: inputs that are explained, at most, drawn by a seeded hash."""
    tried: int = Field(default=6, ge=2, le=50)
    """With `task`: counterfactuals that are written for each explanation, at most; half of them to be ones
    that it does not cover."""
    explanation: Column = "explanation"
    """Column with what the model, or who explains it, says of its answer."""
    answer: Column = "answer"
    """Column with the model's answer to the input that is explained."""
    explainer: Column | None = None
    """Column with who explains; without it all explanations are of one."""
    counterfactual: Column | None = None
    """Column with another input, on which the explanation was tried: a row for each. Without it inputs are
    drawn among those of the study, and an explanation is a list of words, separated by commas: it covers the
    inputs that have one of them, and says that the answer there is the same."""
    guess: Column = "guess"
    """Column with what a reader of the explanation expects the model to answer to the counterfactual."""
    outcome: Column = "outcome"
    """Column with what the model answers to the counterfactual."""
    cannot_tell: tuple[str, ...] = Field(default=("", "cannot tell", "unknown"), strict=False)
    """Guesses in the column that are none, whatever their case: the explanation does not cover the input. No
    answer of the model may be one."""
    plausibility: Column | None = None
    """Column with how plausible people find the explanation, a number."""
    drawn: int = Field(default=10, ge=1, le=100)
    """Covered inputs that are drawn for an explanation, at most."""
    apart: float = Field(default=0.1, gt=0, le=2)
    """How far a covered input and its match may differ in how near they lie to the explained input, by
    meaning and by words (two cosines, Euclid)."""


def ways(asked: Explanations) -> dict[str, str]:
    """How models are asked to explain, by the name of the explainer."""
    return asked.ways or WAYS


def own(study: Study) -> Explanations:
    """The study's values."""
    return cast(Explanations, getattr(study, "explanations"))  # noqa: B009 - reading.py adds it
