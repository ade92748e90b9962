"""What a study of a kind with a model asks a language model for, counted as the fit and the judge ask it."""

from collections.abc import Mapping

import polars as pl

from tasks.engines.llm import loads, prompts, schemas, suggesting
from tasks.engines.llm.loads import SENTENCE, Load, load_of
from tasks.engines.llm.suggesting import question
from tasks.kinds.fitted.llm import proposing
from tasks.kinds.fitted.llm.rating import FitRater
from tasks.kinds.fitted.params import own
from tasks.study import Study

DIRECTIONS = 12
"""Directions that are asked about, at most."""
SHARE_JUDGED = 0.2
"""Of all candidates and texts: how many of them are judged while the model is fitted, at most."""


def of_fit(study: Study, texts: pl.DataFrame, names: Mapping[str, str], units: pl.DataFrame) -> list[Load]:
    """All that is asked, at most; but for a gold judge."""
    explored = texts.filter(pl.col("half") == "explore").head(own(study).most_texts(study.engine))
    asked = [] if study.propose.only else proposing_loads(study, explored)
    return [
        *asked,
        *fitting_loads(study, explored),
        loads.judging(study, study.most_predicates, units),
        *loads.ratings(study, names, FitRater.prompts()),
    ]


def proposing_loads(study: Study, explored: pl.DataFrame) -> list[Load]:
    """A call for every direction and sample, and one after it that mends what is unfit."""
    n, shown = suggesting.per_call(study), loads.shown_bytes(study, explored)
    contrasts = not study.llm.endpoints("proposer")[0].is_small
    said = schemas.hypotheses(n)(hypotheses=[f"The text {SENTENCE}"] * n)
    form = proposing.form(study)
    n_rounds = most_rounds(study)
    examples, answer = study.propose.examples if contrasts else (), {"answer": f"The text {SENTENCE}"}
    rounds = [
        load_of("propose", "proposer", form.prompt, said, shown, {
            "study": question(study),
            "n": n,
            "these": "",
            "others": "-" if contrasts else "",
            "examples": prompts.lines({"answer": one} for one in examples),
            "known": prompts.lines([answer] * min(done * n, suggesting.MAX_KNOWN)),
            **form.values,
        })
        for done in range(n_rounds)
    ]  # fmt: skip
    return [*rounds, *[loads.mending(n)] * n_rounds]


def fitting_loads(study: Study, explored: pl.DataFrame) -> list[Load]:
    """Verdicts on the growing part of the exploration texts by which the predicates are chosen."""
    n = most_candidates(study)
    part = explored.head(-(-int(SHARE_JUDGED * 100) * explored.height // 100))
    return [loads.judging(study, n, part, "propose")] if n and part.height else []


def most_rounds(study: Study) -> int:
    """Calls for predicates, those that mend left aside."""
    return 0 if study.propose.only else DIRECTIONS * proposing.rounds(study)


def most_candidates(study: Study) -> int:
    """The user's own sentences and all that may be proposed."""
    return len(study.own_sentences) + most_rounds(study) * suggesting.per_call(study)
