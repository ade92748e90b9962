"""Asks a model, or a panel, about every predicate and text; what it does not answer is a row, never a guess.

Several predicates on one text, or several texts under one predicate, share a call (`packing.py`). Answers
are matched by id. What is missing is asked again together, then alone; a refused call is asked item by
item, so that one text cannot take others with it. A text on which one call and then one item of it are
unreadable is given up, and so is a judge of which nothing could be read: both would be paid for in vain.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.engines import chat, roles
from tasks.engines.llm import packing
from tasks.engines.llm.packing import Item, Pack, Packs
from tasks.engines.llm.schemas import Comparisons, Verdicts
from tasks.errors import EngineError
from tasks.records import Call, Predicate
from tasks.store.frames import hashed
from tasks.study import Study

VERSION = 1
_MORE = {"first": 1.0, "neither": 0.5, "second": 0.0}
_LEAST_MASS = 0.5
"""Less than this on yes and no together: the first token was the start of something else."""
_FIRST_PACKS = 20
"""A judge that gave nothing for so many packs is not asked on."""
_QUOTED = re.compile(r'"([^"]+)"|“([^”]+)”')


@dataclass(frozen=True)
class _Settled:
    """What one judge said of a pack."""

    pack: Pack
    judge: int
    scores: dict[str, float]
    """By item id."""
    gaps: dict[str, int]
    """Status of the items that got no score."""
    calls: tuple[Call, ...]


class _Asking:
    """One pack put to one judge: what it said so far."""

    def __init__(self, pack: Pack, ask: Callable[[Sequence[Item], bool], Awaitable[chat.Answer]]) -> None:
        self._pack, self._put = pack, ask
        self._alone: dict[str, chat.Answer] = {}
        self.scores: dict[str, float] = {}
        self.gaps: dict[str, int] = {}
        """Why items that were asked alone have no score."""
        self.calls: list[Call] = []

    def missing(self) -> list[Item]:
        return [item for item in self._pack.items if item.id not in self.scores]

    async def ask_all(self) -> None:
        """Together, what is missing together, and then alone; less where nothing can come of it."""
        items = self._pack.items
        answer = await self._ask(items)
        if 0 < len(self.missing()) < len(items):
            answer = await self._ask(self.missing())
        missing, of_one_text = self.missing(), len({item.row for item in items}) == 1
        if of_one_text and answer.given_up:
            return
        if of_one_text and len(missing) == len(items) > 1 and answer.status == roles.UNPARSABLE:
            # Not the same item on every text: one that spoils its pack would take the others with it.
            probe = missing.pop(items[0].row % len(items))
            await self._ask_alone(probe)
            if self.gaps.get(probe.id) == roles.UNPARSABLE:
                return
        for item in missing:
            await self._ask_alone(item)

    async def _ask_alone(self, item: Item) -> None:
        """Unless it was; what was left out or unreadable is asked once more, in other words."""
        answer = self._alone.get(item.id) or await self._ask([item])
        if self.gaps.get(item.id) == roles.UNPARSABLE and not answer.given_up:
            await self._ask([item], again=True)

    async def _ask(self, items: Sequence[Item], again: bool = False) -> chat.Answer:
        answer = await self._put(items, again)
        self.calls.extend(answer.calls)
        self.scores.update(_matched(answer, items))
        if len(items) == 1:
            (id_,) = (item.id for item in items)
            self._alone[id_] = answer
            self.gaps.pop(id_, None)
            if id_ not in self.scores:
                refused = answer.status == roles.REFUSAL
                self.gaps[id_] = roles.REFUSAL if refused else roles.UNPARSABLE
        return answer


class _InVain:
    """Counts what a judge was asked without any use, and stops in time."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._ended: Counter[int] = Counter()
        self._useful: set[int] = set()

    def count(self, settled: _Settled) -> None:
        """Takes a pack that has ended.

        Raises:
            EngineError: it was one of the first that a judge was asked, and none gave anything.
        """
        judge = settled.judge
        self._ended[judge] += 1
        if settled.scores or roles.REFUSAL in settled.gaps.values():
            self._useful.add(judge)
        if judge not in self._useful and self._ended[judge] >= _FIRST_PACKS:
            llm = self._study.llm
            change = "Write `logprobs: false` under `llm:`" if llm.logprobs else "Raise llm.max_tokens"
            raise EngineError(
                f"{llm.endpoints('judge')[judge].model}: wanted verdicts, and {_FIRST_PACKS} questions"
                " brought none that can be read.",
                hint=f"{change}, lower verify.max_chars where texts are too long, or name another model."
                " A rerun goes on from here.",
            )


class LlmJudge:
    """Judges by asking; texts with a column `pair` are compared, all others are judged one by one."""

    def __init__(self, study: Study, stage: str = "verify") -> None:
        self._study = study
        self._stage = stage
        self._endpoints = study.llm.endpoints("judge")
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
        packs = packing.one_text(self._study, predicates, texts)
        score, status, calls = self._ask(packs, (1, texts.height, len(predicates)))
        return roles.Judgements(score[0], status[0], calls=calls)

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
        prompt = packing.prompt(self._study, verify.form == "two_text")
        models = [e.model_dump(mode="json", exclude={"base_url", "key_env"}) for e in self._endpoints]
        packed = [verify.form, verify.predicates_per_call, verify.texts_per_call, verify.max_chars]
        return hashed(json.dumps([models, prompt.hash, packed, self._study.llm.logprobs], sort_keys=True))[:8]

    def _compare(self, predicates: Sequence[Predicate], texts: pl.DataFrame) -> roles.Judgements:
        """Both orders of each pair; a text's score is the mean of the two."""
        pairs = packing.pairs_of(texts)
        packs = packing.two_texts(self._study, predicates, texts, pairs)
        score, status, calls = self._ask(packs, (2, len(pairs), len(predicates)))
        shape = (texts.height, len(predicates))
        rows = np.array(pairs).reshape(-1, 2)
        first, mean, worst = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=np.uint8)
        for side in (0, 1):
            own, other = score[side], score[1 - side]
            first[rows[:, side]] = own
            mean[rows[:, side]] = (own + 1 - other) / 2  # NaN where one order is missing
            worst[rows[:, side]] = status.max(axis=0)
        return roles.Judgements(mean, worst, np.where(np.isnan(mean), np.nan, first), calls)

    def _ask(
        self, packs: Packs, shape: tuple[int, int, int]
    ) -> tuple[np.ndarray, np.ndarray, tuple[Call, ...]]:
        """Scores and statuses (order, row, predicate) over the panel, whatever the order of the answers."""
        n_judges = len(self._endpoints)
        score = np.full((n_judges, *shape), np.nan)
        status = np.full(score.shape, roles.ABSENT, dtype=np.uint8)
        calls: dict[str, Call] = {}
        in_vain = _InVain(self._study)

        def handle(settled: _Settled) -> None:
            in_vain.count(settled)
            calls.update((call.request_hash, call) for call in settled.calls)
            pack = settled.pack
            for item in pack.items:
                at = (settled.judge, pack.order, item.row, item.column)
                status[at] = settled.gaps.get(item.id, roles.VALUE)
                score[at] = settled.scores.get(item.id, np.nan)

        gateway = chat.Gateway(self._study, self._stage)
        settle = self._graded if self._study.llm.logprobs and shape[0] == 1 else self._settle
        jobs = (partial(settle, gateway, pack, judge) for pack in packs.each for judge in range(n_judges))
        gateway.run(jobs, handle, packs.total * n_judges, f"judge {self._study.name}")
        # A mean over whoever answered would change its meaning from text to text: one gap is a gap.
        return score.mean(axis=0), status.max(axis=0), tuple(calls[key] for key in sorted(calls))

    async def _settle(self, gateway: chat.Gateway, pack: Pack, judge: int) -> _Settled:
        """Asks until every item has a score or has been asked alone, and once more, in vain."""

        def ask(items: Sequence[Item], again: bool) -> Awaitable[chat.Answer]:
            return gateway.ask(self._request(pack, items, judge, again))

        asking = _Asking(pack, ask)
        await asking.ask_all()
        gaps = {item.id: asking.gaps.get(item.id, roles.UNPARSABLE) for item in asking.missing()}
        return _Settled(pack, judge, asking.scores, gaps, tuple(asking.calls))

    async def _graded(self, gateway: chat.Gateway, pack: Pack, judge: int) -> _Settled:
        """The probability of yes, given that the answer is yes or no."""
        item = pack.items[0]
        answer = await gateway.ask(self._request(pack, [item], judge))
        if answer.status != roles.VALUE:
            return _Settled(pack, judge, {}, {item.id: answer.status}, answer.calls)
        if not answer.first_token:
            raise EngineError(
                f"{self._endpoints[judge].model}: wanted log-probabilities, the server returned none.",
                hint="Write `logprobs: false` under `llm:`.",
            )
        yes, no = (_probability(answer.first_token, word) for word in ("yes", "no"))
        if yes + no < _LEAST_MASS:
            return _Settled(pack, judge, {}, {item.id: roles.UNPARSABLE}, answer.calls)
        return _Settled(pack, judge, {item.id: yes / (yes + no)}, {}, answer.calls)

    def _request(self, pack: Pack, items: Sequence[Item], judge: int, again: bool = False) -> chat.Request:
        system, user = pack.messages(items, again)
        return chat.Request(
            role="judge",
            endpoint=self._endpoints[judge],
            system=system,
            user=user,
            answer=pack.answer,
            prompt_hash=pack.prompt.hash,
            predicate_ids=tuple(dict.fromkeys(item.predicate_id for item in items)),
            logprobs=pack.answer is None,
        )


def _matched(answer: chat.Answer, items: Sequence[Item]) -> dict[str, float]:
    """Scores of the items asked about, by id; one that is answered in two ways is not answered."""
    if answer.parsed is None:
        return {}
    said: dict[str, set[float]] = {item.id: set() for item in items}
    if isinstance(answer.parsed, Comparisons):
        given = ((verdict.id, _MORE[verdict.more]) for verdict in answer.parsed.verdicts)
    else:
        given = ((v.id, float(v.holds)) for v in cast(Verdicts, answer.parsed).verdicts)
    for id_, score in given:
        if id_ in said:
            said[id_].add(score)
    return {id_: scores.pop() for id_, scores in said.items() if len(scores) == 1}


def _probability(first_token: Sequence[tuple[str, float]], word: str) -> float:
    """Of all spellings of a word together; what is over 0 or not a number is no log-probability."""
    return math.fsum(
        math.exp(logprob)
        for token, logprob in first_token
        if logprob <= 0 and token.strip().casefold() == word
    )
