"""Asks a model, or a panel, about every predicate and text; what it does not answer is a row, never a guess.

Several predicates on one text, or several texts under one predicate, share a call (`packing.py`). Answers
are matched by id; what is missing is asked again (`asking.py`). The gold judge asks in the same way, about
single pairs.
"""

import json
import math
import re
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, UInt8

from tasks.engines import roles
from tasks.engines.gateway import chat, problems
from tasks.engines.llm import packing
from tasks.engines.llm.asking import Asking, InVain, Settled
from tasks.engines.llm.packing import Item, Pack, Packs
from tasks.errors import EngineError
from tasks.records import Call, Predicate
from tasks.store.frames import hashed
from tasks.study import Study

VERSION = 2
_LEAST_MASS = 0.5
"""Less than this on yes and no together: the first token was the start of something else."""
_QUOTED = re.compile(r'"([^"]+)"|“([^”]+)”')


class LlmJudge:
    """Judges by asking; texts with a column `pair` are compared, all others are judged one by one."""

    def __init__(
        self,
        study: Study,
        stage: str = "verify",
        role: Literal["judge", "gold"] = "judge",
        answers: bool = False,
    ) -> None:
        """`answers`: whether texts that are compared answer something, by which they are asked about."""
        self._study = study
        self._answers = answers
        self._stage = stage
        self._role: Literal["judge", "gold"] = role
        self._endpoints = study.llm.endpoints(role)
        self._per_call = packing.per_call(study, role)
        self.model = "+".join(endpoint.model for endpoint in self._endpoints)
        self.name = f"llm/{VERSION} {self.model} {self._frozen()}"

    def judge(
        self,
        predicates: Sequence[Predicate],
        texts: pl.DataFrame,
        embeddings: Float[np.ndarray, "text dim"],
    ) -> roles.Judgements:
        """Verdicts for every pair; the embeddings are not looked at.

        Raises:
            EngineError: the endpoint cannot be used, the budget is reached, log-probabilities are wanted
                and not returned, or a judge never answers in the wanted form.
        """
        if "pair" in texts.columns:
            return self._compare(predicates, texts)
        packs = packing.one_text(self._study, predicates, texts, self._per_call)
        return self._one_by_one(packs, texts.height, predicates)

    def judge_pairs(
        self,
        predicates: Sequence[Predicate],
        texts: pl.DataFrame,
        wanted: Bool[np.ndarray, "text predicate"],
    ) -> roles.Judgements:
        """Verdicts of the pairs that are wanted; all others are absent, and no text without one is read.

        Raises:
            EngineError: as `judge`.
        """
        rows, columns = (np.flatnonzero(wanted.any(axis=axis)) for axis in (1, 0))
        score = np.full(wanted.shape, np.nan)
        status = np.full(wanted.shape, roles.ABSENT, dtype=np.uint8)
        if not rows.size:
            return roles.Judgements(score, status)
        asked, some = [predicates[int(column)] for column in columns], texts[rows]
        packs = packing.one_text(self._study, asked, some, self._per_call, wanted[np.ix_(rows, columns)])
        found = self._one_by_one(packs, some.height, asked)
        score[np.ix_(rows, columns)], status[np.ix_(rows, columns)] = found.score, found.status
        each = None
        if found.each is not None:
            each = np.full((len(found.each), *wanted.shape), np.nan)
            each[:, rows[:, None], columns] = found.each
        return roles.Judgements(score, status, None, found.calls, each, found.judges)

    def strength(
        self,
        predicates: Sequence[Predicate],
        texts: pl.DataFrame,
        embeddings: Float[np.ndarray, "text dim"],
    ) -> Float[np.ndarray, "text predicate"]:
        """0: the score has said it."""
        return np.zeros((texts.height, len(predicates)))

    def spans(self, predicate: Predicate, text: str) -> list[tuple[int, int]]:
        """Where words that the predicate quotes stand in the text."""
        quoted = [re.escape(a or b) for a, b in _QUOTED.findall(predicate.predicate)]
        if not quoted:
            return []
        return [found.span() for found in re.finditer("|".join(quoted), text, re.IGNORECASE)]

    def _frozen(self) -> str:
        """Hash of all that a verdict follows from beside predicate and text; an address is no part of it."""
        verify = self._study.verify
        prompt = packing.prompt_of(packing.form_of(self._study, self._per_call, self._answers))
        models = [e.as_asked for e in self._endpoints]
        packed = [verify.form, self._per_call, verify.texts_per_call, verify.max_chars]
        return hashed(json.dumps([models, prompt.hash, packed, self._study.llm.logprobs], sort_keys=True))[:8]

    def _one_by_one(self, packs: Packs, n_texts: int, predicates: Sequence[Predicate]) -> roles.Judgements:
        score, status, calls = self._ask(packs, (1, n_texts, len(predicates)))
        return self._together(score[:, 0], status[:, 0].max(axis=0), None, calls)

    def _together(
        self,
        each: Float[np.ndarray, "judge text predicate"],
        status: UInt8[np.ndarray, "text predicate"],
        first: Float[np.ndarray, "judge text predicate"] | None,
        calls: tuple[Call, ...],
    ) -> roles.Judgements:
        """The panel's verdict; a mean over whoever answered would change its meaning: one gap is a gap."""
        if len(self._endpoints) == 1:
            return roles.Judgements(each[0], status, first, calls)
        return roles.Judgements(each.mean(axis=0), status, first, calls, each, self._members())

    def _members(self) -> tuple[str, ...]:
        """The panel's models; of one that is asked in several ways, by number."""
        models = [endpoint.model for endpoint in self._endpoints]
        return tuple(
            f"{model} #{models[:i].count(model) + 1}" if models.count(model) > 1 else model
            for i, model in enumerate(models)
        )

    def _compare(self, predicates: Sequence[Predicate], texts: pl.DataFrame) -> roles.Judgements:
        """Both orders of each pair; a text's score is the mean of the two.

        A pair of which a text is missing is not sent: it is refused for both.
        """
        if texts.height and packing.are_answers(texts) != self._answers:
            raise EngineError("wanted texts that answer something, each with its context, or none that does.")
        pairs = packing.whole_pairs_of(texts)
        packs = packing.two_texts(self._study, predicates, texts, pairs, self._per_call)
        score, status, calls = self._ask(packs, (2, len(pairs), len(predicates)))
        shape = (texts.height, len(predicates))
        rows = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        each, first = (np.full((len(score), *shape), np.nan) for _ in range(2))
        worst = np.full(shape, roles.REFUSAL, dtype=np.uint8)
        for side in (0, 1):
            own, other = score[:, side], score[:, 1 - side]
            first[:, rows[:, side]] = own
            each[:, rows[:, side]] = (own + 1 - other) / 2  # NaN where one order is missing
            worst[rows[:, side]] = status.max(axis=(0, 1))
        return self._together(each, worst, np.where(np.isnan(each), np.nan, first), calls)

    def _ask(
        self, packs: Packs, shape: tuple[int, int, int]
    ) -> tuple[np.ndarray, np.ndarray, tuple[Call, ...]]:
        """Scores and statuses (judge, order, row, predicate), whatever the order of the answers."""
        n_judges = len(self._endpoints)
        score = np.full((n_judges, *shape), np.nan)
        status = np.full(score.shape, roles.ABSENT, dtype=np.uint8)
        calls: dict[str, Call] = {}
        in_vain = InVain(self._study.llm, [endpoint.model for endpoint in self._endpoints])

        def handle(group: Sequence[Settled]) -> None:
            for settled in group:
                calls.update((call.request_hash, call) for call in settled.calls)
                pack = settled.pack
                for item in pack.items:
                    at = (settled.judge, pack.order, item.row, item.column)
                    score[at] = settled.scores.get(item.id, np.nan)
                    is_there = item.id in settled.scores
                    status[at] = roles.VALUE if is_there else settled.gaps.get(item.id, roles.UNPARSABLE)

        gateway = chat.Gateway(self._study, self._stage)
        settle = self._graded if self._study.llm.logprobs and shape[0] == 1 else self._settle

        async def in_turn(group: Sequence[Pack], judge: int) -> list[Settled]:
            """What begins alike is asked one after the other: the server has read the beginning.

            A text that did not fit into the model is not asked about again.
            """
            found: list[Settled] = []
            too_long: set[int] = set()
            for pack in group:
                fitting = tuple(item for item in pack.items if item.row not in too_long)
                one = Settled(pack, judge, {}, {}, ())
                if fitting:
                    one = replace(await settle(gateway, replace(pack, items=fitting), judge), pack=pack)
                    in_vain.count(one)
                too_long |= one.too_long
                found.append(one)
            return found

        jobs = (partial(in_turn, group, judge) for group in packs.each for judge in range(n_judges))
        gateway.run(jobs, handle, packs.n_groups * n_judges, f"{self._role} {self._study.name}")
        return score, status, tuple(calls[key] for key in sorted(calls))

    async def _settle(self, gateway: chat.Gateway, pack: Pack, judge: int) -> Settled:
        """Asks until every item has a score or has been asked alone, and once more, in vain."""

        def ask(items: Sequence[Item], again: bool) -> Awaitable[chat.Answer]:
            return gateway.ask(self._request(pack, items, judge, again))

        asking = Asking(pack.items, pack.words, ask)
        await asking.ask_all()
        calls, too_long = tuple(asking.calls), frozenset(asking.too_long)
        return Settled(pack, judge, asking.scores, asking.gaps, calls, asking.problem, too_long)

    async def _graded(self, gateway: chat.Gateway, pack: Pack, judge: int) -> Settled:
        """The probability of yes, given that the answer is yes or no."""
        item = pack.items[0]
        answer = await gateway.ask(self._request(pack, [item], judge))
        if answer.status != roles.VALUE:
            too_long = frozenset({item.row} if answer.is_too_long else ())
            gaps = {item.id: answer.status}
            return Settled(pack, judge, {}, gaps, answer.calls, answer.problem, too_long)
        if not answer.first_token:
            raise EngineError(
                f"{self._endpoints[judge].model}: wanted log-probabilities, the server returned none.",
                hint="Write `logprobs: false` under `llm:`.",
            )
        yes, no = (_probability(answer.first_token, word) for word in ("yes", "no"))
        if yes + no < _LEAST_MASS:
            problem = problems.form(f"yes or no has {yes + no:.0%} of the first word")
            return Settled(pack, judge, {}, {item.id: roles.UNPARSABLE}, answer.calls, problem)
        return Settled(pack, judge, {item.id: yes / (yes + no)}, {}, answer.calls)

    def _request(self, pack: Pack, items: Sequence[Item], judge: int, again: bool = False) -> chat.Request:
        asked = pack.asked(items, again)
        return chat.Request(
            role=self._role,
            endpoint=self._endpoints[judge],
            system=asked.system,
            user=asked.user,
            answer=asked.answer,
            prompt_hash=asked.prompt.hash,
            predicate_ids=tuple(dict.fromkeys(item.predicate_id for item in items)),
            about=" ".join(map(str, sorted({item.row for item in items}))),
            logprobs=self._study.llm.logprobs and asked.words == packing.YES_OR_NO,
            most_tokens=asked.most_tokens,
            pictures=asked.pictures,
        )


def _probability(first_token: Sequence[tuple[str, float]], word: str) -> float:
    """Of all spellings of a word together; what is over 0 or not a number is no log-probability."""
    return math.fsum(
        math.exp(logprob) for token, logprob in first_token if logprob <= 0 and _bare(token) == word
    )


def _bare(token: str) -> str:
    return token.strip("\"'`*_.,:;! \t\n\u0120\u2581").casefold()
