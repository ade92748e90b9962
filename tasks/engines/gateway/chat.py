"""The one gateway to language models: concurrency, retries, structured answers, cache, ledger, budget.

Every answer is in the store (store/answers.py) before it is used; a rerun asks only what is not there.
How a call is made, tried again and stopped is in calling.py; one exchange with a server in transport.py.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from concurrent.futures import wait
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import anyio
from anyio.from_thread import start_blocking_portal
from pydantic import BaseModel

from tasks import progress
from tasks.engines import roles
from tasks.engines.gateway import completion, dialect, problems, reading
from tasks.engines.gateway.calling import Asked, Calling, Message, StoppedError
from tasks.engines.gateway.claims import claimed
from tasks.engines.gateway.completion import Completion, Tokens
from tasks.engines.gateway.kept import key as _key
from tasks.engines.gateway.kept import messages as _messages
from tasks.engines.gateway.pictures import Shown
from tasks.engines.gateway.reading import Read
from tasks.records import Call
from tasks.store import answers
from tasks.study import Study
from tasks.study.params import Endpoint, RoleName

T = TypeVar("T")
K = TypeVar("K")

_one_run = threading.Lock()
"""One run at a time in a process: limits on calls hold for all its threads together."""
_inside = threading.local()
_LOOK_UP_S = 0.5


@dataclass(frozen=True)
class Request:
    """One question to one model."""

    role: RoleName
    endpoint: Endpoint
    system: str
    """The stable part, first: servers cache it; empty: none is sent."""
    user: str
    """The part that changes, with the texts as data."""
    answer: type[BaseModel] | None
    """Schema of the wanted JSON; None for plain text."""
    prompt_hash: str
    """Hash of the prompt file both parts were made from."""
    predicate_ids: tuple[str, ...] = ()
    """Which predicates it is about, for the ledger."""
    about: str = ""
    """Which text, where others of the run may be about the same; no part of what is asked."""
    logprobs: bool = False
    """Whether the alternatives of the answer's first word are wanted."""
    most_tokens: int | None = None
    """The most tokens that the answer needs, where that is known to be few: what a model writes beyond is
    slow, and paid. A model that thinks is given all of endpoint.max_tokens."""
    pictures: tuple[Shown, ...] = ()
    """What is shown before the part that changes."""


@dataclass(frozen=True)
class Answer:
    """What came back; never a default in place of an answer."""

    status: int
    """roles.VALUE, roles.REFUSAL or roles.UNPARSABLE."""
    parsed: BaseModel | None
    """The validated JSON, where status is VALUE and a schema was given."""
    text: str
    """The message without thought and without the key."""
    first_token: tuple[tuple[str, float], ...]
    """Alternatives of the token that begins the answer's first word with their log-probabilities, where
    wanted and returned: `yes`, ` Yes` and `YES` are three."""
    calls: tuple[Call, ...]
    """The paid answers it rests on: one, or more where it was asked with more room, or repaired."""
    given_up: bool = False
    """Whether a call ended without a completion: it did not fit into the model, or every try failed."""
    problem: str = ""
    """Why there is no usable value, in plain words; problems.remedy says what to do about it."""

    @property
    def is_too_long(self) -> bool:
        """Whether the request did not fit into the model: to ask again would bring the same."""
        return self.given_up and problems.is_too_long(self.problem)


_Answered = tuple[Completion | None, Read, tuple[Call, ...]]
"""The completion, what it says, and the call it came from."""


@dataclass(frozen=True)
class _Run:
    """What is open while jobs run."""

    store: answers.Answers
    calling: Calling
    in_flight: dict[str, asyncio.Future[_Answered | None]] = field(default_factory=dict)
    """What is asked at this moment, by key; ends with None where the call was stopped."""


class Gateway:
    """Asks the endpoints of one study for one stage."""

    def __init__(self, study: Study, stage: str) -> None:
        self._study, self._stage = study, stage
        self._run: _Run | None = None

    def run(
        self,
        jobs: Iterable[Callable[[], Awaitable[T]]],
        handle: Callable[[T], None],
        total: int,
        description: str,
        addresses: set[str] | None = None,
    ) -> None:
        """Runs jobs, taken as they are needed, as many at once as the study's servers may be asked.

        Gives each result to `handle`. Addresses are those of the servers that jobs ask; the study's, where
        none are named.

        A job awaits `ask` as often as it needs, one call after the other. Jobs and `handle` run in a
        thread of their own, never two at once; results come in the order in which jobs end.

        Raises:
            EngineError: the endpoint is down, refuses the key or the request, or the budget is reached.
                What was answered until then is kept: a rerun goes on from there.
            StoreError: answers cannot be kept.
        """
        _refuse_nesting()
        with _one_run, progress.bar(description, total) as advance:
            self._finish(jobs, handle, advance, addresses)

    async def ask(self, request: Request) -> Answer:
        """The answer, from the store or from the endpoint, validated, with one repair. Only inside `run`."""
        messages = _messages(request)
        found, read, calls = await self._answered(request, messages)
        if read.repair and found is not None:
            messages += completion.repair(found.answer, read.repair)
            repaired, read, more = await self._answered(request, messages)
            found, calls = found if read.given_up else repaired, calls + more
        if found is None:
            return Answer(read.status, None, "", (), calls, read.given_up, read.problem)
        text = found.content if found.answer == found.content else found.answer.strip()
        return Answer(
            read.status,
            read.parsed,
            text or found.refusal,
            found.first_token,
            calls,
            read.given_up,
            read.problem,
        )

    def ask_each(self, requests: Mapping[K, Request], description: str) -> dict[K, Answer]:
        """The answer to each request, asked side by side; in the order of the requests. Outside of `run`.

        Raises:
            EngineError: as `run`.
            StoreError: answers cannot be kept.
        """
        found: dict[K, Answer] = {}

        async def ask(key: K, request: Request) -> tuple[K, Answer]:
            return key, await self.ask(request)

        jobs = [partial(ask, key, request) for key, request in requests.items()]
        addresses = {request.endpoint.base_url for request in requests.values()}
        self.run(jobs, lambda got: found.update([got]), len(jobs), description, addresses)
        return {key: found[key] for key in requests}

    def ask_now(self, request: Request) -> Answer:
        """`ask` for a single request outside of `run`; waits until no other run goes on in the process.

        Raises:
            EngineError: as `run`.
            StoreError: answers cannot be kept.
        """
        _refuse_nesting()
        got: list[Answer] = []
        with _one_run:
            jobs = [lambda: self.ask(request)]
            self._finish(jobs, got.append, lambda steps=1, note=None: None, {request.endpoint.base_url})
        return got[0]

    def _finish(
        self,
        jobs: Iterable[Callable[[], Awaitable[T]]],
        handle: Callable[[T], None],
        advance: progress.Advance,
        addresses: set[str] | None,
    ) -> None:
        """Runs jobs in an event loop of their own thread: the caller's may have a loop that is running."""
        with start_blocking_portal("asyncio") as portal:
            future = portal.start_task_soon(self._drive, iter(jobs), handle, advance, addresses)
            try:
                # Not every system wakes a thread that waits without end when Ctrl-C is pressed.
                while not wait([future], timeout=_LOOK_UP_S).done:
                    pass
                error = future.result()
            except BaseException:
                future.cancel()
                raise
        if error is not None:
            raise error

    async def _drive(
        self,
        jobs: Iterator[Callable[[], Awaitable[T]]],
        handle: Callable[[T], None],
        advance: progress.Advance,
        addresses: set[str] | None,
    ) -> BaseException | None:
        _inside.of_run = True
        with answers.opened() as store, anyio.CancelScope() as scope:
            calling = Calling(self._study, store, scope.cancel, addresses or self._study.llm.addresses())
            self._run = _Run(store, calling)
            try:
                async with anyio.create_task_group() as workers:
                    for _ in range(self._calls_at_once()):
                        workers.start_soon(_work, calling, jobs, handle, advance)
                if calling.error is None:
                    calling.release()
                    calling.purse.spending()  # for the last line of a log
            finally:
                self._run = None
                calling.purse.end()
                with anyio.CancelScope(shield=True):
                    await calling.close()
        return calling.error

    def _calls_at_once(self) -> int:
        """Enough for the server that may be asked most at once; each has its own limit."""
        return max(map(self._study.spend.calls_at_once, self._study.llm.addresses()))

    async def _answered(self, request: Request, messages: list[Message]) -> _Answered:
        """One answer; asked once more where it was cut off, and thought or JSON needs more room."""
        most = self._first_limit(request, messages)
        found, read, calls = await self._answered_within(request, messages, most)
        if found is None:
            return found, read, calls
        more = reading.more_room(found, read, request.answer, most, request.endpoint.max_tokens)
        if found.thinks or (more is None and most is not None and not found.answer.strip()):
            dialect.learn_thinking(request.endpoint)
        if more == most:
            return found, read, calls
        again, read_again, calls_again = await self._answered_within(request, messages, more)
        if again is None or again.is_too_long:  # more than the server takes
            return found, read, calls + calls_again
        return again, read_again, calls + calls_again

    def _first_limit(self, request: Request, messages: list[Message]) -> int | None:
        """Under which limit it is asked first: as it was before, where it was; None is the endpoint's own."""
        most = request.most_tokens
        if most is None or most >= request.endpoint.max_tokens:
            return None
        if self._is_kept(request, messages, most):
            return most
        return None if dialect.of(request.endpoint).thinks or self._is_kept(request, messages, None) else most

    def _is_kept(self, request: Request, messages: list[Message], most: int | None) -> bool:
        assert self._run is not None  # noqa: S101 - only called while running
        return self._run.store.get(_key(request, messages, most)) is not None

    async def _answered_within(
        self, request: Request, messages: list[Message], most: int | None
    ) -> _Answered:
        """From the store where it is there; who asks the same as another call shares its answer."""
        if self._run is None:
            raise RuntimeError("ask is for jobs of run; elsewhere use ask_now")
        key, in_flight = _key(request, messages, most), self._run.in_flight
        while (other := in_flight.get(key)) is not None:
            if (shared := await other) is not None:
                return shared
        asked = Asked.of(
            request.endpoint,
            messages,
            request.answer,
            request.logprobs,
            most or request.endpoint.max_tokens,
            partial(self._keep, request, key, None, "failed"),
            request.about,
            request.pictures,
        )
        if known := self._of_stored(self._run.store.get(key), request, key, asked):
            return known
        future = in_flight[key] = asyncio.get_running_loop().create_future()
        outcome: _Answered | None = None
        try:
            async with claimed(self._run.store, key, self._run.calling, asked.endpoint) as others:
                known = self._of_stored(others, request, key, asked)
                outcome = known or await self._called(request, key, asked)
            return outcome
        finally:
            del in_flight[key]
            if not future.cancelled():  # as a waiting call is when a run is given up
                future.set_result(outcome)

    def _of_stored(self, stored: str | None, request: Request, key: str, asked: Asked) -> _Answered | None:
        """What was kept before, and that such requests are answered; None where there is nothing."""
        if stored is None or (found := completion.from_stored(stored)) is None:
            return None
        if found.content and self._run:
            self._run.calling.knows(asked)
        return found, reading.read(found, request.answer, asked.limit), (self._call(request, key, found),)

    async def _called(self, request: Request, key: str, asked: Asked) -> _Answered:
        """From the endpoint."""
        assert self._run is not None  # noqa: S101 - only called while running
        called = await self._run.calling.call(asked)
        if called.completion is None:
            return None, Read(roles.UNPARSABLE, problem=problems.none(called.words), given_up=True), ()
        found = called.completion
        read = reading.read(found, request.answer, asked.limit)
        used, status = (found.tokens_in, found.tokens_out, found.tokens_cached), roles.STATUSES[read.status]
        went = (called.latency_s, called.attempts)
        arguments = (request, key, found.stored(), status, used, *went, found.served)
        if called.is_error:
            self._run.calling.hold(request.endpoint, partial(self._keep, *arguments))
        elif (kept := self._keep(*arguments)) != found.stored() and kept is not None:
            # Another process was first: what a rerun will find is what counts.
            found = completion.from_stored(kept) or found
            read = reading.read(found, request.answer, asked.limit)
        return found, read, (self._call(request, key, found),)

    def _keep(
        self,
        request: Request,
        key: str,
        response: str | None,
        status: str,
        tokens: Tokens,
        latency_s: float,
        attempts: int,
        served: str = "",
    ) -> str | None:
        """Writes down what was paid for; gives the answer that is kept for it."""
        assert self._run is not None  # noqa: S101 - only called while running
        model = request.endpoint.model
        paid = answers.Paid(
            request_hash=key,
            study=self._study.name,
            stage=self._stage,
            role=request.role,
            predicate_ids=request.predicate_ids,
            model=model,
            tokens_in=tokens[0],
            tokens_out=tokens[1],
            tokens_cached=tokens[2],
            cost_usd=self._run.calling.purse.cost_usd(model, *tokens),
            latency_s=latency_s,
            attempts=attempts,
            status=status,
            served=served,
        )
        return self._run.store.put(paid, response)

    def _call(self, request: Request, key: str, found: Completion) -> Call:
        return Call(
            request_hash=key,
            stage=self._stage,
            role=request.role,
            model=request.endpoint.model,
            predicate_ids=request.predicate_ids,
            tokens_in=found.tokens_in,
            tokens_out=found.tokens_out,
            tokens_cached=found.tokens_cached,
        )


def _refuse_nesting() -> None:
    if getattr(_inside, "of_run", False):
        raise RuntimeError("jobs and handle await ask; run and ask_now would wait for each other")


async def _work(
    calling: Calling,
    jobs: Iterator[Callable[[], Awaitable[T]]],
    handle: Callable[[T], None],
    advance: progress.Advance,
) -> None:
    """Takes jobs until there are none, or the run stops."""
    try:
        while calling.error is None and (job := next(jobs, None)) is not None:
            handle(await job())
            advance(1, calling.purse.spending)
            await asyncio.sleep(0)  # A job that was in the store waits for nothing: let others in.
    except StoppedError:
        pass
    except Exception as error:  # noqa: BLE001 - raised by `run`, when all others have ended
        calling.stop(error)
