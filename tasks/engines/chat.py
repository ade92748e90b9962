"""The one gateway to language models: concurrency, retries, structured answers, cache, ledger, budget.

Every answer is in the store (store/answers.py) before it is used; a rerun asks only what is not there.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel

from tasks.records import Call
from tasks.study import Endpoint, RoleName, Study

T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """One question to one model."""

    role: RoleName
    endpoint: Endpoint
    system: str
    """The stable part, first: servers cache it."""
    user: str
    """The part that changes, with the texts as data."""
    answer: type[BaseModel] | None
    """Schema of the wanted JSON; None for plain text."""
    prompt_hash: str
    """Hash of the prompt file both parts were made from."""
    predicate_ids: tuple[str, ...] = ()
    """Which predicates it is about, for the ledger."""
    logprobs: bool = False
    """Whether the alternatives of the first token are wanted."""


@dataclass(frozen=True)
class Answer:
    """What came back; never a default in place of an answer."""

    status: int
    """roles.VALUE, roles.REFUSAL or roles.UNPARSABLE."""
    parsed: BaseModel | None
    """The validated JSON, where status is VALUE and a schema was given."""
    text: str
    """The message as it came, without the key."""
    first_token: tuple[tuple[str, float], ...]
    """Alternatives of the first token with their log-probabilities; empty where not wanted or not returned."""
    calls: tuple[Call, ...]
    """The paid answers it rests on: one, or two after a repair."""


class Gateway:
    """Asks the endpoints of one study for one stage."""

    def __init__(self, study: Study, stage: str) -> None:
        self._study, self._stage = study, stage

    def run(
        self,
        jobs: Iterable[Callable[[], Awaitable[T]]],
        handle: Callable[[T], None],
        total: int,
        description: str,
    ) -> None:
        """Runs jobs, `spend.concurrency` at once, taken as they are needed; gives each result to `handle`.

        A job awaits `ask` as often as it needs, one call after the other.

        Raises:
            EngineError: the endpoint is down, refuses the key or the request, or the budget is reached.
                What was answered until then is kept: a rerun goes on from there.
        """
        raise NotImplementedError

    async def ask(self, request: Request) -> Answer:
        """The answer, from the store or from the endpoint, validated, with one repair."""
        raise NotImplementedError

    def ask_now(self, request: Request) -> Answer:
        """`ask` for a single request outside of `run`."""
        raise NotImplementedError
