"""The embedded engine in this kind: which of two answers has more of what can be counted or read.

traits.py      the table of comparisons (traits.yaml): what is said, and what is counted
values.py      how much of it an answer has; comparing.py: which answer of a pair has more
definitions.py how a comparison is judged, as JSON, and its sentence
proposing.py   measures all comparisons on the exploration half (carriers.py: by which words of a list);
               choosing.py takes them in rounds
judging.py     each comparison by its definition
reading.py     sentences of the user's own
"""

import polars as pl

from tasks.engines import embedded
from tasks.engines.roles import Judge, Proposer, Reader
from tasks.study import Study

CANNOT_FIND = (
    "which answer is right, more helpful, better argued or safer",
    "whether an answer does what its prompt asks: it counts the prompt's words, and knows its language",
    "implied meaning: irony, flattery that uses no word of its lists, what an answer leaves out",
    "who an answer takes sides with, and whether it hedges or refuses in words beyond its lists",
    "words and lists of any language but English, but for marks, layout, lengths and single words",
    "whether a word is meant: `I cannot` in a dialogue counts as a refusal",
    "how much a tone differs: an encoder's ear orders the two answers, and hears their first pages only",
)
CANNOT_SEE = (
    "which picture is better made, more beautiful or nearer to its prompt",
    "whether a picture shows what its prompt asks for",
    *embedded.CANNOT_SEE,
)
"""What it cannot find in pictures."""
NOTHING = (
    "It counts what stands in the answers, or measures how they look, and no two differ in any of it. Bring "
    "more prompts, or let a language model look: engine: llm."
)
"""What to do where nothing was proposed."""


def proposer(study: Study) -> Proposer:
    """Proposes comparisons that tell the models apart on the exploration half."""
    from tasks.kinds.model_pair.embedded.proposing import ComparingProposer

    return ComparingProposer(study)


def judge(study: Study) -> Judge:
    """Judges each comparison by its own definition."""
    from tasks.kinds.model_pair.embedded.judging import ComparingJudge

    return ComparingJudge(study)


def reader(study: Study, texts: pl.DataFrame, recorded: pl.DataFrame | None) -> Reader:
    """Reads comparisons that can be counted or heard."""
    from tasks.kinds.model_pair.embedded.reading import ComparingReader

    return ComparingReader(study, texts)
