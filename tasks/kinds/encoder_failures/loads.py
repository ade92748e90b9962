"""What a study of encoder failures would ask of language models: a part of `cost`.

New pairs are not there before they are paid for: texts of the corpus stand in for them. Each is taken to
collide, so that its meaning is asked for; most controls do not, and cost nothing.
"""

import json

import polars as pl

from tasks.commands.cost import ITEM_ID, SENTENCE, Load, load_of, mean_bytes
from tasks.engines import roles
from tasks.engines.llm import prompts, schemas
from tasks.engines.llm.generating import MAX_CHARS_KNOWN, MAX_KNOWN, PER_CALL
from tasks.engines.llm.proposing import question
from tasks.kinds.encoder_failures.llm.meaning import PAIRS_PER_CALL
from tasks.kinds.encoder_failures.llm.proposing import MAX_CHARS_SHOWN
from tasks.study import Study

NAME = "who does what to whom"
DESCRIPTION = f"{SENTENCE}. {SENTENCE}."
"""Stand for a failure."""


def proposing_loads(study: Study, explored: pl.DataFrame) -> list[Load]:
    """The rounds of mined pairs, and the one that shows none."""
    params = study.propose
    said = schemas.Failures(failures=[schemas.Failure(name=NAME, description=DESCRIPTION)] * params.per_round)
    shown = study.failures.shown * _pair_bytes(explored, MAX_CHARS_SHOWN)
    rounds = [(done * params.per_round, "x", shown) for done in range(params.rounds)]
    blind = [(0, "", 0.0)] if params.max_predicates > 1 else []
    return [
        load_of(f"propose/{study.kind}", said, more, {
            "study": question(study),
            "domain": _domain(study),
            "n": params.per_round,
            "known": prompts.lines([{"name": NAME}] * n_known),
            "pairs": pairs,
        })
        for n_known, pairs, more in [*rounds, *blind]
    ]  # fmt: skip


def writing_loads(study: Study, explored: pl.DataFrame) -> list[Load]:
    """New pairs of every failure, as many in a call as the generator asks for; twice with a domain."""
    per_pair = _pair_bytes(explored, MAX_CHARS_KNOWN)
    failure = prompts.lines([{"name": NAME, "description": DESCRIPTION}])
    loads = []
    writers = roles.for_domain(study).values()
    for writer in writers:
        wanted = -(-study.failures.fresh // len(writers))
        for written in range(0, wanted, PER_CALL):
            n = min(PER_CALL, wanted - written)
            values = {"failure": failure, "domain": _domain(writer), "known": written > 0, "n": n}
            one = load_of(
                "generate/pairs",
                schemas.TextPairs(pairs=[]),
                min(written, MAX_KNOWN) * per_pair,
                values,
            )
            loads.append(Load(1, one.bytes_in, one.bytes_out + n * per_pair, one.answer))
    return loads * study.propose.max_predicates


def judging_loads(study: Study, explored: pl.DataFrame) -> list[Load]:
    """The meaning of every pair and control, as if each collided."""
    n_rows = 2 * study.failures.fresh * study.propose.max_predicates
    n_calls = sum(-(-n // PAIRS_PER_CALL) for n in _parts(study, n_rows))
    said = schemas.Meanings(verdicts=[])
    empty = load_of("verify/meaning", said, 0, {"pairs": ""})
    verdict = len(schemas.Meaning(id=ITEM_ID, same=False).model_dump_json()) + 1
    pair = _pair_bytes(explored, study.verify.max_chars) + len(json.dumps({"id": ITEM_ID}))
    return [
        Load(
            n_calls,
            n_calls * empty.bytes_in + n_rows * pair,
            n_calls * empty.bytes_out + n_rows * verdict,
            empty.answer,
        )
    ]


def _parts(study: Study, n_rows: int) -> list[int]:
    """Rows judged together: no call holds pairs of two shards, or of two looks."""
    if study.verify.plan == "sequential":
        # Pairs stay beside their controls: a look may have one row more than is wanted.
        every = study.verify.sequential.look_every
        return [min(n_rows, every + every % 2)] * -(-n_rows // every)
    size = study.verify.shard_size
    return [min(size, n_rows - start) for start in range(0, n_rows, size)]


def _domain(study: Study) -> str:
    domain = study.failures.domain
    return prompts.lines([{"domain": domain}]) if domain else ""


def _pair_bytes(texts: pl.DataFrame, most_chars: int) -> float:
    """Two texts of the corpus as a line of data."""
    return 2 * mean_bytes(texts, most_chars) + len(json.dumps({"first": "", "second": ""}))
