"""What holds calls back: the pace a server allows, and the money a study may cost."""

import asyncio
import math
import threading
from collections.abc import Mapping

from tasks.errors import EngineError
from tasks.store import calls
from tasks.store.answers import Answers
from tasks.study import Study
from tasks.study.params import Endpoint, Price, Spend

_FRAME_TOKENS = 200
"""What a server puts around messages."""
_MARGIN = 2.0
"""How many times the tokens per byte that were seen a prompt may have: languages differ."""
_FIRST_GUESS = 0.25
"""Tokens per byte expected until there is an answer, and ..."""
_FIRST_ANSWER = 500
"""... tokens of one."""


class Pace:
    """Calls spread evenly over the minute: no burst at the start, none after a pause.

    It has no clock of its own, so that it holds over all runs of a process.
    """

    def __init__(self, requests_per_minute: int | None, tokens_per_minute: int | None) -> None:
        self._requests, self._tokens = requests_per_minute, tokens_per_minute
        self._free_at = 0.0

    def reserve(self, n_tokens: int, now: float) -> float:
        """Takes the next place in the row; seconds until it is one's turn.

        Args:
            n_tokens: what the call is expected to use.
            now: monotonic seconds.
        """
        starts = max(now, self._free_at)
        takes = 60 / self._requests if self._requests else 0.0
        if self._tokens:
            takes = max(takes, 60 * n_tokens / self._tokens)
        self._free_at = starts + takes
        return starts - now


_paces: dict[tuple[int | None, int | None], Pace] = {}


def pace(spend: Spend) -> Pace:
    """The pace of these limits, one for the process."""
    limits = (spend.requests_per_minute, spend.tokens_per_minute)
    return _paces.setdefault(limits, Pace(*limits))


class Purse:
    """What a study has paid, by the ledger, and what it may still pay.

    Each request sets aside the most it can cost, so that what is in flight never breaks the budget. Where
    that leaves too little for another call, it waits for one to end: near the end calls go one by
    one, and less than the dearest possible call stays unspent. Setting aside what answers cost on
    average would use that up too, and break the promise on the day that answers grow long.
    """

    def __init__(self, study: Study, answers: Answers) -> None:
        self._study, self._answers = study.name, answers
        self._budget = study.spend.budget_usd
        self._prices: Mapping[str, Price] = study.spend.prices
        self._per_byte: dict[str, float] = {}
        self._longest_answer: dict[str, int] = {}
        self._counted = 0
        self._paid = 0.0
        self._unpriced_tokens = 0
        self._set_aside, self._in_flight = 0.0, 0
        self._released = asyncio.Event()
        self._thread = threading.get_ident()
        self._refresh()

    def end(self) -> None:
        """The ledger is about to be closed: what is known now stands."""
        self._thread = 0

    def learn(self, model: str, n_bytes: int, tokens_in: int, tokens_out: int) -> None:
        """An answer came."""
        self._per_byte[model] = max(self._per_byte.get(model, 0.0), tokens_in / n_bytes)
        self._longest_answer[model] = max(self._longest_answer.get(model, 1), tokens_out)

    def expected(self, endpoint: Endpoint, n_bytes: int, limit: int) -> tuple[int, int]:
        """Tokens in and out that a request is likely to take, rather too many than too few."""
        longest = self._longest_answer.get(endpoint.model, _FIRST_ANSWER)
        per_byte = self._per_byte.get(endpoint.model, _FIRST_GUESS)
        return math.ceil(n_bytes * per_byte), min(longest, limit)

    def most_usd(self, endpoint: Endpoint, n_bytes: int, limit: int) -> float:
        """The most a request can cost: as many tokens as it may have, and the longest answer allowed.

        A byte is a token at most, in rare scripts it is one; only where answers have shown that texts
        take far fewer is less set aside.
        """
        if self._budget is None:
            return 0.0
        seen = self._per_byte.get(endpoint.model, 1.0)
        most_in = math.ceil(n_bytes * max(seen, min(1.0, seen * _MARGIN))) + _FRAME_TOKENS
        return self.cost_usd(endpoint.model, most_in, limit, 0) or 0.0

    async def set_aside(self, usd: float) -> None:
        """Waits until a call that costs at most this fits into the budget.

        Raises:
            EngineError: it never will.
        """
        if self._budget is None:
            return
        while True:
            self._refresh()  # Another process may be paying from the same budget.
            if self._paid + usd > self._budget:
                raise EngineError(
                    f"study {self._study}: spend.budget_usd is reached: {_money(self._paid)} of"
                    f" {_money(self._budget)} is spent, and the next call may cost up to {_money(usd)}.",
                    hint="Raise spend.budget_usd (or lower llm.max_tokens) in params.yaml and rerun: it goes"
                    " on where it stopped, and what was paid for is not asked again.",
                    out_of_budget=True,
                )
            if self._paid + self._set_aside + usd <= self._budget:
                self._set_aside, self._in_flight = self._set_aside + usd, self._in_flight + 1
                return
            self._released.clear()
            await self._released.wait()

    def release(self, usd: float) -> None:
        """Frees what was set aside; what the call did cost is in the ledger by now."""
        if self._budget is not None:
            self._in_flight -= 1
            # Rounding may leave a rest that nobody could wait for.
            self._set_aside = self._set_aside - usd if self._in_flight else 0.0
            self._released.set()

    def cost_usd(self, model: str, tokens_in: int, tokens_out: int, tokens_cached: int) -> float | None:
        """What a call costs; None without a price."""
        return calls.price_usd(model, tokens_in, tokens_out, tokens_cached, self._prices)

    def spending(self) -> str:
        """What was spent, in money or, without a price, in tokens.

        As it was known last, where it is asked for outside the run: a bar is drawn by whoever draws one.
        """
        if threading.get_ident() == self._thread:
            self._refresh()
        if self._budget is not None:
            return f"{_money(self._paid)} of {_money(self._budget)}"
        if self._prices:
            return _money(self._paid)
        return f"{self._unpriced_tokens:,} tokens"

    def _refresh(self) -> None:
        for spent in self._answers.spent(self._study, self._counted):
            self._counted = max(self._counted, spent.call_id)
            tokens = spent.unpriced_in, spent.unpriced_out, spent.unpriced_cached
            # What was paid before prices were known counts at today's.
            self._paid += spent.cost_usd + (self.cost_usd(spent.model, *tokens) or 0.0)
            self._unpriced_tokens += spent.unpriced_in + spent.unpriced_out


def _money(usd: float) -> str:
    return f"${usd:.2f}" if usd == 0 or usd >= 0.1 else f"${f'{usd:.7f}'.rstrip('0')}"
