"""Whether the two texts of a pair mean the same, as a language model says.

A small model reads one pair and answers in a word, a large one reads several and answers in an object with
a word for each. What is missing is asked alone (`asking.py`).
"""

import json
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float, UInt8

from tasks.engines import roles
from tasks.engines.gateway.chat import Answer, Gateway, Request
from tasks.engines.llm import packing, prompts, schemas
from tasks.engines.llm.asking import Asking, InVain
from tasks.engines.llm.packing import Asked, Item
from tasks.kinds.encoder_failures.prompts import FOLDER
from tasks.records import Call
from tasks.store.frames import hashed
from tasks.study import Study

VERSION = 2
PAIRS_PER_CALL = 10
"""Pairs that a large model is asked about in one call."""
_SAME = 1.0
"""The score of a yes."""


@dataclass(frozen=True)
class _Settled:
    """What one judge said of the pairs of a call."""

    judge: int
    pairs: Sequence[Item]
    asking: Asking


class LlmMeaning:
    """Asks each judge of the panel; the score is the mean of what they say."""

    def __init__(self, study: Study, stage: str = "verify") -> None:
        self._study = study
        self._endpoints = study.llm.endpoints("judge")
        self._per_call = per_call(study)
        self._gateway = Gateway(study, stage)
        self._calls: dict[str, Call] = {}

    @property
    def name(self) -> str:
        """Models, and a hash of all that a verdict follows from beside the pair; frozen with the judge."""
        models = [e.as_asked for e in self._endpoints]
        frozen = json.dumps([models, _hashes(), self._per_call, self._study.verify.max_chars])
        return f"llm/{VERSION} {'+'.join(e.model for e in self._endpoints)} {hashed(frozen)[:8]}"

    @property
    def calls(self) -> Sequence[Call]:
        """The paid answers that what it said last rests on."""
        return tuple(self._calls[key] for key in sorted(self._calls))

    def differs(
        self, left: Sequence[str], right: Sequence[str], predicate_ids: Sequence[str] = ()
    ) -> tuple[Float[np.ndarray, " pair"], UInt8[np.ndarray, " pair"]]:
        """1 where the meanings differ, 0 where they are the same; NaN with the status of a gap.

        Args:
            left: one text of each pair.
            right: the other.
            predicate_ids: of each pair, for the ledger.

        Raises:
            EngineError: the endpoint cannot be used, the budget is reached, or a judge never answers in the
                wanted form.
        """
        self._calls = {}
        score = np.full((len(self._endpoints), len(left)), np.nan)
        status = np.full(score.shape, roles.UNPARSABLE, dtype=np.uint8)
        in_vain = InVain(self._study.llm, [endpoint.model for endpoint in self._endpoints])

        def handle(settled: _Settled) -> None:
            judge, said = settled.judge, settled.asking
            in_vain.count_one(judge, bool(said.scores) or roles.REFUSAL in said.gaps.values(), said.problem)
            self._calls.update((call.request_hash, call) for call in said.calls)
            for pair in settled.pairs:
                if pair.id in said.scores:
                    score[judge, pair.row] = float(said.scores[pair.id] != _SAME)
                    status[judge, pair.row] = roles.VALUE
                else:
                    status[judge, pair.row] = said.gaps.get(pair.id, roles.UNPARSABLE)

        pairs = self._pairs(left, right, predicate_ids)
        packs = [pairs[i : i + self._per_call] for i in range(0, len(pairs), self._per_call)]
        judges = range(len(self._endpoints))
        jobs = (partial(self._settle, pack, judge) for pack in packs for judge in judges)
        self._gateway.run(jobs, handle, len(packs) * len(judges), f"meanings {self._study.name}")
        return score.mean(axis=0), status.max(axis=0)

    def _pairs(self, left: Sequence[str], right: Sequence[str], predicate_ids: Sequence[str]) -> list[Item]:
        """In the order of their ids, which their texts decide."""
        cut = self._study.verify.max_chars
        both = list(zip(left, right, strict=True))
        ids = prompts.item_ids([f"{a}\x1f{b}" for a, b in both], *_hashes())
        about = predicate_ids or [""] * len(both)
        rows = enumerate(zip(ids, both, about, strict=True))
        return sorted(
            Item(id_, "", {"first": a[:cut], "second": b[:cut]}, row, 0, predicate_id)
            for row, (id_, (a, b), predicate_id) in rows
        )

    async def _settle(self, pairs: Sequence[Item], judge: int) -> _Settled:
        """Together first; then what is missing, alone, and once more in the other form."""

        def ask(some: Sequence[Item], again: bool) -> Awaitable[Answer]:
            return self._gateway.ask(self._request(some, judge, again))

        asking = Asking(pairs, packing.YES_OR_NO, ask)
        await asking.ask_all()
        return _Settled(judge, pairs, asking)

    def _request(self, pairs: Sequence[Item], judge: int, again: bool) -> Request:
        asks = asked(pairs, in_a_word=len(pairs) == 1 and not again)
        return Request(
            role="judge",
            endpoint=self._endpoints[judge],
            system=asks.system,
            user=asks.user,
            answer=asks.answer,
            prompt_hash=asks.prompt.hash,
            predicate_ids=tuple(dict.fromkeys(pair.predicate_id for pair in pairs if pair.predicate_id)),
            most_tokens=asks.most_tokens,
        )


def per_call(study: Study) -> int:
    """Pairs that share a call, by how large the judges are."""
    return 1 if any(endpoint.is_small for endpoint in study.llm.endpoints("judge")) else PAIRS_PER_CALL


def asked(pairs: Sequence[Item], in_a_word: bool) -> Asked:
    """What asks about one pair for a word, or about several for an object with a word under each id."""
    if in_a_word:
        prompt = prompts.load("meaning", FOLDER)
        (pair,) = pairs
        system, user = prompt.render(pair=prompts.lines([pair.shown]))
        return Asked(prompt, system, user, packing.YES_OR_NO, None, packing.WORD_TOKENS)
    prompt = prompts.load("meanings", FOLDER)
    ids = tuple(pair.id for pair in pairs)
    shown = prompts.lines({"id": pair.id, **pair.shown} for pair in pairs)
    system, user = prompt.render(pairs=shown, ids=", ".join(ids))
    answer = schemas.keyed(ids, packing.YES_OR_NO)
    room = packing.KEYED_TOKENS * (1 + len(ids))
    return Asked(prompt, system, user, packing.YES_OR_NO, answer, room)


def _hashes() -> list[str]:
    """Of both prompts: a large model that leaves a pair out is asked about it in the way of a small one."""
    return [prompts.load(name, FOLDER).hash for name in ("meaning", "meanings")]
