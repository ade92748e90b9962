"""What a study of two models asks a language model for, counted as the proposer and the judge ask it."""

from collections.abc import Mapping
from itertools import chain

import polars as pl

from tasks.engines.llm import loads, prompts, sampling
from tasks.engines.llm.loads import Load, load_of
from tasks.engines.llm.suggesting import MAX_KNOWN, question
from tasks.kinds.model_pair.llm import proposing, schemas, weighing
from tasks.kinds.model_pair.llm.rating import TraitRater
from tasks.store import media
from tasks.study import Study

TRAIT = schemas.Trait(
    trait="The answer explains its reasons more",
    high="It says why each step is taken, and what follows from it",
    low="The other states results without a reason for them",
    more_in="first",
)
"""Stands for a trait."""


def of_pairs(study: Study, texts: pl.DataFrame, names: Mapping[str, str], units: pl.DataFrame) -> list[Load]:
    """All that is asked, at most."""
    explored = weighing.whole(texts.filter(half="explore"))
    rounds = _rounds(study, explored) if study.proposes and not explored.is_empty() else []
    return [
        *rounds,
        *_reading(study, explored),
        loads.judging(study, study.most_predicates, units),
        *loads.ratings(study, names, TraitRater.prompts()),
    ]


def _rounds(study: Study, explored: pl.DataFrame) -> list[Load]:
    """A call for traits each round, and the verdicts on the sample after it."""
    n, per_round = proposing.n_shown(study), study.propose.per_round
    said = schemas.traits(per_round)(traits=[TRAIT] * per_round)
    # A picture is shown itself, and in its line by its number.
    each = loads.mean_bytes(explored, proposing.room(study))
    if media.are_pictures(explored):
        each = len("picture 10") + loads.BYTES_PER_TOKEN * loads.picture_tokens(explored)
    shown = n * (each * 2 + proposing.MAX_CHARS_PROMPT)
    known = {"trait": f"{TRAIT.trait} ({TRAIT.high}; {TRAIT.low})"}
    asked = [
        load_of("propose", "proposer", proposing.prompt_of(study), said, shown, {
            "pairs": "",
            "study": question(study),
            "n": per_round,
            "examples": prompts.lines({"trait": one} for one in study.propose.examples),
            "known": prompts.lines([known] * min(done * per_round, MAX_KNOWN)),
            "missed": done > 0,
        })
        for done in range(proposing.n_rounds(study))
    ]  # fmt: skip
    sample = _sample(study, explored)
    judged = [loads.judging(study, per_round, sample, "propose")] if sample.height else []
    return list(chain.from_iterable([one, *judged] for one in asked))


def _reading(study: Study, explored: pl.DataFrame) -> list[Load]:
    """Verdicts that say which way the user's own traits lean."""
    sample, n = _sample(study, explored), len(study.own_sentences)
    return [loads.judging(study, n, sample, "propose")] if n and sample.height else []


def _sample(study: Study, explored: pl.DataFrame) -> pl.DataFrame:
    # Pairs lie in the order of their hashes: the first are as good as any.
    return explored.head(2 * sampling.n_judged(study))
