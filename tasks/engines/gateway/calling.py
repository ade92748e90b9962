"""The calls of one run: paced, paid within the budget, tried again, and stopped together."""

import asyncio
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from pydantic import BaseModel

from tasks.engines.gateway import completion, dialect, faults, limits, turns
from tasks.engines.gateway.completion import Completion, Tokens
from tasks.engines.gateway.dialect import Body, Dialect
from tasks.engines.gateway.faults import Circuit, Fault, Form, Meaning, Write
from tasks.engines.gateway.pictures import Shown
from tasks.errors import EngineError
from tasks.store.answers import Answers
from tasks.study import Study
from tasks.study.params import Endpoint, Spend

if TYPE_CHECKING:
    from tasks.engines.gateway.transport import Connection

_WAITS_PER_TRY = 100
"""How often a call may be told to wait for each try it has, while others are answered."""

_STATUS = re.compile(r"[45]\d\d", re.ASCII)

Message = dict[str, str]


class StoppedError(Exception):
    """The run has stopped: unwinds whoever still works. The reason is `Calling.error`."""


Lost = Callable[[Tokens, float, int], object]
"""Is told of an answer that cannot be used but is, or may be, billed: tokens, seconds, requests so far."""


@dataclass(frozen=True)
class Asked:
    """What is asked of an endpoint."""

    endpoint: Endpoint
    write: Write
    form: Form
    lost: Lost
    limit: int
    """Most tokens of the answer."""
    about: str = ""
    """Which text it is about, where several calls may be; empty: no other call is."""
    shows: bool = False
    """Whether it shows a picture."""

    @classmethod
    def of(
        cls,
        endpoint: Endpoint,
        messages: list[Message],
        schema: type[BaseModel] | None,
        logprobs: bool,
        limit: int,
        lost: Lost,
        about: str = "",
        pictures: tuple[Shown, ...] = (),
    ) -> "Asked":
        """A chat completion of these messages."""
        write = partial(dialect.body, endpoint, messages, schema, logprobs, pictures)
        return cls(endpoint, write, (schema is not None, logprobs), lost, limit, about, bool(pictures))


@dataclass
class Called:
    """How a call went."""

    completion: Completion | None = None
    """None where it was given up."""
    is_error: bool = False
    """Whether the completion stands for an error of the server: written down by `Calling.hold`."""
    words: str = ""
    """What the server said when it gave none."""
    room: int | None = None
    """Tokens that the server said it has for the answer, where that is less than was asked for."""
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

    def __init__(
        self, study: Study, answers: Answers, cancel: Callable[[], None], addresses: set[str]
    ) -> None:
        """Prepares to ask the servers at these addresses."""
        self._spend = study.spend
        self._turn = turns.Turn(study.spend, addresses)
        self.purse = limits.Purse(study, answers)
        self.error: BaseException | None = None
        """Why the run stopped."""
        self._cancel = cancel
        self._stopping = asyncio.Event()
        self._pace = limits.pace(study.spend)
        self._connections: dict[tuple[str, str], Connection] = {}
        self._circuits: dict[tuple[str, str], Circuit] = {}

    def stop(self, error: BaseException) -> None:
        """Ends the run: no further call begins, those in flight end, since they are paid for."""
        self.error = self.error or error
        self._stopping.set()
        self._turn.give_up()

    async def close(self) -> None:
        """Ends all connections."""
        for connection in self._connections.values():
            await connection.close()
        await self._turn.end()

    async def may_ask(self, endpoint: Endpoint) -> Spend:
        """Waits until it is this run's turn; how fast the server may be asked.

        Raises:
            StoppedError: the run has stopped.
        """
        spend = await self._turn.come(endpoint.base_url)
        if self._stopping.is_set():
            raise StoppedError
        return spend

    def knows(self, asked: Asked) -> None:
        """This was answered in a run before: whatever fails now, such requests can be answered."""
        self._circuit(asked.endpoint).knows(asked.write, asked.form)

    def hold(self, endpoint: Endpoint, write_down: Callable[[], object]) -> None:
        """Writes an error that counts as an answer down when the endpoint's next answer comes.

        Where none does, and the run is stopped, what the server said may not have been about the texts:
        a rerun asks again, which costs nothing.
        """
        self._circuit(endpoint).held.append(write_down)

    def release(self) -> None:
        """Writes down what is held, since the run has ended well."""
        for circuit in self._circuits.values():
            circuit.release()

    async def call(self, asked: Asked) -> Called:
        """Asks until there is an answer, or none is to be had.

        The answer must be in the ledger before the event loop goes on: the money set aside for it is
        free again.

        Raises:
            StoppedError: the run has stopped.
        """
        circuit = self._circuit(asked.endpoint)
        answered_before = circuit.answered
        called = Called()
        while True:
            used = dialect.of(asked.endpoint)
            outcome = await self._sent(asked, used, called)
            if isinstance(outcome, Completion):
                circuit.succeeded()
                _tell_where_surprising(asked.endpoint, outcome.served)
                circuit.knows(asked.write, asked.form)
                called.completion = outcome
                return called
            if asked.shows and circuit.works is None and faults.is_blind(outcome):
                self._end(faults.blind_error(asked.endpoint, outcome))
            meaning = faults.meaning(outcome)
            called.words = outcome.words
            if meaning in {Meaning.COMPLAINT, Meaning.TOO_LONG} and _has_less_room(asked, outcome, called):
                continue
            if meaning is Meaning.COMPLAINT and dialect.learn(asked.endpoint, used, outcome.words):
                continue
            if meaning not in {Meaning.WAIT, Meaning.RETRY}:
                return self._minded(asked, outcome, meaning, called)
            called.faults += 1
            called.tries += meaning is Meaning.RETRY
            circuit.failed(outcome, time.monotonic())
            pause_s = faults.pause_s(outcome, called.faults, self._spend.patience_s)
            is_used_up = self._is_used_up(called)
            if not is_used_up and await self._recovers(circuit, pause_s):
                continue
            others_came = is_used_up and circuit.answered > answered_before
            # Who tells to wait says by it that it is not about this call.
            if not others_came and (meaning is Meaning.WAIT or not await self._answers(circuit, asked)):
                self._give_up(circuit)
            return called

    def _minded(self, asked: Asked, fault: Fault, meaning: Meaning, called: Called) -> Called:
        """How a call ends whose request the server will not answer however often it comes."""
        if meaning is Meaning.CUT:
            self._circuit(asked.endpoint).succeeded()
            n_bytes = asked.write(dialect.of(asked.endpoint), asked.limit).weight
            tokens_in, _ = self.purse.expected(asked.endpoint, n_bytes, asked.limit)
            called.completion = Completion("", "", (), tokens_in, asked.limit, 0, is_cut=True, thinks=True)
            return called
        may_go_on = meaning is not Meaning.STOP and self._circuit(asked.endpoint).may_be_exception(
            meaning, asked.form, asked.about
        )
        if not may_go_on:
            self._end(faults.final_error(asked.endpoint, fault))
        if meaning is not Meaning.COMPLAINT:
            called.is_error = True
            is_too_long = meaning is Meaning.TOO_LONG
            refusal, said = ("", fault.words) if is_too_long else (fault.words, "")
            called.completion = Completion("", refusal, (), 0, 0, 0, is_too_long, said)
        return called

    async def _answers(self, circuit: Circuit, asked: Asked) -> bool:
        """Whether the endpoint answers something else than what failed: a request that it did answer."""
        answered_before = circuit.answered
        async with circuit.probing:  # One such request tells all calls that fail at this moment.
            if circuit.works is None or circuit.answered > answered_before:
                return circuit.works is not None
            probe = Called()
            outcome = await self._sent(replace(asked, write=circuit.works), dialect.of(asked.endpoint), probe)
            if isinstance(outcome, Fault):
                return False
            tokens = outcome.tokens_in, outcome.tokens_out, outcome.tokens_cached
            asked.lost(tokens, probe.latency_s, probe.attempts)
            circuit.succeeded()
            return True

    def _is_used_up(self, called: Called) -> bool:
        attempts = self._spend.attempts
        return called.tries >= attempts or called.faults > attempts * _WAITS_PER_TRY

    async def _sent(self, asked: Asked, used: Dialect, called: Called) -> Completion | Fault:
        """One request, when it is its turn and the budget allows it."""
        limit = asked.limit if called.room is None else called.room
        body = asked.write(used, limit)
        most_usd = self.purse.most_usd(asked.endpoint, body.weight, limit)
        try:
            await self.purse.set_aside(most_usd)
        except EngineError as error:
            self._end(error)
        try:
            outcome = await self._exchanged(asked, body, called)
            if isinstance(outcome, Fault):
                self._lose(asked, outcome, body.weight, called)
            return outcome
        finally:
            self.purse.release(most_usd)

    def _lose(self, asked: Asked, fault: Fault, n_bytes: int, called: Called) -> None:
        """Writes down what a fault cost or, where nobody says, may have cost: the budget counts on it."""
        tokens = fault.tokens
        if tokens is None and fault.may_be_billed:
            tokens = (*self.purse.expected(asked.endpoint, n_bytes, asked.limit), 0)
        if tokens is not None:
            asked.lost(tokens, called.latency_s, called.attempts)

    async def _exchanged(self, asked: Asked, body: Body, called: Called) -> Completion | Fault:
        endpoint = asked.endpoint
        connection = await self._connection(endpoint)
        n_tokens = sum(self.purse.expected(endpoint, body.weight, asked.limit))
        async with connection.free:
            await self._pause(self._pace.reserve(n_tokens, time.monotonic()))
            began = time.perf_counter()
            called.attempts += 1
            received = await connection.exchange(body.content)
            called.latency_s = time.perf_counter() - began
        if isinstance(received, Fault):
            return received
        outcome = _read(received, body.weight, asked.limit, connection)
        if isinstance(outcome, Completion):
            self.purse.learn(endpoint.model, body.weight, outcome.tokens_in, outcome.tokens_out)
        return outcome

    async def _recovers(self, circuit: Circuit, seconds: float) -> bool:
        """Waits before the next try; False where patience with the endpoint ends before."""
        resume_at = time.monotonic() + seconds
        while True:
            now, gives_up_at = time.monotonic(), circuit.gives_up_at()
            if gives_up_at is not None and now >= gives_up_at:
                return False
            if now >= resume_at:
                return True
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

    async def _connection(self, endpoint: Endpoint) -> "Connection":
        name = (endpoint.base_url, endpoint.key_env)
        spend = self._spend if name in self._connections else await self.may_ask(endpoint)
        if name not in self._connections:
            # Loads the client, which a run that finds all its answers in the store does without.
            from tasks.engines.gateway.transport import Connection

            try:
                self._connections[name] = Connection(endpoint, spend)
            except EngineError as error:
                self._end(error)
        return self._connections[name]


def _tell_where_surprising(endpoint: Endpoint, served: str) -> None:
    """Says once that another model answers than was asked for: many servers serve what is loaded."""
    if dialect.is_surprising(endpoint, served):
        shown = "".join(filter(str.isprintable, served))
        print(
            f"note: {endpoint.base_url} was asked for the model {endpoint.model} and says that {shown}"
            " answered. Answers are kept under the name that was asked for.",
            file=sys.stderr,
        )


def _has_less_room(asked: Asked, fault: Fault, called: Called) -> bool:
    """Whether the request is answered under a lower limit, by what the server said; told once."""
    room = faults.room(fault.words)
    if called.room is not None or room is None or not 0 < room < asked.limit:
        return False
    called.room = room
    return True


def _read(received: bytes, n_chars: int, limit: int, connection: "Connection") -> Completion | Fault:
    """The completion in what was received, or a fault that says what it is instead."""
    try:
        content = completion.parsed_json(received)
    except (ValueError, RecursionError):
        words = f"wanted a chat completion, got no JSON: {connection.cleaned(_start(received))}"
        return Fault(words, may_be_billed=True)
    if (found := completion.from_content(content, n_chars, limit, connection.without_key)) is not None:
        return found
    words, code = faults.error_words(content) or (f"wanted a chat completion, got {_start(received)}", "")
    # Some servers tell errors within an answer that is well by its HTTP status.
    status = int(code) if _STATUS.fullmatch(code) else None
    return Fault(connection.cleaned(words), status=status, code=code, tokens=completion.tokens(content))


def _start(received: bytes) -> str:
    return received[:100_000].decode("utf-8", "replace")
