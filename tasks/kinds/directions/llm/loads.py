"""What a study of units asks a language model for, counted as the proposer and the judge ask it, at most."""

from dataclasses import replace

import polars as pl

from tasks import kinds
from tasks.engines.llm import loads, packing, prompts, sampling, schemas
from tasks.engines.llm.loads import SENTENCE, Load, load_of
from tasks.engines.llm.suggesting import question
from tasks.kinds.directions import ends
from tasks.kinds.directions.llm import proposing
from tasks.kinds.directions.llm.rating import UnitRater
from tasks.kinds.directions.params import own
from tasks.kinds.directions.prompts import FOLDER
from tasks.study import Study

MEASURED = 20
"""Calls on a text that are written out and measured."""


def of_units(study: Study, texts: pl.DataFrame, units: pl.DataFrame) -> list[Load]:
    """All that is asked, at most."""
    explored, n_names = (
        texts.filter(half="explore", group=ends.FIRST),
        kinds.load(study.kind).most_predicates(study),
    )
    n_ends = n_names // own(study).names
    random = ends.random_rows(units, study.seed)
    others = units.filter(~random)
    n_shown = -(-explored.height // 2)  # half of the exploration inputs may be
    described = min(n_shown, n_ends * _shown(study, explored))
    return [
        *loads.described(explored, described),
        *[_proposing(study, explored)] * n_ends,
        *_screening(study, explored, n_ends),
        _judging(study, n_names, units.filter(random), "verify"),
        *_spread(study, n_names * _at_end(study, others.height), others, "verify"),
        *loads.ratings(_as_many(study, n_names), {"A": ""}, UnitRater.prompts()),
    ]


def _at_end(study: Study, n: int) -> int:
    """Inputs at an end, of n that may be there; ties aside."""
    return max(round(own(study).top * n), 1)


def _contrasts(study: Study) -> bool:
    return not study.llm.endpoints("proposer")[0].is_small


def _shown(study: Study, explored: pl.DataFrame) -> int:
    """Inputs that are shown of an end, and beside it."""
    n_end = min(proposing.n_shown(study), _at_end(study, explored.height))
    return n_end + (proposing.n_shown(study) if _contrasts(study) else 0)


def _proposing(study: Study, explored: pl.DataFrame) -> Load:
    """The call that names an end."""
    n, noun, contrasts = proposing.n_asked(study), prompts.noun(study), _contrasts(study)
    examples = study.propose.examples if contrasts else ()
    return load_of(
        "propose",
        "proposer",
        prompts.load("propose", FOLDER),
        schemas.hypotheses(n, noun)(hypotheses=[f"The {noun} {SENTENCE}"] * n),
        loads.lines_bytes(explored, _shown(study, explored)),
        {
            "noun": noun,
            "these": "",
            "middle": "",
            "others": "-" if contrasts else "",
            "study": question(study),
            "examples": prompts.lines({"answer": f"The {noun} {one}"} for one in examples),
            "n": n,
        },
    )


def _screening(study: Study, explored: pl.DataFrame, n_ends: int) -> list[Load]:
    """Verdicts on half of the exploration inputs: on random ones, and on those at each end."""
    half = explored[: -(-explored.height // 2)]
    most, n_sentences = sampling.n_judged(study), n_ends * proposing.n_asked(study)
    if not most:
        return []
    at_end = min(most, _at_end(study, half.height))
    rest = half[most:]
    return [
        _judging(study, n_sentences, half[:most], "propose"),
        *_spread(study, n_sentences * at_end, rest if rest.height else half, "propose"),
    ]


def _judging(study: Study, n: int, rows: pl.DataFrame, stage: str) -> Load:
    """All of n sentences on all rows; measured on some of them, where they are many."""
    most = MEASURED * packing.per_call(study, "judge")
    one = loads.judging(study, min(n, most), rows, stage)
    return one if n <= most else _scaled(one, -(-one.n_calls * n // most))


def _scaled(one: Load, n_calls: int) -> Load:
    """So many calls like these."""
    by = n_calls / max(one.n_calls, 1)
    return replace(one, n_calls=n_calls, bytes_in=by * one.bytes_in, bytes_out=by * one.bytes_out)


def _as_many(study: Study, n_names: int) -> Study:
    return study.model_copy(update={"propose": study.propose.model_copy(update={"max_predicates": n_names})})


def _spread(study: Study, n_pairs: int, rows: pl.DataFrame, stage: str) -> list[Load]:
    """So many pairs over these rows: predicates that are asked about on one row share calls."""
    if not n_pairs or not rows.height:
        return []
    together = packing.per_call(study, "judge")
    n_calls = min(n_pairs, n_pairs // together + rows.height)
    # A call asks about as many as are asked about on a row, on average.
    each = min(together, -(-n_pairs // n_calls))
    one = loads.judging(study.model_copy(update={"verify": _alone(study)}), each, rows, stage)
    return [_scaled(one, n_calls)]


def _alone(study: Study) -> object:
    """Inputs at ends of different units hardly ever share a call."""
    return study.verify.model_copy(update={"texts_per_call": 1})
