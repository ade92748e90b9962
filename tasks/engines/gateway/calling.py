"""The calls of one run: paced, paid within the budget, tried again, and stopped together."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from pydantic import BaseModel

from tasks.engines.gateway import completion, dialect, faults, limits
from tasks.engines.gateway.completion import Completion, Tokens
from tasks.engines.gateway.dialect import Dialect
from tasks.engines.gateway.faults import Circuit, Fault, Meaning
from tasks.errors import EngineError
from tasks.store.answers import Answers
from tasks.study import Endpoint, Study

if TYPE_CHECKING:
    from tasks.engines.gateway.transport import Connection

_WAITS_PER_TRY = 100
"""How often a call may be told to wait for each try it has, while others are answered."""
_FIRST_GUESS = 500
"""Tokens that an answer is expected to have until there is one."""

Message = dict[str, str]


class StoppedError(Exception):
    """The run has stopped: unwinds whoever still works. The reason is `Calling.error`."""


Lost = Callable[[Tokens, float, int], None]
"""Is told of an answer that was paid for but cannot be used: tokens, seconds, requests sent so far."""


@dataclass
class Called:
    """How a call went."""

    completion: Completion | None = None
    """None where it was given up."""
    latency_s: float = 0.0
    """Of the last request."""
    attempts: int = 0
    """Requests sent."""
    faults: int = 0
    """Of them, those that met a fault which may pass."""
    tries: int = 0
    """Of these, those that count: being told to wait does not."""


class Calling:
    """What all calls of one run share; lives in one event loop."""

    def __init__(self, study: Study, answers: Answers, cancel: Callable[[], None]) -> None:
        self._spend = study.spend
        self.purse = limits.Purse(study, answers)
        self.error: BaseException | None = None
        """Why the run stopped."""
        self._cancel = cancel
        self._stopping = asyncio.Event()
        self._pace = limits.pace(study.spend)
        self._longest_answer: dict[str, int] = {}
        self._connections: dict[tuple[str, str], Connection] = {}
        self._circuits: dict[tuple[str, str], Circuit] = {}

    def stop(self, error: BaseException) -> None:
        """Ends the run: no further call begins, those in flight end, since they are paid for."""
        self.error = self.error or error
        self._stopping.set()

    async def close(self) -> None:
        """Ends all connections."""
        for connection in self._connections.values():
            await connection.close()

    async def call(
        self,
        endpoint: Endpoint,
        messages: list[Message],
        schema: type[BaseModel] | None,
        logprobs: bool,
        lost: Lost,
    ) -> Called:
        """Asks until there is an answer, or none is to be had.

        The answer must be in the ledger before the event loop goes on: the money set aside for it is
        free again.

        Raises:
            StoppedError: the run has stopped.
        """
        write = partial(dialect.body, endpoint, messages, schema, logprobs)
        most_usd = self.purse.most_usd(endpoint, messages)
        try:
            await self.purse.set_aside(most_usd)
        except EngineError as error:
            self._end(error)
        try:
            return await self._asked(endpoint, write, lost)
        finally:
            self.purse.release(most_usd)

    async def _asked(self, endpoint: Endpoint, write: Callable[[Dialect], bytes], lost: Lost) -> Called:
        circuit = self._circuit(endpoint)
        answered_before = circuit.answered
        called = Called()
        while True:
            used = dialect.of(endpoint)
            outcome = await self._sent(endpoint, write(used), called)
            if isinstance(outcome, Completion):
                circuit.succeeded()
                called.completion = outcome
                return called
            if outcome.tokens is not None:
                lost(outcome.tokens, called.latency_s, called.attempts)
            meaning = faults.meaning(outcome)
            if meaning is Meaning.REFUSAL:
                circuit.succeeded()
                called.completion = Completion("", outcome.words, (), 0, 0, 0)
                return called
            if meaning is Meaning.TOO_LONG and circuit.may_fit():
                return called
            if meaning is Meaning.COMPLAINT and dialect.learn(endpoint, used, outcome.words):
                continue
            if meaning not in {Meaning.WAIT, Meaning.RETRY}:
                self._end(faults.stopped(endpoint, outcome))
            called.faults += 1
            called.tries += meaning is Meaning.RETRY
            circuit.failed(outcome, time.monotonic())
            if self._is_used_up(called):
                if circuit.answered == answered_before:
                    self._give_up(circuit)
                return called
            await self._recover(circuit, faults.pause_s(outcome, called.faults))

    def _is_used_up(self, called: Called) -> bool:
        attempts = self._spend.attempts
        return called.tries >= attempts or called.faults > attempts * _WAITS_PER_TRY

    async def _sent(self, endpoint: Endpoint, body: bytes, called: Called) -> Completion | Fault:
        """One request, when it is its turn."""
        longest = self._longest_answer.get(endpoint.model, _FIRST_GUESS)
        n_tokens = len(body) // 4 + min(longest, endpoint.max_tokens)
        connection = self._connection(endpoint)
        await self._pause(self._pace.reserve(n_tokens, time.monotonic()))
        began = time.perf_counter()
        called.attempts += 1
        received = await connection.exchange(body)
        called.latency_s = time.perf_counter() - began
        if isinstance(received, Fault):
            return received
        outcome = _read(received, len(body), connection)
        if isinstance(outcome, Completion):
            self._longest_answer[endpoint.model] = max(
                outcome.tokens_out, self._longest_answer.get(endpoint.model, 1)
            )
        return outcome

    async def _recover(self, circuit: Circuit, seconds: float) -> None:
        """Waits before the next try, unless the endpoint counts as down before."""
        resume_at = time.monotonic() + seconds
        while True:
            now, gives_up_at = time.monotonic(), circuit.gives_up_at()
            if gives_up_at is not None and now >= gives_up_at:
                self._give_up(circuit)
            if now >= resume_at:
                return
            await self._pause(min(resume_at, gives_up_at or resume_at) - now)

    async def _pause(self, seconds: float) -> None:
        """Waits, unless the run stops before."""
        if seconds > 0 and not self._stopping.is_set():
            try:
                async with asyncio.timeout(seconds):
                    await self._stopping.wait()
            except TimeoutError:
                return
        if self._stopping.is_set():
            raise StoppedError

    def _end(self, error: EngineError) -> NoReturn:
        self.stop(error)
        raise StoppedError

    def _give_up(self, circuit: Circuit) -> NoReturn:
        """Stops at once: what is in flight to an endpoint that is down will not come."""
        self.stop(circuit.down())
        self._cancel()
        raise StoppedError

    def _circuit(self, endpoint: Endpoint) -> Circuit:
        name = (endpoint.base_url, endpoint.model)
        if name not in self._circuits:
            self._circuits[name] = Circuit(endpoint, self._spend.patience_s)
        return self._circuits[name]

    def _connection(self, endpoint: Endpoint) -> "Connection":
        name = (endpoint.base_url, endpoint.key_env)
        if name not in self._connections:
            # Loads the client, which a run that finds all its answers in the store does without.
            from tasks.engines.gateway.transport import Connection

            try:
                self._connections[name] = Connection(endpoint, self._spend.concurrency, self._spend.timeout_s)
            except EngineError as error:
                self._end(error)
        return self._connections[name]


def _read(received: bytes, n_chars: int, connection: "Connection") -> Completion | Fault:
    """The completion in what was received, or a fault that says what it is instead."""
    try:
        content = completion.parsed_json(received)
    except (ValueError, RecursionError):
        return Fault(f"wanted a chat completion, got no JSON: {connection.cleaned(_start(received))}")
    if (found := completion.from_content(content, n_chars, connection.without_key)) is not None:
        return found
    words, code = faults.told(content) or (f"wanted a chat completion, got {_start(received)}", "")
    # Some servers tell errors within an answer that is well by its HTTP status.
    status = int(code) if code.isdigit() and 400 <= int(code) < 600 else None
    return Fault(connection.cleaned(words), status=status, code=code, tokens=completion.tokens(content))


def _start(received: bytes) -> str:
    return received[:100_000].decode("utf-8", "replace")
