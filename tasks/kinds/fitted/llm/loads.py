"""What a study of a kind with a model asks a language model for, counted as the fit and the judge ask it."""

from collections.abc import Mapping

import polars as pl

from tasks.engines.llm import loads, prompts, schemas, suggesting
from tasks.engines.llm.loads import SENTENCE, Load, load_of
from tasks.engines.llm.suggesting import question
from tasks.kinds.fitted import fitting, racing, relaxing
from tasks.kinds.fitted.llm import proposing
from tasks.kinds.fitted.llm.rating import FitRater
from tasks.kinds.fitted.look import FIT_SHARE
from tasks.kinds.fitted.params import own
from tasks.study import Study


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
    noun = prompts.noun(study)
    said = schemas.hypotheses(n, noun)(hypotheses=[f"The {noun} {SENTENCE}"] * n)
    form = proposing.form(study)
    n_rounds = most_rounds(study)
    examples, answer = study.propose.examples if contrasts else (), {"answer": f"The {noun} {SENTENCE}"}
    rounds = [
        load_of("propose", "proposer", form.prompt, said, shown, {
            "study": question(study),
            "noun": noun,
            "n": n,
            "these": "",
            "others": "-" if contrasts else "",
            "examples": prompts.lines({"answer": one} for one in examples),
            "known": prompts.lines([answer] * min(done * n, suggesting.MAX_KNOWN)),
            **form.values,
        })
        for done in range(n_rounds)
    ]  # fmt: skip
    described = loads.describing(study, explored, n_rounds)
    return [*described, *rounds, *[loads.mending(n, noun)] * n_rounds]


def fitting_loads(study: Study, explored: pl.DataFrame) -> list[Load]:
    """Verdicts while predicates are chosen, as if as many candidates went on as there is room for.

    Rare ones, which cannot be told from chance on a part of the texts and go on besides, are left aside.
    """
    n_asked, n_texts = len(study.own_sentences), explored.height
    lots = [(n_asked, 0, n_texts)]
    n_fit = round(FIT_SHARE * n_texts)
    for _ in range(0 if study.propose.only else fitting.ROUNDS):
        n, done = directions(study) * most_sentences(study), 0
        for size in racing.sizes(n_fit):
            lots.append((n, done, size))
            n, done = min(n, max(2 * study.most_predicates + racing.SPARE, -(-n // 2))), size
        lots.append((lots[-1][0], n_fit, n_texts))
    return [
        loads.judging(study, n, explored[start:end], "propose") for n, start, end in lots if n and start < end
    ]


def most_rounds(study: Study) -> int:
    """Calls for predicates, those that mend left aside."""
    return 0 if study.propose.only else fitting.ROUNDS * directions(study) * proposing.rounds(study)


def directions(study: Study) -> int:
    """That are asked about in a round of the fit."""
    return max(relaxing.DIRECTIONS, own(study).predicates or 0)


def most_sentences(study: Study) -> int:
    """Candidates of a direction."""
    return min(proposing.rounds(study) * suggesting.per_call(study), relaxing.SENTENCES)
