"""What a study of encoder failures would ask of language models: a part of `cost`.

New pairs are not there before they are paid for: texts of the corpus stand in for them, as many sentences as
the generator shows if it can edit one in four. Each pair is taken to collide, so that its meaning is asked
for; most controls do not, and cost nothing.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from tasks.engines.llm import loads, prompts, sampling
from tasks.engines.llm.loads import SENTENCE, Load, load_of, mean_bytes
from tasks.engines.llm.packing import Item
from tasks.engines.llm.suggesting import question
from tasks.kinds.encoder_failures.llm import generating, meaning, schemas
from tasks.kinds.encoder_failures.llm.generating import MAX_CHARS, MOST_ASKED
from tasks.kinds.encoder_failures.llm.proposing import MAX_CHARS_SHOWN
from tasks.kinds.encoder_failures.llm.rating import FailureRater
from tasks.kinds.encoder_failures.params import own
from tasks.kinds.encoder_failures.prompts import FOLDER
from tasks.kinds.encoder_failures.roles import for_domain
from tasks.stats.blocks import look_rows
from tasks.study import Study

NAME = "who does what to whom"
DESCRIPTION = f"{SENTENCE}. {SENTENCE}."
"""Stand for a failure."""


def of_failures(study: Study, texts: pl.DataFrame, names: Mapping[str, str]) -> list[Load]:
    """All that such a study asks for with `engine: llm`."""
    explored = texts.filter(pl.col("half") == "explore")
    return [
        *proposing_loads(study, explored),
        *writing_loads(study, explored),
        *judging_loads(study, explored),
        *loads.ratings(study, names, FailureRater.prompts()),
    ]


def proposing_loads(study: Study, explored: pl.DataFrame) -> list[Load]:
    """The rounds of mined pairs, and the one that shows none."""
    params = study.propose
    one = schemas.Failure(name=NAME, description=DESCRIPTION)
    said = schemas.failures(params.per_round)(failures=[one] * params.per_round)
    shown = own(study).shown * _pair_bytes(explored, MAX_CHARS_SHOWN)
    rounds = [(done * params.per_round, "x", shown) for done in range(sampling.sizes(study).rounds)]
    blind = [(0, "", 0.0)] if params.most > 1 else []
    return [
        load_of("propose", "proposer", prompts.load("propose", FOLDER), said, more, {
            "study": question(study),
            "domain": _domain(study),
            "n": params.per_round,
            "known": prompts.lines([{"name": NAME}] * n_known),
            "pairs": pairs,
        })
        for n_known, pairs, more in [*rounds, *blind]
    ]  # fmt: skip


def writing_loads(study: Study, explored: pl.DataFrame) -> list[Load]:
    """New pairs of every failure, as many sentences in a call as the generator shows; twice with a domain.

    At most: a sentence that shows no such difference is left out and another one asked.
    """
    sentence = mean_bytes(explored, MAX_CHARS)
    asked = []
    writers = for_domain(study).values()
    for writer in writers:
        n_shown, together = MOST_ASKED * -(-own(study).fresh // len(writers)), generating.per_call(writer)
        for shown in range(0, n_shown, together):
            n = min(together, n_shown - shown)
            ids = generating.ids_of(range(n))
            rows = ({"id": id_, "sentence": ""} for id_ in ids)
            answer = schemas.edits(ids).model_validate(dict.fromkeys(ids, ""))
            values: dict[str, object] = {**generating.fields(writer, rows, ids, NAME, DESCRIPTION)}
            prompt = generating.prompt_of(together)
            one = load_of("verify", "generator", prompt, answer, n * sentence, values)
            asked.append(replace(one, bytes_out=one.bytes_out + n * sentence))
    return asked * study.propose.most


def judging_loads(study: Study, explored: pl.DataFrame) -> list[Load]:
    """The meaning of every pair and control, as if each collided."""
    n_rows, together = 2 * own(study).fresh * study.propose.most, meaning.per_call(study)
    sizes = Counter(min(together, n - done) for n in _parts(study, n_rows) for done in range(0, n, together))
    pair = 2 * mean_bytes(explored, study.verify.max_chars)
    return [_judging_load(n, n_calls, pair) for n, n_calls in sizes.items()]


def _judging_load(n: int, n_calls: int, pair: float) -> Load:
    """Calls about n pairs each, of so many bytes."""
    items = [Item(f"{i:06}", "", {"first": "", "second": ""}, i, 0, "") for i in range(n)]
    asked = meaning.asked(items, in_a_word=n == 1)
    bytes_in, bytes_out = len(asked.system) + len(asked.user) + n * pair, len(loads.verdicts(asked))
    return Load("verify", "judge", n_calls, n_calls * bytes_in, n_calls * bytes_out, asked.answer)


def _parts(study: Study, n_rows: int) -> list[int]:
    """Rows judged together: no call holds pairs of two shards, or of two looks."""
    if study.verify.plan == "sequential":
        # Pairs stay beside their controls: a look may have one row more than is wanted.
        looks = look_rows(np.arange(n_rows) // 2, study.verify.sequential.look_every)
        return [rows.size for rows in looks]
    size = study.verify.shard_size
    return [min(size, n_rows - start) for start in range(0, n_rows, size)]


def _domain(study: Study) -> str:
    domain = own(study).domain
    return prompts.lines([{"domain": domain}]) if domain else ""


def _pair_bytes(texts: pl.DataFrame, most_chars: int) -> float:
    """Two texts of the corpus as a line of data."""
    return 2 * mean_bytes(texts, most_chars) + len(json.dumps({"first": "", "second": ""}))
