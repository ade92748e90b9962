"""A language model as engine: any server that speaks OpenAI's chat completions.

reading.py     sentences of the user's own
proposing.py   rounds of samples and hypotheses, rewritten into predicates of one text
  sampling.py   which texts of the exploration half are shown
  describing.py of pictures: what they show, in words
  wording.py    which sentences can be judged on one text, and which say the same
  tally.py      what is counted on the way
  ranking.py    the best of them by verdicts on the exploration half
checking.py    what the judge is worth, before it is trusted
  planting.py   questions with known answers (planted.yaml)
  drawing.py    the same about pictures: drawn shapes
  marking.py    what the answers say of it
judging.py     every predicate on every text or picture, two texts against each other, or pairs
  packing.py    which of them share a call
  parts.py      parts that are as even as can be
  forms.py      in which form they are asked
  asking.py     asks until each has a verdict or was asked in vain
rating.py      the 0-2 rubric, and novelty measured
generating.py  new texts from a description
prompts.py     what is asked (tasks/engines/llm/prompts), with data as JSON lines
schemas.py     what may be answered
"""

import polars as pl

from tasks.engines.roles import Checked, Generator, GoldJudge, Judge, Proposer, Rater, Reader
from tasks.study import Study

CANNOT_FIND = (
    "whether the model judges rightly: its verdicts count as they are until people label a sample",
    "what it never proposes: hypotheses come from what it was shown and from what it has read",
    "a difference that no sample of the exploration half shows, above all a rare one",
    "whether it knows these texts from its training and judges from memory",
    "a text that talks its judge into a verdict about that text: only the model can resist",
    "facts outside the text: who wrote it, when, and whether it is true",
    "what stands behind the point at which a long text is cut for the judge",
    "prejudices of the model (a dialect, a name, a language) that differ between the groups",
)
"""What this engine cannot find: for the README and every report."""
CANNOT_SEE = (
    "whether the model judges rightly: its verdicts count as they are until people label a sample",
    "what it never proposes: hypotheses come from what it was shown and from what it has read",
    "a difference that no sample of the exploration half shows, above all a rare one",
    "small things: a picture is made smaller before it is sent",
    "exact counts, places and sizes, which models that see often get wrong",
    "a picture, or its caption, that talks its judge into a verdict: only the model can resist",
    "facts outside the picture: who made it, when, and whether it is real",
    "prejudices of the model (about faces, places, ways of dress) that differ between the groups",
)
"""What it cannot find in pictures."""
NOTHING = "Name another model under llm.proposer, or say more in goal, propose.about and propose.examples."
"""What to do where nothing was proposed."""


def proposer(study: Study) -> Proposer:
    """Proposes hypotheses from samples of the exploration half."""
    from tasks.engines.llm.proposing import LlmProposer

    return LlmProposer(study)


def reader(study: Study, texts: pl.DataFrame, recorded: pl.DataFrame | None) -> Reader:
    """Takes the user's sentences as they are."""
    from tasks.engines.llm.reading import LlmReader

    return LlmReader(study)


def judge(study: Study) -> Judge:
    """Asks about each predicate and text."""
    from tasks.engines.llm.judging import LlmJudge

    return LlmJudge(study)


def gold_judge(study: Study) -> GoldJudge:
    """Asks the model under llm.gold about single pairs, for an answer and not for a probability."""
    from tasks.engines.llm.judging import LlmJudge

    plainly = study.model_copy(update={"llm": study.llm.model_copy(update={"logprobs": False})})
    return LlmJudge(plainly, role="gold")


def checked_judge(study: Study, texts: pl.DataFrame) -> Checked:
    """Asks the judge questions with known answers, and refuses one that is no better than chance."""
    from tasks.engines.llm import checking

    found = checking.checked(study, texts)
    told = found.told(study)
    checking.refuse(told, study)
    return Checked(told, found.calls)


def rater(study: Study) -> Rater:
    """Rates relevance, novelty and significance."""
    from tasks.engines.llm.rating import LlmRater

    return LlmRater(study)


def generator(study: Study) -> Generator:
    """Writes texts from a description."""
    from tasks.engines.llm.generating import LlmGenerator

    return LlmGenerator(study)
