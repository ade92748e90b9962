"""Calls to one server by all flows together, kept within one of Prefect's global concurrency limits.

Each run of a flow that asks a server takes as many places as it has calls in flight, before its first call,
and gives them back with its last: a shard at a time. Prefect frees the places of a flow that was killed.
"""

import contextlib
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from urllib.parse import urlsplit

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.concurrency.asyncio import concurrency
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound, PrefectHTTPStatusError

from tasks.engines.gateway import turns
from tasks.engines.gateway.turns import Servers
from tasks.study import Study

_LOCK = threading.Lock()
_n_sharing, _before = 0, turns.taken
LEASE_S = 60.0
"""After so long a flow that was killed holds its places no more."""


def name(address: str) -> str:
    """What a server's limit is called; Prefect admits no slash."""
    parts = urlsplit(address)
    return " ".join(["calls to", parts.netloc, *parts.path.strip("/").split("/")]).strip()


@contextmanager
def shared() -> Iterator[None]:
    """Lets whatever asks servers meanwhile share them with other flows."""
    global _n_sharing, _before  # noqa: PLW0603 - the hook is one of the process, whose threads may come and go
    with _LOCK:
        if not _n_sharing:
            _before, turns.taken = turns.taken, _taken
        _n_sharing += 1
    try:
        yield
    finally:
        with _LOCK:
            _n_sharing -= 1
            if not _n_sharing:
                turns.taken = _before


@asynccontextmanager
async def _taken(wanted: Servers) -> AsyncIterator[Servers]:
    async with get_client() as client:
        may = {address: min(n, await _limit(client, address, n)) for address, n in wanted.items()}
    async with AsyncExitStack() as places:
        # In one order everywhere: who holds one server's never waits for somebody who waits for it.
        for address in sorted(may, key=name):
            # Of a limit of 0, by which a server is left alone for a while, there is none to be had.
            await places.enter_async_context(
                concurrency(
                    name(address),
                    max(may[address], 1),
                    lease_duration=LEASE_S,
                    raise_on_lease_renewal_failure=False,
                )
            )
        yield {address: max(n, 1) for address, n in may.items()}


async def _limit(client: PrefectClient, address: str, wanted: int) -> int:
    """How many places a server has: as many as are wanted by who asks it first."""
    try:
        return (await client.read_global_concurrency_limit_by_name(name(address))).limit
    except ObjectNotFound:
        made = GlobalConcurrencyLimitCreate(name=name(address), limit=wanted)
    # Where another flow was first this fails, and what that one made counts.
    with contextlib.suppress(PrefectHTTPStatusError, ObjectAlreadyExists):
        await client.create_global_concurrency_limit(made)
    return (await client.read_global_concurrency_limit_by_name(name(address))).limit


def set_for(studies: Iterable[Study]) -> None:
    """Gives each server that studies ask as many places as the study with most calls at once wants."""
    most: dict[str, int] = {}
    for one in studies:
        for limit, n in _wanted_by(one).items():
            most[limit] = max(n, most.get(limit, 0))
    with get_client(sync_client=True) as client:
        for limit, n in most.items():
            client.upsert_global_concurrency_limit_by_name(limit, n)


def make_for(study: Study) -> None:
    """Gives each server that the study asks its places, unless it has some: what the UI was told counts."""
    wanted = _wanted_by(study)
    if not wanted:
        return
    with get_client(sync_client=True) as client:
        for limit, n in wanted.items():
            made = GlobalConcurrencyLimitCreate(name=limit, limit=n)
            with contextlib.suppress(PrefectHTTPStatusError, ObjectAlreadyExists):
                client.create_global_concurrency_limit(made)


def _wanted_by(study: Study) -> dict[str, int]:
    """Places that a study wants of each server, by the name of the limit."""
    if not (study.asked_roles or study.embed.encoder.startswith("openai:")):
        return {}
    in_all, spend = study.runner.calls_at_once, study.spend
    return {name(address): in_all or spend.calls_at_once(address) for address in study.llm.addresses()}
